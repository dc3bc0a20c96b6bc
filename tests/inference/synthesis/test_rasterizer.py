"""The rasteriser against a loop over pixels, and what must hold for any triangles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inference.synthesis.rasterizer import Fragments, rasterize

SIZE = (37, 29)


def soup(seed: int, count: int = 40, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random triangles, some beyond the screen, some behind the camera."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(batch, count * 3, 2, generator=generator) * 60 - 12
    depth = torch.rand(batch, count * 3, generator=generator) * 3 - 0.1
    return points, depth, torch.arange(count * 3).reshape(-1, 3)


def by_loop(
    points: np.ndarray, depth: np.ndarray, faces: np.ndarray, *, near: float, facing: str, perspective: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Face (-1 for none) and depth of one picture's pixels, in double precision."""
    width, height = SIZE
    face_of, depth_of = np.full((height, width), -1), np.full((height, width), np.inf)
    for number, face in enumerate(faces):
        (ax, ay), (bx, by), (cx, cy) = points[face].astype(np.float64)
        za, zb, zc = depth[face].astype(np.float64)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if min(za, zb, zc) <= near or (facing == "front" and area >= 0):
            continue
        for y in range(height):
            for x in range(width):
                b = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                c = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                if min(b, c, 1 - b - c) < 0:
                    continue
                a = 1 - b - c
                z = 1 / (a / za + b / zb + c / zc) if perspective else a * za + b * zb + c * zc
                if z < depth_of[y, x]:
                    face_of[y, x], depth_of[y, x] = number, z
    return face_of, depth_of


def dense(fragments: Fragments, batch: int) -> tuple[np.ndarray, np.ndarray]:
    width, height = SIZE
    face, depth = torch.full((batch * height * width,), -1), torch.full((batch * height * width,), torch.inf)
    face[fragments.pixel] = fragments.face
    depth[fragments.pixel] = fragments.depth
    return face.reshape(batch, height, width).numpy(), depth.reshape(batch, height, width).numpy()


@pytest.mark.parametrize("facing", ["front", "both"])
@pytest.mark.parametrize("projection", ["perspective", "parallel"])
def test_it_sees_what_a_loop_over_pixels_sees(facing: str, projection: str) -> None:
    points, depth, faces = soup(3)
    seen = rasterize(points, depth, faces, SIZE, facing=facing, near=0.2, projection=projection)  # type: ignore[arg-type]
    face, found = dense(seen, 2)
    for picture in range(2):
        expected, at = by_loop(
            points[picture].numpy(),
            depth[picture].numpy(),
            faces.numpy(),
            near=0.2,
            facing=facing,
            perspective=projection == "perspective",
        )
        agree = face[picture] == expected
        assert agree.mean() > 0.995  # pixels on an edge may fall to either side
        both = agree & (expected >= 0)
        assert both.sum() > 200
        np.testing.assert_allclose(found[picture][both], at[both], rtol=2e-4)


def test_attributes_are_interpolated_where_the_ray_meets_the_triangle() -> None:
    camera = torch.tensor([[-0.4, -0.3, 1.0], [0.2, 0.5, 3.0], [0.6, -0.35, 1.6]])
    points = camera[:, :2] / camera[:, 2:] * 40 + 15
    faces = torch.tensor([[0, 1, 2]])
    seen = rasterize(points[None], camera[None, :, 2], faces, SIZE, facing="both")
    assert len(seen.pixel) > 50
    place = seen.interpolate(camera[None], faces)
    column, row = seen.pixel % SIZE[0], seen.pixel // SIZE[0]
    projected = place[:, :2] / place[:, 2:] * 40 + 15
    torch.testing.assert_close(projected, torch.stack([column, row], 1).float(), atol=2e-3, rtol=0)
    torch.testing.assert_close(place[:, 2], seen.depth, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(seen.weights.sum(1), torch.ones(len(place)))
    torch.testing.assert_close(seen.interpolate_corners(camera[faces]), place)


def test_of_two_faces_at_one_depth_the_first_wins() -> None:
    points = torch.tensor([[[2.0, 2.0], [20.0, 2.0], [2.0, 20.0]] * 2])
    seen = rasterize(points, torch.ones(1, 6), torch.tensor([[3, 4, 5], [0, 1, 2]]), SIZE, facing="both")
    assert len(seen.face) > 100
    assert not seen.face.any()


def test_a_picture_does_not_depend_on_its_neighbours_and_faces_can_be_left_out() -> None:
    points, depth, faces = soup(5, batch=3)
    together, _ = dense(rasterize(points, depth, faces, SIZE, facing="both", near=0.2), 3)
    alone, _ = dense(rasterize(points[1:2], depth[1:2], faces, SIZE, facing="both", near=0.2), 1)
    np.testing.assert_array_equal(together[1], alone[0])
    drawn = torch.ones(3, len(faces), dtype=torch.bool)
    drawn[1] = False
    drawn[2, ::2] = False
    some, _ = dense(rasterize(points, depth, faces, SIZE, facing="both", near=0.2, drawn=drawn), 3)
    np.testing.assert_array_equal(some[0], together[0])
    assert (some[1] == -1).all()
    assert (some[2] % 2 == 1)[some[2] >= 0].all() and (some[2] >= 0).any()


def test_nothing_to_see_gives_no_fragments() -> None:
    points, depth, faces = soup(1)
    seen = rasterize(points + 500, depth, faces, SIZE, facing="both")
    assert len(seen.pixel) == len(seen.weights) == 0
    assert seen.interpolate(torch.zeros(2, points.shape[1], 4), faces).shape == (0, 4)


@pytest.mark.gpu
def test_cuda_sees_what_the_cpu_sees() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    points, depth, faces = soup(7)
    here = rasterize(points, depth, faces, SIZE, facing="both", near=0.2)
    there = rasterize(points.cuda(), depth.cuda(), faces.cuda(), SIZE, facing="both", near=0.2)
    assert (dense(here, 2)[0] == dense(Fragments(*(v.cpu() for v in vars(there).values())), 2)[0]).mean() > 0.999
