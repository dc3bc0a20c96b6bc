"""Reading pictures, sequences and movies."""
