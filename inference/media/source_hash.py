"""Fingerprints that tell whether a source is still the one that a take was made from.

* picture: SHA-256 of the file, as ``sha256sum`` prints it;
* movie: SHA-256 over its size and its first and last MiB (movies are large, and a change of content changes these);
* sequence: SHA-256 over the names and sizes of its files and the content of the first and the last one.

Times of change are left out: a copied source is the same source.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_MIB: Final = 2**20


def picture_hash(path: Path) -> str:
    """Fingerprint of a picture."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def movie_hash(path: Path) -> str:
    """Fingerprint of a movie."""
    size = path.stat().st_size
    digest = hashlib.sha256(size.to_bytes(8, "little"))
    with path.open("rb") as file:
        digest.update(file.read(_MIB))
        file.seek(max(0, size - _MIB), os.SEEK_SET)
        digest.update(file.read(_MIB))
    return digest.hexdigest()


def sequence_hash(paths: Sequence[Path]) -> str:
    """Fingerprint of the files of a sequence in reading order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode("utf-8", "surrogateescape"))
    for path in (paths[0], paths[-1]):
        digest.update(picture_hash(path).encode())
    return digest.hexdigest()
