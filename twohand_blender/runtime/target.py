"""What an environment is for: this Python on this system, and whether a wheel is for a newer system."""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import dataclass
from typing import Final

_SYSTEMS: Final = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}
_MACHINES: Final = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
_SYSTEM_WORDS: Final = {"linux": "Linux", "windows": "Windows", "macos": "macOS"}
_OLDEST_SYSTEM: Final = re.compile(r"(?:macosx|manylinux)_(\d+)_(\d+)_")


@dataclass(frozen=True)
class Target:
    """A Python on a system.

    Parameters
    ----------
    python : (major, minor)
    system : ``linux``, ``windows``, ``macos``, or another one's own name
    machine : ``x86_64``, ``arm64``, or another one's own name
    system_version : of macOS, or of glibc on Linux; empty where it counts for nothing or is unknown
    """

    python: tuple[int, int]
    system: str
    machine: str
    system_version: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Its key in the lock, for example ``cp313-linux-x86_64``."""
        return f"cp{self.python[0]}{self.python[1]}-{self.system}-{self.machine}"

    @property
    def in_words(self) -> str:
        """For a sentence."""
        system = _SYSTEM_WORDS.get(self.system, self.system)
        return f"Python {self.python[0]}.{self.python[1]} on {system} ({self.machine})"

    def too_old_for(self, filename: str) -> str:
        """What system a wheel needs where this one is older, for example ``macOS 13.0``; else empty."""
        oldest = min((int(major), int(minor)) for major, minor in _OLDEST_SYSTEM.findall(filename) or [("0", "0")])
        if not self.system_version or self.system_version >= oldest:
            return ""
        return f"{'macOS' if self.system == 'macos' else 'glibc'} {oldest[0]}.{oldest[1]}"


def this_target() -> Target:
    """Of the Python that runs this: in Blender, Blender's own."""
    system = _SYSTEMS.get(platform.system(), platform.system().lower())
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    return Target((sys.version_info[0], sys.version_info[1]), system, machine, _system_version(system))


def _system_version(system: str) -> tuple[int, ...]:
    if system == "macos":
        text = platform.mac_ver()[0]
    elif system == "linux":
        try:
            text = os.confstr("CS_GNU_LIBC_VERSION") or ""  # "glibc 2.36"
        except (AttributeError, OSError, ValueError):
            text = ""
    else:
        text = ""
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])
