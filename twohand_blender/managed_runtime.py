"""The environment that *Set Up* makes: where this Blender keeps it, how it stands, what it would be made of."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import bpy

from ..inference.contract import ErrorCode, HandsError
from .locations import EXTENSION_PACKAGE
from .runtime.lock import LOCK_FILE, Lock, read_lock
from .runtime.plan import CPU, Plan, make_plan
from .runtime.state import RuntimeStanding, RuntimeState, read_state
from .runtime.target import Target, this_target


def runtime_folder() -> Path | None:
    """The folder that Blender gives an extension for such things; None where this is no installed extension."""
    try:
        return Path(bpy.utils.extension_path_user(EXTENSION_PACKAGE, path="runtime"))
    except ValueError:
        return None


def lock_file() -> Path:
    """The lock that the environment is made by."""
    return LOCK_FILE


def base_python() -> Path:
    """The interpreter that the environment is made of: in Blender, Blender's own."""
    return Path(sys.executable)


def runtime_lock() -> Lock:
    """The lock, read once.

    Raises
    ------
    HandsError
        RUNTIME_MISSING where the installed extension is not whole
    """
    return _lock_at(lock_file())


@functools.cache
def _lock_at(path: Path) -> Lock:
    return read_lock(path)


@functools.cache
def runtime_target() -> Target:
    """This Blender's Python and system, looked up once."""
    return this_target()


def runtime_state() -> RuntimeState | None:
    """How the environment stands; None where there can be none."""
    folder = runtime_folder()
    try:
        return read_state(folder, runtime_lock(), runtime_target()) if folder is not None else None
    except HandsError:
        return None


def managed_python() -> str:
    """The environment's interpreter, empty where it is not ready."""
    state = runtime_state()
    return str(state.python) if state is not None and state.standing is RuntimeStanding.READY else ""


def variant_to_set_up() -> str:
    """The variant that is there or was begun, else the standard one."""
    state = runtime_state()
    return (state.variant if state is not None else "") or CPU


def runtime_plan(variant: str, wheels_folder: str) -> Plan:
    """The plan to make the environment, or to mend it.

    Parameters
    ----------
    variant : ``cpu`` or ``research``
    wheels_folder : from the preferences, empty for none

    Raises
    ------
    HandsError
        RUNTIME_MISSING where nothing can be planned, INPUT_MISSING where the folder of wheels is not there
    """
    folder = runtime_folder()
    if folder is None:
        raise HandsError(
            ErrorCode.RUNTIME_MISSING,
            "Only an installed extension has a folder to set up in.",
            "Install the extension, or choose a Python of your own.",
        )
    wheels = Path(bpy.path.abspath(wheels_folder.strip())).absolute() if wheels_folder.strip() else None
    if wheels is not None and not wheels.is_dir():
        raise HandsError(ErrorCode.INPUT_MISSING, f"There is no folder of wheels at '{wheels}'.", "Choose another one.")
    return make_plan(runtime_lock(), runtime_target(), base_python(), folder, variant, wheels_folder=wheels)
