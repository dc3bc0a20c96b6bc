# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""Skin: its tones and controls, what sticks to it, what a renderer makes of it, and that it goes with its hands."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray
from scene_access import current_scene, evaluated, mesh_of, pixels_of
from take_factory import make_take, open_models
from twohand_extension.inference.hands.joints import SIDES, Side
from twohand_extension.twohand_blender.scene import axes, build, collection, material, skin_zones

TONES: tuple[material.SkinTone, ...] = ("light", "medium", "dark")


def build_hands(**options: Any) -> build.BuiltHands:
    return build.build_take(bpy.context, make_take(1), open_models(), build.BuildOptions(**options))


def skin_of(built: build.BuiltHands, side: Side) -> Any:
    found = mesh_of(bpy.data.objects[built.meshes[side]]).materials[0]
    assert found is not None
    return found


def node_of(skin: Any, kind: str) -> Any:
    return next(node for node in skin.node_tree.nodes if node.type == kind)


def vectors_of(attribute: Any) -> NDArray[np.float64]:
    values = np.empty(3 * len(attribute.data), dtype=np.float32)
    attribute.data.foreach_get("vector", values)
    return values.reshape(-1, 3).astype(np.float64)


@pytest.mark.parametrize("tone", TONES)
def test_a_tone_is_the_skins_colour_and_the_shaders_own(empty_file: None, tone: material.SkinTone) -> None:
    built = build_hands(skin_tone=tone)
    for side in SIDES:
        skin = skin_of(built, side)
        expected = pytest.approx((*material.SKIN_TONES[tone], 1.0))
        assert tuple(node_of(skin, "GROUP").inputs["Colour"].default_value) == expected
        # File formats read the value of the shader's socket, whatever is linked to it.
        assert tuple(node_of(skin, "BSDF_PRINCIPLED").inputs["Base Color"].default_value) == expected
        assert tuple(skin.diffuse_color) == expected


def test_medium_is_the_tone_where_none_is_asked_for(empty_file: None) -> None:
    skin = skin_of(build_hands(), "right")
    assert tuple(skin.diffuse_color)[:3] == pytest.approx(material.SKIN_TONES["medium"])


def test_the_group_offers_its_controls_and_feeds_the_shader(empty_file: None) -> None:
    built = build_hands()
    group_node, shader = (node_of(skin_of(built, "right"), kind) for kind in ("GROUP", "BSDF_PRINCIPLED"))
    assert [socket.name for socket in group_node.inputs] == [
        "Colour", "Roughness", "Subsurface", "Redness", "Variation", "Bump",
    ]  # fmt: skip
    linked = {link.to_socket.name for link in skin_of(built, "right").node_tree.links if link.to_node == shader}
    assert linked == {"Base Color", "Roughness", "Subsurface Weight", "Normal"}
    assert group_node.node_tree == node_of(skin_of(built, "left"), "GROUP").node_tree
    dangling = [node.bl_idname for node in group_node.node_tree.nodes if not any(s.is_linked for s in node.outputs)]
    assert dangling == ["NodeGroupOutput"]


def test_the_left_hand_is_cooler_on_request(empty_file: None) -> None:
    built = build_hands(tint="by_side")
    right, left = (np.array(skin_of(built, side).diffuse_color)[:3] for side in SIDES)
    assert left[0] < right[0] and left[2] > right[2]


def test_the_skin_goes_with_its_hands_and_building_again_leaves_one(empty_file: None) -> None:
    build_hands()
    built = build_hands(skin_tone="dark")
    assert [group.name for group in bpy.data.node_groups] == ["Hand Skin"]
    assert [item.name for item in bpy.data.materials] == ["HandSkin_L", "HandSkin_R"]
    collection.remove_build(current_scene(), built.key)
    assert not bpy.data.node_groups and not bpy.data.materials


