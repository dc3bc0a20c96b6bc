"""Rotated square regions of a picture: what the nets look at."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..hands.joints import MANO_TO_OPENPOSE

Box = tuple[float, float, float, float]
"""(x, y, width, height) in the picture's pixels, as a user draws it."""

# The landmark net was trained on regions made with these numbers (MediaPipe, hand_landmark graphs, Apache-2.0).
_PALM_SCALE: Final = 2.6
_PALM_SHIFT: Final = 0.5
_HAND_SCALE: Final = 2.0
_HAND_SHIFT: Final = 0.1
_BOX_SCALE: Final = 1.35
"""A box drawn round a whole hand, to the region the net wants: what `_HAND_SCALE` gives on flat hands."""

_LARGEST_JUMP: Final = 0.5
"""Of the region's side, that a hand may move between two frames."""
_LARGEST_GROWTH: Final = 1.6

_ALIKE_SHIFT: Final = 0.08
_ALIKE_LOG_SCALE: Final = 0.15
_ALIKE_TURN_RAD: Final = 0.25
"""The landmark net's answer hardly changes within these."""

_WRIST, _INDEX_MCP, _MIDDLE_MCP, _RING_MCP = MANO_TO_OPENPOSE[[0, 5, 9, 13]]
# Fingertips are left out, they move too much; MediaPipe's choice of landmarks.
_STEADY_POINTS: Final = MANO_TO_OPENPOSE[[0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]]


@dataclass(frozen=True)
class Region:
    """A square of the picture, turned.

    Parameters
    ----------
    center_px : (x, y) of its centre
    side_px : length of its side
    angle_rad : clockwise turn (y points down) of the region's axes against the picture's; 0 where the hand points up
    """

    center_px: tuple[float, float]
    side_px: float
    angle_rad: float = 0.0

    @classmethod
    def whole(cls, width: int, height: int) -> Region:
        """The smallest upright square that holds the whole picture."""
        return cls(((width - 1) / 2, (height - 1) / 2), float(max(width, height)))

    @classmethod
    def from_palm(cls, box_px: ArrayLike, wrist_px: ArrayLike, middle_mcp_px: ArrayLike) -> Region:
        """Around the whole hand of a detected palm.

        Parameters
        ----------
        box_px : (4,) centre x, centre y, width, height of the palm's box
        wrist_px, middle_mcp_px : (2,) in the picture
        """
        x, y, width, height = (float(value) for value in np.asarray(box_px, dtype=np.float64))
        angle = _angle_of_up(np.asarray(middle_mcp_px, np.float64) - np.asarray(wrist_px, np.float64))
        up = _PALM_SHIFT * height
        return cls((x + math.sin(angle) * up, y - math.cos(angle) * up), _PALM_SCALE * max(width, height), angle)

    @classmethod
    def from_joints(cls, joints_px: ArrayLike) -> Region:
        """Around a hand whose 21 points (21, 2), MANO order, are known."""
        joints = np.asarray(joints_px, dtype=np.float64)
        knuckles = 0.25 * joints[_INDEX_MCP] + 0.25 * joints[_RING_MCP] + 0.5 * joints[_MIDDLE_MCP]
        angle = _angle_of_up(knuckles - joints[_WRIST])
        rotation = _rotation(angle)
        upright = joints[_STEADY_POINTS] @ rotation  # into the hand's own axes
        low, high = upright.min(axis=0), upright.max(axis=0)
        size = high - low
        center = rotation @ ((low + high) / 2 + [0.0, -_HAND_SHIFT * size[1]])
        return cls((float(center[0]), float(center[1])), float(_HAND_SCALE * size.max()), angle)

    @classmethod
    def from_box(cls, box: Box, angle_rad: float = 0.0) -> Region:
        """Around the hand in a user's box, the hand pointing to `angle_rad`."""
        x, y, width, height = box
        return cls((x + (width - 1) / 2, y + (height - 1) / 2), _BOX_SCALE * max(width, height), angle_rad)

    @property
    def usable(self) -> bool:
        """False for regions that nothing can be cut from (not finite, empty or absurdly large)."""
        return bool(np.all(np.isfinite([*self.center_px, self.side_px, self.angle_rad]))) and 1 <= self.side_px < 1e6

    def resembles(self, other: Region) -> bool:
        """Whether the landmark net would see nearly the same in both."""
        side = min(self.side_px, other.side_px)
        return (
            math.dist(self.center_px, other.center_px) < _ALIKE_SHIFT * side
            and abs(math.log(self.side_px / other.side_px)) < _ALIKE_LOG_SCALE
            and self.turn_from(other) < _ALIKE_TURN_RAD
        )

    def turn_from(self, other: Region) -> float:
        """The angle between both, from 0 to pi."""
        return abs((self.angle_rad - other.angle_rad + math.pi) % (2 * math.pi) - math.pi)

    def leads_to(self, other: Region) -> bool:
        """Whether a hand can have come from here to `other`, or from there, between two frames."""
        moved = math.dist(self.center_px, other.center_px) / self.side_px
        growth = other.side_px / self.side_px
        return moved <= _LARGEST_JUMP and 1 / _LARGEST_GROWTH <= growth <= _LARGEST_GROWTH

    def turned(self, by_rad: float) -> Region:
        """The same square turned about its centre."""
        return replace(self, angle_rad=self.angle_rad + by_rad)

    def scaled(self, by: float) -> Region:
        """The same square made larger about its centre."""
        return replace(self, side_px=self.side_px * by)

    def matrix(self, crop_size: int) -> NDArray[np.float64]:
        """(2, 3) from crop pixels to picture pixels, for a crop of `crop_size` squared."""
        linear = _rotation(self.angle_rad) * (self.side_px / crop_size)
        middle = np.full(2, (crop_size - 1) / 2)
        return np.column_stack([linear, np.array(self.center_px) - linear @ middle])

    def corners_px(self) -> NDArray[np.float64]:
        """(4, 2) corners in the picture."""
        offsets = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * self.side_px
        return offsets @ _rotation(self.angle_rad).T + np.array(self.center_px)


def rotate_to_picture(vectors: NDArray[np.float64], angle_rad: float) -> NDArray[np.float64]:
    """Vectors (..., 3) in a region's axes to the picture's (camera) axes; z stays."""
    rotated = vectors.copy()
    rotated[..., :2] = vectors[..., :2] @ _rotation(angle_rad).T
    return rotated


def _rotation(angle_rad: float) -> NDArray[np.float64]:
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[cosine, -sine], [sine, cosine]])


def _angle_of_up(direction: NDArray[np.float64]) -> float:
    """The turn that makes the picture's up (0, -1) point to `direction`."""
    return math.atan2(float(direction[0]), -float(direction[1]))
