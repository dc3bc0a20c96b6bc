"""What ``make demo`` does: reconstruct the demo picture and clip, build the hands in Blender, export them.

The same steps by hand: ``python -m inference reconstruct demo/clip.mp4`` and, in Blender, Import Take and Export FBX.
Everything is written to ``demo/out/``; ``--result`` also makes the README's picture ``docs/result.jpg`` anew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
DEMO: Final = ROOT / "demo"
OUT: Final = DEMO / "out"
CLIP_FOCAL_MM: Final = 28.0
"""The clip's camera (demo/README.md): a movie cannot say it, the picture says it in its EXIF block."""


@dataclass
class Result:
    """One input: where its take and overlay lie, and what the worker said about it."""

    name: str
    take: Path
    overlay: Path
    summary: dict[str, Any] = field(default_factory=dict)


class StepFailedError(RuntimeError):
    """A step of the demo did not work; the message says which and what to do."""


def main() -> int:
    """Run every step and say what was made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--result", action="store_true", help="make docs/result.jpg anew, too")
    options = parser.parse_args()
    start = time.perf_counter()
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        with _step("Checking what is installed"):
            _worker("doctor")
        picture = Result("picture", OUT / "picture.hands.npz", OUT / "picture_overlay.png")
        clip = Result("clip", OUT / "clip.hands.npz", OUT / "clip_overlay.mp4")
        with _step("Reconstructing demo/picture.jpg"):
            _reconstruct(picture, DEMO / "picture.jpg")
        with _step("Reconstructing demo/clip.mp4"):
            _reconstruct(clip, DEMO / "clip.mp4", "--focal-mm", f"{CLIP_FOCAL_MM:g}")
        with _step("Drawing the meshes over the pictures"):
            for result in (picture, clip):
                _worker("preview", str(result.take), "--out", str(result.overlay))
        made = _build(clip, picture, options.result)
    except StepFailedError as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    _tell(picture, clip, made, time.perf_counter() - start)
    return 0


def _reconstruct(result: Result, source: Path, *options: str) -> None:
    """Run the worker as the add-on does, reading its records."""
    result.take.unlink(missing_ok=True)  # else a finished run would be taken over and nothing be shown
    arguments = ["reconstruct", str(source), "--out", str(result.take), "--records", *options]
    with _start(*arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        error: dict[str, Any] = {}
        for line in process.stdout:
            record = json.loads(line) if line.startswith("{") else {}
            if record.get("record") == "progress":
                _show_progress(record)
            elif record.get("record") == "warning":
                print(f"\r  Note: {record['message']}")
            elif record.get("record") == "result":
                result.summary = record["summary"]
            elif record.get("record") == "error":
                error = record
    if process.returncode or not result.summary:
        raise StepFailedError(f"{error.get('message', 'the worker ended')} {error.get('hint', '')}".strip())


def _show_progress(record: dict[str, Any]) -> None:
    if sys.stdout.isatty() and record["total"]:
        print(f"\r  {record['stage']}: {record['done']} of {record['total']}   ", end="", flush=True)
        if record["done"] == record["total"]:
            print("\r" + " " * 60 + "\r", end="", flush=True)


def _worker(*arguments: str) -> None:
    """Run ``python -m inference`` and show its words only where it fails."""
    with _start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        words = process.communicate()[0]
    if process.returncode:
        print(words)
        raise StepFailedError(f"'python -m inference {arguments[0]}' failed; its words are above.")


def _start(*arguments: str, **streams: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "inference", *arguments]
    return subprocess.Popen(command, cwd=ROOT, text=True, encoding="utf-8", **streams)


def _build(clip: Result, picture: Result, with_result: bool) -> dict[str, Any]:
    """Everything in Blender; it runs in this process, so the worker's steps come first."""
    sys.path.insert(0, str(ROOT))
    from tools.demo_scene import showcase

    with _step("Building the hands in Blender"):
        showcase.start()
        made: dict[str, Any] = {"build_s": showcase.build_scenes(clip.take, picture.take)}
        showcase.save(OUT / "hands.blend")
    with _step("Writing the FBX file and reading it back"):
        made["fbx"] = showcase.export(OUT / "hands.fbx")
    with _step("Rendering the result"):
        showcase.render_previews(OUT, DEMO / "picture.jpg")
    if with_result:
        showcase.write_result(ROOT / "docs" / "result.jpg", DEMO / "picture.jpg", OUT)
    return made


@contextmanager
def _step(title: str) -> Iterator[None]:
    print(f"{title} ...", flush=True)
    start = time.perf_counter()
    yield
    print(f"  done in {time.perf_counter() - start:.1f} s", flush=True)


def _tell(picture: Result, clip: Result, made: dict[str, Any], seconds: float) -> None:
    print("\nWhat was found")
    for result in (picture, clip):
        for side, hand in result.summary["hands"].items():
            if hand["frames"]:
                print(
                    f"  {result.name}: {side} hand in {hand['frames']} of {result.summary['frames']} frames, "
                    f"{hand['reprojection_px']:.1f} px reprojection error "
                    f"({100 * hand['reprojection_share']:.1f} % of the hand's box)"
                )
            else:
                print(f"  {result.name}: no {side} hand")
    report = made["fbx"]
    worst = max(hand["max_vertex_error_mm"] for hand in report["hands"])
    print(f"  {clip.name}: both rigs, meshes and keys built in Blender in {made['build_s']:.1f} s")
    print(
        f"  hands.fbx: {len(report['hands'])} hands, frames {report['first_frame']} to {report['last_frame']}, "
        f"largest vertex error {worst:.4f} mm over {report['frames_compared']} frames when read back"
    )
    print("\nWhat was made")
    for path in sorted(OUT.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            print(f"  {path.relative_to(ROOT)}  ({path.stat().st_size / 1e6:.2f} MB)")
    print(f"\n{seconds:.0f} s in all. Open demo/out/hands.blend in Blender 4.5 or newer.")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # With classes registered bpy 4.5 never lets the interpreter end by itself; everything is written by now.
    os._exit(status)
