"""The path-traced reference gives light in the drawing's units, where the drawing has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.hands.model import HandModel

pytest.importorskip("torch", reason="the environment of bpy 5.2 has no torch, which the drawing needs")
from tools.cycles_scene.description import Description, Part, Sun, lens_of
from tools.cycles_scene.studio import Studio

SIZE_PX = 32
MODEL = HandModel.load(Path(__file__).resolve().parents[3] / "weights" / "open_hand.npz")
UP = np.array([0.0, 1.0, 0.0])


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(MODEL, SIZE_PX, samples=16, threads=1, skin="addon")


def card() -> Part:
    """A square of cloth in the right half of the picture, facing the camera at 0.5 m; Blender's axes."""
    corners = np.array([[0.0, -1, -0.5], [1, -1, -0.5], [1, 1, -0.5], [0, 1, -0.5]])
    return Part(corners, corners, np.array([[0, 1, 2], [0, 2, 3]]), hand_vertices=0)


def lit(parts: tuple[Part, ...], suns: tuple[Sun, ...], sky: float, ground: float) -> Description:
    return Description(
        parts=parts,
        tone=np.array([0.5, 0.25, 0.15]),
        cloth=np.array([0.4, 0.4, 0.4]),
        suns=suns,
        up=UP,
        sky=np.full(3, sky),
        ground=np.full(3, ground),
        lens=lens_of(30.0, (15.5, 15.5), SIZE_PX),
        albedo=np.full((SIZE_PX, SIZE_PX, 3), 0.4, dtype=np.float32),
    )


def test_a_card_gives_back_its_share_of_the_light_that_falls_on_it(studio: Studio) -> None:
    facing = Sun(np.array([0.0, 0, 1]), np.array([0.6, 0.5, 0.3]), 0.02)
    layer = studio.render(lit((card(),), (facing,), 0.0, 0.0))
    right, left = layer[4:-4, 18:-2], layer[:, :14]
    assert float(left[..., 3].max()) < 0.01
    assert float(right[..., 3].min()) > 0.99
    light = right[..., :3].mean((0, 1))
    # The coat of a cloth's fibres adds a little.
    np.testing.assert_allclose(light, 0.4 * facing.radiance, rtol=0.15)
    turned = facing._replace(towards=np.array([0.0, np.sin(1.0), np.cos(1.0)]))
    slanting = studio.render(lit((card(),), (turned,), 0.0, 0.0))[4:-4, 18:-2, :3].mean((0, 1))
    np.testing.assert_allclose(slanting / light, np.cos(1.0), rtol=0.15)


def test_sky_and_ground_each_light_half(studio: Studio) -> None:
    sky = studio.render(lit((card(),), (), 0.8, 0.0))[4:-4, 18:-2, :3].mean()
    ground = studio.render(lit((card(),), (), 0.0, 0.8))[4:-4, 18:-2, :3].mean()
    assert float(sky) == pytest.approx(0.4 * 0.8 / 2, rel=0.2)
    assert float(ground) == pytest.approx(float(sky), rel=0.2)


def test_a_hand_has_the_skin_that_it_is_given(studio: Studio) -> None:
    span = MODEL.v_template - MODEL.v_template.mean(axis=0)
    # The palm looks down in the rest pose: seen from above.
    vertices = span[:, [0, 2, 1]] * [1, -1, 1] + [0, 0, -0.22]
    part = Part(vertices, MODEL.v_template, MODEL.triangles.astype(np.int64), len(vertices))
    facing = Sun(np.array([0.0, 0, 1]), np.ones(3), 0.05)
    layer = studio.render(lit((part,), (facing,), 0.1, 0.1))
    covered = layer[..., 3] > 0.99
    assert 100 < covered.sum() < 800
    red, green, blue = layer[covered][:, :3].mean(0)
    assert red > green > blue > 0.05
