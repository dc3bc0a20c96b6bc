"""How two hands move through a clip: towards each other, in contact, apart again; or each on its own.

Everything is a smooth function of time. A clip of hands that meet goes through one pose of the library. The way out of
it is searched: of some directions, and fingers that open more or less on the way, the one on which the skins stay out
of each other; the way in is the same one back.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

from ..hands.torch_layer import rotvec_to_matrix
from .arrangement import KINDS, PALM_M, Arrangement, ArrangementShares, draw_apart, draw_contact, mirrored_where
from .contact_search import PairPose, penetration_m
from .draws import Draws
from .hand_surface import HandSurface
from .interactions import InteractionLibrary
from .poses import draw_angles, keep_anatomy

_CONTACTS: Final = 3
"""Poses of the library that are tried before the best of the ways out of them is taken."""
_RANDOM_WAYS: Final = 3
_OPENINGS: Final = (0.75, 0.15)
"""What is left of the fingers' bending on the way."""
_STATIONS: Final = 7
_CHECK_THINNING: Final = 4
_DEEP_ENOUGH_M: Final = 0.0015
_UNWANTED_M: Final = 0.0004
"""By how much deeper a natural way may lead than a random one."""
_STAGES: Final = ((0.0, 1.0), (0.1, 1.0), (0.3, 1.0))
"""Shares of a way on which fingers open, hands part, and both take the poses that they have apart."""
_COMING_S: Final = (0.7, 1.2)
_HELD_S: Final = (0.2, 1.0)
_RESTING_S: Final = (0.1, 0.6)
_KEY_S: Final = 0.8
_GAP_M: Final = 0.015
_SWAY_PERIODS_S: Final = (1.3, 5.0)


class _Pair(NamedTuple):
    """F poses: angles (F, 2, 16, 3), left rotation (F, 3, 3) and wrist (F, 3) in the right hand's frame."""

    angles_rad: Tensor
    rotation: Tensor
    offset_m: Tensor


def draw_clip(
    draws: Draws,
    surface: HandSurface,
    library: InteractionLibrary,
    shares: ArrangementShares,
    times_s: Tensor,
) -> Arrangement:
    """The arrangement at times (F,): a batch of F, of one person.

    Parameters
    ----------
    draws : random numbers of the clip, a batch of one
    surface, library : the hand and its two-hand poses
    shares : kinds of clips; ``contact`` and ``near`` are both clips of hands that meet, ``none`` is left out
    times_s : ascending, from 0
    """
    frames, device = len(times_s), times_s.device
    meet = shares.contact + shares.near
    weights = (meet, shares.apart, shares.single) if meet + shares.apart + shares.single > 0 else (1.0, 1.0, 1.0)
    kind = KINDS[(0, 2, 3)[int(draws.choice(weights))]]
    gesture = torch.tensor([-1], device=device)
    turns = torch.eye(3, device=device).expand(frames, 3, 3)
    if kind == "contact":
        gesture, betas, pair = _meeting(draws, surface, library, times_s)
        pair = _Pair(*mirrored_where(draws.chance(0.5).expand(frames), *pair))
    else:
        betas, turns, pair = _strolling(draws, surface, times_s)
    present = torch.ones(1, 2, dtype=torch.bool, device=device)
    if kind == "single":
        present[0, int(draws.integers(2))] = False
    rotation = torch.stack([turns, pair.rotation], 1)
    wrist = torch.stack([torch.zeros_like(pair.offset_m), pair.offset_m], 1)
    # The whole pair sways: turned and displaced together.
    sway = _sway(draws, times_s, 6)
    whole = rotvec_to_matrix(sway[:, :3] * math.radians(9))[:, None]
    pivot = wrist.mean((0, 1))
    wrist = (whole @ (wrist - pivot)[..., None])[..., 0] + pivot + 0.025 * sway[:, None, 3:]
    return Arrangement(
        kind=torch.full((frames,), KINDS.index(kind), device=device),
        gesture=gesture.expand(frames),
        angles_rad=pair.angles_rad,
        betas=betas.expand(frames, -1),
        rotation=whole @ rotation,
        wrist_m=wrist,
        present=present.expand(frames, 2),
    )


