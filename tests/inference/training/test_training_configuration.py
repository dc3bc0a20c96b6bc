"""Settings: what is shipped, what is changed on the command line, and what is refused by name."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from inference.contract import ErrorCode, HandsError
from inference.networks.configuration import COMPACT, PAPER
from inference.training.configuration import (
    AugmentationSettings,
    ExtraLossWeights,
    TrainingConfiguration,
    configuration_from_json,
    load_configuration,
    named_configurations,
)
from inference.training.learning_rate import learning_rate
from inference.training.paper_losses import LossWeights


def test_the_paper_s_configuration_is_the_paper_s() -> None:
    paper = load_configuration("paper")
    assert paper == TrainingConfiguration(
        name="paper",
        network="paper",
        train="mesh",
        epochs=100,
        batch=32,
        optimiser="adam",
        learning_rate=1e-4,
        schedule="epochs",
        rate_epochs=(45, 47),
        authors_slips=True,
        losses=LossWeights(10, 1, 100, 0.1, 0.01, 0.1, 0.1),
        augmentation=AugmentationSettings(0.15, 0.25, 45, 0.6, 0.5, 0.2, False, 0, 0),
    )
    assert paper.extra_losses == ExtraLossWeights()
    assert paper.network_configuration() == PAPER


@pytest.mark.parametrize("name", ["paper", "paper-heatmaps", "compact", "open"])
def test_configurations_survive_json(name: str) -> None:
    assert name in named_configurations()
    configuration = load_configuration(name)
    assert configuration_from_json(configuration.to_json()) == configuration
    if name != "paper":
        assert not configuration.authors_slips
        assert configuration.augmentation.swap_fit_validity


def test_changes_reach_tables_and_the_network() -> None:
    changes = ["batch=8", "losses.joints=5", "precision=bf16", "use_attention=false", "cascade_stages=1", "name='x'"]
    changed = load_configuration("compact", changes)
    expected = load_configuration("compact")
    assert changed == replace(
        expected,
        name="x",
        batch=8,
        losses=replace(expected.losses, joints=5.0),
        precision="bf16",
        use_attention=False,
        cascade_stages=1,
    )
    assert changed.network_configuration() == replace(COMPACT, use_attention=False, cascade_stages=1)
    assert load_configuration("paper", ["rate_epochs=[3, 4]"]).rate_epochs == (3, 4)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])  # some editors on Windows write the second
def test_a_file_of_one_s_own(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("network = 'compact'\nepochs = 3\n[losses]\njoints = 2\n", encoding=encoding)
    configuration = load_configuration(str(path))
    assert (configuration.name, configuration.epochs, configuration.losses.joints) == ("mine", 3, 2.0)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        (["nonsense=1"], "'nonsense'"),
        (["losses.nonsense=1"], "'nonsense' .*|unknown key"),
        (["batch=2.5"], "'batch'"),
        (["batch=true"], "'batch'"),
        (["batch=0"], "batch"),
        (["steps=-5"], "steps is -5, but must be 0 or more"),
        (["precision=fp8"], "'precision'.*fp32, bf16"),
        (["rate_epochs=[1.5]"], "'rate_epochs'.*should be a list of whole numbers"),
        (["rate_epochs=[true]"], "'rate_epochs'"),
        (["rate_epochs=[0]"], "rate_epochs must be above 0 and ascend"),
        (["rate_epochs=[5, 3]"], "rate_epochs must be above 0 and ascend"),
        (["rate_epochs=[3, 3]"], "rate_epochs must be above 0 and ascend"),
        (["losses=3"], "'losses'"),
        (["batch.more=3"], "'batch' is not a table"),
        (["batch"], "KEY=VALUE"),
        (["cascade_stages=4"], "cascade_stages"),
        (["steps=0", "epochs=0"], "steps or epochs"),
        (["ema=1.0"], "ema"),
        (["learning_rate=0"], "learning_rate"),
        (["learning_rate=nan"], "learning_rate is nan, but must be above 0"),
        (["learning_rate='fast'"], "should be a number"),
        (["use_attention=1"], "should be true or false"),
        (["losses=[1]"], "should be a table"),
        (["warmup_steps=-1"], "warmup_steps"),
        (["weight_decay=inf"], "weight_decay is inf, but must be 0 or more"),
        (["gradient_clip=nan"], "gradient_clip"),
        (["seed=-1"], "seed"),
        (["seed=99999999999999999999"], "seed"),
        (["picture_px=100"], "multiple of 32"),
        (["picture_px=4096"], "picture_px is 4096, but must be from 64 to 1024"),
        (["batch=2000000000"], "batch"),
        (["losses.joints=nan"], r"losses\.joints is nan, but must be 0 or more"),
        (["losses.shape=-0.1"], r"losses\.shape"),
        (["losses.bones=inf"], r"losses\.bones"),
        ([f"losses.bones=1{400 * '0'}"], r"losses\.bones is inf"),
        (["extra_losses.vertices=-1"], r"extra_losses\.vertices"),
        (
            ["losses={joints=0,offsets=0,bones=0,shape=0,consistency=0,regulariser=0,pose_in_regulariser=0}"] * 2
            + ["extra_losses={}"],
            "nothing would be learned",
        ),
        (["augmentation.scale=1"], r"augmentation\.scale is 1\.0, but must be from 0 to below 1"),
        (["augmentation.scale=-0.1"], r"augmentation\.scale"),
        (["augmentation.colour=1.0"], r"augmentation\.colour"),
        (["augmentation.shift=3"], r"augmentation\.shift is 3\.0, but must be from 0 to 1"),
        (["augmentation.rotation_deg=nan"], r"augmentation\.rotation_deg"),
        (["augmentation.rotation_chance=1.5"], r"augmentation\.rotation_chance"),
        (["augmentation.flip_chance=-0.5"], r"augmentation\.flip_chance"),
        (["augmentation.background=2"], r"augmentation\.background"),
        (["augmentation.strong=nan"], r"augmentation\.strong"),
        (["train=mesh"], "heat maps"),
        (["network=paper", "extra_losses={}"], "freeze_backbone_norms"),
        (["network=paper", "freeze_backbone_norms=false"], "extra_losses"),
    ],
)
def test_mistakes_are_named(changes: list[str], word: str) -> None:
    with pytest.raises(HandsError, match=word) as error:
        load_configuration("compact", changes)
    assert error.value.code is ErrorCode.USAGE


def test_extra_losses_that_the_paper_s_network_would_not_learn_from_are_refused() -> None:
    assert load_configuration("paper", ["train=all", "extra_losses.vertices=1"]).extra_losses.vertices == 1
    for changes in (["extra_losses.presence=1"], ["train=all", "extra_losses.presence=1"]):
        with pytest.raises(HandsError, match="for the compact network"):
            load_configuration("paper", changes)
    with pytest.raises(HandsError, match="not for heat maps alone"):
        load_configuration("paper-heatmaps", ["extra_losses.vertices=1"])


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(HandsError, match="no training configuration 'x'") as error:
        load_configuration("x")
    assert ", ".join(named_configurations()) in error.value.hint
    with pytest.raises(HandsError, match="no training configuration"):
        load_configuration(300 * "x")  # no file name can be that long
    path = tmp_path / "bad.toml"
    path.write_text("batch = = 3")
    with pytest.raises(HandsError, match=r"'bad\.toml' is not a TOML file"):
        load_configuration(str(path))


def test_rates_of_both_schedules() -> None:
    paper = load_configuration("paper")
    rates = [learning_rate(paper, step, 1000, 10.0) for step in (0, 449, 450, 469, 470, 999)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-6, 1e-6])
    cosine = load_configuration("compact", ["warmup_steps=10", "learning_rate=1.0"])
    rates = [learning_rate(cosine, step, 110, 10.0) for step in range(111)]
    assert rates[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[60] == pytest.approx(0.505)
    assert rates[110] == pytest.approx(0.01)
    assert all(later <= earlier for earlier, later in pairwise(rates[10:]))
