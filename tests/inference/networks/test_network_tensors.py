"""Names, shapes and types of the paper's network are those of the released checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference.hands.joints import JOINT_COUNT, POINT_COUNT
from inference.hands.torch_layer import HandLayer
from inference.networks.configuration import COMPACT, PAPER
from inference.networks.intershape import InterShape
from tests.stand_in_hand import mano_like, small_hand

TENSORS = Path(__file__).resolve().parents[4] / "shared" / "reference" / "checkpoint_tensors.tsv"
HAND_BUFFERS = "mesh_reg.mano_layer."

Tensors = dict[str, tuple[tuple[int, ...], torch.dtype]]


@pytest.fixture(scope="module")
def listed() -> Tensors:
    if not TENSORS.is_file():
        pytest.skip("the list of the checkpoint's tensors is not beside this copy of the project")
    found: Tensors = {}
    for line in TENSORS.read_text(encoding="utf-8").splitlines():
        name, shape, dtype = line.split("\t")
        sizes = tuple(int(part) for part in shape.strip("()").split(",") if part.strip())
        found[name] = (sizes, getattr(torch, dtype.removeprefix("torch.")))
    return found


def paper_on_no_device() -> InterShape:
    """Shapes without memory."""
    with torch.device("meta"):
        return InterShape(PAPER, (mano_like("right"), mano_like("left")))


def test_all_learned_tensors_have_the_listed_names_shapes_and_types(listed: Tensors) -> None:
    assert len(listed) == 602
    learned = {name: value for name, value in listed.items() if not name.startswith(HAND_BUFFERS)}
    assert len(learned) == 568
    ours = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in paper_on_no_device().state_dict().items()}
    assert ours == learned


def test_every_hand_buffer_is_an_array_of_the_hand_layer_or_an_input(listed: Tensors) -> None:
    """The other 34 tensors are both hands' models: rebuilt as a `HandModel`, not part of the state dict."""
    layer = HandLayer(mano_like("right"))
    vertices = layer.v_template.shape[0]
    same = {
        "v_template": layer.v_template.shape,
        "lbs_weights": layer.lbs_weights.shape,
        "posedirs": layer.posedirs.shape,
        "template_J": layer.joint_template.shape,
        "vertex_joint_selector.extra_joints_idxs": layer.tip_vertices.shape,
    }
    reshaped = {
        "shapedirs": layer.shapedirs.numel(),  # (V, 3, 10) there, (10, 3 V) here
        "beta2J": layer.joint_shapedirs.numel(),  # (16, 3, 10) there, (10, 48) here
        "hand_mean": layer.pose_mean_rotvec.numel(),
        "pose_mean": layer.pose_mean_rotvec.numel() + 3,  # a global rotation of zero before it
        "J_regressor": JOINT_COUNT * vertices,  # only its products, template_J and beta2J, are kept
        "parents": JOINT_COUNT,
        "faces_tensor": 3 * len(mano_like("right").triangles),
    }
    inputs = {"betas": 10, "global_orient": 3, "body_pose": 3, "transl": 3, "hand_pose": 45}
    for letter in "rl":
        prefix = f"{HAND_BUFFERS}{letter}."
        theirs = {name.removeprefix(prefix): value[0] for name, value in listed.items() if name.startswith(prefix)}
        assert set(theirs) == {*same, *reshaped, *inputs}
        assert {name: theirs[name] for name in same} == {name: tuple(shape) for name, shape in same.items()}
        sizes = {name: int(torch.Size(theirs[name]).numel()) for name in (*reshaped, *inputs)}
        assert sizes == reshaped | inputs
    assert POINT_COUNT == JOINT_COUNT + 5
    assert not [name for name in paper_on_no_device().state_dict() if "mano_layer" in name or "hand." in name]


def test_the_paper_network_is_as_large_as_published() -> None:
    network = paper_on_no_device()
    millions = {name: sum(p.numel() for p in part.parameters()) / 1e6 for name, part in network.named_children()}
    assert millions["mesh_reg"] == pytest.approx(94.0, abs=0.05)
    assert millions["heatmap_predictor"] == pytest.approx(47.3, abs=0.05)


def test_the_compact_network_is_small_enough_to_ship() -> None:
    state = InterShape(COMPACT, (small_hand("right"), small_hand("left"))).state_dict()
    assert sum(tensor.numel() for tensor in state.values()) < 15e6
    assert sum(2 * tensor.numel() for tensor in state.values()) < 30e6
