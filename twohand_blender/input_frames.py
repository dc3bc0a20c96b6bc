"""Which frame of the input a picture file is, numbered as the worker does (``inference.media.sequence_files``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

PICTURE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".tif", ".tiff", ".webp", ".bmp", ".ppm", ".pgm", ".jp2"}
)
"""The worker's; a test compares them."""
_WIDEST_SPAN: Final = 10
_PATTERN: Final = re.compile(r"(?P<hashes>#+)(?!.*#)|%0?(?P<width>\d*)d")
_NUMBERED: Final = re.compile(r"^(?P<prefix>.*?)(?P<number>\d+)(?P<suffix>\.[^.]+)$")


@dataclass(frozen=True)
class InputFrames:
    """The input as the user chose it.

    Parameters
    ----------
    path : file, folder or pattern, absolute; None where no input is chosen
    as_sequence : the file is one picture of a numbered sequence
    """

    path: Path | None
    as_sequence: bool = False

    def number_of(self, file: Path) -> int | None:
        """The number of the frame that a file is; 1 for a file that is the whole input, None for one outside of it."""
        if self.path is None:
            return None
        if self.path.is_dir():
            same_folder = self.path.resolve() == file.parent.resolve()
            return _numbers_in(self.path, self.path.stat().st_mtime_ns).get(file.name) if same_folder else None
        if self.path.parent.resolve() != file.parent.resolve():
            return None
        numbered = _NUMBERED.match(self.path.name) if self.as_sequence else None
        if numbered is not None and self.path.is_file():
            return _number_between(file.name, numbered["prefix"], numbered["suffix"], len(numbered["number"]))
        pattern = _PATTERN.search(self.path.name)
        if pattern is not None and not self.path.exists():
            width = len(pattern["hashes"]) if pattern["hashes"] else int(pattern["width"] or 1)
            return _number_between(file.name, self.path.name[: pattern.start()], self.path.name[pattern.end() :], width)
        return 1 if Path(self.path.name) == Path(file.name) else None  # paths: Windows does not heed capitals


def numbered_sibling(file: Path, number: int) -> Path:
    """The picture of a sequence with another number; the file itself where its name has none."""
    match = _NUMBERED.match(file.name)
    if match is None:
        return file
    return file.with_name(f"{match['prefix']}{number:0{len(match['number'])}d}{match['suffix']}")


def _number_between(name: str, prefix: str, suffix: str, width: int) -> int | None:
    middle = name[len(prefix) : len(name) - len(suffix)]
    if not (name.startswith(prefix) and name.endswith(suffix) and middle.isascii() and middle.isdigit()):
        return None
    return int(middle) if middle == f"{int(middle):0{width}d}" else None


@lru_cache(maxsize=1)
def _numbers_in(folder: Path, _changed_ns: int) -> dict[str, int]:
    """Frame numbers by file name: those in the names of one sequence, else places. Kept until the folder changes."""
    try:
        names = [file.name for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")]
    except OSError:
        return {}
    names = [name for name in names if Path(name).suffix.lower() in PICTURE_SUFFIXES]
    matches = [match for name in names if (match := _NUMBERED.match(name))]
    kinds = {(match["prefix"], match["suffix"].lower()) for match in matches}
    if len(names) > 1 and len(matches) == len(names) and len(kinds) == 1:
        numbers = {match.string: int(match["number"]) for match in matches}
        span = max(numbers.values()) - min(numbers.values()) + 1
        if len(set(numbers.values())) == len(names) and span <= _WIDEST_SPAN * len(names):
            return numbers
    return {name: place for place, name in enumerate(sorted(names, key=_natural_key), start=1)}


def _natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts ``2.png`` before ``10.png``."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"([0-9]+)", name.casefold())]
