"""What only the torch layer does: gradients, types, devices, buffers. Its numbers are checked in test_skinning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from numpy.typing import NDArray
from torch import Tensor

from inference.hands import rotations
from inference.hands.joints import JOINT_COUNT
from inference.hands.torch_layer import HandLayer, PoseOrigin, rotvec_to_matrix
from tests.rotation_strategies import rotvecs
from tests.stand_in_hand import mano_like, small_hand

ANGLES_RAD = [0.0, 1e-12, 1e-6, 0.00999, 0.01001, 1.0, np.pi - 1e-6, np.pi, 6.0]


@given(rotvecs())
def test_matrices_agree_with_numpy_at_every_angle(rotvec: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(
        rotvec_to_matrix(torch.tensor(rotvec)), rotations.rotvec_to_matrix(rotvec), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("angle_rad", ANGLES_RAD)
def test_gradients_of_matrices_are_right_to_second_order(angle_rad: float) -> None:
    rotvec = angle_rad * torch.tensor([[2.0, -3.0, 6.0], [0.0, 7.0, 0.0]], dtype=torch.float64) / 7
    rotvec.requires_grad_()
    assert torch.autograd.gradcheck(rotvec_to_matrix, (rotvec,))
    assert torch.autograd.gradgradcheck(rotvec_to_matrix, (rotvec,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-8, 1e-3])
def test_gradients_around_zero_are_finite_and_those_of_the_cross_product(length: float, dtype: torch.dtype) -> None:
    rotvec = torch.full((3,), length, dtype=dtype, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(rotvec_to_matrix, rotvec)
    generators = torch.zeros(3, 3, 3, dtype=dtype)  # d R_ij / d r_k at zero: minus the permutation symbol
    for k, (i, j) in enumerate([(1, 2), (2, 0), (0, 1)]):
        generators[i, j, k], generators[j, i, k] = -1, 1
    assert isinstance(jacobian, Tensor)
    torch.testing.assert_close(jacobian, generators, rtol=0, atol=max(1e-6, 3 * length))


@pytest.mark.parametrize("origin", ["flat", "mean"])
def test_gradients_of_the_whole_layer(origin: PoseOrigin) -> None:
    layer = HandLayer(small_hand("left"), torch.float64)
    generator = torch.Generator().manual_seed(0)
    rotvec = torch.randn(2, JOINT_COUNT, 3, generator=generator, dtype=torch.float64) * 0.5
    rotvec[0, 3:] = 0  # most joints at rest: where an unsafe formula gives NaN
    betas = torch.randn(2, layer.shape_count, generator=generator, dtype=torch.float64)
    wrist = torch.randn(2, 3, generator=generator, dtype=torch.float64)

    def pose(rotvec: Tensor, betas: Tensor, wrist: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(layer(layer.rotations_from_rotvec(rotvec, origin), betas, wrist))

    inputs = tuple(value.requires_grad_() for value in (rotvec, betas, wrist))
    # Along random directions: one by one, the coordinates would take half a minute.
    assert torch.autograd.gradcheck(pose, inputs, fast_mode=True)


def test_the_mean_pose_is_added_to_the_fingers_alone() -> None:
    model = mano_like("right")
    layer = HandLayer(model, torch.float64)
    turn = torch.zeros(JOINT_COUNT, 3, dtype=torch.float64)
    turn[0] = torch.tensor([0.1, 0.2, 0.3])
    matrices = layer.rotations_from_rotvec(turn, "mean")
    np.testing.assert_allclose(matrices[0], rotations.rotvec_to_matrix([0.1, 0.2, 0.3]), atol=1e-7)
    np.testing.assert_allclose(matrices[1:], rotations.rotvec_to_matrix(model.pose_mean_rotvec), atol=1e-14)
    rest = layer.rotations_from_rotvec(torch.zeros(JOINT_COUNT, 3, dtype=torch.float64), "flat")
    np.testing.assert_array_equal(rest, np.tile(np.eye(3), (JOINT_COUNT, 1, 1)))


def test_a_network_that_holds_a_layer_neither_trains_nor_saves_the_hand() -> None:
    layer = HandLayer(small_hand("right"))
    assert not list(layer.parameters())
    assert not layer.state_dict()
    assert {buffer.dtype for _, buffer in layer.named_buffers()} == {torch.float32, torch.int64}
    layer.double()
    assert layer.posedirs.dtype == torch.float64
    assert layer.tip_vertices.dtype == torch.int64


def test_gradient_descent_finds_a_pose_again() -> None:
    layer = HandLayer(small_hand("right"), torch.float64)
    betas, wrist = torch.zeros(10, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    truth = torch.tensor(np.random.default_rng(2).normal(0, 0.3, (JOINT_COUNT, 3)))
    target = layer(layer.rotations_from_rotvec(truth, "flat"), betas, wrist).vertices_m
    rotvec = torch.zeros(JOINT_COUNT, 3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([rotvec], max_iter=60, line_search_fn="strong_wolfe", tolerance_grad=1e-14)

    def loss() -> Tensor:
        optimiser.zero_grad()
        posed = layer(layer.rotations_from_rotvec(rotvec, "flat"), betas, wrist)
        value = (posed.vertices_m - target).mul(1e3).square().mean()
        value.backward()
        return value

    start = layer(layer.rotations_from_rotvec(rotvec, "flat"), betas, wrist).vertices_m
    assert (start - target).abs().max() > 0.03
    optimiser.step(loss)
    found = layer(layer.rotations_from_rotvec(rotvec, "flat"), betas, wrist).vertices_m
    assert (found - target).abs().max() < 1e-3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_what_the_cpu_gives() -> None:
    layer = HandLayer(mano_like("right"))
    rng = np.random.default_rng(4)
    rotvec = torch.tensor(rng.normal(0, 0.6, (8, JOINT_COUNT, 3)), dtype=torch.float32)
    betas = torch.tensor(rng.normal(size=(8, 10)), dtype=torch.float32)
    wrist = torch.tensor(rng.normal(size=(8, 3)), dtype=torch.float32)
    on_cpu = layer(layer.rotations_from_rotvec(rotvec, "mean"), betas, wrist)
    on_gpu = layer.cuda()(layer.rotations_from_rotvec(rotvec.cuda(), "mean"), betas.cuda(), wrist.cuda())
    assert on_gpu.vertices_m.is_cuda
    torch.testing.assert_close(on_gpu.vertices_m.cpu(), on_cpu.vertices_m, rtol=0, atol=1e-6)
    torch.testing.assert_close(on_gpu.points_m.cpu(), on_cpu.points_m, rtol=0, atol=1e-6)
