"""How far each finger joint turns, and how it lies at rest: anatomy that the fit, the rigs and the poses share.

Angles are the components of the joint's local rotation vector in its anatomical frame (`joint_axes.joint_frames`),
relative to the model's rest pose, whose fingers are straight: flexion about X, twist about Y, abduction about Z.
They are written for the right hand. A mirrored hand keeps flexion and negates the other two (`SIDE_SIGNS`), so that
one table serves both: a positive abduction leads towards the little finger.

Sources of the ranges
---------------------
* American Academy of Orthopaedic Surgeons, *Joint Motion: Method of Measuring and Recording* (1965): MCP flexion 90,
  PIP 100, DIP 70 to 90, thumb MCP 50, thumb IP 80 degrees; thumb CMC flexion 15, extension 20, abduction 70.
* J. Lin, Y. Wu, T. S. Huang, *Modeling the Constraints of Human Hand Motion*, Workshop on Human Motion 2000: MCP
  flexion 0..90, PIP 0..110, DIP 0..90, MCP abduction +-15 degrees, PIP and DIP have one degree of freedom, and
  DIP flexion = 2/3 PIP flexion (`DIP_PER_PIP`).
* Active hyperextension of the MCP joints (20 to 30 degrees), of the finger tips and of the thumb's IP joint, and the
  little finger's wider spread: D. A. Neumann, *Kinesiology of the Musculoskeletal System*, 2nd edition, chapter 8.

The ranges are a little wider than the averages (hands differ, and the landmarks are no bone centres). A range of zero
means that the joint does not turn about that axis at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .joints import FINGERS, JOINT_COUNT, Side

Array = NDArray[np.float64]

SIDE_SIGNS: Final[dict[Side, tuple[float, float, float]]] = {"right": (1.0, 1.0, 1.0), "left": (1.0, -1.0, -1.0)}
"""Multiply (flexion, twist, abduction) in a side's joint frames by these to get the values this table speaks of."""

DIP_PER_PIP: Final = 2.0 / 3.0
"""A finger's last joint follows the one before it (Lin, Wu and Huang 2000)."""


@dataclass(frozen=True)
class AxisLimit:
    """One axis of one joint in degrees: range, relaxed angle, and how far from it the angle usually lies (1 sigma)."""

    low_deg: float
    high_deg: float
    relaxed_deg: float
    spread_deg: float


_NONE = AxisLimit(0.0, 0.0, 0.0, 1.0)


def _finger(abduction: AxisLimit) -> tuple[tuple[AxisLimit, AxisLimit, AxisLimit], ...]:
    """The three joints of a finger from knuckle to tip, each (flexion, twist, abduction)."""
    return (
        (AxisLimit(-30.0, 95.0, 20.0, 35.0), AxisLimit(-15.0, 15.0, 0.0, 5.0), abduction),
        (AxisLimit(-8.0, 115.0, 25.0, 45.0), _NONE, _NONE),
        (AxisLimit(-15.0, 90.0, 15.0, 30.0), _NONE, _NONE),
    )


LIMITS: Final[dict[str, tuple[tuple[AxisLimit, AxisLimit, AxisLimit], ...]]] = {
    "index": _finger(AxisLimit(-25.0, 20.0, 0.0, 10.0)),
    "middle": _finger(AxisLimit(-20.0, 20.0, 0.0, 8.0)),
    "ring": _finger(AxisLimit(-20.0, 25.0, 0.0, 8.0)),
    "pinky": _finger(AxisLimit(-20.0, 35.0, 0.0, 12.0)),
    # The thumb's base turns about all three axes: opposition twists it. Its rest pose lies half abducted.
    "thumb": (
        (AxisLimit(-35.0, 45.0, 0.0, 20.0), AxisLimit(-35.0, 40.0, 0.0, 15.0), AxisLimit(-40.0, 45.0, 0.0, 20.0)),
        (AxisLimit(-20.0, 65.0, 10.0, 22.0), AxisLimit(-10.0, 10.0, 0.0, 4.0), AxisLimit(-15.0, 15.0, 0.0, 6.0)),
        (AxisLimit(-25.0, 90.0, 15.0, 30.0), _NONE, _NONE),
    ),
}


def limit_table() -> Array:
    """(5, 3, 3, 4) fingers in MANO order x joints x axes x (low, high, relaxed, spread), radians, right hand."""
    degrees = [
        [[[a.low_deg, a.high_deg, a.relaxed_deg, a.spread_deg] for a in joint] for joint in LIMITS[finger]]
        for finger in FINGERS
    ]
    return np.deg2rad(np.array(degrees))


def joint_limits(side: Side) -> Array:
    """(16, 3, 2) lowest and highest (flexion, twist, abduction) of the 16 joints in a side's own joint frames, radians.

    The wrist joint carries the hand through space: its range is the whole turn.
    """
    limits = np.empty((JOINT_COUNT, 3, 2))
    limits[0] = [-np.pi, np.pi]
    limits[1:] = limit_table()[..., :2].reshape(JOINT_COUNT - 1, 3, 2)
    return limits if side == "right" else mirrored_limits(limits)


def mirrored_limits(limits_rad: Array) -> Array:
    """(16, 3, 2) the same anatomy in the other side's joint frames: twist and abduction turn round."""
    limits = limits_rad.copy()
    limits[:, 1:] = 0.0 - limits_rad[:, 1:, ::-1]  # 0 - x: no minus zero
    return limits
