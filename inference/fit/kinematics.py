"""Both hands' skeletons as stacked arrays, posed in a batch, with analytic derivatives.

Axes of the arrays: N problems (frames or starts), H hands, 5 fingers in MANO order, 3 joints or 4 points a finger
(knuckle, middle joint, end joint, tip), S shape components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.joint_limits import SIDE_SIGNS, limit_table, mirrored_limits
from ..hands.joints import JOINT_COUNT, POINT_COUNT, TIP_PARENTS
from ..hands.model import HandModel
from ..hands.rotations import matrix_to_quat_wxyz, matrix_to_rotvec, quat_wxyz_to_matrix, rotvec_to_matrix

Array = NDArray[np.float64]

FINGER_COUNT: Final = 5
WRIST_PARAMETERS: Final = 6
"""Translation of the wrist (3, in units of its depth) and turn of the hand in camera axes (3, radians)."""

FINGER_POINTS: Final = np.array(
    [[1 + 3 * f, 2 + 3 * f, 3 + 3 * f, JOINT_COUNT + TIP_PARENTS.index(3 + 3 * f)] for f in range(FINGER_COUNT)]
)
"""(5, 4) which of the 21 points are a finger's knuckle, middle joint, end joint and tip."""
CHAIN_ORDER: Final = np.concatenate([[0], FINGER_POINTS.ravel()])
"""``points[CHAIN_ORDER]``: the wrist, then finger by finger from knuckle to tip: the order used inside the fit."""
POINT_ORDER: Final = np.argsort(CHAIN_ORDER)
"""``chain[POINT_ORDER]``: back to the 21 points' own order."""
BONE_PARENTS: Final = np.array([[0, 1 + 4 * f, 2 + 4 * f, 3 + 4 * f] for f in range(FINGER_COUNT)]).ravel()
"""(20,) in chain order, for each point after the wrist the one that its bone starts from."""


@dataclass
class HandState:
    """What is solved for. `finger_rotvec` holds (flexion, twist, abduction) in the meaning of `joint_limits`."""

    translation_m: Array  # (N, H, 3) wrist joint in camera axes
    wrist: Array  # (N, H, 3, 3) rotation of the hand
    finger_rotvec: Array  # (N, H, 5, 3, 3) finger, joint, component; radians
    betas: Array  # (N, H, S)

    def select(self, better: NDArray[np.bool_], other: HandState) -> HandState:
        """Problem by problem and hand by hand, `other` where `better` (N, H) is true."""
        return HandState(
            np.where(better[..., None], other.translation_m, self.translation_m),
            np.where(better[..., None, None], other.wrist, self.wrist),
            np.where(better[..., None, None, None], other.finger_rotvec, self.finger_rotvec),
            np.where(better[..., None], other.betas, self.betas),
        )


@dataclass(frozen=True)
class Posed:
    """Observed points of posed hands in chain order, and their derivatives."""

    points_m: Array  # (N, H, 21, 3) camera axes
    by_pose: Array  # (N, H, 21, 3, P) by the P pose parameters
    by_shape: Array  # (N, H, 21, 3, S) by the betas


