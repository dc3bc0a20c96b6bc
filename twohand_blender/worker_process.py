"""How a worker is started: its command line, its environment, its process group (no bpy in here)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..inference.contract import ErrorCode, HandsError


def worker_command(python: Path, arguments: Sequence[str]) -> list[str]:
    """The command line of a worker; it must run in the folder that holds ``inference``, so give absolute paths."""
    return [str(python), "-m", "inference", *arguments]


def worker_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Blender's environment without what would mislead another Python: PYTHONHOME, PYTHONPATH, a virtual environment.

    Text is UTF-8 and unbuffered on every platform.
    """
    source = os.environ if base is None else base
    kept = {
        name: value
        for name, value in source.items()
        if not name.upper().startswith("PYTHON") and name.upper() not in ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    }
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def start_process(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a worker in a process group of its own, without a shell and without a console window.

    Its standard input stays open as long as this process lives: a worker that reads the end of it knows that its
    parent is gone.

    Parameters
    ----------
    environment : None: `worker_environment` of now

    Raises
    ------
    HandsError
        RUNTIME_MISSING where the interpreter cannot be started
    """
    group, startup = 0, None
    if sys.platform == "win32":
        group = subprocess.CREATE_NEW_PROCESS_GROUP  # CTRL_BREAK reaches the worker without reaching Blender
        startup = subprocess.STARTUPINFO()
        startup.dwFlags |= subprocess.STARTF_USESHOWWINDOW  # a console, should one open, stays hidden
    try:
        return subprocess.Popen(
            list(command),
            cwd=folder,
            env=worker_environment() if environment is None else environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=group,
            startupinfo=startup,
            start_new_session=True,  # nothing on Windows
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise HandsError(
            ErrorCode.RUNTIME_MISSING,
            f"The Python interpreter '{command[0]}' cannot be started ({reason}).",
            "Choose another one in the add-on's preferences.",
        ) from error
