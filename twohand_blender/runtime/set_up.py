"""Carrying out a plan: the interpreter, the downloads, the unpacking, the trial. The same steps mend what is broken."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ...inference.contract import ErrorCode, HandsError, progress_record
from ..worker_process import worker_command, worker_environment
from . import environment
from .download import fetch, is_whole
from .installed import is_installed, others_installed, remove, unpack
from .lock import Lock, Wheel
from .plan import Plan
from .state import CACHE_FOLDER, forget_installed, note_installed, note_wanted

Report = Callable[[Mapping[str, Any]], None]
"""Takes progress records (see ``docs/contract.md``); steps are kilobytes."""

PREPARE, EXAMINE, DOWNLOAD, UNPACK, TRY = "prepare", "examine", "download", "unpack", "try"
_LONGEST_TRIAL_S: Final = 300.0
_STEP_BYTES: Final = 1000


class _Stage:
    """Bytes done of a stage; tells of them."""

    def __init__(self, report: Report, name: str, total_bytes: int) -> None:
        self._report, self._name, self._total = report, name, total_bytes
        self._done = 0
        self._fetched = 0
        self._start_s = time.monotonic()
        self.advance(0)

    def advance(self, byte_count: int) -> None:
        """So many more are done, or fewer where the number is negative."""
        self._done += byte_count
        spent_s = time.monotonic() - self._start_s
        left = max(self._total - self._done, 0)
        eta_s = spent_s * left / self._done if self._done > 0 and spent_s > 1.0 else None
        done, total = -(-max(self._done, 0) // _STEP_BYTES), -(-self._total // _STEP_BYTES)
        self._report(progress_record(self._name, min(done, total), total, eta_s))


def set_up(
    plan: Plan, lock: Lock, program: Path, report: Report = lambda _record: None, *, online: bool
) -> dict[str, Any]:
    """Make the environment what the plan says; what is right already is left alone.

    Parameters
    ----------
    plan, lock : from `plan.make_plan` and `lock.read_lock`
    program : the folder that holds ``inference``, for the trial at the end
    report : takes progress records
    online : whether the network may be used: a file that proves damaged only now was in no plan

    Returns
    -------
    ``variant``, ``bytes`` (on disk) and ``python`` of the environment

    Raises
    ------
    HandsError
        RUNTIME_MISSING, OUTPUT_NOT_WRITABLE or DISK_FULL; what was downloaded and unpacked until then stays, and the
        next set up goes on from there
    """
    version = plan.target.python
    cache = plan.folder / CACHE_FOLDER
    note_wanted(plan.folder, plan.variant)

    _Stage(report, PREPARE, 0)
    if not environment.works(plan.folder, version):
        forget_installed(plan.folder)
        environment.make(plan.base_python, plan.folder, version)
    site_packages = environment.site_packages_in(plan.folder, version)

    stage = _Stage(report, EXAMINE, sum(wheel.unpacked_byte_count for wheel in plan.wheels))
    lacking = [wheel for wheel in plan.wheels if not is_installed(wheel, site_packages, stage.advance)]
    strangers = others_installed(plan.wheels, site_packages)

    stage = _Stage(report, DOWNLOAD, sum(wheel.byte_count for wheel in lacking))
    files = {wheel: _file_of(wheel, plan, cache, stage, online=online) for wheel in lacking}

    stage = _Stage(report, UNPACK, sum(wheel.unpacked_byte_count for wheel in lacking))
    if lacking or strangers:  # only now: until here a set up that fails or is cancelled has taken nothing away
        forget_installed(plan.folder)
    for stranger in strangers:
        remove(stranger)
    for wheel, path in files.items():
        remove(site_packages / wheel.dist_info)
        unpack(wheel, path, site_packages, stage.advance)

    _Stage(report, TRY, 0)
    try_out(environment.interpreter_in(plan.folder), program)
    byte_count = environment.folder_bytes(plan.folder / environment.PYTHON_FOLDER)
    note_installed(plan.folder, plan.variant, lock, plan.target, byte_count)
    shutil.rmtree(cache, ignore_errors=True)
    return {
        "variant": plan.variant,
        "bytes": byte_count,
        "python": str(environment.interpreter_in(plan.folder)),
    }


def _file_of(wheel: Wheel, plan: Plan, cache: Path, stage: _Stage, *, online: bool) -> Path:
    """A wheel from the user's folder, else downloaded."""
    if plan.wheels_folder is not None:
        path = plan.wheels_folder / wheel.filename
        if is_whole(wheel, path):
            stage.advance(wheel.byte_count)
            return path
        if path.is_file() and not online:
            raise HandsError(
                ErrorCode.RUNTIME_MISSING,
                f"'{path}' is damaged, or another file than the one that was tested.",
                "Download it again, or take it out of the folder.",
            )
    if not online and not is_whole(wheel, cache / wheel.filename):
        raise HandsError(
            ErrorCode.RUNTIME_MISSING,
            f"'{wheel.filename}' must be downloaded again, and Blender may not use the network.",
            "Allow online access in Preferences > System > Network, or choose a folder of wheels.",
        )
    return fetch(wheel, cache, stage.advance)


def try_out(python: Path, program: Path) -> None:
    """Let the worker itself say whether it has everything.

    Raises
    ------
    HandsError
        RUNTIME_MISSING with what it lacks
    """
    try:
        done = subprocess.run(
            worker_command(python, ["doctor", "--json"]),
            cwd=program,
            capture_output=True,
            check=False,
            timeout=_LONGEST_TRIAL_S,
            env=worker_environment(),
            stdin=subprocess.DEVNULL,
            creationflags=subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0,
        )
        answer = json.loads(done.stdout)
        wrong = [item for item in answer["findings"] if item["status"] == "problem"]
        problems = [f"{item['subject']}: {item['detail']}" for item in wrong]
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        problems = [f"the worker does not start ({type(error).__name__})"]
    if problems:
        raise HandsError(
            ErrorCode.RUNTIME_MISSING,
            f"Everything was installed, and yet something is wrong: {'; '.join(problems)}.",
            "Press Remove and set up again; if it stays so, choose a Python of your own.",
        )
