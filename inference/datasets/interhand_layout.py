"""Where the parts of InterHand2.6M v1.0 lie on disk, and where the index of them is kept."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ..contract import ErrorCode, HandsError

Split = Literal["train", "val", "test"]
SPLITS: Final[tuple[Split, Split, Split]] = ("train", "val", "test")
INDEX_VERSION: Final = 2
"""Raised when the index changes in a way that an older reader would misunderstand."""
_SOURCES: Final = ("data", "camera", "MANO_NeuralAnnot")


@dataclass(frozen=True)
class SplitFiles:
    """One split of the data set: its pictures' folder and its annotation files."""

    split: Split
    pictures: Path
    data: Path
    camera: Path
    fits: Path

    @property
    def sources(self) -> tuple[Path, Path, Path]:
        """The files that the index is made of."""
        return self.data, self.camera, self.fits

    def fingerprint(self) -> str:
        """Changes when a source has another place, size or time, or the index another version."""
        states = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in self.sources]
        return hashlib.sha256(json.dumps([INDEX_VERSION, states]).encode()).hexdigest()[:24]

    def index_folder(self, base: Path | None) -> Path:
        """The folder that holds this split's index: below `base`, by default below the user's cache folder."""
        place = hashlib.sha256(str(self.data.resolve()).encode()).hexdigest()[:16]
        return (base or cache_folder()) / f"interhand-{self.split}-{place}"


def find_split(root: Path, split: Split, fps: int | None = None) -> SplitFiles:
    """Find a split below the folder that the user names.

    The folder holds ``images`` and ``annotations`` itself, or one or more folders that do, named as the download names
    them (``InterHand2.6M_5fps_batch1``); `fps` chooses between them.

    Raises
    ------
    HandsError
        INPUT_MISSING naming what is not there; USAGE where the choice between folders is open
    """
    if not root.is_dir():
        raise HandsError(ErrorCode.INPUT_MISSING, f"There is no folder '{root}'.", "Check the path of the data set.")
    folders = [path for path in (root, *sorted(root.iterdir())) if (path / "annotations").is_dir()]
    if fps is not None:
        folders = [path for path in folders if f"_{fps}fps" in path.resolve().name]
    if not folders:
        which = "" if fps is None else f" whose name says {fps} fps"
        raise HandsError(
            ErrorCode.INPUT_MISSING,
            f"'{root}' holds no folder{which} with 'annotations' in it.",
            "Give the folder that holds 'images' and 'annotations' of InterHand2.6M v1.0.",
        )
    if len(folders) > 1:
        names = ", ".join(path.name for path in folders)
        raise HandsError(ErrorCode.USAGE, f"'{root}' holds more than one data set ({names}).", "Choose with --fps.")
    annotations = folders[0] / "annotations" / split
    paths = [annotations / f"InterHand2.6M_{split}_{source}.json" for source in _SOURCES]
    if absent := [path for path in paths if not path.is_file()]:
        raise HandsError(
            ErrorCode.INPUT_MISSING,
            f"The annotation file '{absent[0]}' is missing.",
            f"The splits are {', '.join(SPLITS)}; download all annotation files of v1.0.",
        )
    return SplitFiles(split, folders[0] / "images" / split, *paths)


def cache_folder() -> Path:
    """Where this user's programs keep what they can make again."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "twohand" / "index"
