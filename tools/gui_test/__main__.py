"""Run the add-on in a real Blender with a window: ``python -m tools.gui_test`` (Linux, root)."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Final

from .debian_blender import has_blender, make_root
from .enclosure import build, check_possible, enter, is_inside
from .long_movie import write_repeated
from .screen import Screen
from .session import install, run_session
from .skipping import CannotRunHere

REPOSITORY: Final = Path(__file__).resolve().parents[2]
SCENARIOS: Final = {"walk": 900.0, "other_file": 400.0, "dropped": 300.0, "crashed": 400.0, "killed": 200.0}
"""Functions of `inside/scenarios.py`, in their order, and how long each may take, seconds."""


def main() -> int:
    """Command line: 0 where everything went well or the test cannot run here (the reason is printed), else 1."""
    parser = argparse.ArgumentParser(prog="python -m tools.gui_test", description=__doc__)
    parser.add_argument("--root", type=Path, default=REPOSITORY / "build" / "gui" / "sid", help="folder with Blender")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build" / "gui" / "test", help="emptied, then filled")
    parser.add_argument("--extension", type=Path, required=True, help="zip file of the extension")
    parser.add_argument("--only", choices=SCENARIOS, help="one scenario")
    options = parser.parse_args()
    root, out, extension = (path.resolve() for path in (options.root, options.out, options.extension))
    try:
        if is_inside():
            return _run(root, out, extension, [options.only] if options.only else list(SCENARIOS))
        check_possible()
        if not has_blender(root):
            print(f"Installing Debian's Blender in {root} (about a minute, 1.2 GB)", flush=True)
            make_root(root)
        return enter(sys.argv[1:])
    except CannotRunHere as reason:
        print(f"Skipped: the test in Blender's window cannot run here: {reason}.")
        return 0


def _run(root: Path, out: Path, extension: Path, scenarios: list[str]) -> int:
    shutil.rmtree(out, ignore_errors=True)
    for folder in (out / "photographs", out / "home", out / "user"):
        folder.mkdir(parents=True)
    shutil.copytree(Path(__file__).parent / "inside", out / "inside", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(extension, out)
    shutil.copy(REPOSITORY / "demo" / "clip.mp4", out)
    write_repeated(out / "clip.mp4", out / "long.mp4", 4)
    failed = False
    enclosure = build(root, out)
    with Screen(out / "xvfb.log") as screen:
        install(enclosure, screen, extension)
        for scenario in scenarios:
            start = time.monotonic()
            outcome = run_session(enclosure, screen, scenario, SCENARIOS[scenario])
            verdict = "FAILED" if outcome.complaints else "passed"
            print(f"{scenario}: {verdict} in {time.monotonic() - start:.0f} s", flush=True)
            for line in (*outcome.notes, *(f"FAILED: {complaint}" for complaint in outcome.complaints)):
                print(f"    {line}", flush=True)
            failed = failed or bool(outcome.complaints)
    print(f"Photographs: {out / 'photographs'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
