"""Training the two-hand network."""
