"""What the shipped open hand must be: a clean mesh in the MANO frame that bends, grows and mirrors as hands do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.hands.joint_axes import joint_frames
from inference.hands.joints import FINGERS, JOINT_COUNT, SIDES, TIP_PARENTS, Side
from inference.hands.model import HandModel
from inference.hands.rotations import rotvec_to_matrix
from inference.hands.skinning import pose_hand, shaped_rest
from tools.open_hand.overlap import deepest_overlaps_m, in_millimetres
from tools.open_hand.poses import Poser, named_angles

Array = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "weights" / "open_hand.npz"
MIDDLE_TIP = 18
FINGER_OF_TIP = ("thumb", "index", "middle", "ring", "pinky")


@pytest.fixture(scope="module")
def hand() -> HandModel:
    return HandModel.load(FILE)


def rest_points(model: HandModel) -> Array:
    return np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])


def posed(model: HandModel, angles_deg: Array) -> Array:
    matrices = Poser(rest_points(model)).matrices(angles_deg)
    return pose_hand(model, matrices, np.zeros(model.shape_count), model.joint_template[0]).vertices_m


def directed_edges(polygons: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.concatenate([polygons[:, [corner, (corner + 1) % 4]] for corner in range(4)])


def border_loop(polygons: NDArray[np.int32]) -> NDArray[np.int32]:
    """Directed edges that no neighbour runs in the other direction."""
    edges = directed_edges(polygons)
    used = {(int(a), int(b)) for a, b in edges}
    return np.array([edge for edge in edges if (int(edge[1]), int(edge[0])) not in used])


def enclosed_volume_m3(model: HandModel, vertices: Array) -> float:
    centre = vertices[np.unique(border_loop(model.polygons))].mean(axis=0)
    corners = vertices[model.triangles] - centre
    return float(np.einsum("ti,ti->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)


def winding_number(model: HandModel, vertices: Array, point: Array) -> float:
    """How often the mesh, its wrist closed by a fan, encloses the point (van Oosterom & Strackee 1983)."""
    border = border_loop(model.polygons)
    centre = np.broadcast_to(vertices[border[:, 0]].mean(axis=0), (len(border), 3))
    fan = np.stack([vertices[border[:, 1]], vertices[border[:, 0]], centre], axis=1)
    corners = np.concatenate([vertices[model.triangles], fan]) - point
    length = np.linalg.norm(corners, axis=-1)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    numerator = np.sum(a * np.cross(b, c), axis=1)
    dots = np.sum(a * b, axis=1), np.sum(b * c, axis=1), np.sum(c * a, axis=1)
    denominator = length.prod(axis=1) + dots[0] * length[:, 2] + dots[1] * length[:, 0] + dots[2] * length[:, 1]
    return float(np.arctan2(numerator, denominator).sum() / (2 * np.pi))


def hand_length_m(model: HandModel, betas: Array) -> float:
    vertices, joints = shaped_rest(model, betas)
    return float(np.linalg.norm(vertices[model.tip_vertices[2]] - joints[0]))


def test_the_file_is_small_free_and_the_one_that_the_list_of_weights_names(hand: HandModel) -> None:
    assert (hand.name, hand.licence, hand.side, hand.shape_count) == ("open", "CC0-1.0", "right", 10)
    assert FILE.stat().st_size < 1_500_000
    assert hand.sha256 in (ROOT / "weights" / "README.md").read_text(encoding="utf-8")
    assert not hand.pose_mean_rotvec.any()


def test_hand_is_as_long_as_an_adults_and_the_first_component_is_size(hand: HandModel) -> None:
    beta = np.eye(10)
    assert abs(hand_length_m(hand, np.zeros(10)) - 0.180) < 0.005
    assert hand_length_m(hand, -2 * beta[0]) == pytest.approx(0.160, abs=0.002)
    assert hand_length_m(hand, 2 * beta[0]) == pytest.approx(0.205, abs=0.002)
    # Size is size alone: nothing but scale, and no other component changes the length.
    np.testing.assert_allclose(hand.shapedirs[..., 0] / 0.062, hand.v_template, atol=1e-6)
    for component in range(1, 10):
        for sign in (-2, 2):
            change = hand_length_m(hand, sign * beta[component]) - hand_length_m(hand, np.zeros(10))
            assert abs(change) < 0.002, component


def test_rest_frame_is_manos(hand: HandModel) -> None:
    points = rest_points(hand)
    frames = joint_frames(points, "right")
    np.testing.assert_allclose(points[0], 0, atol=1e-7)
    for finger in ("index", "middle", "ring", "pinky"):
        first = 1 + 3 * FINGERS.index(finger)
        assert frames[first, 0, 1] < -0.95  # fingers along -x
        assert abs(frames[first, 1, 1]) < 0.01  # flat
    assert frames[0, 1, 2] < -0.97  # the palm looks along -y
    assert frames[13, 2, 1] > 0.4  # the thumb lies towards +z
    assert points[1, 2] > points[4, 2] > points[10, 2] > points[7, 2]  # index, middle, ring, pinky


def test_fingers_are_straight_at_rest(hand: HandModel) -> None:
    directions = joint_frames(rest_points(hand), "right")[1:, :, 1].reshape(5, 3, 3)
    np.testing.assert_allclose(np.sum(directions[:, 0] * directions[:, 1], axis=-1), 1, atol=1e-6)
    assert np.sum(directions[:, 1] * directions[:, 2], axis=-1).min() > np.cos(np.deg2rad(16))


def test_mesh_is_one_manifold_piece_open_only_at_the_wrist(hand: HandModel) -> None:
    assert hand.polygons.min() >= 0, "the open hand is made of quads alone"
    assert all(len(set(polygon)) == 4 for polygon in hand.polygons.tolist())
    edges = directed_edges(hand.polygons)
    assert len(np.unique(edges, axis=0)) == len(edges), "neighbours run along their edge in opposite directions"
    undirected = np.unique(np.sort(edges, axis=1), axis=0)
    # A disc: one piece (checked below), no handles, one border.
    assert len(hand.v_template) - len(undirected) + len(hand.polygons) == 1
    border = border_loop(hand.polygons)
    following = dict(border.tolist())
    vertex, steps = int(border[0, 0]), 0
    while steps == 0 or vertex != border[0, 0]:
        vertex, steps = following[vertex], steps + 1
    assert steps == len(border), "the border is one closed loop"
    assert np.linalg.norm(hand.v_template[border[:, 0]], axis=1).max() < 0.04
    component = np.arange(len(hand.v_template))
    for _ in range(200):
        lowest = component.copy()
        np.minimum.at(lowest, undirected[:, 0], component[undirected[:, 1]])
        np.minimum.at(lowest, undirected[:, 1], component[undirected[:, 0]])
        component = lowest
    assert not component.any()


@pytest.mark.parametrize("side", SIDES)
def test_faces_look_outwards_and_normals_are_smooth(hand: HandModel, side: Side) -> None:
    model = hand if side == "right" else hand.mirrored()
    assert 200e-6 < enclosed_volume_m3(model, model.v_template) < 400e-6
    corners = model.v_template[model.polygons]
    area = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normal = area / np.linalg.norm(area, axis=1, keepdims=True)
    corner_normal = np.zeros_like(model.v_template)
    for corner in range(4):
        np.add.at(corner_normal, model.polygons[:, corner], area)
    corner_normal /= np.linalg.norm(corner_normal, axis=1, keepdims=True)
    agreement = np.einsum("pci,pi->pc", corner_normal[model.polygons], normal)
    assert agreement.min() > 0, "no face is turned against its neighbours"
    assert np.percentile(agreement, 1) > 0.7


def test_skin_follows_at_most_four_joints(hand: HandModel) -> None:
    assert hand.lbs_weights.min() >= 0
    np.testing.assert_allclose(hand.lbs_weights.sum(axis=1), 1, atol=1e-6)
    assert (hand.lbs_weights > 0).sum(axis=1).max() <= 4
    border = np.unique(border_loop(hand.polygons))
    np.testing.assert_allclose(hand.lbs_weights[border, 0], 1, atol=1e-3)


def test_tips_are_the_ends_of_the_fingers(hand: HandModel) -> None:
    frames = joint_frames(rest_points(hand), "right")
    for tip, last, finger in zip(hand.tip_vertices, TIP_PARENTS, FINGER_OF_TIP, strict=True):
        assert FINGERS[(last - 1) // 3] == finger
        own = np.flatnonzero(hand.lbs_weights[:, last] > 0.5)
        along = (hand.v_template[own] - hand.joint_template[last]) @ frames[last, :, 1]
        assert tip in own
        reach = (hand.v_template[tip] - hand.joint_template[last]) @ frames[last, :, 1]
        assert reach > along.max() - 0.001, finger
        assert 0.015 < reach < 0.030, finger


def test_joints_stay_where_the_bones_are_for_every_shape(hand: HandModel) -> None:
    """Shape moves joints along straight fingers: a bone's direction never changes, to a hundredth of a millimetre."""
    random = np.random.default_rng(3)
    before = hand.joint_template
    for betas in random.normal(0, 1.5, (50, 10)):
        vertices, joints = shaped_rest(hand, betas)
        np.testing.assert_allclose(joints[0], 0, atol=1e-7)
        for finger in range(5):
            for joint in (2 + 3 * finger, 3 + 3 * finger):
                old, new = before[joint] - before[joint - 1], joints[joint] - joints[joint - 1]
                direction = old / np.linalg.norm(old)
                assert np.linalg.norm(new - direction * (new @ direction)) < 1e-5
        for joint in joints[1:]:
            assert winding_number(hand, vertices, joint) == pytest.approx(1, abs=1e-6), "joints lie inside the skin"
            assert 0.003 < np.linalg.norm(vertices - joint, axis=1).min() < 0.02


