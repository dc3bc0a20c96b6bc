"""A whole clip at once: the shape that explains all frames, and every frame fitted again with a shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from .contact import Contact
from .kinematics import HandState, Skeletons
from .objective import Anchor, BetweenHands, Objective, Weights
from .observed import observed_from_points
from .relation import Relation
from .solver import ShapePrior, solve
from .start import place

Array = NDArray[np.float64]

CHUNK_FRAMES: Final = 128
"""Frames solved for at a time: enough to keep numpy busy, few enough to keep memory flat."""
_SHAPE_FRAMES: Final = 64
"""Frames, spread over the clip, that the shape is estimated from."""
_INDEPENDENT_FRAMES: Final = 8.0
"""The nets err alike in neighbouring frames: however many are used, they count as this many."""
_ANCHOR_SPREAD_RAD: Final = 0.1
_SHAPE_ITERATIONS, _REFIT_ITERATIONS, _RELATING_ITERATIONS, _PARTING_ITERATIONS = 15, 4, 4, 10
_HELD_SHAPE: Final = 1e6
_ABSENT_DEPTH_M: Final = 0.5


@dataclass(frozen=True)
class ClipFit:
    """Hands x frames in the layout of a take; zero (identity) where a hand is not present."""

    quat_wxyz: Array  # (H, F, 16, 4)
    translation_m: Array  # (H, F, 3)
    betas: Array  # (H, S)


@dataclass(frozen=True)
class ClipFrames:
    """The frames of H hands as stored in a take: `present` (H, F), landmarks, and the poses found frame by frame."""

    present: NDArray[np.bool_]  # (H, F)
    joints_px: Array  # (H, F, 21, 2)
    confidence: Array  # (H, F, 21)
    quat_wxyz: Array  # (H, F, 16, 4)

    def take(self, frames: NDArray[np.intp]) -> ClipFrames:
        """Some of the frames."""
        return ClipFrames(*(getattr(self, name)[:, frames] for name in self.__dataclass_fields__))

    def of_hands(self, hands: list[int]) -> ClipFrames:
        """Some of the hands, copied."""
        return ClipFrames(*(getattr(self, name)[hands] for name in self.__dataclass_fields__))


def refine(
    skeletons: Skeletons,
    camera: Camera,
    weights: Weights,
    frames: ClipFrames,
    betas: Array | None,
    *,
    shapes: Array | None = None,
    contact: Contact | None = None,
    offset_m: Array | None = None,
) -> ClipFit:
    """Every frame fitted from the poses given, with `shapes` (H, S) or the one shape that explains all hands best.

    What the picture leaves open stays as it was found frame by frame; nothing is smoothed. Memory does not grow with
    the clip beyond the arrays given and returned. With `contact`, hands that ended up in each other are fitted once
    more so that they do not. With `offset_m` (F, 3), see `Relation`, so are all hands that are seen together.
    """
    if shapes is None:
        start = np.zeros(skeletons.shape_count) if betas is None else np.asarray(betas, dtype=np.float64)
        shapes = np.tile(one_shape(skeletons, camera, weights, frames, start), (len(frames.present), 1))
    quat, translation = np.zeros(frames.quat_wxyz.shape), np.zeros((*frames.present.shape, 3))
    quat[..., 0] = 1.0
    seen = np.flatnonzero(frames.present.any(axis=0))
    for first in range(0, len(seen), CHUNK_FRAMES):
        part = seen[first : first + CHUNK_FRAMES]
        chunk = frames.take(part)
        objective, state = _problem(skeletons, camera, weights, chunk, shapes)
        # As many steps for every frame, so that a frame's pose does not depend on what else is in its chunk.
        state, _ = solve(objective, state, "fixed", _REFIT_ITERATIONS, tolerance=0.0)
        both = chunk.present.all(axis=0)
        if offset_m is not None:
            together = np.flatnonzero(both)
            _fit_together(
                objective, state, together, (Relation(skeletons, offset_m[part[together]]),), _RELATING_ITERATIONS
            )
        if contact is not None:
            inside = np.flatnonzero(both & (contact.overlap_m(state) > 0))
            relation = () if offset_m is None else (Relation(skeletons, offset_m[part[inside]]),)
            _fit_together(objective, state, inside, (contact, *relation), _PARTING_ITERATIONS)
        present = chunk.present[..., None]
        quat[:, part] = np.where(present[..., None], np.swapaxes(skeletons.quat_wxyz(state), 0, 1), quat[:, part])
        translation[:, part] = np.where(present, np.swapaxes(state.translation_m, 0, 1), 0.0)
    return ClipFit(quat, translation, shapes)


def _fit_together(
    objective: Objective,
    state: HandState,
    frames: NDArray[np.intp],
    terms: Sequence[BetweenHands],
    iterations: int,
) -> None:
    """Fit both hands of some frames of `state` again, with the terms that are about both."""
    if len(frames) == 0:
        return
    anchor = objective.anchor
    if anchor is not None:
        anchor = Anchor(anchor.wrist[frames], anchor.angles[frames], anchor.spread_rad)
    observed = objective.observed.take(frames)
    together = Objective(objective.skeletons, observed, objective.weights, anchor, terms)
    within = HandState(*(array[frames] for array in vars(state).values()))
    # The hands of a frame are judged together, so the scope is the frame; shapes stay, also where they differ.
    held = ShapePrior(state.betas[frames][:, :1], _HELD_SHAPE)
    within, _ = solve(together, within, "frame", iterations, prior=held, tolerance=0.0)
    state.translation_m[frames], state.wrist[frames] = within.translation_m, within.wrist
    state.finger_rotvec[frames] = within.finger_rotvec


def one_shape(skeletons: Skeletons, camera: Camera, weights: Weights, frames: ClipFrames, start: Array) -> Array:
    """(S,) the shape of all hands given that explains the clip's better frames best."""
    # Frames that show both hands say how large they are against each other: they come first.
    shown = frames.present.sum(axis=0)
    candidates = np.flatnonzero(shown == max(shown.max(), 1))
    if len(candidates) == 0:
        return start
    picked = candidates[np.unique(np.linspace(0, len(candidates) - 1, 2 * _SHAPE_FRAMES).astype(np.intp))]
    objective, state = _problem(skeletons, camera, weights, frames.take(picked), start)
    state, cost = solve(objective, state, "fixed", _REFIT_ITERATIONS)
    of_frame = cost.sum(axis=1)
    kept = np.sort(np.argsort(of_frame)[: max(1, (len(picked) + 1) // 2)])
    objective, state = _problem(skeletons, camera, weights, frames.take(picked[kept]), start)
    prior = ShapePrior(weight=max(1.0, len(kept) / _INDEPENDENT_FRAMES))
    state, _ = solve(objective, state, "clip", _SHAPE_ITERATIONS, prior=prior, tolerance=1e-4)
    return state.betas[0, 0].copy()


def _problem(
    skeletons: Skeletons, camera: Camera, weights: Weights, frames: ClipFrames, betas: Array
) -> tuple[Objective, HandState]:
    """The objective for some frames, anchored at their stored poses, and the state they start from."""
    present = frames.present.T
    confidence = np.where(present[..., None], np.swapaxes(frames.confidence, 0, 1), 0.0)
    observed = observed_from_points(camera, np.swapaxes(frames.joints_px, 0, 1), confidence, None)
    nowhere = np.tile([0.0, 0.0, _ABSENT_DEPTH_M], (*present.shape, 1))
    everywhere = np.broadcast_to(betas, (*present.shape, betas.shape[-1]))
    state = skeletons.state_from_quat(np.swapaxes(frames.quat_wxyz, 0, 1), nowhere, everywhere)
    state.translation_m = np.where(present[..., None], place(skeletons, state, observed), nowhere)
    return Objective(skeletons, observed, weights, Anchor.at(skeletons, state, _ANCHOR_SPREAD_RAD)), state
