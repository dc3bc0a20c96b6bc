"""Stage one's network: shapes, what is read out of perfect answers, and mirrored pictures."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from inference.networks.finder_net import (
    STRIDE,
    USUAL_SIDE_PX,
    FinderNet,
    FinderOutput,
    answer_both_ways,
    cell_centres_px,
    chirality,
    find_hands,
    find_palms,
    mirrored,
)

PICTURE_PX = 96
CELLS = PICTURE_PX // STRIDE


@pytest.fixture(scope="module")
def network() -> FinderNet:
    torch.manual_seed(3)
    network = FinderNet()
    with torch.no_grad():  # answers that differ from cell to cell
        for layer in (network.presence, network.side, network.square, network.palm):
            layer.weight.normal_(0, 0.3)
    return network.eval()


@pytest.fixture(scope="module")
def picture() -> Tensor:
    return torch.rand(2, 3, PICTURE_PX, PICTURE_PX, generator=torch.Generator().manual_seed(1))


def perfect(regions: Tensor, cells: list[tuple[int, int]]) -> FinderOutput:
    """What an ideal net says of squares (2, 5) whose palms' middles are in these cells (row, column)."""
    logits = torch.full((1, 2, CELLS, CELLS), -9.0)
    squares = torch.zeros(1, 2, 5, CELLS, CELLS)
    for hand, (row, column) in enumerate(cells):
        logits[0, hand, row, column] = 5.0
        logits[0, hand, row, column - 1] = 2.0
        x, y, side, angle, _ = regions[hand]
        squares[0, hand, :2] = (torch.stack([x, y])[:, None, None] - cell_centres_px(CELLS)) / side
        squares[0, hand, 2] = torch.log(side / USUAL_SIDE_PX)
        squares[0, hand, 3], squares[0, hand, 4] = 0.3 * torch.sin(angle), -0.3 * torch.cos(angle)
    return FinderOutput(logits, squares, torch.zeros(1, 5, CELLS, CELLS), torch.zeros(1, CELLS, CELLS))


REGIONS = torch.tensor([[40.3, 50.1, 60.0, 3.0, 1.0], [20.0, 30.5, 25.0, -1.2, 1.0]])
CELLS_OF_PALMS = [(5, 4), (3, 2)]


def test_perfect_answers_give_the_true_squares() -> None:
    found = find_hands(perfect(REGIONS, CELLS_OF_PALMS))
    torch.testing.assert_close(found.regions[0], REGIONS, atol=1e-3, rtol=1e-5)
    assert bool((found.scores > 0.99).all())


def test_two_palms_may_have_their_middle_in_the_same_cell() -> None:
    together = REGIONS.clone()
    together[1, :2] = together[0, :2] + 2
    found = find_hands(perfect(together, [(5, 4), (5, 4)]))
    torch.testing.assert_close(found.regions[0], together, atol=1e-3, rtol=1e-5)


def unsure(output: FinderOutput) -> FinderOutput:
    """The same palms by a net that cannot tell the sides."""
    either = output.logits.amax(1, keepdim=True).expand(-1, 2, -1, -1)
    is_right = (output.logits[:, :1] > output.logits[:, 1:]).unsqueeze(2)
    squares = torch.where(is_right, output.squares[:, :1], output.squares[:, 1:])
    return output._replace(logits=either - 3, squares=squares.expand(-1, 2, -1, -1, -1))


def test_palms_are_found_whichever_hands_they_are_of() -> None:
    palms = find_palms(unsure(perfect(REGIONS, CELLS_OF_PALMS)), 3)
    assert palms.scores[0, 1] > 0.9
    assert palms.scores[0, 2] < 0.1
    order = [0, 1] if abs(float(palms.regions[0, 0, 0, 2]) - 60) < 1 else [1, 0]
    torch.testing.assert_close(palms.regions[0, order, 0], REGIONS, atol=1e-2, rtol=1e-4)
    torch.testing.assert_close(palms.right[0], torch.full((3,), 0.5))


def test_two_palms_of_unsure_sides_are_both_proposed() -> None:
    output = unsure(perfect(REGIONS, CELLS_OF_PALMS))
    found = find_hands(output)
    assert float((found.regions[0, 0, :2] - found.regions[0, 1, :2]).norm()) > 20
    told = find_hands(output._replace(side_logit=output.logits[:, 0].clamp_min(0) * _left_half(-1.0, 1.0)))
    swapped = find_hands(output._replace(side_logit=output.logits[:, 0].clamp_min(0) * _left_half(1.0, -1.0)))
    torch.testing.assert_close(told.regions, swapped.regions.flip(1))


def _left_half(left: float, right: float) -> Tensor:
    columns = torch.arange(CELLS)
    return torch.where(columns <= CELLS_OF_PALMS[1][1], left, right).expand(1, CELLS, CELLS)


def test_one_palm_may_be_of_either_side() -> None:
    output = perfect(REGIONS, CELLS_OF_PALMS)
    nothing = torch.full_like(output.logits[:, 1:], -9.0)
    one = unsure(output._replace(logits=torch.cat([output.logits[:, :1], nothing], 1)))
    found = find_hands(one)
    torch.testing.assert_close(found.regions[0, 0], REGIONS[0], atol=1e-2, rtol=1e-4)
    torch.testing.assert_close(found.regions[0, 0], found.regions[0, 1])


def test_a_mirrored_answer_is_that_of_the_mirrored_hands() -> None:
    found = find_hands(mirrored(perfect(REGIONS, CELLS_OF_PALMS)))
    expected = REGIONS.flip(0) * torch.tensor([-1.0, 1.0, 1.0, -1.0, 1.0]) + torch.tensor(
        [PICTURE_PX - 1.0, 0.0, 0.0, 0.0, 0.0]
    )
    torch.testing.assert_close(found.regions[0], expected, atol=1e-3, rtol=1e-5)


def test_a_mirrored_picture_gives_the_mirrored_answer(network: FinderNet, picture: Tensor) -> None:
    with torch.inference_mode():
        straight = answer_both_ways(network, picture)
        back = mirrored(answer_both_ways(network, picture.flip(3)))
        alone = mirrored(network(picture.flip(3)))
        once = network(picture)
    for one, other in zip(straight, back, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert (alone.logits - once.logits).abs().max() > 1e-3  # one look alone is not symmetric


def test_shapes_follow_the_picture(network: FinderNet) -> None:
    with torch.inference_mode():
        output = network(torch.rand(1, 3, 64, 128))
    assert output.logits.shape == (1, 2, 8, 16)
    assert output.squares.shape == (1, 2, 5, 8, 16)
    assert output.palms.shape == (1, 5, 8, 16)
    assert output.side_logit.shape == (1, 8, 16)


def test_the_side_is_the_product_of_turn_and_face() -> None:
    """A right palm towards the camera, fingers up, has its index finger to the right of the little one."""
    up, right = (0.0, -1.0), (1.0, 0.0)
    palm_of_right = torch.tensor([[*up, *right, 1.0]])
    back_of_right = torch.tensor([[*up, -right[0], right[1], -1.0]])
    palm_of_left = torch.tensor([[*up, -right[0], right[1], 1.0]])
    assert chirality(palm_of_right).item() == pytest.approx(1.0)
    assert chirality(back_of_right).item() == pytest.approx(1.0)
    assert chirality(palm_of_left).item() == pytest.approx(-1.0)
    turn = math.radians(130)
    turned = torch.tensor([[math.sin(turn), -math.cos(turn), math.cos(turn), math.sin(turn), 1.0]])
    assert chirality(turned).item() == pytest.approx(1.0)
