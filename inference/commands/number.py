"""Numbers as words of a command."""

from __future__ import annotations

import argparse
import math
from typing import Final

_LARGEST: Final = 2**31 - 1
"""What the libraries below take for a number of threads, frames or steps."""


def whole_number(text: str) -> int:
    """A whole number above zero, for argparse."""
    return _at_least(1, text, "a whole number above 0")


def count(text: str) -> int:
    """A whole number, zero or more, for argparse."""
    return _at_least(0, text, "0 or a whole number above it")


def positive_number(text: str) -> float:
    """A number above zero, whole or not, for argparse; neither infinity nor what is not a number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return value


def _at_least(least: int, text: str, wanted: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= _LARGEST:
        raise argparse.ArgumentTypeError(f"'{text}' is not {wanted}")
    return value
