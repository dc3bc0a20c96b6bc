"""The library of two-hand poses, the search that fills it, and what is drawn from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from inference.contract import ErrorCode, HandsError
from inference.engines.engine import WEIGHTS_DIR as WEIGHTS
from inference.synthesis.arrangement import ArrangementShares, draw_arrangement
from inference.synthesis.contact_search import ContactSearch, PairPose, pair_vertices, penetration_m
from inference.synthesis.draws import Draws
from inference.synthesis.gestures import GESTURES
from inference.synthesis.hand_surface import HandSurface
from inference.synthesis.interactions import TWO_HAND_POSES_FILE, InteractionLibrary, load_interactions

PENETRATION_LIMIT_M = 0.002


def inside_by_rays(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Which points lie inside a mesh: rays along +x and -x both cross it an odd number of times (the wrist is open)."""
    corner = vertices[faces]
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    odd = np.ones(len(points), dtype=bool)
    for direction in (np.array([0.31, 0.77, 0.56]), np.array([-0.52, -0.33, 0.79])):
        across = np.cross(direction, second)
        scale = np.sum(first * across, axis=1)
        apart = points[:, None] - corner[None, :, 0]
        u = np.sum(apart * across, axis=2) / scale
        turned = np.cross(apart, first[None])
        v = turned @ direction / scale
        distance = np.sum(turned * second, axis=2) / scale
        hits = (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0)
        odd &= hits.sum(axis=1) % 2 == 1
    return odd


def some(library: InteractionLibrary, count: int) -> PairPose:
    return library.poses.select(torch.linspace(0, len(library) - 1, count).long())


def test_every_gesture_is_there_often_and_within_anatomy(library: InteractionLibrary, surface: HandSurface) -> None:
    assert set(library.gestures) == set(GESTURES)
    assert int(library.gesture.bincount(minlength=len(GESTURES)).min()) >= 100
    low, high = surface.limits_rad.unbind(-1)
    angles = library.poses.angles_rad
    assert (angles >= low - 1e-3).all() and (angles <= high + 1e-3).all()
    assert sum(share for _, share in GESTURES.values()) == pytest.approx(1.0)


def test_hands_of_the_library_do_not_enter_each_other(library: InteractionLibrary, surface: HandSurface) -> None:
    pose = some(library, 48)
    assert float(penetration_m(surface, pose).max()) < PENETRATION_LIMIT_M


def test_penetration_agrees_with_rays_through_the_mesh(library: InteractionLibrary, surface: HandSurface) -> None:
    """The measure is a tangent plane's; rays through the closed surface know nothing of it."""
    pose = some(library, 6)
    pushed = PairPose(pose.angles_rad, pose.betas, pose.rotation, pose.offset_m * 0.8)
    for poses, entered in ((pose, False), (pushed, True)):
        vertices, _ = pair_vertices(surface, poses)
        deep = penetration_m(surface, poses)
        for number in range(len(deep)):
            right, left = vertices[number].double().numpy()
            inside = inside_by_rays(left[::7], right, surface.faces.numpy())
            if entered and deep[number] > 0.006:
                assert inside.any()
            if not entered:
                # What lies inside lies less than the limit under the skin, hence near some vertex.
                gaps = np.linalg.norm(left[::7][inside][:, None] - right[None], axis=2)
                assert gaps.size == 0 or gaps.min(axis=1).max() < 0.007


def test_most_of_the_library_touches(library: InteractionLibrary, surface: HandSurface) -> None:
    vertices, _ = pair_vertices(surface, some(library, 60))
    gap = torch.cdist(vertices[:, 0, ::2], vertices[:, 1, ::2]).amin((1, 2))
    assert float((gap < 0.006).float().mean()) > 0.8


def test_a_search_brings_hands_together_without_pushing_them_in(surface: HandSurface) -> None:
    rng = np.random.default_rng(3)
    names = ["pray", "fist_in_palm", "point_at_palm", "side_by_side"]
    starts = [GESTURES[name][0](rng) for name in names]
    pose, missed = ContactSearch(surface).run(starts, torch.zeros(4, surface.model.shape_count), rng)
    assert float(missed.median()) < 0.02
    assert int((penetration_m(surface, pose) < PENETRATION_LIMIT_M).sum()) >= 3
    vertices, _ = pair_vertices(surface, pose)
    assert float(torch.cdist(vertices[:, 0], vertices[:, 1]).amin((1, 2)).max()) < 0.03


def test_drawn_contacts_stay_apart_and_are_mirrored_half_of_the_time(
    library: InteractionLibrary, surface: HandSurface
) -> None:
    shares = ArrangementShares(contact=0.85, near=0.15, apart=0, single=0, none=0)
    drawn = draw_arrangement(Draws(9, torch.arange(64)), surface, library, shares)
    pose = PairPose(drawn.angles_rad, drawn.betas, drawn.rotation[:, 1], drawn.wrist_m[:, 1])
    deep = penetration_m(surface, pose)
    assert float(deep.max()) < PENETRATION_LIMIT_M + 0.001
    assert float((deep < PENETRATION_LIMIT_M).float().mean()) > 0.95
    assert drawn.present.all()
    determinant = torch.linalg.det(drawn.rotation)
    torch.testing.assert_close(determinant, torch.ones_like(determinant), atol=1e-4, rtol=0)
    pointing = library.gestures.index("point_at_palm")
    which = drawn.gesture == pointing
    many = draw_arrangement(Draws(10, torch.arange(600)), surface, library, shares)
    which = many.gesture == pointing
    right_points = many.angles_rad[which, 0, 4, 0] > many.angles_rad[which, 1, 4, 0]
    assert 0.25 < float(right_points.float().mean()) < 0.75


def test_hands_apart_are_apart(library: InteractionLibrary, surface: HandSurface) -> None:
    shares = ArrangementShares(contact=0, near=0, apart=1, single=0, none=0)
    drawn = draw_arrangement(Draws(2, torch.arange(64)), surface, library, shares)
    pose = PairPose(drawn.angles_rad, drawn.betas, drawn.rotation[:, 1], drawn.wrist_m[:, 1])
    _, points = pair_vertices(surface, pose)
    gap = torch.cdist(points[:, 0], points[:, 1]).amin((1, 2))
    assert float(gap.min()) > 0.015
    assert float(gap.max()) > 0.2
    low, high = surface.limits_rad.unbind(-1)
    assert (drawn.angles_rad >= low - 1e-6).all() and (drawn.angles_rad <= high + 1e-6).all()


def test_a_missing_or_damaged_library_is_said(tmp_path: Path) -> None:
    with pytest.raises(HandsError) as missing:
        load_interactions(tmp_path)
    assert missing.value.code is ErrorCode.MODEL_MISSING
    (tmp_path / TWO_HAND_POSES_FILE).write_bytes((WEIGHTS / TWO_HAND_POSES_FILE).read_bytes()[:5000])
    with pytest.raises(HandsError) as damaged:
        load_interactions(tmp_path)
    assert damaged.value.code is ErrorCode.MODEL_DAMAGED
