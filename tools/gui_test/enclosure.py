"""Namespaces of our own for everything that the test mounts and starts: they vanish with it, however it ends.

A mount namespace holds the mounts, a process namespace ends every process when its first one ends, and a network
namespace without a network shows that the add-on needs none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .skipping import CannotRunHere

_INSIDE: Final = "TWOHAND_GUI_TEST_INSIDE"
_UNSHARE: Final = (
    "setpriv", "--pdeathsig", "KILL",  # however this process ends, `unshare` is killed, and with it everything inside
    "unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc",
)  # fmt: skip
SHARED_NAME: Final = "gui-test"
"""The test's own folder, as Blender sees it: ``/gui-test``."""


def is_inside() -> bool:
    """Whether this process is the one that `enter` started."""
    return os.environ.get(_INSIDE) == "1"


def check_possible() -> None:
    """See that this machine lets us.

    Raises
    ------
    CannotRunHere
        without the rights or the tools
    """
    if os.geteuid() != 0:
        raise CannotRunHere("it mounts folders and needs root")
    for tool in ("setpriv", "unshare", "Xvfb", "import"):
        if shutil.which(tool) is None:
            raise CannotRunHere(f"'{tool}' is not installed (on Debian: apt-get install util-linux xvfb imagemagick)")
    tried = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise CannotRunHere(f"this machine allows no namespaces ({tried.stderr.strip()})")


def enter(arguments: Sequence[str]) -> int:
    """Run this program again with `arguments` in namespaces of its own; its exit code."""
    command = [*_UNSHARE, sys.executable, "-m", "tools.gui_test", *arguments]
    return subprocess.run(command, env={**os.environ, _INSIDE: "1"}, check=False).returncode


@dataclass(frozen=True)
class Enclosure:
    """A copy of Blender's folder that may be written to and is thrown away.

    Parameters
    ----------
    root : what Blender sees as ``/``
    shared : the test's folder on this machine
    worker_python : the worker's interpreter, the same path inside and outside
    """

    root: Path
    shared: Path
    worker_python: Path

    def command(self, display: str, *words: str) -> list[str]:
        """A command line that runs `words` with `root` as its root and a fresh home."""
        environment = {
            "DISPLAY": display,
            "HOME": f"/{SHARED_NAME}/home",
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "BLENDER_USER_RESOURCES": f"/{SHARED_NAME}/user",
            "GUI_TEST_FOLDER": f"/{SHARED_NAME}",
            "TWOHAND_WORKER_PYTHON": str(self.worker_python),
        }
        assignments = [f"{name}={value}" for name, value in environment.items()]
        return ["chroot", str(self.root), "env", "-i", *assignments, *words]


def build(blender_root: Path, shared: Path) -> Enclosure:
    """Mount everything (only `enter`'s process may do that).

    Raises
    ------
    CannotRunHere
        where this Python cannot be lent to Blender's folder, or nothing can be laid over it
    """
    assert is_inside(), "these mounts would stay on the machine"
    environment, base = Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()
    if base == Path("/usr"):
        raise CannotRunHere("the worker's Python lies in /usr, which would hide Blender's own (use uv's or pyenv's)")
    stage = shared / "stage"
    stage.mkdir()
    _mount("-t", "tmpfs", "tmpfs", stage)
    for name in ("upper", "work", "root"):
        (stage / name).mkdir()
    root = stage / "root"
    layers = f"lowerdir={blender_root},upperdir={stage / 'upper'},workdir={stage / 'work'}"
    _mount("-t", "overlay", "-o", layers, "overlay", root)
    _mount("-t", "proc", "proc", root / "proc")
    _mount("--bind", "/dev", root / "dev")
    _mount("-t", "tmpfs", "tmpfs", root / "tmp")
    for folder in (environment, base):
        target = root / folder.relative_to("/")
        target.mkdir(parents=True, exist_ok=True)
        _mount("--bind", "-o", "ro", folder, target)
    (root / SHARED_NAME).mkdir()
    _mount("--bind", shared, root / SHARED_NAME)
    return Enclosure(root, shared, environment / "bin" / "python")


def _mount(*words: str | Path) -> None:
    command = ["mount", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRunHere(f"mounting failed: {done.stderr.strip()}")
