"""Stage one of the open two-hand network: from a picture to where both hands are and which is which.

Every cell of a grid at an eighth of the picture's side says whether the palm of the right hand, of the left hand, or
of both (clasped hands lie over each other) has its middle there, and what square the hand fills.

Which side a hand is of is the hard part: mirrored hands look alike to the features that a net begins with. It is a
product of two things that are easy by themselves: the turn from the little finger's knuckle to the index finger's about
the wrist in the picture, and whether the palm or the back is seen. Cells answer both for the hand that they see,
whichever it is, and their product is added to what they say of the side directly.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .convolution import ConvolutionUnit, separable, start_near_zero
from .palm_backbone import FEATURE_CHANNELS, PalmBackbone

STRIDE: Final = 8
"""Pixels a cell."""
SIDES: Final = 2
SQUARE_NUMBERS: Final = 5
"""Of a side at a cell: centre minus cell x and y, log of the side, wrist to knuckles x and y."""
PALM_NUMBERS: Final = 5
"""Of the hand at a cell, whichever it is: wrist to knuckles x and y, little to index knuckle x and y, facing."""
PALM_SHARE: Final = 0.25
"""Of the square, roughly a palm: the unit of the palm's numbers."""
USUAL_SIDE_PX: Final = 64.0
"""The square's side where its logarithm is 0."""

_TRUNK_CHANNELS: Final = 128
_CONTEXT_CHANNELS: Final = 128
_RARE_LOGIT: Final = -4.0
"""Where training begins: hardly any cell holds a palm's middle."""
_CHIRALITY_GAIN: Final = 4.0
"""Where training begins: the product is about 0.3 for half of the hands."""
_LARGEST_LOG_SIDE: Final = 4.0
SECOND_PALM: Final = 0.35
"""Score from which a second palm is believed to be there."""
_SAME_PALM: Final = 0.2
"""Of a square's side: a middle as near as that is the same palm's."""
_TINY: Final = 1e-12


class FinderOutput(NamedTuple):
    """Answers of a grid of G x G cells; x right, y down. Lengths are in shares of the hand's square.

    Attributes
    ----------
    logits : (B, 2, G, G) of the middle of the right and of the left palm being here
    squares : (B, 2, 5, G, G) see `SQUARE_NUMBERS`
    palms : (B, 5, G, G) see `PALM_NUMBERS`; lengths in shares of `PALM_SHARE` of the square
    side_logit : (B, G, G) positive where the hand that is here is a right one
    """

    logits: Tensor
    squares: Tensor
    palms: Tensor
    side_logit: Tensor