class Skeletons:
    """The joints and fingertips of H hand models, ready to be posed together.

    A fingertip is carried rigidly by the last joint (pose correctives move it by less than 0.1 mm).

    Parameters
    ----------
    models : the hands
    offsets_m : (21, 3) where the 21 observed points lie in the anatomical frames of the joints that carry them, away
        from the model's own joints and tips; for the right hand (`landmark_offsets`). None: they are the same.
    """

    def __init__(self, models: Sequence[HandModel], offsets_m: Array | None = None) -> None:
        in_order = [np.concatenate([m.joint_template, m.v_template[m.tip_vertices]]) for m in models]
        by_shape = np.stack([np.concatenate([m.joint_shapedirs, m.shapedirs[m.tip_vertices]]) for m in models])
        frames = np.stack([model.joint_axes * SIDE_SIGNS[model.side] for model in models])
        rest, by_shape = np.stack(in_order)[:, CHAIN_ORDER], by_shape[:, CHAIN_ORDER]
        self.shape_count = by_shape.shape[-1]
        bones, bones_by_shape = rest[:, 1:] - rest[:, BONE_PARENTS], by_shape[:, 1:] - by_shape[:, BONE_PARENTS]
        self.bones_m: Array = bones.reshape(-1, FINGER_COUNT, 4, 3)
        self.bones_by_shape: Array = bones_by_shape.reshape(-1, FINGER_COUNT, 4, 3, self.shape_count)
        self.frames: Array = frames[:, 1:].reshape(-1, FINGER_COUNT, 3, 3, 3)
        transposed = np.swapaxes(self.frames, -1, -2)
        # Inside a finger everything is told in the frame of the joint that carries it, so that a joint's turn is one
        # product: `_next_frames` leads from a joint's frame to the next one's, bones are seen from their own joint.
        self._next_frames: Array = transposed[:, :, :-1] @ self.frames[:, :, 1:]
        in_frame = np.concatenate(
            [np.broadcast_to(np.eye(3), (*bones.shape[:1], FINGER_COUNT, 1, 3, 3)), transposed], axis=2
        )
        self._framed_bones: Array = (in_frame @ self.bones_m[..., None])[..., 0]
        self._framed_bones_by_shape: Array = in_frame @ self.bones_by_shape
        self.vector_signs: Array = np.array([1.0 if model.side == "right" else -1.0 for model in models])
        """(H,) multiply vectors seen from the joints' frames by these to get what they would be on a right hand: a
        mirror image in frames whose second and third axes are turned round is the negative."""
        self._set_offsets(rest, frames, np.zeros((POINT_COUNT, 3)) if offsets_m is None else offsets_m)
        limits = limit_table()
        ranges = np.stack(
            [m.joint_limits_rad if m.side == "right" else mirrored_limits(m.joint_limits_rad) for m in models]
        )
        limits[..., 0] = ranges[:, 1:, :, 0].min(axis=0).reshape(FINGER_COUNT, 3, 3)
        limits[..., 1] = ranges[:, 1:, :, 1].max(axis=0).reshape(FINGER_COUNT, 3, 3)
        free = limits[..., 1] > limits[..., 0]
        self.free_finger, self.free_axis = np.nonzero(free.reshape(FINGER_COUNT, 9))
        self.free = free
        self.limits = limits[free]
        """(A, 4) low, high, relaxed and spread of the A finger angles that are free, radians."""
        self.parameter_count = WRIST_PARAMETERS + len(self.free_finger)

    def _set_offsets(self, rest_m: Array, frames: Array, offsets_m: Array) -> None:
        chain = self.vector_signs[:, None, None] * offsets_m[CHAIN_ORDER]
        carriers = np.array([*range(JOINT_COUNT), *TIP_PARENTS])[CHAIN_ORDER]
        self._has_offsets = bool(np.any(offsets_m))
        self._wrist_offset_m: Array = (frames[:, 0] @ chain[:, 0, :, None])[..., 0]
        self._finger_offsets_m: Array = chain[:, 1:].reshape(-1, FINGER_COUNT, 4, 3)
        self.rest_m: Array = rest_m + (frames[:, carriers] @ chain[..., None])[..., 0]
        """(H, 21, 3) the observed points of the rest pose, chain order."""

    def free_angles(self, state: HandState) -> Array:
        """(N, H, A) the finger angles that are free."""
        return state.finger_rotvec[..., self.free]

    def local_matrices(self, state: HandState) -> Array:
        """(N, H, 16, 3, 3) local rotations in the model's axes, MANO order."""
        turn = rotvec_to_matrix(state.finger_rotvec)
        fingers = self.frames @ turn @ np.swapaxes(self.frames, -1, -2)
        shape = fingers.shape[:2]
        return np.concatenate([state.wrist[:, :, None], fingers.reshape(*shape, JOINT_COUNT - 1, 3, 3)], axis=2)

    def quat_wxyz(self, state: HandState) -> Array:
        """(N, H, 16, 4) local rotations, absolute."""
        return matrix_to_quat_wxyz(self.local_matrices(state))

    def state_from_quat(self, quat_wxyz: Array, translation_m: Array, betas: Array) -> HandState:
        """The state of hands posed by local rotations (N, H, 16, 4); axes that are not free are lost."""
        matrix = quat_wxyz_to_matrix(quat_wxyz)
        fingers = matrix[:, :, 1:].reshape(*matrix.shape[:2], FINGER_COUNT, 3, 3, 3)
        rotvec = matrix_to_rotvec(np.swapaxes(self.frames, -1, -2) @ fingers @ self.frames)
        return HandState(
            np.array(translation_m, dtype=np.float64),
            matrix[:, :, 0],
            np.where(self.free, rotvec, 0.0),
            np.array(betas, dtype=np.float64),
        )

    def retract(self, state: HandState, pose_step: Array, shape_step: Array) -> HandState:
        """The state moved by a step of the P pose parameters (N, H, P) and of the betas (N, H, S)."""
        turn, _ = exponential_and_right_jacobian(pose_step[..., 3:6])
        rotvec = state.finger_rotvec.copy()
        rotvec[..., self.free] += pose_step[..., WRIST_PARAMETERS:]
        # Matrices that are multiplied again and again drift; one step of Newton's orthogonalisation holds them.
        wrist = turn @ state.wrist
        wrist = 1.5 * wrist - 0.5 * wrist @ np.swapaxes(wrist, -1, -2) @ wrist
        depth = state.translation_m[..., 2:]
        return HandState(state.translation_m + depth * pose_step[..., :3], wrist, rotvec, state.betas + shape_step)

    def points_m(self, state: HandState) -> Array:
        """(N, H, 21, 3) the observed points in chain order, camera axes."""
        carried, joints = self._chain(state, rotvec_to_matrix(state.finger_rotvec))
        return self._observed_points(state, carried, joints)

    def pose(self, state: HandState) -> Posed:
        """Points and their derivatives.

        The derivative of a point by an additive change of a joint's rotation vector r is (W A J_r(r))[:, c] x
        (point - joint): W the joint's world rotation, A its anatomical frame, J_r the right Jacobian of SO(3).
        """
        turn, jacobian = exponential_and_right_jacobian(state.finger_rotvec)
        carried, joints = self._chain(state, turn)
        points = self._observed_points(state, carried, joints)
        batch = points.shape[:2]
        by_pose = np.zeros((*batch, POINT_COUNT, 3, self.parameter_count))
        by_pose[..., 0, 0] = by_pose[..., 1, 1] = by_pose[..., 2, 2] = state.translation_m[..., 2:]
        by_pose[..., 3:6] = -_cross_matrix(points - joints[:, :, :1])
        axes = carried[..., 1:, :, :] @ jacobian  # columns: axes of the three components, camera axes
        fingers = (*batch, FINGER_COUNT, 4, 3)
        turning = joints[:, :, 1:].reshape(fingers)[..., None, :3, :]
        lever = points[:, :, 1:].reshape(fingers)[..., None, :] - turning  # (N, H, 5, point 4, joint 3, xyz)
        lever *= _CARRIES[:, :, None]
        # axis x lever, as -(lever x axis); (N, H, 5, point, joint, xyz, component)
        moved = np.swapaxes(_cross_matrix(lever), -1, -2) @ axes[..., None, :, :, :]
        moved = moved.swapaxes(-3, -2).reshape(*fingers, 9)
        in_chain = by_pose[:, :, 1:].reshape(*batch, FINGER_COUNT, 4, 3, -1)  # splits an axis: a view
        columns = WRIST_PARAMETERS + np.arange(len(self.free_finger))
        in_chain[:, :, self.free_finger, :, :, columns] = moved[:, :, self.free_finger, :, :, self.free_axis]
        by_shape = np.zeros((*batch, POINT_COUNT, 3, self.shape_count))
        by_shape[:, :, 1:] = np.cumsum(carried @ self._framed_bones_by_shape, axis=-3).reshape(*batch, 20, 3, -1)
        return Posed(points, by_pose, by_shape)

    def _chain(self, state: HandState, turn: Array) -> tuple[Array, Array]:
        """What carries the bones, seen from the camera (N, H, 5, 4, 3, 3), and joints and tips (N, H, 21, 3).

        The wrist carries a finger's first bone in the model's axes; the joints carry the others in their own frames.
        """
        bones = self._framed_bones + np.einsum("hfkcs,nhs->nhfkc", self._framed_bones_by_shape, state.betas)
        carried = np.empty((*turn.shape[:3], 4, 3, 3))
        carried[..., 0, :, :] = state.wrist[:, :, None]
        frame = state.wrist[:, :, None] @ self.frames[:, :, 0]
        for joint in range(3):
            carried[..., joint + 1, :, :] = frame @ turn[..., joint, :, :]
            if joint < 2:
                frame = carried[..., joint + 1, :, :] @ self._next_frames[:, :, joint]
        points = np.empty((*turn.shape[:2], POINT_COUNT, 3))
        points[:, :, 0] = state.translation_m
        along = np.cumsum((carried @ bones[..., None])[..., 0], axis=-2)
        points[:, :, 1:] = state.translation_m[:, :, None] + along.reshape(*turn.shape[:2], -1, 3)
        return carried, points

    def _observed_points(self, state: HandState, carried: Array, joints: Array) -> Array:
        """(N, H, 21, 3) joints and tips moved to where the landmarks lie on the hand."""
        if not self._has_offsets:
            return joints
        points = joints.copy()
        points[:, :, 0] += (state.wrist @ self._wrist_offset_m[..., None])[..., 0]
        own = carried[..., _OWN_CARRIER, :, :]
        points[:, :, 1:] += (own @ self._finger_offsets_m[..., None])[..., 0].reshape(*joints.shape[:2], -1, 3)
        return points


