"""Places on the skin, both hands in one batch, forearms and sleeves around them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inference.engines.engine import WEIGHTS_DIR as WEIGHTS
from inference.hands.joints import FINGERS, SIDES
from inference.hands.open_hand import load_hand_models
from inference.hands.rotations import rotvec_to_matrix
from inference.hands.skinning import pose_hand
from inference.synthesis.arrangement import ArrangementShares, draw_arrangement
from inference.synthesis.contact_search import PairPose, pair_vertices
from inference.synthesis.draws import Draws
from inference.synthesis.forearm import ARM, SLEEVE, ArmMesh
from inference.synthesis.hand_surface import HandSurface, vertex_normals
from inference.synthesis.interactions import InteractionLibrary
from inference.synthesis.rasterizer import rasterize


def test_angles_pose_both_hands_as_their_own_models_do(surface: HandSurface) -> None:
    generator = torch.Generator().manual_seed(1)
    angles = torch.randn(2, 2, 16, 3, generator=generator) * 0.3
    betas = torch.randn(2, surface.model.shape_count, generator=generator)
    posed = surface.pose(angles, betas)
    rotvec = surface.rotvec(angles).double().numpy()
    assert not rotvec[:, :, 0].any()
    models = load_hand_models(WEIGHTS)
    for hand, side in enumerate(SIDES):
        signs = 1.0 if side == "right" else np.array([1.0, -1.0, -1.0])
        expected = (models[side].joint_axes @ (angles[:, hand].double().numpy() * signs)[..., None])[..., 0]
        np.testing.assert_allclose(rotvec[:, hand, 1:], expected[:, 1:], atol=1e-6)
        own = pose_hand(models[side], rotvec_to_matrix(rotvec[:, hand]), betas.double().numpy(), np.zeros(3))
        np.testing.assert_allclose(posed.vertices_m[:, hand], own.vertices_m, atol=2e-6)
        np.testing.assert_allclose(posed.points_m[:, hand], own.points_m, atol=2e-6)


@pytest.mark.parametrize("finger", [name for name in FINGERS if name != "thumb"])
def test_places_lie_on_the_sides_that_they_are_called_after(surface: HandSurface, finger: str) -> None:
    at = {
        face: surface.model.v_template[surface.place(finger, 2, face)]
        for face in ("palmar", "dorsal", "radial", "ulnar")
    }  # type: ignore[arg-type]  # the four faces
    assert at["palmar"][1] < at["dorsal"][1] - 0.005  # the palm looks along -y
    assert at["radial"][2] > at["ulnar"][2] + 0.005  # the thumb lies towards +z
    weights = surface.model.lbs_weights[[surface.place(finger, 2, "palmar"), surface.place(finger, 2, "dorsal")]]
    assert (weights[:, 2 + 3 * FINGERS.index(finger)] > 0.3).all()


def test_palm_and_back_are_opposite_and_regions_are_known(surface: HandSurface) -> None:
    rest = surface.model.v_template
    for across in (0.1, 0.5, 0.9):
        palm, back = (rest[surface.palm_place(0.6, across, face)] for face in ("palmar", "dorsal"))  # type: ignore[arg-type]
        assert palm[1] < back[1] - 0.01
    assert rest[surface.region("palm")][:, 1].max() < rest[surface.region("back")][:, 1].mean()
    with pytest.raises(ValueError, match="no region"):
        surface.region("elbow")


def test_normals_point_outwards(surface: HandSurface) -> None:
    vertices = surface.layer.v_template
    normals = vertex_normals(vertices, surface.faces)
    torch.testing.assert_close(normals.norm(dim=1), torch.ones(len(vertices)), atol=1e-4, rtol=0)
    corners = vertices[surface.faces]
    volume = torch.linalg.det(corners - vertices.mean(0)).sum() / 6
    grown = (vertices + 0.001 * normals)[surface.faces]
    assert torch.linalg.det(grown - vertices.mean(0)).sum() / 6 > volume > 0


def test_forearms_close_the_wrist_and_stay_clear(library: InteractionLibrary, surface: HandSurface) -> None:
    mesh = ArmMesh(surface)
    draws = Draws(4, torch.arange(12))
    drawn = draw_arrangement(draws, surface, library, ArrangementShares(contact=1, near=0, apart=0, single=0, none=0))
    vertices, points = pair_vertices(
        surface, PairPose(drawn.angles_rad, drawn.betas, drawn.rotation[:, 1], drawn.wrist_m[:, 1])
    )
    arms = mesh.build(draws, drawn, vertices, points)
    assert torch.isfinite(arms.vertices_m).all()
    torch.testing.assert_close(arms.vertices_m.unflatten(1, (2, -1))[:, :, : mesh.hand_vertices], vertices)
    reach = (arms.elbows_m - points[:, :, 0]).norm(dim=-1)
    assert float(reach.min()) > 0.18 and float(reach.max()) < 0.36
    worn = arms.drawn[:, mesh.part == SLEEVE]
    assert (worn.all(1) | ~worn.any(1)).all() and worn.any() and not worn.all()
    assert arms.drawn[:, mesh.part == ARM].all()


def test_the_surface_has_its_front_outside(library: InteractionLibrary, surface: HandSurface) -> None:
    """Seen from anywhere, what is drawn of front faces alone is as near as what is drawn of all faces."""
    mesh = ArmMesh(surface)
    draws = Draws(6, torch.arange(6))
    drawn = draw_arrangement(draws, surface, library, ArrangementShares(contact=0, near=0, apart=1, single=0, none=0))
    vertices, points = pair_vertices(
        surface, PairPose(drawn.angles_rad, drawn.betas, drawn.rotation[:, 1], drawn.wrist_m[:, 1])
    )
    arms = mesh.build(draws, drawn, vertices, points)
    turned = (arms.vertices_m - points[:, 0, :1]) @ draws.rotation()
    screen, depth = turned[..., :2] * 300 + 64, turned[..., 2] + 3
    pictures = []
    for facing in ("front", "both"):
        seen = rasterize(screen, depth, mesh.faces, (128, 128), facing=facing, drawn=arms.drawn, projection="parallel")  # type: ignore[arg-type]
        dense = torch.full((6 * 128 * 128,), 9.0)
        dense[seen.pixel] = seen.depth
        pictures.append(dense)
    covered = pictures[1] < 9
    assert int(covered.sum()) > 5000
    # The arm's open end shows its inside, and hems their rims.
    assert float(((pictures[0] - pictures[1]).abs() < 1e-4)[covered].float().mean()) > 0.97
