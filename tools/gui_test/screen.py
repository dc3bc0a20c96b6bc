"""A screen without a monitor, and pictures of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final, Self

SIZE_PX: Final = (1600, 900)


class Screen:
    """An X server that draws into memory; use it in a ``with`` statement."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._server: subprocess.Popen[bytes] | None = None
        self.display = ""

    def __enter__(self) -> Self:
        reading, writing = os.pipe()
        width, height = SIZE_PX
        # The server chooses a number that is free and writes it to the pipe when it is ready.
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(command, pass_fds=[writing], stdout=log, stderr=log)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            self.display = f":{pipe.readline().strip()}"
        if self.display == ":":
            raise RuntimeError(f"Xvfb did not start: {self._log.read_text(encoding='utf-8', errors='replace')}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait(10)

    def photograph(self, path: Path, box: tuple[int, int, int, int] | None = None) -> None:
        """Write what is on the screen, or in a box of it (left, top, width, height in pixels), to a PNG file."""
        command = ["import", "-display", self.display, "-window", "root"]
        if box is not None:
            left, top, width, height = box
            command += ["-crop", f"{width}x{height}+{left}+{top}", "+repage"]
        subprocess.run([*command, str(path)], check=True, capture_output=True)
