"""Rotations in torch that the network regresses, and the hand layer's points without its vertices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from numpy.typing import NDArray

from inference.hands import rotations
from inference.hands.joints import JOINT_COUNT
from inference.hands.torch_layer import HandLayer, columns_to_matrix, matrix_to_rotvec, rotvec_to_matrix
from tests.rotation_strategies import rotvecs
from tests.stand_in_hand import mano_like, small_hand


@given(rotvecs())
def test_a_matrix_has_a_rotation_vector_that_makes_it(rotvec: NDArray[np.float64]) -> None:
    matrix = rotations.rotvec_to_matrix(rotvec)
    found = matrix_to_rotvec(torch.tensor(matrix))
    assert float(found.norm(dim=-1).max()) <= np.pi + 1e-9
    np.testing.assert_allclose(rotations.rotvec_to_matrix(found.numpy()), matrix, rtol=0, atol=1e-9)


@pytest.mark.parametrize("angle_rad", [0.0, 1e-9, 0.005, 0.0101, 1.0, 2.2, 3.1])
def test_gradients_of_the_rotation_vector(angle_rad: float) -> None:
    rotvec = (angle_rad * torch.tensor([2.0, -3.0, 6.0], dtype=torch.float64) / 7).requires_grad_()
    # Forth and back is the identity, and so is its derivative.
    jacobian = torch.autograd.functional.jacobian(lambda v: matrix_to_rotvec(rotvec_to_matrix(v)), rotvec)
    assert isinstance(jacobian, torch.Tensor)
    torch.testing.assert_close(jacobian, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-6)


def test_half_turns_have_finite_gradients() -> None:
    half_turns = torch.diag_embed(torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1]])).requires_grad_()
    found = matrix_to_rotvec(half_turns)
    torch.testing.assert_close(found.abs(), torch.eye(3) * torch.pi)
    found.sum().backward()
    assert half_turns.grad is not None and torch.isfinite(half_turns.grad).all()


def test_columns_give_rotations_and_rotations_their_columns() -> None:
    columns = torch.randn(50, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrices = columns_to_matrix(columns)
    identity = torch.eye(3, dtype=torch.float64).expand(50, 3, 3)
    torch.testing.assert_close(matrices @ matrices.mT, identity)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(50, dtype=torch.float64))
    again = columns_to_matrix(matrices[..., :2].mT.flatten(1))
    torch.testing.assert_close(again, matrices)
    assert torch.autograd.gradcheck(columns_to_matrix, (columns[:3].clone().requires_grad_(),))


def test_points_alone_are_the_points_of_the_whole_hand() -> None:
    layer = HandLayer(mano_like("left"), torch.float64)
    generator = torch.Generator().manual_seed(4)
    rotvec = 0.4 * torch.randn(3, JOINT_COUNT, 3, generator=generator, dtype=torch.float64)
    betas = torch.randn(3, 10, generator=generator, dtype=torch.float64)
    wrist = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    matrices = layer.rotations_from_rotvec(rotvec, "mean")
    torch.testing.assert_close(layer.points(matrices, betas, wrist), layer(matrices, betas, wrist).points_m)
    torch.testing.assert_close(layer.rest_joints(betas), layer.shaped_rest(betas)[1])


def test_the_layer_trains_after_it_was_used_for_inference() -> None:
    """The joints' indices are made once for a device: whoever comes first must not spoil them for autograd."""
    layer = HandLayer(small_hand("right"))
    matrices = torch.eye(3).expand(1, JOINT_COUNT, 3, 3)
    with torch.inference_mode():
        layer(matrices, torch.zeros(1, 10), torch.zeros(1, 3))
    betas = torch.zeros(1, 10, requires_grad=True)
    layer(matrices, betas, torch.zeros(1, 3)).points_m.sum().backward()
    assert betas.grad is not None
