"""The environment's interpreter: a virtual environment without pip, made of another Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from ...inference.contract import ErrorCode, HandsError, output_error
from ..worker_process import worker_environment

OWN_PYTHON_HINT: Final = "Choose a Python that has the packages, in the preferences' field 'Own Python'."
"""The way out where none can be made."""
PYTHON_FOLDER: Final = "python"
"""Below the runtime's folder."""
_LONGEST_START_S: Final = 120.0
_PROBE: Final = "import json, sys; print(json.dumps([list(sys.version_info[:2]), sys.prefix]))"
_WINDOWS_FILES: Final = ("python.exe", "pythonw.exe", "python3.dll", "python{0}{1}.dll", "vcruntime140*.dll")


def interpreter_in(folder: Path) -> Path:
    """Where a runtime's interpreter is, or would be."""
    if sys.platform == "win32":
        return folder / PYTHON_FOLDER / "Scripts" / "python.exe"
    return folder / PYTHON_FOLDER / "bin" / "python"


def site_packages_in(folder: Path, version: tuple[int, int]) -> Path:
    """Where a runtime's packages are."""
    if sys.platform == "win32":
        return folder / PYTHON_FOLDER / "Lib" / "site-packages"
    return folder / PYTHON_FOLDER / "lib" / f"python{version[0]}.{version[1]}" / "site-packages"


def works(folder: Path, version: tuple[int, int]) -> bool:
    """Whether a runtime's interpreter starts, is of this version, and sees its own packages and no others."""
    answer = _ask(interpreter_in(folder))
    if answer is None:
        return False
    try:
        return answer[0] == version and answer[1].samefile(folder / PYTHON_FOLDER)
    except OSError:
        return False


def make(base: Path, folder: Path, version: tuple[int, int]) -> None:
    """Make a runtime's interpreter, or make it anew; packages that are there stay.

    Python's own module for it is asked first. Where a Blender build lacks it, or lacks its launchers (Windows), it is
    made by hand: a file ``pyvenv.cfg`` beside a link to the interpreter, or a copy, is all that there is to a virtual
    environment (PEP 405).

    Parameters
    ----------
    base : the Python to make it of
    folder : the runtime's
    version : of `base`

    Raises
    ------
    HandsError
        RUNTIME_MISSING where neither makes one that works, OUTPUT_NOT_WRITABLE, DISK_FULL
    """
    place = folder / PYTHON_FOLDER
    try:
        _drop_interpreter(place)
        command = [str(base), "-I", "-m", "venv", "--without-pip", str(place)]
        if _run(command) is not None and works(folder, version):
            return
        _drop_interpreter(place)
        _make_by_hand(base, place, version)
        site_packages_in(folder, version).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(place, error) from error
    if not works(folder, version):
        raise HandsError(
            ErrorCode.RUNTIME_MISSING,
            f"No environment can be made of '{base}'.",
            OWN_PYTHON_HINT,
        )


def _drop_interpreter(place: Path) -> None:
    """Take the old links away: they may lead to a Blender that is gone."""
    for name in ("bin", "Scripts"):
        if (place / name).is_dir():
            shutil.rmtree(place / name)
    (place / "pyvenv.cfg").unlink(missing_ok=True)


def _make_by_hand(base: Path, place: Path, version: tuple[int, int]) -> None:
    home = Path(_run([str(base), "-I", "-c", "import sys; print(sys._base_executable)"]) or base)
    scripts = interpreter_in(place.parent).parent
    scripts.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        for pattern in _WINDOWS_FILES:
            for path in home.parent.glob(pattern.format(*version)):
                shutil.copy2(path, scripts / path.name)
    else:
        (scripts / "python").symlink_to(home)
    (place / "pyvenv.cfg").write_text(
        f"home = {home.parent}\ninclude-system-site-packages = false\nversion = {version[0]}.{version[1]}\n",
        encoding="utf-8",
    )


def _ask(python: Path) -> tuple[tuple[int, int], Path] | None:
    """Version and prefix of an interpreter, None where it does not start."""
    try:
        version, prefix = json.loads(_run([str(python), "-I", "-c", _PROBE]) or "null")
        return (int(version[0]), int(version[1])), Path(prefix)
    except (ValueError, TypeError):
        return None


def _run(command: list[str]) -> str | None:
    """What a command prints, None where it fails or cannot be started."""
    with suppress(OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=_LONGEST_START_S,
            env=worker_environment(),
            stdin=subprocess.DEVNULL,
            creationflags=subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0,
        )
        if done.returncode == 0:
            return done.stdout.decode("utf-8").strip()
    return None


def folder_bytes(folder: Path) -> int:
    """What the files below a folder take."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - called for ten thousand files
    return total
