"""Argument parsing whose errors are `HandsError`s."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from ..contract import ErrorCode, HandsError


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, and where more stands, instead of printing the whole usage."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise USAGE."""
        raise HandsError(ErrorCode.USAGE, f"{message[:1].upper()}{message[1:]}.", f"See `{self.prog} --help`.")