def test_a_skin_group_that_the_user_took_over_stays(empty_file: None) -> None:
    built = build_hands()
    theirs = cast(Any, bpy.data.materials.new("Mine"))
    if bpy.app.version < (5, 0, 0):
        theirs.use_nodes = True
    theirs.node_tree.nodes.new("ShaderNodeGroup").node_tree = bpy.data.node_groups["Hand Skin"]
    bpy.data.objects.new("Theirs", bpy.data.meshes.new("Theirs")).data.materials.append(theirs)  # type: ignore[union-attr]
    collection.remove_build(current_scene(), built.key)
    assert bpy.data.node_groups.keys() == ["Hand Skin"]


@pytest.mark.parametrize("side", SIDES)
def test_nails_lie_on_the_backs_of_the_fingertips(side: Side) -> None:
    model = open_models()[side]
    blood, nail, palm = skin_zones.skin_zones(model).T
    assert np.all((blood >= 0) & (blood <= 1) & (nail >= 0) & (nail <= 1) & (palm >= 0) & (palm <= 1))
    tips = model.v_template[model.tip_vertices]
    distance = np.linalg.norm(model.v_template[:, None] - tips, axis=-1)
    for tip in range(5):
        assert np.count_nonzero((nail > 0.5) & (np.argmin(distance, axis=1) == tip)) >= 4, "every finger has one"
    assert distance.min(axis=1)[nail > 0.1].max() < 0.022
    assert palm[nail > 0.9].max() < 0.15
    inside = (np.argmax(model.lbs_weights, axis=1) == 0) & (model.v_template[:, 1] < -0.015)
    assert palm[inside].mean() > 0.6, "the palm looks along -y"


def test_both_hands_are_painted_alike() -> None:
    right, left = (skin_zones.skin_zones(open_models()[side]) for side in SIDES)
    np.testing.assert_allclose(left, right, atol=1e-9)


def test_zones_and_pattern_are_on_the_mesh(empty_file: None) -> None:
    built = build_hands()
    for side in SIDES:
        mesh_object = bpy.data.objects[built.meshes[side]]
        zones = vectors_of(mesh_of(mesh_object).attributes["skin_zones"])
        np.testing.assert_allclose(zones, skin_zones.skin_zones(open_models()[side]), atol=1e-6)
        # Blender makes it: the vertices of the mean shape, however the hand is posed.
        rest = vectors_of(mesh_of(evaluated(mesh_object)).attributes["rest_position"])
        np.testing.assert_allclose(rest, axes.model_to_rest(open_models()[side].v_template), atol=1e-6)


def render_mean(path: Path) -> NDArray[np.float64]:
    """(3,) mean colour of the pixels that show skin, in a Cycles picture a few pixels wide."""
    scene = cast(Any, current_scene())
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 4, False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.film_transparent = 48, 36, True
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.filepath = str(path)
    if "Sun" not in bpy.data.objects:
        sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
        sun.rotation_euler = (1.2, 0.0, 0.3)  # from behind the camera
        scene.collection.objects.link(sun)
    bpy.ops.render.render(write_still=True)
    picture = pixels_of(bpy.data.images.load(str(path))).astype(np.float64)
    shown = picture[..., 3] > 0.9
    assert np.count_nonzero(shown) > 60
    return picture[shown][:, :3].mean(axis=0)


def test_cycles_renders_three_tones_of_skin(empty_file: None, tmp_path: Path) -> None:
    means = []
    for tone in TONES:
        build_hands(skin_tone=tone, background=False)
        means.append(render_mean(tmp_path / f"{tone}.png"))
    light, medium, dark = means
    assert np.all(light > medium + 0.02) and np.all(medium > dark + 0.05)
    for red, green, blue in means:
        assert red > green > blue


def test_the_colour_control_colours_the_hand(empty_file: None, tmp_path: Path) -> None:
    built = build_hands(background=False)
    for side in SIDES:
        node_of(skin_of(built, side), "GROUP").inputs["Colour"].default_value = (0.05, 0.1, 0.6, 1.0)
    red, _green, blue = render_mean(tmp_path / "blue.png")
    assert blue > red + 0.1
