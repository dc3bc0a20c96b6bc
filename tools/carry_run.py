"""Carry a training run between machines that pass on only small files: cut it into parts, join them again.

How to run, from the repository root::

    python -m tools.carry_run cut runs/pair PARTS        # all of it: the run goes on to the bit where it is joined
    python -m tools.carry_run cut runs/pair PARTS --network-only    # what --first-weights and packing need
    python -m tools.carry_run join PARTS runs/pair

Every part is at most 15 MiB; ``parts.json`` says what they are and the sha256 of what they make.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from inference.training.run_folder import CHECKPOINT_NAME

PART_BYTES: Final = 15 << 20
NETWORK_NAME: Final = "network.safetensors"
_INDEX_NAME: Final = "parts.json"
_LOG_NAME: Final = "log.jsonl"


def cut(run: Path, parts: Path, *, network_only: bool = False, part_bytes: int = PART_BYTES) -> list[Path]:
    """Write a run's files as parts; their paths, the index last."""
    names = [NETWORK_NAME] if network_only else [NETWORK_NAME, CHECKPOINT_NAME]
    names += [_LOG_NAME] if (run / _LOG_NAME).is_file() else []
    missing = [name for name in names if not (run / name).is_file()]
    if missing:
        raise SystemExit(f"'{run}' is no training run that was saved: it lacks {', '.join(missing)}.")
    parts.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    index: dict[str, dict[str, object]] = {}
    for name in names:
        content = (run / name).read_bytes()
        pieces = [content[start : start + part_bytes] for start in range(0, len(content), part_bytes)] or [b""]
        paths = [parts / f"{name}.{number:03d}" for number in range(len(pieces))]
        for path, piece in zip(paths, pieces, strict=True):
            path.write_bytes(piece)
        written += paths
        index[name] = {"parts": [path.name for path in paths], "sha256": hashlib.sha256(content).hexdigest()}
    (parts / _INDEX_NAME).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    return [*written, parts / _INDEX_NAME]


def join(parts: Path, run: Path) -> list[Path]:
    """Write the files that were cut; nothing is written unless all of them are whole."""
    try:
        index = json.loads((parts / _INDEX_NAME).read_text(encoding="utf-8"))
        contents = {
            Path(name).name: b"".join((parts / Path(part).name).read_bytes() for part in entry["parts"])
            for name, entry in index.items()
        }
        damaged = [name for name, entry in index.items() if _sha256(contents[Path(name).name]) != entry["sha256"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SystemExit(f"'{parts}' does not hold all parts of a run ({error}): bring them all over again.") from error
    if damaged:
        raise SystemExit(f"{', '.join(damaged)} in '{parts}' is damaged: bring its parts over again.")
    run.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (run / name).write_bytes(content)
    return [run / name for name in contents]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(words: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    cutting = commands.add_parser("cut", help="a run into parts")
    cutting.add_argument("run", type=Path, metavar="RUN")
    cutting.add_argument("parts", type=Path, metavar="FOLDER")
    cutting.add_argument("--network-only", action="store_true", help="leave out what is needed to go on to the bit")
    joining = commands.add_parser("join", help="parts into a run")
    joining.add_argument("parts", type=Path, metavar="FOLDER")
    joining.add_argument("run", type=Path, metavar="RUN")
    arguments = parser.parse_args(words)
    if arguments.command == "cut":
        written = cut(arguments.run, arguments.parts, network_only=arguments.network_only)
    else:
        written = join(arguments.parts, arguments.run)
    for path in written:
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
