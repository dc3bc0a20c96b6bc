"""What the path tracer is told of a sample, and that a sample with its layer is otherwise the drawn one. No bpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from inference.synthesis.rasterizer import Fragments
from inference.synthesis.sample import Generator, Look, Settings
from inference.synthesis.scene import Scene
from tools.cycles_reference import WEIGHTS, CyclesGenerator
from tools.cycles_scene.description import FILM_WIDTH_MM, TO_BLENDER, Lens, describe, lens_of

SETTINGS = Settings(size_px=64, use="test")
SEED = -77
NUMBERS = torch.arange(6)


class Watched(Generator):
    """Keeps what a renderer gets, and the layers that it gives."""

    given: tuple[Scene, Fragments, Look, int]
    layers: torch.Tensor

    def layer(self, scene: Scene, seen: Fragments, look: Look, large: int) -> torch.Tensor:
        self.given = (scene, seen, look, large)
        self.layers = super().layer(scene, seen, look, large)
        return self.layers


@pytest.fixture(scope="module")
def drawn() -> tuple[Watched, Any]:
    generator = Watched.from_weights(WEIGHTS, SETTINGS)
    return cast("Watched", generator), generator.make(SEED, NUMBERS)


def blender_pixel(lens: Lens, points_m: np.ndarray, size_px: int) -> np.ndarray:
    """Where Blender's camera at the origin shows points (N, 3): y is up, shifts are in widths of the film."""
    scale = lens.focal_mm / FILM_WIDTH_MM / -points_m[:, 2]
    across = points_m[:, 0] * scale - lens.shift_right
    up = points_m[:, 1] * scale - lens.shift_up
    return np.stack([(across + 0.5) * size_px - 0.5, (0.5 - up) * size_px - 0.5], axis=1)


def test_the_lens_shows_points_where_the_pinhole_camera_does() -> None:
    points_m = np.array([[0.05, -0.02, 0.4], [-0.1, 0.1, 0.7], [0.0, 0.0, 1.0]])
    focal, principal = 300.0, np.array([150.0, -40.0])
    expected = focal * points_m[:, :2] / points_m[:, 2:] + principal
    lens = lens_of(focal, (150.0, -40.0), 96)
    np.testing.assert_allclose(blender_pixel(lens, points_m * TO_BLENDER, 96), expected)


def test_the_meshes_lie_where_the_drawing_has_them(drawn: tuple[Watched, Any]) -> None:
    generator, samples = drawn
    scene, seen, look, large = generator.given
    for number in NUMBERS.tolist():
        told = describe(scene, seen, look, generator.mesh, number=number, large=large, size_px=SETTINGS.size_px)
        skins = [part for part in told.parts if part.hand_vertices]
        assert len(skins) == int(samples.present[number].sum())
        for part, side in zip(skins, samples.present[number].nonzero().flatten().tolist(), strict=True):
            hand = samples.vertices_m[number, side].numpy()
            np.testing.assert_allclose(part.vertices_m[: part.hand_vertices] * TO_BLENDER, hand, atol=1e-6)
            assert part.triangles.min() == 0
            assert part.triangles.max() == len(part.vertices_m) - 1
            expected = scene.view.project(scene.points_m)[number, side]
            points = scene.points_m[number, side].double().numpy() * TO_BLENDER
            np.testing.assert_allclose(blender_pixel(told.lens, points, SETTINGS.size_px), expected, atol=0.05)
        here = seen.picture == number
        place = seen.pixel[here] - number * large * large
        np.testing.assert_allclose(told.albedo.reshape(-1, 3)[place], look.material.albedo[:, here].T, atol=1e-6)


def test_lamps_that_are_off_make_no_suns(drawn: tuple[Watched, Any]) -> None:
    generator, _ = drawn
    scene, seen, look, large = generator.given
    for number in NUMBERS.tolist():
        told = describe(scene, seen, look, generator.mesh, number=number, large=large, size_px=SETTINGS.size_px)
        assert len(told.suns) == int((look.lamps.colour[number].amax(1) > 0).sum())
        for sun in told.suns:
            assert np.linalg.norm(sun.towards) == pytest.approx(1, abs=1e-5)
            assert 0 < sun.angle_rad < np.pi / 2


def test_with_the_drawn_layers_the_samples_are_the_drawn_ones(drawn: tuple[Watched, Any], tmp_path: Path) -> None:
    generator, samples = drawn
    for number, layer in zip(NUMBERS.tolist(), generator.layers, strict=True):
        np.savez(tmp_path / f"{number:07d}.npz", layer=layer.permute(1, 2, 0).half().numpy())
    again = CyclesGenerator(SETTINGS, tmp_path, studio=cast("Any", None)).make(SEED, NUMBERS)
    for name, value in vars(again).items():
        if name != "picture":
            assert torch.equal(value, getattr(samples, name)), name
    difference = (again.picture.int() - samples.picture.int()).abs()
    assert float(difference.float().mean()) < 0.2
    for path in tmp_path.glob("*.npz"):
        np.savez(path, layer=np.zeros((SETTINGS.size_px, SETTINGS.size_px, 4), dtype=np.float16))
    empty = CyclesGenerator(SETTINGS, tmp_path, studio=cast("Any", None)).make(SEED, NUMBERS)
    assert float((empty.picture.int() - samples.picture.int()).abs().float().mean()) > 3
