"""The lock: which wheels make up the environment, with their hashes (written by ``tools/make_lock.py``)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...inference.contract import ErrorCode, HandsError
from .environment import OWN_PYTHON_HINT
from .target import Target

LOCK_FILE: Final = Path(__file__).with_name("lock.json")


@dataclass(frozen=True)
class Wheel:
    """One locked file.

    Parameters
    ----------
    filename, url : its name and where it is downloaded from
    name, version : of the package
    sha256, byte_count : of the file
    unpacked_byte_count : of what it holds
    record_sha256 : of its RECORD, the list of its files with the hash of each
    """

    filename: str
    name: str
    version: str
    url: str
    sha256: str
    byte_count: int
    unpacked_byte_count: int
    record_sha256: str

    @property
    def dist_info(self) -> str:
        """Name of the folder that says that the package is installed."""
        return "-".join(self.filename.split("-")[:2]) + ".dist-info"


@dataclass(frozen=True)
class Lock:
    """All of it.

    Parameters
    ----------
    wheels : by file name
    targets : for each target the variants it has, and their files
    digest : SHA-256 of the lock file; tells whether an environment was made by this lock
    """

    wheels: Mapping[str, Wheel]
    targets: Mapping[str, Mapping[str, tuple[str, ...]]]
    digest: str

    def variants_of(self, target: Target) -> tuple[str, ...]:
        """Names of the variants that a target has; empty for a target that the lock does not know."""
        return tuple(self.targets.get(target.name, ()))

    def wheels_of(self, target: Target, variant: str) -> tuple[Wheel, ...]:
        """The files of a variant.

        Raises
        ------
        HandsError
            RUNTIME_MISSING where there are none for this Python on this system
        """
        if target.name not in self.targets:
            raise HandsError(
                ErrorCode.RUNTIME_MISSING,
                f"There are no packages for {target.in_words} to set up from.",
                OWN_PYTHON_HINT,
            )
        if variant not in self.targets[target.name]:
            raise HandsError(
                ErrorCode.RUNTIME_MISSING,
                f"The variant '{variant}' is not there for {target.in_words}.",
                OWN_PYTHON_HINT,
            )
        return tuple(self.wheels[name] for name in self.targets[target.name][variant])


def read_lock(path: Path = LOCK_FILE) -> Lock:
    """Read a lock file; ours is part of the program, so that a broken one is a broken installation.

    Raises
    ------
    HandsError
        RUNTIME_MISSING
    """
    try:
        content = path.read_bytes()
        data = json.loads(content)
        wheels = {
            filename: Wheel(
                filename,
                entry["name"],
                entry["version"],
                entry["url"],
                entry["sha256"],
                entry["bytes"],
                entry["unpacked_bytes"],
                entry["record_sha256"],
            )
            for filename, entry in data["wheels"].items()
        }
        targets = {
            target: {variant: tuple(names) for variant, names in variants.items()}
            for target, variants in data["targets"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HandsError(
            ErrorCode.RUNTIME_MISSING, f"'{path}' cannot be used ({error}).", "Install the extension again."
        ) from error
    return Lock(wheels, targets, hashlib.sha256(content).hexdigest())
