"""What is in the model folder and beside the program, what is missing, and what that allows under which licence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ..detect.nets import (
    LANDMARK_NET_FILE,
    OPEN_FINDER_FILE,
    OPEN_PAIR_FILE,
    OPEN_WEIGHTS_FILE,
    PALM_NET_FILE,
    expected_sha256,
)
from ..hands.open_hand import OPEN_HAND_FILE
from .folder import IMPORT_MANO, IMPORT_PAPER, MANO_NAMES, PAPER_NAME, ModelEntry, ModelFolder
from .licences import INTERSHAPE, MANO
from .tensor_file import DATA_SHA256, open_tensor_file

SHIPPED_LICENCES: Final = {
    OPEN_HAND_FILE: "CC0-1.0",
    "open_hand_poses.npz": "CC0-1.0",
    "two_hand_poses.npz": "CC0-1.0",
    PALM_NET_FILE: "Apache-2.0",
    LANDMARK_NET_FILE: "Apache-2.0",
    OPEN_WEIGHTS_FILE: "Apache-2.0",
    OPEN_FINDER_FILE: "Apache-2.0",
    OPEN_PAIR_FILE: "Apache-2.0",
}
"""Licences of the shipped files as ``weights/README.md`` has them; a test keeps both alike."""
_SHIPPED_ENGINES: Final = {
    "landmarks": (OPEN_HAND_FILE, PALM_NET_FILE, LANDMARK_NET_FILE),
    "twohand": (OPEN_HAND_FILE, OPEN_WEIGHTS_FILE, OPEN_FINDER_FILE, OPEN_PAIR_FILE, LANDMARK_NET_FILE),
}
"""What the engines need that need nothing of the user's."""
_FREE: Final = "Apache-2.0 and CC0-1.0: results are free for any use, commercial use too"
_WHAT: Final = {
    MANO_NAMES["right"]: "MANO, right hand",
    MANO_NAMES["left"]: "MANO, left hand",
    PAPER_NAME: "the paper's network, with MANO in it",
}
_MAKE_WHOLE: Final = "Install the program again; its 'weights' folder must be complete."


@dataclass(frozen=True)
class ShippedFile:
    """A model file that comes with the program.

    Parameters
    ----------
    name, licence, sha256 : as shipped
    byte_count : its size, None where it is missing
    """

    name: str
    licence: str
    sha256: str
    byte_count: int | None


@dataclass(frozen=True)
class MissingFile:
    """A file of the user's own that is not there, or is damaged.

    Parameters
    ----------
    name : its name in the folder
    what : what it is
    needed : whether an engine lacks it; missing hands of MANO are not needed, since the paper's network brings them
    remedy : how to get it
    """

    name: str
    what: str
    needed: bool
    remedy: str


@dataclass(frozen=True)
class EngineState:
    """Whether an engine has its model files.

    Parameters
    ----------
    engine : its name
    ready : whether all are there
    licence : what its results may be used for
    lacks : names of what is missing or damaged
    remedy : what to do about that, empty where nothing is
    """

    engine: str
    ready: bool
    licence: str
    lacks: tuple[str, ...]
    remedy: str


@dataclass(frozen=True)
class Overview:
    """All of it."""

    folder: Path
    entries: list[ModelEntry]
    shipped: list[ShippedFile]
    missing: list[MissingFile]
    engines: list[EngineState]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "folder": str(self.folder),
            "files": [entry_dict(entry) for entry in self.entries],
            "shipped": [asdict(file) for file in self.shipped],
            "missing": [asdict(file) for file in self.missing],
            "engines": [{**asdict(state), "lacks": list(state.lacks)} for state in self.engines],
            "licences": [licence.as_dict() for licence in (MANO, INTERSHAPE)],
        }


def entry_dict(entry: ModelEntry) -> dict[str, Any]:
    """A file of the folder for JSON."""
    return {
        "name": entry.name,
        "what": _WHAT[entry.name],
        "path": str(entry.path),
        "bytes": entry.byte_count,
        "problem": entry.problem,
        "metadata": dict(entry.metadata),
    }


def survey(folder: ModelFolder, weights_dir: Path) -> Overview:
    """Look at the user's folder and at the program's own files; nothing large is read."""
    entries = folder.entries()
    whole = {entry.name for entry in entries if not entry.problem}
    # Where both hands of MANO are there, they go before those in the paper's file, and both must be whole.
    in_use = [PAPER_NAME]
    if all(name in {entry.name for entry in entries} for name in MANO_NAMES.values()):
        in_use += MANO_NAMES.values()
    unusable = tuple(name for name in in_use if name not in whole)
    missing = [
        MissingFile(name, _WHAT[name], name in in_use, IMPORT_PAPER if name == PAPER_NAME else IMPORT_MANO)
        for name in (*MANO_NAMES.values(), PAPER_NAME)
        if name not in whole
    ]
    shipped = _shipped(weights_dir)
    there = {file.name for file in shipped if file.byte_count is not None}
    engines: list[EngineState] = []
    for name, needs in _SHIPPED_ENGINES.items():
        lacking = tuple(file for file in needs if file not in there)
        engines.append(EngineState(name, not lacking, _FREE, lacking, _MAKE_WHOLE if lacking else ""))
    nets = tuple(name for name in (PALM_NET_FILE, LANDMARK_NET_FILE) if name not in there)  # they find the first crop
    remedy = IMPORT_PAPER if PAPER_NAME in unusable else IMPORT_MANO if unusable else _MAKE_WHOLE if nets else ""
    intershape = EngineState("intershape", not unusable + nets, INTERSHAPE.name, unusable + nets, remedy)
    return Overview(folder.path, entries, shipped, missing, [*engines, intershape])


def verify(folder: ModelFolder) -> dict[str, str]:
    """What is wrong with each file of the folder whose numbers are not what was written; reads all of them."""
    damaged: dict[str, str] = {}
    for entry in folder.entries():
        if entry.problem:
            damaged[entry.name] = entry.problem
        elif open_tensor_file(entry.path).data_sha256() != entry.metadata.get(DATA_SHA256):
            damaged[entry.name] = "its checksum is wrong"
    return damaged


def _shipped(weights_dir: Path) -> list[ShippedFile]:
    files: list[ShippedFile] = []
    for name, sha256 in expected_sha256(weights_dir).items():
        path = weights_dir / name
        byte_count = path.stat().st_size if path.is_file() else None
        files.append(ShippedFile(name, SHIPPED_LICENCES.get(name, "see weights/README.md"), sha256, byte_count))
    return files
