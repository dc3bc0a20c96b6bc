"""Render pictures of the open hand with known joints, for the tests of the detection and for measuring it.

Needs bpy. The fixed scenes are what ``tests/inference/detect/data`` holds::

    python tools/render_hand_pictures.py --out tests/inference/detect/data
    python tools/render_hand_pictures.py --random 40 --out /tmp/pairs

Beside every ``NAME.jpg`` lies ``NAME.json``: the 21 joints in the picture by side.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import bpy as bpy_module
import numpy as np
from numpy.typing import NDArray

# The stubs know no node by its kind and no union of object data; a script as small as this gains nothing from them.
bpy: Any = cast("Any", bpy_module)

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inference.hands.joint_axes import joint_frames  # noqa: E402  # needs the path above
from inference.hands.joints import FINGERS, Side  # noqa: E402
from inference.hands.model import HandModel  # noqa: E402
from inference.hands.rotations import rotvec_to_matrix  # noqa: E402
from inference.hands.skinning import pose_hand, shaped_rest  # noqa: E402

SIZE_PX: Final = 480
FOCAL_PX: Final = 620.0
FOREARM_M: Final = 0.25
FOREARM_RINGS: Final = 6
SKIN_TONES: Final = ((0.80, 0.50, 0.37), (0.52, 0.28, 0.18), (0.20, 0.10, 0.065))
CAMERA_TO_BLENDER: Final = np.array([1.0, -1.0, -1.0])

# Curl from 0 (straight) to 1 (fist) of index, middle, pinky, ring, thumb, as in FINGERS, and the spread in degrees.
POSES: Final[dict[str, tuple[tuple[float, float, float, float, float], float]]] = {
    "flat": ((0.0, 0.0, 0.0, 0.0, 0.0), 2.0),
    "spread": ((0.0, 0.0, 0.0, 0.0, 0.0), 11.0),
    "relaxed": ((0.2, 0.25, 0.35, 0.3, 0.2), 4.0),
    "fist": ((1.0, 1.0, 1.0, 1.0, 0.7), 0.0),
    "point": ((0.0, 0.95, 1.0, 1.0, 0.6), 0.0),
    "thumb_up": ((1.0, 1.0, 1.0, 1.0, 0.0), 0.0),
    "horns": ((0.05, 0.95, 0.05, 0.95, 0.4), 3.0),
    "cup": ((0.45, 0.45, 0.45, 0.45, 0.35), 1.0),
}


@dataclass(frozen=True)
class Hand:
    """One hand of a scene.

    Parameters
    ----------
    side : which hand
    pose : key of `POSES`
    wrist_m : wrist in camera axes, metres
    turns_deg : about the camera's x, y and z axes, from the hand that points up with its palm to the camera; z last
    """

    side: Side
    pose: str
    wrist_m: tuple[float, float, float]
    turns_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Scene:
    """Hands, skin and light of one picture."""

    hands: tuple[Hand, ...]
    skin: int = 0
    seed: int = 0


SCENES: Final = {
    "right_spread": Scene((Hand("right", "spread", (-0.01, 0.09, 0.45), (8, -12, -10)),)),
    "left_back": Scene((Hand("left", "relaxed", (0.02, 0.09, 0.45), (5, 165, 12)),), skin=1, seed=1),
    "two_apart": Scene(
        (
            Hand("right", "spread", (-0.10, 0.09, 0.55), (5, 10, -8)),
            Hand("left", "relaxed", (0.10, 0.08, 0.55), (5, -15, 14)),
        ),
        seed=2,
    ),
    "two_fingertips": Scene(
        (
            Hand("right", "spread", (-0.131, 0.05, 0.52), (10, 25, 45)),
            Hand("left", "spread", (0.131, 0.05, 0.52), (10, -25, -45)),
        ),
        seed=3,
    ),
    "two_crossed": Scene(
        (
            Hand("right", "spread", (0.07, 0.11, 0.50), (0, 172, -28)),
            Hand("left", "flat", (-0.07, 0.12, 0.58), (0, 175, 30)),
        ),
        skin=1,
        seed=4,
    ),
}


def posed(model: HandModel, hand: Hand, generator: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Vertices with a forearm (V + rings, 3) and the 21 points (21, 3), camera axes, metres."""
    curls, spread = POSES[hand.pose]
    betas = np.zeros(model.shape_count)
    rest_vertices, rest_joints = shaped_rest(model, betas)
    frames = joint_frames(np.concatenate([rest_joints, rest_vertices[model.tip_vertices]]), model.side)
    local = np.tile(np.eye(3), (16, 1, 1))
    sideways = {"index": -1.0, "middle": -0.2, "ring": 0.6, "pinky": 1.4, "thumb": 0.0}
    for number, (finger, curl) in enumerate(zip(FINGERS, curls, strict=True)):
        full = (25.0, 25.0, 45.0) if finger == "thumb" else (75.0, 95.0, 60.0)
        for segment in range(3):
            joint = 1 + 3 * number + segment
            flexion = np.deg2rad(curl * full[segment] + generator.normal(0, 2))
            rotvec = frames[joint, :, 0] * flexion
            if segment == 0:
                # Turning about Z moves the fingertip to the side of X; X looks to the index side on both hands or not.
                towards_index = np.sign(frames[joint, :, 0] @ (rest_joints[1] - rest_joints[7]))
                rotvec = rotvec + frames[joint, :, 2] * np.deg2rad(spread * sideways[finger]) * towards_index
            local[joint] = rotvec_to_matrix(rotvec)
    flip = 1.0 if model.side == "right" else -1.0
    facing = np.array([[0.0, 0.0, flip], [flip, 0.0, 0.0], [0.0, 1.0, 0.0]])
    turn = np.eye(3)
    for axis, degrees in enumerate(hand.turns_deg):
        turn = rotvec_to_matrix(np.deg2rad(degrees) * np.eye(3)[axis]) @ turn
    local[0] = turn @ facing
    result = pose_hand(model, local, betas, np.array(hand.wrist_m))
    return np.concatenate([result.vertices_m, _forearm(model, result.vertices_m, local[0])]), result.points_m


