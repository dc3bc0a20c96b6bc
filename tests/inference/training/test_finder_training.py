"""Stage one's training: what the pictures' second looks say is true, what the losses want, and runs that learn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.__main__ import main
from inference.contract import ErrorCode, HandsError
from inference.detect.region import Region
from inference.engines.engine import WEIGHTS_DIR
from inference.networks.finder_net import FinderNet, FinderOutput, chirality, find_hands
from inference.networks.hand_regions import regions_of
from inference.synthesis.sample import Generator, Settings
from inference.training.configuration import configuration_from_json, load_configuration, named_configurations
from inference.training.finder_batch import FinderBatch
from inference.training.finder_losses import finder_losses, targets_of
from inference.training.finder_stream import DrawnHands, FinderStream, drawn_hands, look_at
from inference.training.run_folder import RunFolder, load_network_file
from inference.training.start_finder import make_finder_trainer
from inference.training.trainer import Limits
from tests.inference.training.made_run import ALONE, silent

pytest.importorskip("onnx", reason="the finder begins as the shipped palm detector, which the package onnx reads")

PICTURE_PX = 64
CELLS = PICTURE_PX // 8
SMALL = (f"picture_px={PICTURE_PX}", "batch=4", "steps=6", "warmup_steps=0")


@pytest.fixture(scope="module")
def drawn() -> DrawnHands:
    generator = Generator.from_weights(WEIGHTS_DIR, Settings(size_px=PICTURE_PX, framing="mixed"))
    return drawn_hands(generator.make(5, torch.arange(24)))


@pytest.fixture(scope="module")
def varied(drawn: DrawnHands) -> FinderBatch:
    return look_at(drawn, torch.Generator().manual_seed(2))


def stream(workers: int = 0, looks: int = 3) -> FinderStream:
    return FinderStream(
        WEIGHTS_DIR,
        Settings(size_px=PICTURE_PX, framing="mixed"),
        batch=2,
        looks=looks,
        seed=4,
        samples=1000,
        device=torch.device("cpu"),
        workers=workers,
    )


def perfect(batch: FinderBatch) -> FinderOutput:
    """What a network without error says of a batch, but for the sides of hands that lie over each other."""
    targets = targets_of(batch, CELLS)
    logits = torch.where(targets.near > 0.99, 9.0, -9.0)
    side = 20 * (targets.near[:, 0] - targets.near[:, 1])
    nearer = (targets.near[:, :1] > targets.near[:, 1:]).float()
    palms = (targets.palms[:, 0, :, None, None] - targets.palms[:, 1, :, None, None]) * nearer
    return FinderOutput(logits, targets.squares, palms + targets.palms[:, 1, :, None, None], side)


def test_the_palm_s_turn_and_face_tell_the_side(drawn: DrawnHands, varied: FinderBatch) -> None:
    for batch in (look_at(drawn, None), varied):
        product = chirality(targets_of(batch, CELLS).palms.transpose(1, 2))
        sure = (batch.seen > 0) & (product.abs() > 0.1)
        assert sure.sum() > 15
        assert bool((product[:, 0][sure[:, 0]] > 0).all())
        assert bool((product[:, 1][sure[:, 1]] < 0).all())


def test_a_second_look_shows_the_hands_where_it_says(drawn: DrawnHands) -> None:
    """The right hand is a red spot, the left a blue one; in a mirrored picture they have changed sides."""
    spots = torch.zeros(24, 3, PICTURE_PX, PICTURE_PX, dtype=torch.uint8)
    place = torch.tensor([[20.0, 30.0], [40.0, 25.0]])
    for colour, (x, y) in zip((0, 2), place.long().tolist(), strict=True):
        spots[:, colour, y - 2 : y + 3, x - 2 : x + 3] = 255
    joints = place[None, :, None].expand(24, 2, 21, 2)
    facing = torch.tensor([1.0, -1.0]).expand(24, 2)
    marked = DrawnHands(spots, joints, torch.ones(24, 2, 21, dtype=torch.bool), facing)
    batch = look_at(marked, torch.Generator().manual_seed(3))
    mirrored = batch.facing[:, 0] < 0
    assert 4 < int(mirrored.sum()) < 20
    looked = 0
    for row in range(24):
        for hand in range(2):
            x, y = (round(value) for value in batch.joints_px[row, hand, 0].tolist())
            if 2 < x < PICTURE_PX - 3 and 2 < y < PICTURE_PX - 3:
                colour = 2 if (hand == 1) != bool(mirrored[row]) else 0
                assert batch.picture[row, colour, y, x] > 0.7
                assert batch.picture[row, 2 - colour, y, x] == 0
                assert batch.seen[row, hand] == 1
                looked += 1
            elif not (0 <= x < PICTURE_PX and 0 <= y < PICTURE_PX):
                assert batch.seen[row, hand] == 0
    assert looked > 30


def test_squares_are_those_that_the_landmark_net_is_given(varied: FinderBatch) -> None:
    regions = regions_of(varied.joints_px)
    for row in range(6):
        for hand in range(2):
            own = Region.from_joints(varied.joints_px[row, hand].numpy())
            expected = [*own.center_px, own.side_px, own.angle_rad, 1.0]
            np.testing.assert_allclose(regions[row, hand].numpy(), expected, rtol=1e-3, atol=1e-2)


def test_perfect_answers_cost_nothing_and_are_read_back(varied: FinderBatch) -> None:
    output, weights = perfect(varied), load_configuration("finder").finder_losses
    terms = finder_losses(output, varied, weights)
    assert float(torch.stack(list(terms.values())).sum()) < 0.02
    found, true = find_hands(output), regions_of(varied.joints_px)
    seen = varied.seen > 0
    torch.testing.assert_close(found.regions[seen], true[seen], rtol=1e-3, atol=2e-2)
    assert bool((found.scores[seen] > 0.5).all())
    empty = ~seen.any(dim=1)
    assert bool(empty.any())
    assert bool((found.scores[empty] < 0.5).all())


@pytest.mark.parametrize("wrong", ["presence", "side", "square", "palm"])
def test_each_term_sees_its_own_error(varied: FinderBatch, wrong: str) -> None:
    good = perfect(varied)
    bad = {
        "presence": good._replace(logits=-good.logits),
        "side": good._replace(side_logit=-good.side_logit),
        "square": good._replace(squares=good.squares + 0.3),
        "palm": good._replace(palms=good.palms + 0.3),
    }[wrong]
    weights = load_configuration("finder").finder_losses
    before, after = (finder_losses(output, varied, weights) for output in (good, bad))
    for name in before:
        assert (float(after[name]) > float(before[name]) + 0.1) == (name == wrong)


def test_a_batch_is_known_by_its_number_whoever_draws_it() -> None:
    one, other, later = stream(), stream(workers=2), stream()
    batches = [next_of(iterator, 14) for iterator in (one.batches(0, 1), other.batches(0, 1))]
    resumed = next(later.batches(13, 1))
    for first, second in zip(*batches, strict=True):
        assert torch.equal(first.picture, second.picture)
    assert torch.equal(resumed.joints_px, batches[0][13].joints_px)
    assert not torch.equal(batches[0][0].picture, batches[0][12].picture)


def next_of(iterator: Iterator[FinderBatch], count: int) -> list[FinderBatch]:
    return [next(iterator) for _ in range(count)]


def test_two_processes_share_the_row() -> None:
    ranks = [stream().batches(rank, 2) for rank in range(2)]
    first, second = (next(rank) for rank in ranks)
    assert not torch.equal(first.picture, second.picture)


def test_every_picture_is_used_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one round of `looks` uses no picture comes twice before all have come once."""
    uses: list[torch.Tensor] = []

    def note(drawn: DrawnHands, random: torch.Generator | None) -> FinderBatch:
        uses.append(drawn.facing[:, 0].clone())
        return look_at(drawn, random)

    monkeypatch.setattr("inference.training.finder_stream.look_at", note)
    row = stream(looks=2).batches(0, 1)
    for _ in range(8):
        next(row)
    counts = torch.cat(uses).unique(return_counts=True)[1]
    assert len(counts) == 8
    assert bool((counts == 2).all())