# The knuckle turns with its own joint, and so on; the tip with the last one.
_OWN_CARRIER = np.array([1, 2, 3, 3])
# Which of a finger's points turn with which of its joints; a joint's own observed point may lie beside it.
_CARRIES = np.array([[point >= joint for joint in range(3)] for point in range(4)], dtype=np.float64)


def exponential_and_right_jacobian(rotvec: Array) -> tuple[Array, Array]:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3), and the right Jacobian J_r of SO(3).

    exp(r + d) = exp(r) exp(J_r(r) d) to first order (G. S. Chirikjian, *Stochastic Models, Information Theory, and Lie
    Groups*, volume 2, section 10.86).
    """
    squared = np.sum(rotvec * rotvec, axis=-1)[..., None, None]
    angle = np.sqrt(squared)
    small = squared < 1e-8
    safe = np.where(small, 1.0, squared)
    sine = np.sinc(angle / np.pi)
    cosine = np.where(small, 0.5 - squared / 24.0, (1.0 - np.cos(angle)) / safe)
    rest = np.where(small, 1.0 / 6.0 - squared / 120.0, (1.0 - sine) / safe)
    cross = _cross_matrix(rotvec)
    cross_squared = cross @ cross
    identity = np.eye(3)
    return identity + sine * cross + cosine * cross_squared, identity - cosine * cross + rest * cross_squared


def _cross_matrix(vector: Array) -> Array:
    """(..., 3, 3) matrices K with K x = vector x x."""
    matrix = np.zeros((*vector.shape, 3))
    matrix[..., 0, 1], matrix[..., 0, 2] = -vector[..., 2], vector[..., 1]
    matrix[..., 1, 0], matrix[..., 1, 2] = vector[..., 2], -vector[..., 0]
    matrix[..., 2, 0], matrix[..., 2, 1] = -vector[..., 1], vector[..., 0]
    return matrix