def _wrist_loop(model: HandModel) -> list[int]:
    """The vertices of the open edge, in order."""
    edges = {
        (int(polygon[k]), int(polygon[(k + 1) % len(polygon)]))
        for polygon in (row[row >= 0] for row in model.polygons)
        for k in range(len(polygon))
    }
    following = {start: end for start, end in edges if (end, start) not in edges}
    loop = [next(iter(following))]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    return loop


def _forearm(model: HandModel, vertices_m: NDArray[Any], root: NDArray[Any]) -> NDArray[Any]:
    rim = vertices_m[_wrist_loop(model)]
    center = rim.mean(axis=0)
    away = root @ np.array([1.0 if model.side == "right" else -1.0, 0.0, 0.0])
    rings = []
    for ring in range(1, FOREARM_RINGS + 1):
        along = ring / FOREARM_RINGS
        rings.append(center + (rim - center) * (1 + 0.35 * along) + away * FOREARM_M * along)
    return np.concatenate(rings)


def _faces(model: HandModel) -> list[list[int]]:
    loop, count = _wrist_loop(model), len(model.v_template)
    faces = [[int(index) for index in row if index >= 0] for row in model.polygons]
    before = loop
    for ring in range(FOREARM_RINGS):
        after = [count + ring * len(loop) + k for k in range(len(loop))]
        for k in range(len(loop)):
            following = (k + 1) % len(loop)
            faces.append([before[following], before[k], after[k], after[following]])
        before = after
    return faces


