"""Photographs of a run, small enough for the documentation: ``python -m tools.gui_test.docs_pictures FROM TO``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from PIL import Image

PICTURES: Final = {
    "1-tab-sidebar": 0.6,
    "2-running-sidebar": 0.6,
    "3-cancelled-sidebar": 0.6,
    "4-done-sidebar": 1.0,
    "5-scrubbed-view": 1.0,
    "9-exported-sidebar": 1.0,
}
"""Photographs, and how much of their height is shown: below the tab's last panel there is nothing to see."""
_LARGEST_BYTES: Final = 250_000


def write_pictures(photographs: Path, folder: Path) -> None:
    """Write the pictures that the documentation shows as JPEG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, shown in PICTURES.items():
        path = folder / f"{name}.jpg"
        picture = Image.open(photographs / f"{name}.png").convert("RGB")
        picture.crop((0, 0, picture.width, round(picture.height * shown))).save(path, quality=88, optimize=True)
        size = path.stat().st_size
        assert size <= _LARGEST_BYTES, f"{path} is {size} bytes large"
        print(f"{path}: {size // 1000} kB")


if __name__ == "__main__":
    write_pictures(Path(sys.argv[1]), Path(sys.argv[2]))