def _meeting(
    draws: Draws, surface: HandSurface, library: InteractionLibrary, times_s: Tensor
) -> tuple[Tensor, Tensor, _Pair]:
    """Gesture (1,), betas (1, S), and a way from apart into a pose of the library and out again, maybe repeated."""
    which, share = _timetable(draws, times_s)
    count = int(which.max()) + 1
    gestures, contacts = draw_contact(
        draws.branches(_CONTACTS), surface, library, torch.zeros(_CONTACTS, dtype=torch.bool, device=draws.device)
    )
    legs, best, chosen = _Legs.empty(), math.inf, 0
    for number in range(_CONTACTS):
        contact = contacts.select(torch.tensor([number], device=draws.device))
        found, deepest = _ways_out(draws.branches(count), surface, contact)
        if deepest < best:
            legs, best, chosen = found, deepest, number
        if best < _DEEP_ENOUGH_M:
            break
    legs = _Legs(*(value[which] for value in legs))
    wobble = _sway(draws, times_s, 32 * 3).unflatten(1, (2, 16, 3)) * math.radians(1.5) * _axes(draws)
    pair = legs.at(share)
    low, high = surface.limits_rad.unbind(-1)
    angles = pair.angles_rad + wobble * _ease(share * 2 - 1)[:, None, None, None]
    pair = pair._replace(angles_rad=torch.minimum(torch.maximum(angles, low), high))
    return gestures[chosen : chosen + 1], contacts.betas[chosen : chosen + 1], pair


class _Legs(NamedTuple):
    """L ways from contact (share 0) to apart (share 1)."""

    contact_rad: Tensor  # (L, 2, 16, 3) angles
    open_rad: Tensor  # (L, 2, 16, 3) fingers on the way
    free_rad: Tensor  # (L, 2, 16, 3) at the end
    rotation: Tensor  # (L, 3, 3) of the left hand in contact
    turn_rotvec: Tensor  # (L, 3) how far it has turned at the end
    offset_m: Tensor  # (L, 3) in contact
    way_m: Tensor  # (L, 3) to the end
    aside_m: Tensor  # (L, 3) departure from the straight way

    @classmethod
    def empty(cls) -> _Legs:
        """None."""
        return cls(*(torch.empty(0) for _ in cls._fields))

    def at(self, share: Tensor) -> _Pair:
        """The poses at shares (L,) of the ways."""
        # Shares come and go gently themselves, so that nothing but the beginnings here needs to be gentle.
        opening, going, freeing = (_begin((share - start) / (end - start)) for start, end in _STAGES)
        angles = torch.lerp(self.contact_rad, self.open_rad, opening[:, None, None, None])
        angles = torch.lerp(angles, self.free_rad, freeing[:, None, None, None])
        rotation = rotvec_to_matrix(self.turn_rotvec * freeing[:, None]) @ self.rotation
        offset = self.offset_m + self.way_m * going[:, None] + self.aside_m * freeing[:, None]
        return _Pair(angles, rotation, offset)


def _ways_out(draws: Draws, surface: HandSurface, contact: PairPose) -> tuple[_Legs, float]:
    """Of many ways from `contact` (one pose) the best for each of the draws' L sequences, and the deepest on them."""
    legs, device = draws.batch, draws.device
    palm = torch.tensor([PALM_M, 0.0, 0.0], device=device)
    rotation, offset = contact.rotation[0], contact.offset_m[0]
    natural = torch.stack([rotation @ palm + offset + palm, -(rotation @ palm), -palm])
    unit = torch.nn.functional.normalize
    ways = torch.cat(
        [unit(natural, dim=-1).expand(legs, -1, -1), unit(draws.normal(0, 1, (_RANDOM_WAYS, 3)), dim=-1)], 1
    )
    count = ways.shape[1]
    free = draw_angles(draws, surface)
    turn = draws.normal(0, math.radians(16), (3,))
    reach = draws.uniform(0.13, 0.28)
    aside = draws.normal(0, 0.012, (3,))
    scale = torch.ones(len(_OPENINGS), 1, 16, 3, device=device)
    scale[:, :, 1:, 0] = torch.tensor(_OPENINGS, device=device)[:, None, None]
    opened = keep_anatomy(contact.angles_rad * scale, surface)  # (O, 2, 16, 3)
    openings = len(_OPENINGS)

    def many(value: Tensor) -> Tensor:
        """(L, ...) once for every candidate: (L * C * O, ...)."""
        return value.repeat_interleave(count * openings, 0)

    every = legs * count * openings
    candidates = _Legs(
        contact.angles_rad.expand(every, -1, -1, -1),
        opened.repeat(legs * count, 1, 1, 1),
        many(free),
        rotation.expand(every, 3, 3),
        many(turn),
        offset.expand(every, 3),
        (ways * reach[:, None, None]).flatten(0, 1).repeat_interleave(openings, 0),
        many(aside),
    )
    deepest = torch.zeros(every, device=device)
    for share in torch.linspace(0.05, 1, _STATIONS).tolist():
        pair = candidates.at(torch.full((every,), share, device=device))
        pose = PairPose(pair.angles_rad, contact.betas.expand(every, -1), pair.rotation, pair.offset_m)
        deepest = deepest.maximum(penetration_m(surface, pose, thinning=_CHECK_THINNING))
    unwanted = torch.arange(count, device=device) >= len(natural)
    score = deepest.reshape(legs, count, openings) + _UNWANTED_M * unwanted[:, None]
    best = score.flatten(1).argmin(1) + torch.arange(legs, device=device) * (count * openings)
    return _Legs(*(value[best] for value in candidates)), float(deepest[best].max())