def _skin(tone: tuple[float, float, float]) -> Any:
    material = bpy.data.materials.new("skin")
    material.use_nodes = True
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    noise, ramp, bump = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexNoise", "ValToRGB", "Bump"))
    noise.inputs["Scale"].default_value = 60.0
    ramp.color_ramp.elements[0].color = (*(0.82 * channel for channel in tone), 1)
    ramp.color_ramp.elements[1].color = (*(min(1.0, 1.1 * channel) for channel in tone), 1)
    bump.inputs["Strength"].default_value = 0.08
    tree.links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
    tree.links.new(noise.outputs["Fac"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    shader.inputs["Roughness"].default_value = 0.5
    shader.inputs["Subsurface Weight"].default_value = 0.15
    shader.inputs["Subsurface Radius"].default_value = (0.008, 0.003, 0.002)
    return material


def _stage(generator: np.random.Generator, samples: int) -> None:
    """An empty scene with the camera at the origin, lights and a plain wall."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = samples, True
    scene.render.resolution_x = scene.render.resolution_y = SIZE_PX
    scene.render.image_settings.file_format = "JPEG"
    scene.render.image_settings.quality = 88
    scene.view_settings.view_transform = "Standard"
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.sensor_width, camera.data.lens = 36.0, 36.0 * FOCAL_PX / SIZE_PX
    camera.data.clip_start = 0.01
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    background = scene.world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (*generator.uniform(0.2, 0.5, 3), 1)
    background.inputs["Strength"].default_value = 0.8
    for energy, direction in ((9.0, (-0.5, 0.6, 0.3)), (3.5, (0.7, 0.1, 0.4))):
        light = bpy.data.objects.new("light", bpy.data.lights.new("light", "AREA"))
        light.data.energy, light.data.size = energy, 0.4
        light.location = np.array(direction) + generator.normal(0, 0.08, 3)
        target = np.array([0.0, 0.0, -0.5]) - np.array(light.location)
        light.rotation_euler = _look_along(target)
        scene.collection.objects.link(light)


def _look_along(direction: NDArray[Any]) -> Any:
    from mathutils import Vector

    return Vector(direction.tolist()).to_track_quat("-Z", "Y").to_euler()


def render(models: dict[Side, HandModel], description: Scene, path: Path, samples: int) -> None:
    """One picture and its truth."""
    generator = np.random.default_rng(description.seed)
    _stage(generator, samples)
    scene = bpy.context.scene
    material = _skin(SKIN_TONES[description.skin])
    truth: dict[str, Any] = {}
    for hand in description.hands:
        vertices, points = posed(models[hand.side], hand, generator)
        mesh = bpy.data.meshes.new(hand.side)
        mesh.from_pydata((vertices * CAMERA_TO_BLENDER).tolist(), [], _faces(models[hand.side]))
        mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
        mesh.materials.append(material)
        scene.collection.objects.link(bpy.data.objects.new(hand.side, mesh))
        joints = FOCAL_PX * points[:, :2] / points[:, 2:] + (SIZE_PX - 1) / 2
        truth[hand.side] = np.round(joints, 2).tolist()
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    path.with_suffix(".json").write_text(json.dumps(truth) + "\n", encoding="utf-8")


def random_pair(seed: int) -> Scene:
    """Two hands near each other, one often in front of the other."""
    generator = np.random.default_rng(1000 + seed)
    hands = []
    sides: tuple[Side, Side] = ("right", "left")
    gap, crossing = generator.uniform(0.0, 0.09), generator.choice([1.0, 1.0, -1.0])
    for side in sides:
        sign = -1.0 if side == "right" else 1.0
        wrist = (
            sign * crossing * (0.02 + gap) + generator.normal(0, 0.02),
            generator.uniform(0.03, 0.10),
            0.55 + sign * generator.uniform(-0.04, 0.04),
        )
        facing = generator.choice([0.0, 180.0, 90.0 * sign])
        lean = -sign * crossing * generator.uniform(-10, 70)
        turns = (generator.normal(0, 20), facing + generator.normal(0, 25), lean)
        hands.append(Hand(side, str(generator.choice(list(POSES))), wrist, turns))
    return Scene(tuple(hands), skin=int(generator.integers(3)), seed=seed)


def main() -> None:
    """Render the fixed scenes, or random pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--random", type=int, default=0, help="this many random pairs instead of the fixed scenes")
    parser.add_argument("--only", choices=SCENES, help="one of the fixed scenes")
    parser.add_argument("--samples", type=int, default=64)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    right = HandModel.load(ROOT / "weights" / "open_hand.npz")
    models: dict[Side, HandModel] = {"right": right, "left": right.mirrored()}
    scenes = {f"pair{seed:03d}": random_pair(seed) for seed in range(arguments.random)} or SCENES
    if arguments.only:
        scenes = {arguments.only: SCENES[arguments.only]}
    for name, description in scenes.items():
        render(models, description, arguments.out / f"{name}.jpg", arguments.samples)


if __name__ == "__main__":
    main()
