"""One Blender from its start to its end, with a scenario of `inside/` in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .enclosure import SHARED_NAME, Enclosure
from .screen import SIZE_PX, Screen

_PHOTO_REQUEST: Final = "photograph-"
_KILL_REQUEST: Final = "kill-blender"
_WORKER_ENDS_WITHIN_S: Final = 20.0


@dataclass(frozen=True)
class Outcome:
    """What came of a session: complaints (none where all went well) and what the scenario measured."""

    complaints: list[str]
    notes: list[str]


def install(enclosure: Enclosure, screen: Screen, extension: Path) -> None:
    """Install the extension's zip, which lies in the shared folder, as a user does, and enable it."""
    path = f"/{SHARED_NAME}/{extension.name}"
    done = subprocess.run(
        enclosure.command(
            screen.display, "blender", "--command", "extension", "install-file", "-r", "user_default", "-e", path
        ),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"The extension cannot be installed: {(done.stdout + done.stderr).strip()}")


def run_session(enclosure: Enclosure, screen: Screen, scenario: str, limit_s: float) -> Outcome:
    """Start Blender with a window, let `inside/scenarios.py` do what `scenario` names, and see that nothing stays."""
    log_path = enclosure.shared / f"{scenario}.log"
    size = [str(number) for number in SIZE_PX]
    command = enclosure.command(
        screen.display, "blender", "--window-geometry", "0", "0", *size, "--enable-event-simulate",
        "--python-exit-code", "3", "--python", f"/{SHARED_NAME}/inside/start.py", "--", scenario,
    )  # fmt: skip
    with log_path.open("wb") as log:
        blender = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    end = time.monotonic() + limit_s
    killed = False
    while blender.poll() is None and time.monotonic() < end:
        killed = _answer_requests(enclosure.shared, screen, blender) or killed
        time.sleep(0.05)
    complaints: list[str] = []
    if blender.poll() is None:
        screen.photograph(enclosure.shared / f"{scenario}-too-long.png")
        complaints.append(f"Blender did not end within {limit_s:.0f} s")
        blender.kill()
        blender.wait()
    text = log_path.read_text(encoding="utf-8", errors="replace")
    lines = [line.removeprefix("GUI TEST ") for line in text.splitlines() if line.startswith("GUI TEST ")]
    complaints += [line.removeprefix("FAILED ") for line in lines if line.startswith("FAILED ")]
    if "END" not in lines:
        complaints.append("the scenario did not come to its end")
    if blender.returncode != (-signal.SIGKILL if killed else 0):
        complaints.append(f"Blender ended with exit code {blender.returncode}")
    left_s, left = _wait_for_workers()
    notes = [line.removeprefix("NOTE ") for line in lines if line.startswith("NOTE ")]
    notes.append(f"worker gone {left_s:.1f} s after Blender")
    complaints += [f"a worker outlives Blender: {process}" for process in left]
    return Outcome(complaints, notes)


def _answer_requests(shared: Path, screen: Screen, blender: subprocess.Popen[bytes]) -> bool:
    """Do what the scenario asks for by files in the shared folder; true where that was Blender's end."""
    for request in shared.glob(f"{_PHOTO_REQUEST}*"):
        name = request.name.removeprefix(_PHOTO_REQUEST)
        boxes: dict[str, list[int]] = json.loads(request.read_text(encoding="utf-8"))
        screen.photograph(shared / "photographs" / f"{name}.png")
        for part, (left, top, width, height) in boxes.items():
            screen.photograph(shared / "photographs" / f"{name}-{part}.png", (left, top, width, height))
        request.unlink()
    request = shared / _KILL_REQUEST
    if request.exists():
        request.unlink()
        blender.kill()
        return True
    return False


def _wait_for_workers() -> tuple[float, list[str]]:
    """How long workers were still there, seconds, and those that did not go."""
    start = time.monotonic()
    while True:
        left, passed_s = _worker_processes(), time.monotonic() - start
        if not left or passed_s > _WORKER_ENDS_WITHIN_S:
            return passed_s, left
        time.sleep(0.1)


def _worker_processes() -> list[str]:
    """Command lines of all workers in our process namespace (one that ended and waits for its parent has none)."""
    found: list[str] = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        if b"inference" in words:
            found.append(b" ".join(words).decode(errors="replace").strip())
    return found