def _timetable(draws: Draws, times_s: Tensor) -> tuple[Tensor, Tensor]:
    """(F,) which way is gone at each time, and (F,) which share of it: 0 in contact, 1 apart.

    Hands come along one way and leave along the next; the clip begins anywhere in that.
    """
    coming, leaving = draws.uniform(*_COMING_S), draws.uniform(*_COMING_S)
    held, resting = draws.uniform(*_HELD_S), draws.uniform(*_RESTING_S)
    period = coming + held + leaving + resting
    time = times_s + draws.uniform(0, 1) * period
    cycle = (time / period).long()
    within = time - cycle * period
    middle = coming + held / 2
    arriving, parting = 1 - _ease(within / coming), _ease((within - coming - held) / leaving)
    return cycle + (within > middle).long(), torch.where(within > middle, parting, arriving)


def _strolling(draws: Draws, surface: HandSurface, times_s: Tensor) -> tuple[Tensor, Tensor, _Pair]:
    """Betas (1, S), the right hand's turns (F, 3, 3), and two hands that change their poses, a plane between them."""
    betas = draws.normal(0, 0.95, (surface.model.shape_count,))
    keys = draws.branches(2 + math.ceil(float(times_s[-1]) / _KEY_S))
    poses = draw_angles(keys, surface)
    turns = keys.normal(0, math.radians(20), (2, 3))
    rotation, offset = draw_apart(draws, surface, poses[:1], betas)
    place = times_s / _KEY_S * draws.uniform(0.7, 1.0)
    angles = _through(poses, place)
    right, left = rotvec_to_matrix(_through(turns, place)).unbind(1)
    left = left @ rotation
    # Kept apart along the line between the hands, whatever they do.
    line = torch.nn.functional.normalize(offset, dim=-1)[0]
    posed = surface.pose(angles, betas.expand(len(times_s), -1))
    reach = (posed.points_m[:, 0] @ right.transpose(1, 2) @ line).amax(1)
    back = (posed.points_m[:, 1] @ left.transpose(1, 2) @ line).amin(1)
    aside = offset[0] - line * (offset[0] @ line)
    sway = _sway(draws, times_s, 4)
    apart = (reach - back).amax() + _GAP_M + 0.25 * draws.uniform() ** 2 + 0.02 * (1 + sway[:, 3].clamp(-1, 1))
    drift = 0.02 * sway[:, :3]
    drift = drift - line * (drift @ line)[:, None]
    return betas, right, _Pair(angles, left, aside + drift + line * apart[:, None])


def _through(keys: Tensor, place: Tensor) -> Tensor:
    """(F, ...) between keys (K, ...) at places (F,): 0 the first one, 1 the second one."""
    first = place.long().clamp(max=len(keys) - 2)
    share = _ease(place - first).reshape(-1, *(1,) * (keys.dim() - 1))
    return torch.lerp(keys[first], keys[first + 1], share)


def _sway(draws: Draws, times_s: Tensor, count: int) -> Tensor:
    """(F, count) slow random movement with a deviation of about one: three waves each."""
    low, high = (math.log(period) for period in _SWAY_PERIODS_S)
    period = torch.exp(draws.uniform(low, high, (3, count)))[0]
    phase = draws.uniform(0, 2 * math.pi, (3, count))[0]
    weight = period / period.square().sum(0).mul(0.5).sqrt()
    return (weight * torch.sin(2 * math.pi * times_s[:, None, None] / period + phase)).sum(1)


def _axes(draws: Draws) -> Tensor:
    return torch.tensor([1.0, 0.2, 0.4], device=draws.device)


def _ease(share: Tensor) -> Tensor:
    """From 0 to 1 as a hand goes: the jerk's square is least (Flash and Hogan 1985)."""
    x = share.clamp(0, 1)
    return x**3 * (10 - 15 * x + 6 * x * x)


def _begin(share: Tensor) -> Tensor:
    """From 0 to 1, slowly at first, never much faster than evenly; it ends with its mean speed."""
    x = share.clamp(0, 1)
    return x * x * (2 - x)


def camera_sway(draws: Draws, times_s: Tensor) -> Tensor:
    """(F, 3) how a camera that is held by hand turns right, down and about its axis: deviation about one."""
    return _sway(draws, times_s, 3)
