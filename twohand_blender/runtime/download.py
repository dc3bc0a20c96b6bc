"""Getting one locked file: resumed where it broke off, and kept only where its hash is the locked one."""

from __future__ import annotations

import functools
import hashlib
import http.client
import importlib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from ...inference.contract import ErrorCode, HandsError, output_error
from .lock import Wheel

Advance = Callable[[int], None]
"""Takes the number of bytes done since the last call; negative where something must be done again."""

PART_SUFFIX: Final = ".part"
_CHUNK_BYTES: Final = 1 << 16
_SILENCE_S: Final = 30.0
_WAITS_S: Final = (0.5, 2.0, 5.0, 10.0)
"""Before each new attempt; an attempt that brought something starts the row again."""
_HEADERS: Final = {"User-Agent": "twohand-setup", "Accept-Encoding": "identity"}


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(wheel: Wheel, path: Path) -> bool:
    """Whether a file is the locked one."""
    try:
        return path.stat().st_size == wheel.byte_count and file_sha256(path) == wheel.sha256
    except OSError:
        return False


def fetch(wheel: Wheel, folder: Path, advance: Advance, waits_s: tuple[float, ...] = _WAITS_S) -> Path:
    """Download a file, or what is missing of it, into a folder; a file that is there already is checked and taken.

    Raises
    ------
    HandsError
        RUNTIME_MISSING where it cannot be had or is another file than the locked one, OUTPUT_NOT_WRITABLE, DISK_FULL
    """
    path = folder / wheel.filename
    if is_whole(wheel, path):
        advance(wheel.byte_count)
        return path
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        for last in (False, True):
            _complete(wheel, part, advance, waits_s)
            if is_whole(wheel, part):
                part.replace(path)
                return path
            # What broke off earlier may be of another file than the rest: once more from the start.
            if not last:
                advance(-part.stat().st_size)
            part.unlink()
    except urllib.error.URLError as error:
        raise _unreachable(wheel, error) from error
    except OSError as error:
        raise output_error(path, error) from error
    raise HandsError(
        ErrorCode.RUNTIME_MISSING,
        f"What the server sends as '{wheel.filename}' is another file than the one that was tested; it was not used.",
        "Something between you and the server changes downloads, perhaps a proxy; use another network, or a folder of "
        "wheels.",
    )


def _complete(wheel: Wheel, part: Path, advance: Advance, waits_s: tuple[float, ...]) -> None:
    """Download until the part has as many bytes as the file, or the server has no more."""
    done = part.stat().st_size if part.is_file() else 0
    if done > wheel.byte_count:
        part.unlink()
        done = 0
    advance(done)
    failures = 0
    while done < wheel.byte_count:
        before = done
        try:
            done = _attempt(wheel, part, done, advance)
            reason: Exception = ConnectionError("the connection ended too early")
        except urllib.error.HTTPError as error:
            if error.code == 416:  # it has no such part, so the file there is another one
                return
            if error.code < 500 and error.code not in (408, 429):  # it will say the same again
                raise
            reason = error
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            done = part.stat().st_size if part.is_file() else 0
            reason = error
        failures = 0 if done > before else failures + 1
        if done < wheel.byte_count:
            if failures > len(waits_s):
                raise reason if isinstance(reason, urllib.error.URLError) else urllib.error.URLError(str(reason))
            time.sleep(waits_s[max(failures - 1, 0)] if waits_s else 0.0)


def _attempt(wheel: Wheel, part: Path, done: int, advance: Advance) -> int:
    """One request; how many bytes are there after it."""
    headers = _HEADERS | ({"Range": f"bytes={done}-"} if done else {})
    request = urllib.request.Request(wheel.url, headers=headers)  # noqa: S310 - the lock's address
    with urllib.request.urlopen(request, timeout=_SILENCE_S, context=_trust()) as answer:  # noqa: S310 - as above
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        if done and not goes_on:  # this server sends all or nothing
            advance(-done)
            done = 0
        with part.open("ab" if goes_on else "wb", buffering=0) as file:
            return done + _copy(answer, file, wheel.byte_count - done, advance)


@functools.cache
def _trust() -> ssl.SSLContext:
    """Whose certificates count: the system's, and those that Blender brings.

    Blender's own Python may look for the system's where the machine that built it had them.
    """
    context = ssl.create_default_context()
    with suppress(ImportError, OSError):  # a distribution's Blender does without, and finds the system's
        context.load_verify_locations(importlib.import_module("certifi").where())
    return context


def _copy(answer: http.client.HTTPResponse, file: IO[bytes], wanted: int, advance: Advance) -> int:
    """Each piece as it comes, at most `wanted` bytes in all: a server that does not end cannot fill the disk."""
    copied = 0
    while copied < wanted and (chunk := answer.read1(min(_CHUNK_BYTES, wanted - copied))):
        file.write(chunk)
        copied += len(chunk)
        advance(len(chunk))
    return copied


def _unreachable(wheel: Wheel, error: urllib.error.URLError) -> HandsError:
    host = wheel.url.split("/")[2]
    if isinstance(error, urllib.error.HTTPError):
        return HandsError(
            ErrorCode.RUNTIME_MISSING,
            f"'{wheel.filename}' cannot be had from {host}: it answers {error.code} ({error.reason}).",
            "Try again later, or use a folder of wheels.",
        )
    return HandsError(
        ErrorCode.RUNTIME_MISSING,
        f"{host} cannot be reached ({error.reason}).",
        "Check the network connection and press Set Up again: what was downloaded is kept. Or use a folder of wheels.",
    )
