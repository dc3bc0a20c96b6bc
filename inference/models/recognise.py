"""What a file that the user brought is, by its content alone; what is of no use is refused with its own sentence."""

from __future__ import annotations

import re
import stat
from enum import Enum
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile

from ..contract import ErrorCode, HandsError
from .cut_archive import describe_cut, is_cut_off
from .licences import INTERSHAPE, MANO, Licence

WANTED: Final = "Give mano_v1_2.zip, MANO_RIGHT.pkl, MANO_LEFT.pkl or snapshot_99.pth.tar."
AGAIN: Final = "Download it again."
_HEAD_BYTES: Final = 2048
_OLD_CHECKPOINT: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How a file begins that torch before 1.6 saved."""
_WEB_PAGE: Final = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_PICKLE: Final = re.compile(rb"\x80[\x00-\x05]|\(?c[\w.]+\n[\w.]+\n|\([dl]p\d+\n|\(dS'|[}\]][qr(.]")
"""Protocol 2 and newer, and the beginnings of older ones: a name, a dictionary, a list."""
_ARCHIVES: Final = {b"\x1f\x8b": "gzip", b"7z\xbc\xaf": "7z", b"Rar!": "RAR", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


class FileKind(Enum):
    """What can be imported, and the licence that it comes under."""

    MANO_PICKLE = ("a MANO hand model", MANO)
    MANO_ZIP = ("the MANO hand models", MANO)
    CHECKPOINT = ("the paper's network", INTERSHAPE)

    def __init__(self, label: str, licence: Licence) -> None:
        self.label = label
        self.licence = licence


def recognise(path: Path) -> FileKind:
    """What a file is; cheap, whatever its size.

    Raises
    ------
    HandsError
        INPUT_MISSING, INPUT_EMPTY or INPUT_UNREADABLE, with what it is instead
    """
    try:
        state = path.stat()
        if stat.S_ISDIR(state.st_mode):
            raise refusal(path, "is a folder", WANTED)
        if not stat.S_ISREG(state.st_mode):
            raise refusal(path, "is a device, no file", WANTED)
        if not state.st_size:
            raise HandsError(ErrorCode.INPUT_EMPTY, f"'{path.name}' is empty: it has 0 bytes.", AGAIN)
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        return _kind(path, head)
    except FileNotFoundError as error:
        raise HandsError(ErrorCode.INPUT_MISSING, f"There is no file at '{path}'.", "Check the path.") from error
    except OSError as error:
        raise refusal(path, f"cannot be read ({error.strerror or error})", "Check the path and its rights.") from error


def refusal(path: Path, what: str, hint: str) -> HandsError:
    """The typed error for a file that is there and of no use."""
    return HandsError(ErrorCode.INPUT_UNREADABLE, f"'{path.name}' {what}.", hint)


def cut_off(path: Path, detail: str) -> HandsError:
    """The typed error for a file whose end is missing."""
    return refusal(path, f"is cut off: {detail}", AGAIN)


def _kind(path: Path, head: bytes) -> FileKind:
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    if head.startswith(_OLD_CHECKPOINT):
        return FileKind.CHECKPOINT
    if _OLD_CHECKPOINT.startswith(head):
        raise cut_off(path, f"it has {len(head)} bytes")
    if _WEB_PAGE.match(head):
        raise refusal(
            path,
            "is a web page, not the file itself",
            "The site wanted a login or a confirmation: download it with a browser while logged in there.",
        )
    if head[257:262] == b"ustar":
        raise refusal(path, "is a tar archive", f"Unpack it and give what is inside. {WANTED}")
    for magic, name in _ARCHIVES.items():
        if head.startswith(magic):
            raise refusal(path, f"is compressed with {name}", f"Unpack it and give what is inside. {WANTED}")
    if _PICKLE.match(head):
        return FileKind.MANO_PICKLE
    raise refusal(path, "is none of the files that can be imported", WANTED)


def _zip_kind(path: Path) -> FileKind:
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except (BadZipFile, NotImplementedError, ValueError) as error:
        if is_cut_off(path):
            raise cut_off(path, describe_cut(path)) from error
        raise refusal(path, "is a damaged zip file", AGAIN) from error
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        raise refusal(path, "is a program in TorchScript, which would run", WANTED)
    if "data.pkl" in inner:
        return FileKind.CHECKPOINT
    if any(name.lower().endswith(".pkl") for name in names):
        return FileKind.MANO_ZIP
    raise refusal(path, "is a zip file without hand models in it", WANTED)
