"""Blender's share of the benchmark, measured by a Python that has bpy in a process of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

from .measurement import Measurement, summarise

_SCRIPT: Final = Path(__file__).resolve().parents[2] / "tools" / "benchmark_blender.py"
GOAL_BUILD_S: Final = 2.0
GOAL_REKEY_S: Final = 0.2


def measure_blender(python: Path) -> list[Measurement]:
    """Building and re-keying 300 frames of two hands; empty where this Python has no bpy or the script is not shipped.

    Parameters
    ----------
    python : an interpreter, with bpy or without
    """
    if not _SCRIPT.is_file():
        return []
    done = subprocess.run([str(python), str(_SCRIPT)], capture_output=True, text=True, encoding="utf-8", check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        return []
    found = json.loads(lines[-1])
    name, build_s = f"Blender {found['blender']}", [found["build_s"]]
    return [
        summarise(f"{name}: build {found['frames']} frames", "s", build_s, GOAL_BUILD_S, less_is_better=True),
        summarise(f"{name}: re-key them", "s", [found["rekey_s"]], GOAL_REKEY_S, less_is_better=True),
        summarise(f"{name}: change of frame", "ms", [found["frame_change_ms"]]),
    ]
