"""From the user's downloads to safetensors in the model folder: recognised, accepted, checked, then written whole."""

from __future__ import annotations

import errno
import hashlib
import shutil
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo, is_zipfile

from numpy.typing import NDArray

from .. import __version__
from ..contract import ErrorCode, HandsError, output_error, progress_record
from ..hands.joints import SIDES
from ..hands.mano_file import read_mano_pickle
from ..hands.model import HandModelError
from ..hands.restricted_pickle import (
    LARGEST_FILE_BYTES,
    ForeignNameError,
    RefusedPickleError,
    TruncatedPickleError,
)
from ..runtime import require
from .folder import FORMAT_VERSION, HAND_PREFIX, MANO_NAMES, PAPER_NAME, ModelEntry, ModelFolder
from .licences import Licence
from .recognise import AGAIN, WANTED, FileKind, cut_off, recognise, refusal
from .tensor_file import CHUNK_BYTES, write_tensor_file

Report = Callable[[Mapping[str, Any]], None]
STAGE: Final = "import"
_MB: Final = 1_000_000
_BOUNDED_COMPRESSIONS: Final = (ZIP_STORED, ZIP_DEFLATED)
"""Python unpacks the others whole, however little of it is asked for."""
_RUNS_CODE: Final = "Do not use this file; get the original from its authors."


@dataclass(frozen=True)
class Acceptance:
    """That the user accepted a licence, as it is recorded with every file imported under it.

    Parameters
    ----------
    licence : which
    how : ``on the terminal``, ``--accept-licence`` and the like
    at : when, ISO 8601 in UTC
    """

    licence: Licence
    how: str
    at: str

    @classmethod
    def now(cls, licence: Licence, how: str) -> Acceptance:
        """Accepted at this moment."""
        return cls(licence, how, _now())


@dataclass(frozen=True)
class RecognisedFile:
    """One of the user's files."""

    path: Path
    kind: FileKind


@dataclass(frozen=True)
class _Ready:
    """A file for the model folder, checked and not yet written."""

    name: str
    tensors: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, str]

    @property
    def byte_count(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors.values())


def recognise_files(paths: list[Path]) -> list[RecognisedFile]:
    """What each file is, before anything is asked, read whole or written.

    Raises
    ------
    HandsError
        as `recognise`, for the first file that is of no use
    """
    return [RecognisedFile(path, recognise(path)) for path in paths]


def licences_of(files: list[RecognisedFile]) -> list[Licence]:
    """The licences that must be accepted, each once."""
    return list(dict.fromkeys(file.kind.licence for file in files))


def import_files(
    files: list[RecognisedFile],
    folder: ModelFolder,
    acceptances: list[Acceptance],
    *,
    report: Report = lambda _record: None,
    cancelled: threading.Event | None = None,
) -> list[ModelEntry]:
    """Check all files, and only then write what they hold.

    Parameters
    ----------
    files : from `recognise_files`
    folder : where to
    acceptances : one for each of `licences_of`
    report : takes progress records; steps are megabytes
    cancelled : ends the import when it is set; nothing half-written remains

    Returns
    -------
    what the folder has now of what was imported

    Raises
    ------
    HandsError
        INPUT_UNREADABLE with what is wrong with which file, USAGE where a licence was not accepted, CANCELLED,
        OUTPUT_NOT_WRITABLE or DISK_FULL
    """
    accepted = {acceptance.licence: acceptance for acceptance in acceptances}
    if missing := [licence for licence in licences_of(files) if licence not in accepted]:
        raise not_accepted(missing[0])
    progress = _Progress(report, cancelled or threading.Event())
    progress.expect(sum(file.path.stat().st_size for file in files))
    ready: dict[str, _Ready] = {}
    for file in files:
        for item in _read(file, accepted[file.kind.licence], progress):
            ready[item.name] = item
    total = sum(item.byte_count for item in ready.values())
    _check_room(folder.path, total)
    progress.expect(total)
    for item in ready.values():
        write_tensor_file(folder.entry_path(item.name), item.tensors, item.metadata, progress.advance)
    return [entry for entry in folder.entries() if entry.name in ready]


