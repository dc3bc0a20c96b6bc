"""How long building a take in Blender, re-keying it and playing it take; prints JSON with medians.

Run with a Python that has bpy: ``python tools/benchmark_blender.py [--frames 300] [--repeats 5]``.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

ROOT = Path(__file__).resolve().parents[1]
EXTENSION = "twohand_extension"
"""The name that tests/blender/conftest.py gives the repository's root package; its take factory imports from it."""


def load_extension() -> None:
    """Load the repository's root as a package, the way Blender loads an extension."""
    spec = importlib.util.spec_from_file_location(
        EXTENSION, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[EXTENSION] = module
    spec.loader.exec_module(module)
    sys.path.insert(0, str(ROOT / "tests" / "blender"))


def median_s(repeats: int, run: Callable[[], object], prepare: Callable[[], object] = lambda: None) -> float:
    """Median wall time of a call, each after an untimed preparation; one call beforehand warms up."""
    times: list[float] = []
    for _ in range(repeats + 1):
        prepare()
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def measure(frame_count: int, repeats: int) -> dict[str, Any]:
    """Medians for two hands over `frame_count` frames, in seconds and milliseconds as the names say."""
    factory: Any = importlib.import_module("take_factory")
    scene_package = f"{EXTENSION}.twohand_blender.scene"
    build: Any = importlib.import_module(f"{scene_package}.build")
    take_motion: Any = importlib.import_module(f"{scene_package}.take_motion")
    timeline: Any = importlib.import_module(f"{scene_package}.timeline")
    gaps: Any = importlib.import_module(f"{EXTENSION}.inference.motion.gaps")
    take, models = factory.make_take(frame_count), factory.open_models()

    def empty() -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)

    build_s = median_s(repeats, lambda: build.build_take(bpy.context, take, models), empty)
    built = build.build_take(bpy.context, take, models)
    rebuild_s = median_s(repeats, lambda: build.build_take(bpy.context, take, models))
    scene: Any = bpy.context.scene

    def rekey() -> None:
        build.rekey(scene, built, take_motion.hand_motions(gaps.fill_take(take), timeline.timeline_of(take)))

    rekey_s = median_s(repeats, rekey)

    def play() -> None:
        for frame in range(built.first_frame, built.last_frame + 1):
            scene.frame_set(frame)

    return {
        "blender": bpy.app.version_string,
        "frames": frame_count,
        "vertices_a_hand": len(models["right"].v_template),
        "build_s": round(build_s, 4),
        "rebuild_s": round(rebuild_s, 4),
        "rekey_s": round(rekey_s, 4),
        "frame_change_ms": round(1000 * median_s(repeats, play) / frame_count, 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    load_extension()
    print(json.dumps(measure(arguments.frames, arguments.repeats)))
    sys.stdout.flush()
    # bpy 4.5 may never let the interpreter exit by itself.
    os._exit(0)


if __name__ == "__main__":
    main()
