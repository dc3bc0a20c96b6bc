"""File formats and what they share: a file per format, and the copies of the hands that are written."""
