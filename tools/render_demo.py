"""Render the demo picture and clip from the open hand, with their truth. Blender's module does the rendering::

    python -m tools.render_demo            # both; about a quarter of an hour on two free cores
    python -m tools.render_demo picture    # or: clip

Every pixel comes from this repository (hand model, room, light, motion), so the files are CC0. Finished frames are kept
under ``demo/out/render`` for this model and this script, so that an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from inference.camera import Camera
from inference.contract import write_take
from inference.hands.model import HandModel
from inference.media.source_hash import movie_hash, picture_hash

from .demo_scene import actors, arm, choreography, complexion, film, poses, stage, surface
from .demo_scene.arm import build_skin, pose_arm
from .demo_scene.choreography import (
    CLIP_SIZE_PX,
    FOCAL_MM,
    FPS,
    PICTURE_SIZE_PX,
    Performance,
    perform_clip,
    perform_picture,
)
from .demo_scene.truth import truth_take

ROOT: Final = Path(__file__).resolve().parents[1]
DEMO: Final = ROOT / "demo"
FOCUS_M: Final = 0.45
F_STOP: Final = 0.9
"""Wide open on the 35 mm equivalent lens: the strong blur of a phone's portrait mode."""


def main() -> int:
    """Render what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["both", "picture", "clip"], default="both")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--samples", type=int, help="samples a pixel (default: 24 for the picture, 6 for the clip)")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full picture size, for trials")
    parser.add_argument("--every", type=int, default=1, help="render only every n-th frame of the clip, for trials")
    parser.add_argument("--out", type=Path, default=DEMO, help="folder for the results (default: demo)")
    options = parser.parse_args()
    model = HandModel.load(ROOT / "weights" / "open_hand.npz")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.what in ("both", "picture"):
        _make_picture(model, options)
    if options.what in ("both", "clip"):
        _make_clip(model, options)
    # bpy 4.5 may hang while the interpreter ends; everything is written by now.
    sys.stdout.flush()
    os._exit(0)


def _make_picture(model: HandModel, options: argparse.Namespace) -> None:
    size = _scaled(PICTURE_SIZE_PX, options.scale)
    performance = perform_picture(model)
    studio = Studio(performance, size, options.samples or 24, options.threads, levels=3)
    folder = _work_folder(model, f"picture_{size[0]}_{studio.samples}")
    path = options.out / "picture.jpg"
    film.write_jpeg(path, studio.photograph(0, folder), round(FOCAL_MM))
    camera = Camera.from_focal_mm(FOCAL_MM, size, "exif")
    write_take(truth_take(performance, camera, 0.0, path.name, picture_hash(path)), options.out / "picture_truth.npz")
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def _make_clip(model: HandModel, options: argparse.Namespace) -> None:
    size = _scaled(CLIP_SIZE_PX, options.scale)
    performance = perform_clip(model)
    studio = Studio(performance, size, options.samples or 6, options.threads, levels=2)
    folder = _work_folder(model, f"clip_{size[0]}_{studio.samples}")
    frames = list(range(0, performance.points_m.shape[1], options.every))
    pictures: list[Path] = []
    start = time.perf_counter()
    for done, frame in enumerate(frames, 1):
        picture = folder / f"composed_{frame:04d}.png"
        cv2.imwrite(str(picture), studio.photograph(frame, folder))
        pictures.append(picture)
        left_s = (time.perf_counter() - start) / done * (len(frames) - done)
        print(f"frame {done} of {len(frames)}, about {left_s / 60:.0f} minutes left", flush=True)
    path = options.out / "clip.mp4"
    with _quiet():
        film.write_movie(path, pictures, size, FPS)
    camera = Camera.from_focal_mm(FOCAL_MM, size, "given")
    write_take(truth_take(performance, camera, FPS, path.name, movie_hash(path)), options.out / "clip_truth.npz")
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB, {len(pictures)} frames")


class Studio:
    """The room with both arms, photographed in two layers: the blurred room once, the sharp hands frame by frame."""

    def __init__(
        self, performance: Performance, size_px: tuple[int, int], samples: int, threads: int, levels: int
    ) -> None:
        self.samples, self._performance = samples, performance
        self._skins = [build_skin(model, performance.betas, levels) for model in performance.models]
        self._scene: Any = stage.new_scene(size_px, FOCAL_MM, samples, threads)
        self._room = stage.build_room(self._scene)
        stage.light_room(self._scene)
        skin, sleeve = actors.skin_material(), actors.sleeve_material()
        self._arms = [actors.ArmActor(self._scene, one, skin, sleeve) for one in self._skins]
        self._size_px = size_px

    def photograph(self, frame: int, folder: Path) -> film.Picture:
        """(H, W, 3) BGR of one frame; layers that lie in `folder` already are taken from there."""
        background_path, hands_path = _room_path(self._size_px), folder / f"hands_{frame:04d}.png"
        if not background_path.exists():
            self._render_room(background_path)
        if not hands_path.exists():
            self._render_hands(frame, hands_path)
        background = cv2.imread(str(background_path))
        if background is None:
            raise FileNotFoundError(background_path)
        return film.compose(hands_path, background.astype(np.uint8), seed=frame)

    def _render_room(self, path: Path) -> None:
        for actor in self._arms:
            actor.hide(True)
        stage.blur_background(self._scene, FOCUS_M, F_STOP)
        self._scene.cycles.samples = 48
        self._render(path, "RGB")
        self._scene.cycles.samples = self.samples
        self._scene.camera.data.dof.use_dof = False
        for actor in self._arms:
            actor.hide(False)

    def _render_hands(self, frame: int, path: Path) -> None:
        motions = self._performance.motions
        posed = [pose_arm(skin, motion, frame) for skin, motion in zip(self._skins, motions, strict=True)]
        for actor, one in zip(self._arms, posed, strict=True):
            actor.move(one)
        stage.render_only(
            self._scene, np.concatenate([*(one.skin_m for one in posed), *(one.sleeve_m for one in posed)])
        )
        for thing in self._room:
            thing.visible_camera = False
        self._scene.render.film_transparent = True
        self._render(path, "RGBA")
        self._scene.render.use_border = False
        self._scene.render.film_transparent = False
        for thing in self._room:
            thing.visible_camera = True

    def _render(self, path: Path, colours: str) -> None:
        import bpy

        settings = self._scene.render.image_settings
        settings.file_format, settings.color_mode, settings.color_depth = "PNG", colours, "8"
        part = path.with_name(f"part_{path.name}")
        self._scene.render.filepath = str(part)
        with _quiet():
            bpy.ops.render.render(write_still=True)
        part.replace(path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the renderer's own lines (written below Python) off the terminal."""
    sys.stdout.flush()
    kept = os.dup(1)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(sink)
        os.close(kept)


def _room_path(size_px: tuple[int, int]) -> Path:
    """Where the room without hands is kept: it depends on `stage` alone."""
    digest = hashlib.sha256(Path(str(stage.__file__)).read_bytes()).hexdigest()[:12]
    folder = DEMO / "out" / "render"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"room_{size_px[0]}_{digest}.png"


def _work_folder(model: HandModel, name: str) -> Path:
    """Where the layers of this model, this scene and these settings are kept."""
    digest = hashlib.sha256(model.sha256.encode())
    for module in (actors, arm, choreography, complexion, poses, stage, surface):
        digest.update(Path(str(module.__file__)).read_bytes())
    folder = DEMO / "out" / "render" / f"{name}_{digest.hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _scaled(size_px: tuple[int, int], scale: float) -> tuple[int, int]:
    """Even numbers: H.264 wants them."""
    return 2 * round(size_px[0] * scale / 2), 2 * round(size_px[1] * scale / 2)


if __name__ == "__main__":
    raise SystemExit(main())
