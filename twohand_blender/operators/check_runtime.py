"""Check: ask the chosen Python interpreter whether it has what reconstructing needs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final, cast

import bpy

from ...inference.contract import ErrorCode, HandsError
from ..locations import EXTENSION_FOLDER, worker_python
from ..preferences import forget_findings, preferences_of, python_path_of
from ..worker_process import start_process, worker_command
from .messages import errors_reported

_LONGEST_CHECK_S: Final = 120.0


class TWOHAND_OT_check_runtime(bpy.types.Operator):
    """Start the chosen Python interpreter and see whether it has everything that reconstructing needs"""

    bl_idname = "twohand.check_runtime"
    bl_label = "Check"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        with errors_reported(self):
            preferences = preferences_of(context)
            forget_findings(context)
            window = cast("bpy.types.Window | None", context.window)  # the stubs take it for a function
            if window is not None:
                window.cursor_set("WAIT")
            try:
                ready, findings = check_runtime(worker_python(python_path_of(context)))
            finally:
                if window is not None:
                    window.cursor_set("DEFAULT")
            if preferences is not None:
                preferences.findings = "\n".join("\t".join(finding) for finding in findings)
            if not ready:
                lacking = ", ".join(subject for status, subject, _, _ in findings if status == "problem")
                raise HandsError(ErrorCode.RUNTIME_MISSING, f"This Python is not ready: {lacking}.")
            self.report({"INFO"}, "This Python has everything that is needed.")
            return {"FINISHED"}
        return {"CANCELLED"}


def check_runtime(python: Path) -> tuple[bool, list[tuple[str, str, str, str]]]:
    """Run ``doctor`` and return whether all is there, and its findings: status, subject, detail, remedy.

    Raises
    ------
    HandsError
        RUNTIME_MISSING where the interpreter cannot run it at all
    """
    process = start_process(worker_command(python, ["doctor", "--json"]), EXTENSION_FOLDER)
    try:
        output, log = process.communicate(timeout=_LONGEST_CHECK_S)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise HandsError(ErrorCode.RUNTIME_MISSING, f"'{python}' did not answer.", "Choose another one.") from error
    try:
        answer = json.loads(output.decode("utf-8", errors="replace"))
        fields = ("status", "subject", "detail", "remedy")
        findings = [tuple(" ".join(str(item[name]).split()) for name in fields) for item in answer["findings"]]
        return bool(answer["ready"]), [(a, b, c, d) for a, b, c, d in findings]
    except (ValueError, KeyError, TypeError) as error:
        words = log.decode("utf-8", errors="replace").strip().splitlines()
        detail = words[-1] if words else f"exit code {process.returncode}"
        raise HandsError(
            ErrorCode.RUNTIME_MISSING, f"'{python}' cannot run the reconstruction ({detail}).", "Choose another one."
        ) from error
