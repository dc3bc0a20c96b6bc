"""Command line: ``python -m inference COMMAND``; documented in ``docs/command-line.md``."""

from __future__ import annotations

import os

# Read when numpy is first imported. The fit solves many small systems: with several threads BLAS spends its time on
# waiting for them (measured: 300 times slower on two busy cores).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("VECLIB_MAXIMUM_THREADS", "1")

import argparse
import io
import json
import logging
import sys
from collections.abc import Sequence

try:
    import numpy as _numpy  # noqa: F401  # everything below needs it
except ImportError as _error:
    _message = f"The Python package 'numpy' cannot be loaded ({_error}); it is needed for every computation."
    _hint = f"Install it with `{sys.executable} -m pip install numpy`."
    if "--records" in sys.argv or "serve" in sys.argv:
        sys.stdout.write(
            json.dumps({"record": "error", "code": "runtime_missing", "message": _message, "hint": _hint}) + "\n"
        )
    sys.stderr.write(f"Error: {_message} {_hint}\n")
    sys.exit(7)

from . import __version__
from .commands import (
    ablate,
    benchmark,
    doctor,
    evaluate,
    models,
    paper_demo,
    preview,
    reconstruct,
    serve,
    synthesize,
    train,
)
from .commands.output import RecordOutput, print_error
from .commands.parser import Parser
from .contract import ErrorCode, HandsError

COMMANDS = (reconstruct, preview, serve, models, paper_demo, evaluate, synthesize, train, ablate, doctor, benchmark)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; imports nothing heavy."""
    parser = Parser(prog="python -m inference", description="Two hands from a picture or a movie to a take.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--verbose", action="store_true", help="log what is done, and where an error came from")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        command_parser = command.add_parser(subparsers)
        command_parser.set_defaults(run=command.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code (`contract.ErrorCode` documents them)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a console that cannot show a path must not end the work
    as_records = "--records" in words
    try:
        if as_records:
            RecordOutput().hello()
        options = build_parser().parse_args(words)
        level = logging.INFO if options.verbose else logging.WARNING
        logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(name)s: %(message)s")
        return options.run(options)
    except HandsError as error:
        failure = error
    except MemoryError:
        failure = HandsError(
            ErrorCode.OUT_OF_MEMORY,
            "The memory of this machine is full.",
            "Close other programs or use smaller pictures.",
        )
    except KeyboardInterrupt:
        failure = HandsError(ErrorCode.CANCELLED, "Cancelled.", "")
    except BrokenPipeError:
        # Whoever read our output is gone; nothing can be told. Keeps Python from complaining again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ErrorCode.WORKER_LOST.exit_code
    except Exception as error:  # the last resort: a sentence for the user, the traceback in the log
        logging.getLogger(__name__).exception("unexpected error")
        failure = HandsError(
            ErrorCode.INTERNAL,
            f"An unexpected error happened ({type(error).__name__}: {error}).",
            "Please report it together with the log above.",
        )
    print_error(failure, as_records=as_records)
    return failure.code.exit_code


if __name__ == "__main__":
    sys.exit(main())
