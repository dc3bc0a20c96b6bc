"""``doctor``: what is there, and what to do about what is not."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

from ..contract import ErrorCode
from .models_option import add_models_option

_MARKS: Final = {"ok": "ok  ", "note": "note", "problem": "LACK"}


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "doctor",
        help="show what is installed and what to do about what is missing",
        description="Looks at Python, packages, devices, model files and disk. Exit code 0: all is there.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as one JSON object")
    parser.add_argument("--weights", type=Path, metavar="FOLDER", help="folder of the model files")
    add_models_option(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 0 where reconstructing can work."""
    from ..doctor import examine

    findings = examine(arguments.weights or Path(__file__).resolve().parents[2] / "weights", arguments.models)
    problems = [finding for finding in findings if finding.status == "problem"]
    if arguments.json:
        print(json.dumps({"ready": not problems, "findings": [item.as_dict() for item in findings]}))  # noqa: T201 - result
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            print(f"{_MARKS[finding.status]}  {finding.subject:<{width}}  {finding.detail}")  # noqa: T201 - result
            if finding.remedy:
                print(f"      {'':<{width}}  -> {finding.remedy}")  # noqa: T201 - result
        lacking = ", ".join(finding.subject for finding in problems)
        print(f"\nLacking: {lacking}." if problems else "\nEverything needed is there.")  # noqa: T201 - result
    return ErrorCode.RUNTIME_MISSING.exit_code if problems else 0