def test_the_configuration_is_listed_and_survives_json() -> None:
    assert "finder" in named_configurations()
    configuration = load_configuration("finder")
    assert configuration_from_json(configuration.to_json()) == configuration
    assert (configuration.network, configuration.framing) == ("finder", "mixed")


def test_some_steps_lower_the_loss_and_a_run_goes_on(tmp_path: Path) -> None:
    configuration = load_configuration("finder", ["seed=1", *SMALL, "steps=12", "learning_rate=3e-3", "looks=12"])

    made = make_finder_trainer(configuration, WEIGHTS_DIR, tmp_path, ALONE)
    frozen = made.network.backbone.stem.weight.detach().clone()
    batch = next(stream().batches(0, 1))
    weights = configuration.finder_losses

    def loss() -> float:
        made.network.train()
        with torch.no_grad():
            return float(torch.stack(list(finder_losses(made.network(batch.picture), batch, weights).values())).sum())

    before = loss()
    made.run(Limits(steps=8), silent)
    again = make_finder_trainer(configuration, WEIGHTS_DIR, tmp_path, ALONE)
    assert again.step == 8
    again.run(Limits(), silent)
    made = again
    assert loss() < before
    assert torch.equal(frozen, again.network.backbone.stem.weight)
    saved = load_network_file(RunFolder(tmp_path).network)
    FinderNet().load_state_dict(saved.weights, strict=True)
    assert saved.identity.configuration == configuration


def test_the_command_trains_the_finder(tmp_path: Path) -> None:
    arguments = ["train", "--config", "finder", "--data", "synthesis", "--out", str(tmp_path / "run"), "--stop-after"]
    changes = [part for change in SMALL for part in ("--set", change)]
    assert main([*arguments, "1", *changes]) == 0
    assert (tmp_path / "run" / "network.safetensors").is_file()


def test_imagenet_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HandsError, match="finder") as error:
        make_finder_trainer(
            load_configuration("finder", SMALL), WEIGHTS_DIR, tmp_path, ALONE, imagenet=tmp_path / "weights.pth"
        )
    assert error.value.code is ErrorCode.USAGE