def not_accepted(licence: Licence) -> HandsError:
    """The typed error for a licence that nobody accepted."""
    return HandsError(
        ErrorCode.USAGE,
        f"The {licence.name} must be accepted before these files are imported.",
        f"Read it ({', '.join(licence.addresses)}) and give --accept-licence.",
    )


class _Progress:
    """Bytes read and written so far; the place where a cancelled import ends."""

    def __init__(self, report: Report, cancelled: threading.Event) -> None:
        self._report = report
        self._cancelled = cancelled
        self._done = self._total = 0
        self._start_s = time.monotonic()

    def expect(self, byte_count: int) -> None:
        self._total += byte_count

    def advance(self, byte_count: int) -> None:
        if self._cancelled.is_set():
            raise HandsError(ErrorCode.CANCELLED, "Cancelled; nothing half-written remains.", "")
        self._done = min(self._done + byte_count, self._total)
        spent_s = time.monotonic() - self._start_s
        eta_s = spent_s * (self._total - self._done) / self._done if self._done else None
        self._report(progress_record(STAGE, self._done // _MB, -(-self._total // _MB), eta_s))


def _read(file: RecognisedFile, acceptance: Acceptance, progress: _Progress) -> list[_Ready]:
    path = file.path
    try:
        if file.kind is FileKind.CHECKPOINT:
            return [_read_checkpoint(path, acceptance, progress)]
        if file.kind is FileKind.MANO_ZIP:
            return _read_mano_zip(path, acceptance, progress)
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise RefusedPickleError("it is far larger than a hand model")
        return [_read_mano(path, path.read_bytes(), _origin(path, acceptance, progress))]
    except TruncatedPickleError as error:
        size = path.stat().st_size
        raise cut_off(path, f"it has {size:,} bytes of at least {error.expected_bytes:,}") from error
    except RefusedPickleError as error:
        raise _refused_pickle(path, error) from error
    except OSError as error:
        raise refusal(path, f"cannot be read ({error.strerror or error})", "Check the path and its rights.") from error


def _refused_pickle(path: Path, error: RefusedPickleError) -> HandsError:
    if isinstance(error, ForeignNameError):
        return refusal(path, f"is refused, it tries to run code: {error}", _RUNS_CODE)
    return refusal(path, f"is no hand model: {error}", WANTED)


def _read_mano(path: Path, content: bytes, origin: Mapping[str, str]) -> _Ready:
    try:
        side, arrays = read_mano_pickle(content)
    except HandModelError as error:
        raise refusal(path, f"is no hand model of MANO: {_clause(error)}", WANTED) from error
    name = MANO_NAMES[side]
    return _Ready(name, arrays, {"name": name, **origin})


def _read_mano_zip(path: Path, acceptance: Acceptance, progress: _Progress) -> list[_Ready]:
    """The hand models in an archive; the body models beside them are passed over by name, never read."""
    origin = _origin(path, acceptance, progress)
    try:
        with ZipFile(path) as archive:
            members = _hand_pickles(archive.infolist())
            ready = [
                _read_mano(path, _member(archive, info), {**origin, "origin_member": info.filename}) for info in members
            ]
    except TruncatedPickleError as error:  # the member's checksum was right: it was packed like that
        raise refusal(path, f"holds a damaged hand model: {error}", AGAIN) from error
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise refusal(path, f"is a damaged zip file ({error})", AGAIN) from error
    if not ready:
        raise refusal(path, "is a zip file without hand models in it", WANTED)
    return ready


def _hand_pickles(infos: list[ZipInfo]) -> list[ZipInfo]:
    """The members that say they are hands, or where none does every pickle that does not say it is a body."""
    names = {info.filename: Path(info.filename).name.lower() for info in infos}
    # "._NAME" are macOS's notes about a file, not the file; SMPLH_*.pkl are bodies.
    pickles = [info for info in infos if names[info.filename].endswith(".pkl")
               and not names[info.filename].startswith(("._", "smpl"))]  # fmt: skip
    return [info for info in pickles if "mano" in names[info.filename]] or pickles


def _member(archive: ZipFile, info: ZipInfo) -> bytes:
    """One file of an archive; what unpacks to more than it says, or to far too much, is not unpacked."""
    if info.file_size > LARGEST_FILE_BYTES:
        raise RefusedPickleError("it is far larger than a hand model")
    if info.compress_type not in _BOUNDED_COMPRESSIONS:
        raise BadZipFile(f"'{info.filename}' is compressed in an unusual way")
    with archive.open(info) as part:
        # Given a length, no more than that is ever unpacked; `archive.read` unpacks all there is and then cuts it.
        return part.read(info.file_size)


def _read_checkpoint(path: Path, acceptance: Acceptance, progress: _Progress) -> _Ready:
    require("torch")
    from ..networks.checkpoint import (
        CheckpointError,
        ForeignCodeError,
        OtherNetworkError,
        TruncatedCheckpointError,
        read_paper_checkpoint,
    )

    origin = _origin(path, acceptance, progress)
    if is_zipfile(path):
        _check_sums(path, progress)
    try:
        checkpoint = read_paper_checkpoint(path)
    except ForeignCodeError as error:
        raise refusal(path, f"is refused, it tries to run code: {error}", _RUNS_CODE) from error
    except TruncatedCheckpointError as error:
        size = path.stat().st_size
        raise cut_off(path, f"it has {size:,} bytes of at least {size + error.missing_bytes:,}") from error
    except OtherNetworkError as error:
        raise refusal(path, f"is not the paper's checkpoint: {error}", WANTED) from error
    except (CheckpointError, HandModelError) as error:
        raise refusal(path, f"cannot be used: {_clause(error)}", AGAIN) from error
    tensors = {name: tensor.numpy() for name, tensor in checkpoint.weights.items()}
    for side in SIDES:
        tensors |= {f"{HAND_PREFIX}{side}.{name}": array for name, array in checkpoint.hand_arrays[side].items()}
    return _Ready(PAPER_NAME, tensors, {"name": PAPER_NAME, **origin, "epoch": str(checkpoint.epoch)})


def _check_sums(path: Path, progress: _Progress) -> None:
    """Read every part of a checkpoint against its checksum: torch maps the file and looks at none."""
    with ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if info.CRC]  # torch can be told to leave them out
        progress.expect(sum(info.file_size for info in infos))
        for info in infos:
            if info.compress_type != ZIP_STORED:
                raise refusal(path, f"is no checkpoint: its part '{info.filename}' is compressed", WANTED)
            try:
                with archive.open(info) as part:
                    while chunk := part.read(CHUNK_BYTES):
                        progress.advance(len(chunk))
            except (BadZipFile, EOFError, RuntimeError) as error:
                raise refusal(
                    path, f"is damaged: the checksum of its part '{info.filename}' is wrong", AGAIN
                ) from error


def _origin(path: Path, acceptance: Acceptance, progress: _Progress) -> dict[str, str]:
    """What is recorded of a file and of the licence; reads the file whole."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            progress.advance(len(chunk))
    return {
        "format_version": FORMAT_VERSION,
        "program": f"twohand {__version__}",
        "origin_name": path.name,
        "origin_sha256": digest.hexdigest(),
        "origin_bytes": str(size),
        "imported_at": _now(),
        "licence": acceptance.licence.name,
        "licence_addresses": " ".join(acceptance.licence.addresses),
        "licence_accepted_at": acceptance.at,
        "licence_accepted_how": acceptance.how,
    }


def _check_room(folder: Path, byte_count: int) -> None:
    """Complain about a full disk before the first byte rather than after the last that fits."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        free = shutil.disk_usage(existing).free
    except OSError:
        return  # writing will tell
    if free < byte_count:
        raise output_error(folder / "model", OSError(errno.ENOSPC, "No space left on device"))


def _clause(error: Exception) -> str:
    """An error's sentence as a part of another one."""
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
