"""Forearms, sleeves and the hands together as one mesh: tubes that leave the wrist's rim and bend at the elbow."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .arrangement import Arrangement
from .draws import Draws
from .hand_surface import HandSurface

RINGS: Final = 9
_ELBOW_RING: Final = 6
_LENGTH_M: Final = 0.25
_UPPER_STEP: Final = 4.5
"""Rings of the upper arm lie this many times as far apart, so that it mostly leaves the picture."""
_CANDIDATES: Final = 10
_SAMPLES: Final = 6
_ARM_RADIUS_M: Final = 0.045
"""Two forearms' axes nearer than this would meet."""
HAND, ARM, SLEEVE = 0, 1, 2
"""What a face belongs to."""


class Arms(NamedTuple):
    """Everything that is drawn of one person: vertices, both sides one after the other."""

    vertices_m: Tensor  # (B, N, 3) in the arrangement's frame
    elbows_m: Tensor  # (B, 2, 3)
    drawn: Tensor  # (B, F) bool
    rest_m: Tensor  # (N, 3) rest position, the right hand's frame on both sides


class ArmMesh(nn.Module):
    """The topology of both hands with forearms and sleeves, and how they are put in place.

    Parameters
    ----------
    surface : the hand
    """

    faces: Tensor
    part: Tensor
    side: Tensor
    corner_uv: Tensor
    rest_m: Tensor
    ring: Tensor

    def __init__(self, surface: HandSurface) -> None:
        super().__init__()
        self.surface = surface
        hand = surface.faces
        ring = torch.tensor(_boundary(surface.model.triangles))
        count, size = len(ring), len(surface.layer.v_template)
        self.hand_vertices, self.arm_vertices = size, RINGS * count
        self.side_vertices = size + self.arm_vertices + (RINGS + 1) * count
        arm = _tube([ring] + [size + k * count + torch.arange(count) for k in range(RINGS)])
        # The sleeve starts with a ring on the arm, so that its hem is closed.
        first = size + self.arm_vertices
        sleeve = _tube([first + k * count + torch.arange(count) for k in range(RINGS + 1)])
        one = torch.cat([hand, arm, sleeve])
        part = torch.cat([torch.full((len(f),), number) for number, f in enumerate((hand, arm, sleeve))])
        faces = torch.cat([one, one.flip(1) + self.side_vertices])
        uv = torch.zeros(len(one), 3, 2)
        model = surface.model
        if model.uv is None:
            raise ValueError("the hand model has no texture coordinates, which its skin needs")
        quads = model.polygons[:, 3] >= 0
        corner_uv = np.concatenate([model.uv[:, :3], model.uv[quads][:, [0, 2, 3]]])
        uv[: len(hand)] = torch.tensor(corner_uv, dtype=torch.float32)
        x = torch.cat([torch.arange(1, RINGS + 1), torch.arange(0, RINGS + 1)]) * 0.035
        tubes = surface.layer.v_template[ring].repeat(2 * RINGS + 1, 1)
        tubes = tubes + torch.stack([x.repeat_interleave(count), torch.zeros(len(tubes)), torch.zeros(len(tubes))], 1)
        arrays = {
            "faces": faces,
            "part": part.repeat(2),
            "side": torch.arange(2).repeat_interleave(len(one)),
            "corner_uv": torch.cat([uv, uv.flip(1)]),
            "rest_m": torch.cat([surface.layer.v_template, tubes]).repeat(2, 1),
            "ring": ring,
        }
        for name, array in arrays.items():
            self.register_buffer(name, array, persistent=False)

    def build(
        self,
        draws: Draws,
        arrangement: Arrangement,
        vertices_m: Tensor,
        points_m: Tensor,
        *,
        one_person_moves: bool = False,
    ) -> Arms:
        """Add forearms to placed hands.

        Parameters
        ----------
        draws : random numbers
        arrangement : of the hands
        vertices_m : (B, 2, V, 3) placed vertices
        points_m : (B, 2, 21, 3) placed joints and tips
        one_person_moves : the batch is a clip: the arms leave the wrists in the same direction all the time
        """
        size = 0.93 + 0.06 * arrangement.betas[:, 0].clamp(-2, 2)
        direction = self._directions(
            draws, arrangement, points_m, one_person_moves
        )  # (B, 2, 3) in the rest frame of each side
        rotation = arrangement.rotation
        along = (rotation @ direction[..., None])[..., 0]
        out = rotation @ (self.surface.mirror * torch.tensor([1.0, 0, 0], device=size.device))[..., None]
        out = out[..., 0]
        rim = vertices_m[:, :, self.ring]
        centre = rim.mean(2)
        offset = rim - centre[:, :, None]
        length = (draws.uniform(0.95, 1.15) * _LENGTH_M * size)[:, None, None]
        # The elbow bends towards a shoulder somewhere behind.
        upper = torch.nn.functional.normalize(along + 1.1 * draws.direction()[:, None], dim=-1)
        muscle = draws.uniform(1.25, 1.75)[:, None, None, None]
        turn = _between(out, along)
        rings, step = [], length / _ELBOW_RING
        position = centre
        for ring in range(1, RINGS + 1):
            bend = min(1.0, ring / 2)
            heading = out * (1 - bend) + along * bend if ring <= _ELBOW_RING else upper
            position = position + torch.nn.functional.normalize(heading, dim=-1) * step * (
                1 if ring <= _ELBOW_RING else _UPPER_STEP
            )
            share = min(1.0, ring / (_ELBOW_RING - 1))
            width = 1 + (muscle - 1) * share**0.9
            turned = offset @ turn.transpose(2, 3) if ring >= 2 else offset
            rings.append(position[:, :, None] + turned * width)
        elbows = rings[_ELBOW_RING - 1].mean(2)
        arm = torch.cat(rings, 2)
        sleeve = self._sleeve(draws, [rim, *rings])
        worn = draws.chance(0.45)
        present = arrangement.present[:, self.side]
        drawn = present & ((self.part != SLEEVE) | worn[:, None])
        vertices = torch.cat([vertices_m, arm, sleeve], 2).flatten(1, 2)
        return Arms(vertices, elbows, drawn, self.rest_m)

    def _sleeve(self, draws: Draws, rings: list[Tensor]) -> Tensor:
        """(B, 2, (RINGS + 1) * count, 3) a wider tube with folds, from a hem on the arm to its end."""
        stacked = torch.stack(rings, 2)  # (B, 2, RINGS + 1, count, 3)
        start = draws.uniform(0.15, 4.5)[:, None]
        last = len(rings) - 1
        place = start + torch.arange(last + 1, device=start.device) * (last - start) / last
        place = torch.cat([place[:, :1], place[:, :-1]], 1)  # the hem twice: on the arm, and around it
        low = place.floor().clamp(max=last - 1).long()
        share = (place - low)[:, None, :, None, None]
        index = low[:, None, :, None, None].expand(-1, 2, -1, *stacked.shape[3:])
        ring = stacked.gather(2, index) * (1 - share) + stacked.gather(2, index + 1) * share
        centre = ring.mean(3, keepdim=True)
        loose = draws.uniform(1.1, 1.5)[:, None, None, None, None]
        folds = (
            1
            + 0.045 * draws.normal(0, 1, (2, last + 1, 1, 1))
            + 0.02 * draws.normal(0, 1, (2, last + 1, ring.shape[3], 1))
        )
        scale = loose * folds
        scale[:, :, 0] = 0.98
        return (centre + (ring - centre) * scale).flatten(2, 3)

    def _directions(self, draws: Draws, arrangement: Arrangement, points_m: Tensor, one_person_moves: bool) -> Tensor:
        """(B, 2, 3) where each forearm leaves, in the side's rest frame: of some, those clear of all else."""
        shape = (2, _CANDIDATES)
        flexion = draws.normal(0, math.radians(26), shape).clamp(-1.15, 1.15)
        deviation = draws.normal(0, math.radians(12), shape).clamp(-0.5, 0.5)
        x = flexion.cos() * deviation.cos()
        direction = (
            torch.stack([x, flexion.sin() * deviation.cos(), deviation.sin()], -1) * self.surface.mirror[:, None]
        )
        world = direction @ arrangement.rotation.transpose(2, 3)
        reach = torch.linspace(0.06, _LENGTH_M, _SAMPLES, device=x.device)
        arm = arrangement.wrist_m[:, :, None, None] + world[:, :, :, None] * reach[:, None]  # (B, 2, K, S, 3)
        flat = arm.flatten(2, 3)
        hand = torch.cdist(flat.flatten(0, 1), points_m.flip(1).flatten(0, 1)).amin(2)
        hand = hand.unflatten(0, (-1, 2)).unflatten(2, (*shape[1:], _SAMPLES)).amin(3)
        arms = (
            torch.cdist(flat[:, 0], flat[:, 1])
            .unflatten(1, (_CANDIDATES, _SAMPLES))
            .unflatten(3, (_CANDIDATES, _SAMPLES))
        )
        between = arms.amin((2, 4)) - _ARM_RADIUS_M
        clear = torch.minimum(torch.minimum(hand[:, 0, :, None], hand[:, 1, None]) - 0.025, between - 0.02)
        # Where only one hand is shown, nothing can be in the way.
        alone = (arrangement.present.sum(1) < 2)[:, None, None]
        clear = torch.where(alone, torch.zeros_like(clear), clear.clamp(max=0.0))
        if one_person_moves:
            clear = clear.amin(0, keepdim=True)
        score = clear * 1000 + draws.uniform(0, 1, (_CANDIDATES, _CANDIDATES))
        best = score.flatten(1).argmax(1)
        chosen = torch.stack([best // _CANDIDATES, best % _CANDIDATES], 1)
        return direction.gather(2, chosen[:, :, None, None].expand(-1, -1, 1, 3))[:, :, 0]


def _boundary(triangles: np.ndarray) -> np.ndarray:
    """The wrist's rim as a loop of vertices, in the direction in which its triangles go round it."""
    edges = {(int(t[a]), int(t[b])) for t in triangles for a, b in ((0, 1), (1, 2), (2, 0))}
    following = {a: b for a, b in edges if (b, a) not in edges}
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    if len(loop) != len(following):
        raise ValueError("the hand's mesh has more than one open rim")
    return np.array(loop)


def _tube(rings: list[Tensor]) -> Tensor:
    """(F, 3) faces between rings of equal size, wound like the rim that they continue."""
    faces = []
    for near, far in pairwise(rings):
        near_next, far_next = near.roll(-1), far.roll(-1)
        faces += [torch.stack([near_next, near, far], 1), torch.stack([near_next, far, far_next], 1)]
    return torch.cat(faces)


def _between(start: Tensor, end: Tensor) -> Tensor:
    """(..., 3, 3) the smallest rotation that turns unit vectors `start` to `end`, which are not opposite."""
    axis = torch.linalg.cross(start, end)
    cosine = (start * end).sum(-1)[..., None, None]
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    return torch.eye(3, device=start.device) + cross + cross @ cross / (1 + cosine)
