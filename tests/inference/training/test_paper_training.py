"""The paper's network in training: what learns, what is kept, and what drifts all the same."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch

from inference.contract import ErrorCode, HandsError
from inference.datasets import InterHandDataset
from inference.networks.intershape import InterShape
from inference.networks.resnet import ResNet50
from inference.training.batch import TrainingBatch
from inference.training.configuration import load_configuration
from inference.training.dataset_stream import DatasetStream
from inference.training.first_weights import begin_as_the_paper, take_imagenet
from inference.training.supervised import SupervisedNetwork
from tests.inference.training.made_run import made_set
from tests.made_interhand import MODELS


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> InterHandDataset:
    return made_set(tmp_path_factory.mktemp("paper"), "interacting")


@pytest.fixture(scope="module")
def network() -> InterShape:
    """141 M parameters: made once."""
    torch.manual_seed(0)
    return InterShape(load_configuration("paper").network_configuration(), (MODELS["right"], MODELS["left"]))


@pytest.fixture(scope="module")
def batch(dataset: InterHandDataset) -> TrainingBatch:
    return next(DatasetStream(dataset, batch=1, augmentation=None, seed=0).batches(0, 1))


@pytest.mark.parametrize(
    ("name", "learns", "kept"),
    [
        ("paper", "mesh_reg", "heatmap_predictor"),
        ("paper-heatmaps", "heatmap_predictor", "mesh_reg"),
    ],
)
def test_one_half_learns_and_the_other_is_kept(
    network: InterShape, batch: TrainingBatch, name: str, learns: str, kept: str
) -> None:
    network.requires_grad_(True)
    network.zero_grad(set_to_none=True)
    supervised = SupervisedNetwork(network, None, load_configuration(name)).train()
    norm = network.get_submodule("heatmap_predictor.backbone_net.resnet.bn1").get_buffer("running_mean").clone()
    terms = supervised(batch)
    torch.stack(list(terms.values())).sum().backward()
    assert all(bool(torch.isfinite(term)) for term in terms.values())
    with_gradient = {part for part, value in network.named_parameters() if value.grad is not None}
    own = {part for part, _ in network.named_parameters() if part.startswith(learns)}
    assert with_gradient == own
    assert not any(value.requires_grad for value in network.get_submodule(kept).parameters())
    # The authors leave the kept heat-map net in training mode: its statistics drift.
    after = network.get_submodule("heatmap_predictor.backbone_net.resnet.bn1").get_buffer("running_mean")
    assert not torch.equal(norm, after)
    expected = {"volumes", "root_depth", "presence"}
    if name == "paper":
        expected = {"joints", "offsets", "bones", "shape", "consistency", "regulariser"}
    assert set(terms) == expected


def test_the_paper_s_first_weights(network: InterShape) -> None:
    begin_as_the_paper(network)
    deviations = {
        "mesh_reg.right_mano_branch.pose_reg.weight": 0.01,
        "heatmap_predictor.pose_net.joint_deconv_1.0.weight": 0.001,
        "mesh_reg.base_net.layer3.0.conv1.weight": 0.01,
    }
    for name, deviation in deviations.items():
        assert float(network.get_parameter(name).detach().std()) == pytest.approx(deviation, rel=0.03)
    assert float(network.get_parameter("mesh_reg.right_mano_branch.pose_reg.bias").detach().abs().max()) == 0


def resnet50_tensors(value: float) -> dict[str, torch.Tensor]:
    """As torchvision names them; each repeats one number, so that a file of them is small."""
    names = ResNet50(blocks_normalised=True).state_dict()
    tensors = {name: torch.tensor(value).expand(tensor.shape) for name, tensor in names.items()}
    return {**tensors, "fc.weight": torch.zeros(1).expand(1000, 2048), "fc.bias": torch.zeros(1).expand(1000)}


@pytest.mark.parametrize("counted", [True, False])
def test_both_backbones_take_resnet_50(network: InterShape, tmp_path: Path, counted: bool) -> None:
    tensors = resnet50_tensors(0.5)
    if not counted:  # torchvision's older files
        tensors = {name: value for name, value in tensors.items() if not name.endswith("num_batches_tracked")}
    torch.save(tensors, tmp_path / "resnet50.pth")
    with torch.no_grad():
        network.mesh_reg.base_net.get_parameter("layer3.0.conv1.weight").fill_(2.0)
    take_imagenet(network, tmp_path / "resnet50.pth")
    wider = network.mesh_reg.base_net.get_parameter("layer3.0.conv1.weight")
    assert set(wider[:, :512].unique().tolist()) == {0.5}
    assert set(wider[:, 512:].unique().tolist()) == {2.0}
    theirs = network.get_submodule("heatmap_predictor.backbone_net.resnet").state_dict()
    assert all(float(value.min()) == 0.5 for name, value in theirs.items() if not name.endswith("num_batches_tracked"))


def test_what_is_not_resnet_50_is_refused(network: InterShape, tmp_path: Path) -> None:
    tensors = resnet50_tensors(0.25)
    others = {
        "resnet101.pth": {**tensors, "layer3.6.conv1.weight": torch.zeros(1).expand(256, 1024, 1, 1)},
        "wide.pth": {**tensors, "layer1.0.conv2.weight": torch.zeros(1).expand(128, 128, 3, 3)},
        "cut.pth": {name: value for name, value in tensors.items() if not name.startswith("layer4.2.")},
        "wrapped.pth": {"state_dict": tensors},
        "list.pth": [1, 2],
    }
    before = network.mesh_reg.base_net.get_parameter("layer1.0.conv1.weight").clone()
    for name, content in others.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(HandsError, match="does not hold ResNet-50's weights") as error:
            take_imagenet(network, tmp_path / name)
        assert error.value.code is ErrorCode.MODEL_DAMAGED, name
    with pytest.raises(HandsError, match="There is no file") as error:
        take_imagenet(network, tmp_path / "missing.pth")
    assert error.value.code is ErrorCode.MODEL_MISSING
    assert torch.equal(before, network.mesh_reg.base_net.get_parameter("layer1.0.conv1.weight"))


def test_the_authors_flags_change_which_points_count(dataset: InterHandDataset, tmp_path: Path) -> None:
    mapped, authors = (
        list(islice(DatasetStream(dataset, batch=8, augmentation=None, seed=0, authors_validity=slip).batches(0, 1), 1))
        for slip in (False, True)
    )
    assert not torch.equal(mapped[0].targets.points_valid, authors[0].targets.points_valid)
    assert torch.equal(mapped[0].targets.points_mm, authors[0].targets.points_mm)
