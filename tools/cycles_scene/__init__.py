"""The scenes of drawn samples, path traced."""
