"""Fits the hand models to what the nets saw, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..detect.observation import HandObservation
from ..hands.joints import SIDES, Side
from ..hands.model import HandModel
from ..hands.rotations import quat_wxyz_to_matrix
from ..hands.skinning import pose_hand
from .clip import CHUNK_FRAMES, ClipFrames, one_shape, refine
from .clip_shape import SHARED, ClipShape
from .contact import Contact
from .kinematics import CHAIN_ORDER, POINT_ORDER, HandState, Skeletons
from .landmark_offsets import landmark_offsets_m
from .objective import Objective, Weights
from .observed import box_side_px, observed_from_points, stack_observations, usable_points, why_refused
from .relation import Relation
from .solver import ShapePrior, solve
from .start import START_COUNT, fresh_starts, place

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FittedHand:
    """One hand's fit in one frame.

    Parameters
    ----------
    side : which hand
    quat_wxyz : (16, 4) local rotations, absolute (mean pose added), joint 0 = the hand in camera axes
    translation_m : (3,) wrist joint in camera axes (x right, y down, z forward)
    betas : (S,) shape
    joints_m : (21, 3) joints and tips of the full model in camera axes
    reprojection_px : mean distance of `joints_px` from `joints_m` in the picture, weighted by confidence
    reprojection_share : the same as a share of the longer side of the landmarks' box
    joints_px : (21, 2) the joints as observed: each landmark moved by what lies between the model's landmark and its
        joint (`landmark_offsets`) as the fitted hand shows it; where there was no landmark, the fitted joint
    """

    side: Side
    quat_wxyz: Array
    translation_m: Array
    betas: Array
    joints_m: Array
    reprojection_px: float
    reprojection_share: float
    joints_px: Array


@dataclass(frozen=True)
class RefinedClip:
    """The arrays of a take after `HandFitter.refine_clip`; zero (identity) where a hand is not present.

    Parameters
    ----------
    quat_wxyz : (2, F, 16, 4) local rotations, absolute
    translation_m : (2, F, 3) wrist joint in camera axes
    betas : (2, S) the shape of each hand, equal where both share one; of a hand that is never present, the other's
    joints_m : (2, F, 21, 3) joints and tips of the full model in camera axes
    """

    quat_wxyz: Array
    translation_m: Array
    betas: Array
    joints_m: Array


class HandFitter:
    """Fits one or two hands of one person to landmarks seen by one camera.

    Parameters
    ----------
    models : the right and the left hand model; both have the same number of shape components
    camera : of the picture or the movie
    weights : of the terms of the cost
    offsets_m : (21, 3) see `landmark_offsets`; None takes what is known for the right hand model

    Attributes
    ----------
    refusals : why hands of the last call of `fit_frame` were refused, a sentence for each
    """

    def __init__(
        self,
        models: Mapping[Side, HandModel],
        camera: Camera,
        weights: Weights | None = None,
        offsets_m: Array | None = None,
    ) -> None:
        self.models = dict(models)
        self.camera = camera
        self.weights = weights or Weights()
        self.refusals: dict[Side, str] = {}
        self._offsets_m = landmark_offsets_m(self.models["right"]) if offsets_m is None else offsets_m
        self._skeletons: dict[tuple[tuple[Side, ...], bool], Skeletons] = {}
        self._tips = {side: _tips_alone(model) for side, model in self.models.items()}

    def fit_frame(
        self,
        observations: Mapping[Side, HandObservation],
        previous: Mapping[Side, FittedHand] | None = None,
        offset_m: Array | None = None,
    ) -> dict[Side, FittedHand]:
        """Fit the hands seen in one frame; both share one shape.

        Parameters
        ----------
        observations : what the nets saw; a hand that is no hand (NaN, a point, a line) is left out of the result, and
            `refusals` says why
        previous : fits of the frame before, where there are any: the start, unless a fresh start explains the frame
            clearly better
        offset_m : (3,) from the right hand's middle knuckle to the left one's, camera axes, where a network says it;
            counts where both hands are fitted
        """
        self.refusals = {
            side: reason for side in SIDES if side in observations and (reason := why_refused(observations[side]))
        }
        sides: tuple[Side, ...] = tuple(side for side in SIDES if side in observations and side not in self.refusals)
        if not sides:
            return {}
        joints_px, confidence, relative_m = stack_observations(observations, sides)
        observed = observed_from_points(self.camera, joints_px, confidence, relative_m)
        skeletons = self._skeletons_of(sides)
        related = (Relation(skeletons, offset_m[None]),) if offset_m is not None and len(sides) == len(SIDES) else ()
        objective = Objective(skeletons, observed, self.weights, between=related)
        known: dict[Side, FittedHand] = {side: hand for side, hand in (previous or {}).items() if side in sides}
        state, cost = self._solve_frame(objective, relative_m[..., CHAIN_ORDER, :], sides, known)
        for index, side in enumerate(sides):
            if not np.isfinite(cost[0, index]):
                self.refusals[side] = "No pose in front of the camera explains the landmarks."
        return {
            hand.side: hand
            for hand in self._fitted(state, sides, joints_px, confidence)
            if hand.side not in self.refusals
        }

    def refine_clip(
        self,
        present: NDArray[np.bool_],
        joints_px: Array,
        joints_px_confidence: Array,
        quat_wxyz: Array,
        betas: Array | None = None,
        *,
        offset_m: Array | None = None,
        shape: ClipShape = SHARED,
    ) -> RefinedClip:
        """Give the hands of a clip their shape, and fit all frames again with it.

        Parameters are the arrays of a take with F frames, hand 0 = right and 1 = left, and their poses are the start.

        Parameters
        ----------
        present : (2, F) the hand was fitted in this frame
        joints_px, joints_px_confidence : (2, F, 21, 2), (2, F, 21) the joints as observed (`FittedHand.joints_px`)
        quat_wxyz : (2, F, 16, 4) local rotations as `fit_frame` found them
        betas : (S,) or (2, S) shape to start from
        offset_m : (F, 3) see `fit_frame`; not a number where nobody says
        shape : whether both hands share one shape, or which it is
        """
        shown = [index for index in range(len(SIDES)) if present[index].any()]
        hands, frames = present.shape
        shape_count = self.models["right"].shape_count
        quat, joints_m = np.zeros((hands, frames, 16, 4)), np.zeros((hands, frames, 21, 3))
        quat[..., 0] = 1.0
        translation, shapes = np.zeros((hands, frames, 3)), np.zeros((hands, shape_count))
        if shown:
            skeletons = self._skeletons_of(tuple(SIDES[index] for index in shown), with_offsets=False)
            stored = ClipFrames(present, joints_px, joints_px_confidence, quat_wxyz)
            if len(shown) < hands:  # a copy; with both hands, the arrays as they are
                stored = stored.of_hands(shown)
            start = np.zeros(shape_count) if betas is None else np.atleast_2d(betas).mean(axis=0)
            known = self._shapes(shown, stored, start, shape)
            two = len(shown) == len(SIDES)
            contact = Contact(skeletons, [self.models[side] for side in SIDES]) if two else None
            fitted = refine(
                skeletons,
                self.camera,
                self.weights,
                stored,
                start,
                shapes=known,
                contact=contact,
                offset_m=offset_m if two else None,
            )
            quat[shown], translation[shown] = fitted.quat_wxyz, fitted.translation_m
            shapes[:] = fitted.betas[0]
            shapes[shown] = fitted.betas
            for index in shown:
                seen = np.flatnonzero(present[index])
                for first in range(0, len(seen), CHUNK_FRAMES):
                    part = seen[first : first + CHUNK_FRAMES]
                    joints_m[index, part] = self.full_points_m(
                        SIDES[index], quat[index, part], shapes[index], translation[index, part]
                    )
        return RefinedClip(quat, translation, shapes, joints_m)

    def _shapes(self, shown: list[int], stored: ClipFrames, start: Array, shape: ClipShape) -> Array | None:
        """(H, S) the shapes of the hands that are shown; None where they share one that is yet to be found."""
        if shape.fixed is not None:
            return shape.fixed[shown]
        if not shape.each:
            return None
        alone = [self._skeletons_of((SIDES[index],), with_offsets=False) for index in shown]
        return np.stack(
            [
                one_shape(skeletons, self.camera, self.weights, stored.of_hands([row]), start)
                for row, skeletons in enumerate(alone)
            ]
        )

    def landmarks_px(self, side: Side, quat_wxyz: Array, translation_m: Array, betas: Array) -> Array:
        """(21, 2) where the nets should see the landmarks of a fitted hand; not quite where its joints lie."""
        skeletons = self._skeletons_of((side,))
        state = skeletons.state_from_quat(quat_wxyz[None, None], translation_m[None, None], betas[None, None])
        return self.camera.project(skeletons.points_m(state)[0, 0, POINT_ORDER])

    def _skeletons_of(self, sides: tuple[Side, ...], *, with_offsets: bool = True) -> Skeletons:
        """The stacked skeletons of some hands (kept for the next call)."""
        key = (sides, with_offsets)
        if key not in self._skeletons:
            offsets_m = self._offsets_m if with_offsets else None
            self._skeletons[key] = Skeletons([self.models[side] for side in sides], offsets_m)
        return self._skeletons[key]

    def full_points_m(self, side: Side, quat_wxyz: Array, betas: Array, translation_m: Array) -> Array:
        """(..., 21, 3) joints and tips of the full model, pose correctives included."""
        return pose_hand(self._tips[side], quat_wxyz_to_matrix(quat_wxyz), betas, translation_m).points_m

    def _solve_frame(
        self, objective: Objective, relative_m: Array, sides: tuple[Side, ...], previous: Mapping[Side, FittedHand]
    ) -> tuple[HandState, Array]:
        """The hands of one frame and their costs (1, H)."""
        prior = ShapePrior()
        if previous:
            before = np.mean([hand.betas for hand in previous.values()], axis=0)
            # Product of two normal distributions: what was found before, and how hands are in general.
            prior = ShapePrior(before * (_SHAPE_MEMORY / (1.0 + _SHAPE_MEMORY)), 1.0 + _SHAPE_MEMORY)
        # What one hand is to the other is no reason to change the pose of one of them.
        alone = Objective(objective.skeletons, objective.observed, self.weights)
        if len(previous) < len(sides):
            state, _ = self._search(alone, relative_m, prior)
        else:
            tracked = self._follow(objective, [previous[side] for side in sides], prior)
            cost = alone.cost(tracked)
            if np.all(cost < _GOOD_COST_A_POINT * objective.observed.weight.sum(axis=-1)):
                return tracked, cost
            fresh, fresh_cost = self._search(alone, relative_m, prior)
            # The pose of the frame before keeps its place unless another is clearly better: no flicker between two.
            state = tracked.select(fresh_cost < _CLEARLY_BETTER * cost, fresh)
            state.betas = tracked.betas
        return solve(objective, state, "frame", _FINAL_ITERATIONS, prior=prior)

    def _follow(self, objective: Objective, hands: list[FittedHand], prior: ShapePrior) -> HandState:
        """The hands of the frame before, moved onto this frame's landmarks."""
        state = objective.skeletons.state_from_quat(
            np.stack([hand.quat_wxyz for hand in hands])[None],
            np.stack([hand.translation_m for hand in hands])[None],
            np.tile(np.asarray(prior.mean), (1, len(hands), 1)),
        )
        state, _ = solve(objective, state, "frame", _TRACKING_ITERATIONS, prior=prior, tolerance=_TRACKING_TOLERANCE)
        return state

    def _search(self, objective: Objective, relative_m: Array, prior: ShapePrior) -> tuple[HandState, Array]:
        """For every hand the best of several fresh starts, each led to its own minimum; and their costs (1, H)."""
        skeletons, observed = objective.skeletons, objective.observed
        starts = fresh_starts(skeletons, observed, relative_m)
        starts.betas[:] = prior.mean
        starts.translation_m = place(skeletons, starts, observed)
        repeated = observed.take(np.zeros(START_COUNT, dtype=np.intp))
        # Far from the truth every landmark must pull; only then may outliers be told from the others.
        forgiving = replace(self.weights, outlier_sigmas=_FORGIVING * self.weights.outlier_sigmas)
        for weights, iterations in ((forgiving, _FORGIVING_ITERATIONS), (self.weights, _START_ITERATIONS)):
            starts, costs = solve(Objective(skeletons, repeated, weights), starts, "fixed", iterations, tolerance=1e-2)
        best = np.argmin(costs, axis=0)
        hands = np.arange(len(best))
        chosen = HandState(
            *(getattr(starts, name)[best, hands][None] for name in ("translation_m", "wrist", "finger_rotvec", "betas"))
        )
        return chosen, costs[best, hands][None]

    def _fitted(
        self, state: HandState, sides: tuple[Side, ...], joints_px: Array, confidence: Array
    ) -> list[FittedHand]:
        skeletons = self._skeletons_of(sides)
        quat = skeletons.quat_wxyz(state)
        landmarks_px = self.camera.project(skeletons.points_m(state)[0][:, POINT_ORDER])
        hands = []
        for index, side in enumerate(sides):
            translation_m, betas = state.translation_m[0, index], state.betas[0, index]
            joints_m = self.full_points_m(side, quat[0, index], betas, translation_m)
            usable = usable_points(joints_px[0, index], confidence[0, index])
            fitted_px = self.camera.project(joints_m)
            moved_px = joints_px[0, index] + fitted_px - landmarks_px[index]
            observed_px = np.where(usable[:, None], moved_px, fitted_px)
            distance = np.linalg.norm(fitted_px - observed_px, axis=-1)
            error_px = float(np.average(distance[usable], weights=confidence[0, index][usable]))
            share = error_px / float(box_side_px(joints_px[0, index], usable))
            hands.append(
                FittedHand(
                    side, quat[0, index], translation_m.copy(), betas.copy(), joints_m, error_px, share, observed_px
                )
            )
        return hands


_TRACKING_ITERATIONS: Final = 6
_TRACKING_TOLERANCE: Final = 1e-2
_FORGIVING: Final = 3.0
_FORGIVING_ITERATIONS: Final = 8
_START_ITERATIONS: Final = 10
_FINAL_ITERATIONS: Final = 20
_SHAPE_MEMORY: Final = 10.0
"""How strongly the shape of the frame before counts, in units of the shape prior."""
_CLEARLY_BETTER: Final = 0.7
_GOOD_COST_A_POINT: Final = 2.0
"""Cost a landmark below which a tracked pose is believed without looking for another."""


def _tips_alone(model: HandModel) -> HandModel:
    """The model with no vertices but its fingertips: joints and tips at a hundredth of the cost."""
    tips = model.tip_vertices
    return replace(
        model,
        v_template=model.v_template[tips],
        shapedirs=model.shapedirs[tips],
        posedirs=model.posedirs[tips],
        lbs_weights=model.lbs_weights[tips],
        polygons=np.array([[0, 1, 2, -1]], dtype=np.int32),
        tip_vertices=np.arange(len(tips), dtype=np.int32),
        uv=None,
    )