@pytest.mark.parametrize("side", SIDES)
def test_a_positive_turn_about_x_curls_every_finger_into_the_palm(hand: HandModel, side: Side) -> None:
    model = hand if side == "right" else hand.mirrored()
    frames = joint_frames(rest_points(model), side)
    flat = pose_hand(model, np.tile(np.eye(3), (JOINT_COUNT, 1, 1)), np.zeros(10), np.zeros(3)).points_m
    palm = model.joint_template[[0, 1, 4, 7, 10]].mean(axis=0) + np.array([0, -0.02, 0])
    for tip, last in enumerate(TIP_PARENTS):
        rotations = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
        for joint in (last - 1, last):
            rotations[joint] = rotvec_to_matrix(np.deg2rad(60) * frames[joint, :, 0])
        bent = pose_hand(model, rotations, np.zeros(10), np.zeros(3)).points_m
        place = JOINT_COUNT + tip
        assert np.linalg.norm(bent[place] - palm) < np.linalg.norm(flat[place] - palm) - 0.008, last
        if last != 15:
            assert bent[place, 1] < flat[place, 1] - 0.02


def test_fingers_bend_away_from_their_nails(hand: HandModel) -> None:
    """A nail is the flattest patch of a fingertip; bending moves the tip to where the nail looks away from."""
    frames = joint_frames(rest_points(hand), "right")
    corners = hand.v_template[hand.triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * np.linalg.norm(cross, axis=1)
    normal, centre = cross / (2 * area[:, None]), corners.mean(axis=1)
    for tip, last, finger in zip(hand.tip_vertices, TIP_PARENTS, FINGER_OF_TIP, strict=True):
        x_axis, y_axis, z_axis = frames[last].T
        offset = centre - hand.joint_template[last]
        along = offset @ y_axis / np.linalg.norm(hand.v_template[tip] - hand.joint_template[last])
        side = np.linalg.norm(offset - np.outer(offset @ y_axis, y_axis), axis=1)
        own = (along > 0.35) & (along < 1) & (side < 0.014)
        angles = np.deg2rad(np.arange(-180, 180, 3))
        looks = -np.cos(angles)[:, None] * z_axis + np.sin(angles)[:, None] * x_axis
        flat_area = [area[own & (normal @ look > np.cos(np.deg2rad(18)))].sum() for look in looks]
        assert abs(np.rad2deg(angles[np.argmax(flat_area)])) < 25, finger


def test_left_hand_is_the_exact_mirror_image(hand: HandModel) -> None:
    random = np.random.default_rng(1)
    rotvec, betas = random.normal(0, 0.4, (JOINT_COUNT, 3)), random.normal(size=10)
    right = pose_hand(hand, rotvec_to_matrix(rotvec), betas, [0.1, 0.2, 0.3])
    left = pose_hand(hand.mirrored(), rotvec_to_matrix(rotvec * [1, -1, -1]), betas, [-0.1, 0.2, 0.3])
    np.testing.assert_allclose(left.vertices_m, right.vertices_m * [-1, 1, 1], atol=1e-12)
    np.testing.assert_allclose(left.points_m, right.points_m * [-1, 1, 1], atol=1e-12)


def test_uv_layout_lies_in_the_unit_square_without_overlaps(hand: HandModel) -> None:
    assert hand.uv is not None
    assert hand.uv.min() >= 0
    assert hand.uv.max() <= 1
    size = 1024
    covered = np.zeros((size, size), dtype=int)
    for corners in hand.uv[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 2) * size:
        first, second = corners[1] - corners[0], corners[2] - corners[0]
        twice_area = first[0] * second[1] - first[1] * second[0]
        low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        x, y = x - corners[0, 0], y - corners[0, 1]
        b, c = (x * second[1] - y * second[0]) / twice_area, (y * first[0] - x * first[1]) / twice_area
        inside = (b > 1e-6) & (c > 1e-6) & (b + c < 1 - 1e-6)
        covered[low[1] : high[1], low[0] : high[0]] += inside
    assert (covered > 1).sum() <= 0.0005 * (covered > 0).sum()
    assert (covered > 0).mean() > 0.25, "the layout uses the square"


@pytest.mark.parametrize("name", list(named_angles()))
def test_correctives_keep_the_volume(hand: HandModel, name: str) -> None:
    flat = enclosed_volume_m3(hand, hand.v_template)
    assert enclosed_volume_m3(hand, posed(hand, named_angles()[name])) == pytest.approx(flat, rel=0.05)


@pytest.mark.parametrize("name", list(named_angles()))
def test_bent_fingers_are_not_in_each_other(hand: HandModel, name: str) -> None:
    deepest = deepest_overlaps_m(hand, posed(hand, named_angles()[name]))
    assert max(deepest.values(), default=0.0) < 0.0015, in_millimetres(deepest)


def test_without_correctives_the_fist_would_lose_volume(hand: HandModel) -> None:
    matrices = Poser(rest_points(hand)).matrices(named_angles()["fist"])
    bare = replace(hand, posedirs=np.zeros_like(hand.posedirs))
    vertices = pose_hand(bare, matrices, np.zeros(10), np.zeros(3)).vertices_m
    assert enclosed_volume_m3(hand, vertices) < 0.93 * enclosed_volume_m3(hand, hand.v_template)


def test_correctives_are_local_and_small(hand: HandModel) -> None:
    by_joint = hand.posedirs.reshape(len(hand.v_template), 3, JOINT_COUNT - 1, 9)
    moved = np.abs(by_joint).max(axis=(1, 3))
    for finger in range(5):
        own = slice(3 * finger, 3 * finger + 3)
        others = [k for k in range(15) if k // 3 != finger]
        tip = hand.tip_vertices[FINGER_OF_TIP.index(FINGERS[finger])]
        assert not moved[tip, others].any(), "a fingertip is corrected by its own finger alone"
        assert moved[:, own].max() > 1e-4
    assert not moved[np.unique(border_loop(hand.polygons))].any()
    feature = (Poser(rest_points(hand)).matrices(named_angles()["fist"])[1:] - np.eye(3)).reshape(-1)
    assert 0.003 < np.linalg.norm(hand.posedirs @ feature, axis=1).max() < 0.012