class FinderNet(nn.Module):
    """See the module. A picture (B, 3, S, S) has sides that are multiples of 32.

    Attributes
    ----------
    backbone : what sees palms
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = PalmBackbone()
        eighth, sixteenth = FEATURE_CHANNELS
        self.fine = ConvolutionUnit(eighth, _TRUNK_CHANNELS, activation="none")
        self.coarse = ConvolutionUnit(sixteenth, _TRUNK_CHANNELS, activation="none")
        # Where another hand, an arm or a face is tells the side, too.
        self.context = nn.Sequential(
            nn.Linear(sixteenth, _CONTEXT_CHANNELS), nn.ReLU(), nn.Linear(_CONTEXT_CHANNELS, _TRUNK_CHANNELS)
        )
        self.trunk = nn.Sequential(*(separable(_TRUNK_CHANNELS, _TRUNK_CHANNELS) for _ in range(3)))
        self.presence = nn.Conv2d(_TRUNK_CHANNELS, 1, 1)
        self.side = nn.Conv2d(_TRUNK_CHANNELS, 1, 1)
        self.square = nn.Conv2d(_TRUNK_CHANNELS, SIDES * SQUARE_NUMBERS, 1)
        self.palm = nn.Conv2d(_TRUNK_CHANNELS, PALM_NUMBERS, 1)
        for layer in (self.presence, self.side, self.square, self.palm):
            start_near_zero(layer)
        self.presence.bias = nn.Parameter(torch.tensor([_RARE_LOGIT]))
        self.chirality_gain = nn.Parameter(torch.tensor(_CHIRALITY_GAIN))

    def forward(self, picture: Tensor) -> FinderOutput:
        """RGB from 0 to 1 (B, 3, S, S) to answers of (S / 8) x (S / 8) cells."""
        eighth, sixteenth = self.backbone(picture)
        coarse = self.coarse(sixteenth) + self.context(sixteenth.mean(dim=(2, 3)))[:, :, None, None]
        coarse = functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        level = self.trunk(functional.relu(self.fine(eighth) + coarse))
        palms = self.palm(level)
        side = self.side(level)[:, 0] + self.chirality_gain * chirality(palms.detach())
        presence = self.presence(level)[:, 0]
        logits = torch.stack([presence + side, presence - side], 1)
        return FinderOutput(logits, self.square(level).unflatten(1, (SIDES, SQUARE_NUMBERS)), palms, side)


def chirality(palms: Tensor) -> Tensor:
    """(B, ...) from palms (B, 5, ...): positive for right hands, the larger the more squarely the palm is seen."""
    up_x, up_y, across_x, across_y, facing = palms.unbind(1)
    return (up_x * across_y - up_y * across_x) * facing


class FoundPalms(NamedTuple):
    """What `find_palms` says about B pictures: K places each, the surest first, whichever hand is there.

    Attributes
    ----------
    scores : (B, K) from 0 to 1, that there is a hand
    right : (B, K) from 0 to 1, that it is a right one
    regions : (B, K, 2, 5) where it then is, if it is the right and if it is the left hand, as in `hand_regions`
    """

    scores: Tensor
    right: Tensor
    regions: Tensor


class FoundHands(NamedTuple):
    """What `find_hands` says about B pictures, right hands first.

    Attributes
    ----------
    scores : (B, 2) from 0 to 1, that there is a hand in this place
    regions : (B, 2, 5) where the hand of this side then is, as in `hand_regions`
    """

    scores: Tensor
    regions: Tensor


def find_palms(output: FinderOutput, count: int = 3) -> FoundPalms:
    """The best cells, none near a better one; squares are averaged with those of the cells around by their scores."""
    right_left = output.logits.sigmoid()
    left_over = 1 - (1 - right_left).prod(dim=1)
    weights = right_left.square()
    size = left_over.shape[-1]
    squares = _squares_px(output)
    steps = torch.arange(size, device=left_over.device)
    palms: list[tuple[Tensor, Tensor, Tensor]] = []
    for _ in range(count):
        score, place = left_over.flatten(1).max(dim=-1)
        row, column = (place // size)[:, None, None], (place % size)[:, None, None]
        apart = torch.maximum((steps[:, None] - row).abs(), (steps - column).abs())
        weight = weights * (apart <= 1).unsqueeze(1)
        weight = weight / weight.sum(dim=(2, 3), keepdim=True).clamp_min(_TINY)
        regions = _regions_from((squares * weight.unsqueeze(2)).sum(dim=(3, 4)))
        side = (output.side_logit * weight.mean(dim=1)).sum(dim=(1, 2))
        palms.append((score, (2 * side).sigmoid(), regions))
        reach = (_SAME_PALM * regions[..., 2].amin(dim=1) / STRIDE).clamp_min(1.0)[:, None, None]
        left_over = left_over.masked_fill(apart <= reach, 0.0)
    scores, right, regions = zip(*palms, strict=True)
    return FoundPalms(torch.stack(scores, 1), torch.stack(right, 1), torch.stack(regions, 1))


def find_hands(output: FinderOutput) -> FoundHands:
    """A place for each side.

    Of two palms the one that looks more like a right hand's is the right one: never are both sides sought in the same
    of two places. Where one palm is seen, both sides may have it: it is one hand of unsure side, or two clasped ones.
    """
    palms = find_palms(output, 2)
    two = palms.scores[:, 1] >= SECOND_PALM
    swapped = two & (palms.right[:, 1] > palms.right[:, 0])
    chosen = torch.stack([swapped, two & ~swapped], 1).long()
    regions = palms.regions.gather(1, chosen[:, :, None, None].expand(-1, -1, SIDES, 5))
    return FoundHands(palms.scores.gather(1, chosen), torch.stack([regions[:, 0, 0], regions[:, 1, 1]], 1))


def _squares_px(output: FinderOutput) -> Tensor:
    """(B, 2, 5, G, G) centre x and y, log of the side, all in pixels of the picture, and the way up, at every cell."""
    cells = cell_centres_px(output.logits.shape[-1]).to(output.squares)
    log_side = output.squares[:, :, 2:3].clamp(-_LARGEST_LOG_SIDE, _LARGEST_LOG_SIDE) + math.log(USUAL_SIDE_PX)
    centre = cells + output.squares[:, :, :2] * log_side.exp()
    return torch.cat([centre, log_side, output.squares[:, :, 3:]], dim=2)


def _regions_from(numbers: Tensor) -> Tensor:
    """(..., 5) squares as in `hand_regions` from means of what `_squares_px` gives."""
    x, y, log_side, up_x, up_y = numbers.unbind(-1)
    angle = torch.atan2(up_x, -up_y)
    return torch.stack([x, y, log_side.exp(), angle, torch.ones_like(angle)], dim=-1)


def cell_centres_px(size: int) -> Tensor:
    """(2, G, G) x and y of the middles of the cells, in pixels of the picture."""
    middle = (torch.arange(size, dtype=torch.float32) + 0.5) * STRIDE - 0.5
    return torch.stack(torch.meshgrid(middle, middle, indexing="xy"))


def mirrored(output: FinderOutput) -> FinderOutput:
    """What mirrored pictures would be answered: columns in reverse, x the other way, right for left."""
    x_flipped = output.squares.new_tensor([-1.0, 1.0, 1.0, -1.0, 1.0])[:, None, None]
    palm_flipped = output.palms.new_tensor([-1.0, 1.0, -1.0, 1.0, 1.0])[:, None, None]
    return FinderOutput(
        output.logits.flip(1, 3),
        output.squares.flip(1, 4) * x_flipped,
        output.palms.flip(3) * palm_flipped,
        -output.side_logit.flip(2),
    )


def answer_both_ways(network: FinderNet, picture: Tensor) -> FinderOutput:
    """The mean of the answers to pictures and to their mirror images: neither side is then told better than the other.

    Mirrored pictures get exactly the mirrored answer.
    """
    straight, back = network(picture), mirrored(network(picture.flip(3)))
    return FinderOutput(*((one + other) / 2 for one, other in zip(straight, back, strict=True)))
