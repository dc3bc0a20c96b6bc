"""Subcommands of ``python -m inference``, a file each: `add_parser` says what it takes, `run` does it."""
