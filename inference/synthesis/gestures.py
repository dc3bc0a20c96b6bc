"""What two hands do together: where each gesture starts and which places touch. `contact_search` makes them fit.

Directions are given in the right hand's rest frame: fingers point along -x, the palm faces -y, the thumb lies towards
+z. A gesture says where the left hand's fingers and palm point in that frame, how far that may turn, which poses both
hands start from, and which places of one hand meet which region of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import FINGERS

Array = NDArray[np.float64]

LONG_FINGERS: Final = ("index", "middle", "ring", "pinky")


@dataclass(frozen=True)
class Place:
    """One place on the skin: on a finger's segment, or on the palm or back (segment 0: shares along and across)."""

    part: str
    segment: int = 3
    face: str = "palmar"
    along: float = 0.6
    across: float = 0.5


@dataclass(frozen=True)
class Touch:
    """A place of one hand that meets a place or a region of the other; `gap_m` is how far apart they stay."""

    hand: int
    place: Place
    target: Place | str
    weight: float = 1.0
    gap_m: float = 0.0


@dataclass(frozen=True)
class Start:
    """Where a search begins: pose names, left hand's directions, its wrist in the right hand's frame, touches."""

    poses: tuple[str, str]
    fingers: Array
    palm: Array
    offset_m: Array
    touches: tuple[Touch, ...]
    turn_deg: float = 12.0
    angle_deg: float = 8.0


def _turned(vector: tuple[float, float, float], axis: tuple[float, float, float], degrees: float) -> Array:
    """`vector` turned about a unit `axis` (right-hand rule)."""
    v, k, angle = np.array(vector), np.array(axis), np.deg2rad(degrees)
    turned: Array = v * np.cos(angle) + np.cross(k, v) * np.sin(angle) + k * (k @ v) * (1 - np.cos(angle))
    return turned


def _pick(rng: np.random.Generator, *names: str) -> str:
    return names[int(rng.integers(len(names)))]


def _both(name: str) -> tuple[str, str]:
    return name, name


def _pad(finger: str) -> Place:
    return Place(finger, 3, "palmar", 0.65)


def _tip(finger: str) -> Place:
    return Place(finger, 3, "palmar", 1.0)


def _palm(along: float = 0.6, across: float = 0.5) -> Place:
    return Place("palm", 0, "palmar", along, across)


def _back(along: float = 0.6, across: float = 0.5) -> Place:
    return Place("palm", 0, "dorsal", along, across)


X: Final = (1.0, 0.0, 0.0)
Y: Final = (0.0, 1.0, 0.0)
Z: Final = (0.0, 0.0, 1.0)
FORWARD: Final = (-1.0, 0.0, 0.0)
"""Where the right hand's fingers point; its palm faces `DOWN`."""
DOWN: Final = (0.0, -1.0, 0.0)


def pray(rng: np.random.Generator) -> Start:
    """Palms and fingers flat against each other."""
    pose = _pick(rng, "flat", "flat", "count_five", "relaxed")
    slide = rng.normal(0, 8)
    fingers = tuple(Touch(0, _pad(f), _pad(f), 0.7) for f in LONG_FINGERS)
    palms = (Touch(0, _palm(0.75), _palm(0.75), 1.0, 0.004), Touch(0, _palm(0.35), _palm(0.35), 0.7, 0.003))
    thumbs = (Touch(0, _pad("thumb"), _pad("thumb"), 0.3),)
    return Start(
        (pose, pose), _turned(FORWARD, Y, slide), np.array(Y), np.array([0, -0.05, 0]), fingers + palms + thumbs, 8
    )


def rub(rng: np.random.Generator) -> Start:
    """Palm on palm, shifted and turned."""
    poses = (_pick(rng, "flat", "relaxed", "cup"), _pick(rng, "flat", "relaxed", "cup"))
    touch = Touch(
        0, _palm(rng.uniform(0.3, 0.9), rng.uniform(0.2, 0.8)), _palm(rng.uniform(0.3, 0.9), rng.uniform(0.2, 0.8))
    )
    return Start(poses, _turned(FORWARD, Y, rng.uniform(-50, 50)), np.array(Y), np.array([0, -0.06, 0]), (touch,))


def clasp(rng: np.random.Generator) -> Start:
    """Palm in palm, crosswise, the fingers of each round the other's edge; at 90 degrees and more a hand shake."""
    angle = rng.uniform(45, 120)
    fingers = _turned(FORWARD, Y, angle)
    touches = [Touch(0, _palm(0.65), _palm(0.65), 1.5, 0.002)]
    touches += [Touch(hand, _pad(f), "back", 0.5) for hand in (0, 1) for f in LONG_FINGERS]
    offset = np.array([-0.055, -0.05, 0]) - 0.055 * fingers
    return Start(
        _both(_pick(rng, "cup", "relaxed", "grasp_sphere")), fingers, np.array(Y), offset, tuple(touches), 10, 6
    )


def hand_shake(rng: np.random.Generator) -> Start:
    """The hands hold each other as two people's do: fingers the opposite way, round the little finger's edge."""
    fingers = _turned(FORWARD, Y, rng.uniform(120, 200))
    touches = [Touch(0, _palm(0.7), _palm(0.7), 1.0, 0.003)]
    touches += [Touch(hand, _pad(f), "back", 0.5) for hand in (0, 1) for f in LONG_FINGERS]
    offset = np.array([-0.07, -0.05, 0]) - 0.07 * fingers
    return Start(_both(_pick(rng, "relaxed", "cup")), fingers, np.array(Y), offset, tuple(touches), 10, 6)


def fist_in_palm(rng: np.random.Generator) -> Start:
    """A fist against the other palm, whose fingers lie round it."""
    turn = rng.uniform(-60, 100)
    fingers = _turned(Y, X, turn)
    touches = [Touch(0, Place(f, 1, "dorsal", 0.6), _palm(0.6, v), 1.0) for f, v in (("middle", 0.4), ("ring", 0.6))]
    touches += [Touch(1, _pad(f), "back", 0.4) for f in LONG_FINGERS]
    offset = np.array([-0.14, -0.03, 0]) - 0.055 * fingers
    return Start(
        (_pick(rng, "fist", "fist", "thumbs_up"), _pick(rng, "cup", "relaxed")),
        fingers,
        np.array(X),
        offset,
        tuple(touches),
        15,
        6,
    )


def finger_tips(rng: np.random.Generator) -> Start:
    """Finger tips against finger tips, the palms apart."""
    pose = _pick(rng, "grasp_sphere", "relaxed", "claw", "cup")
    count = int(rng.integers(1, 6))
    chosen = LONG_FINGERS[:count] + (("thumb",) if rng.random() < 0.7 else ())
    touches = tuple(Touch(0, _tip(f), _tip(f), 1.2) for f in chosen)
    offset = np.array([0.02, -rng.uniform(0.06, 0.11), 0])
    return Start((pose, pose), np.array(FORWARD), np.array(Y), offset, touches, 18)


def interlocked(rng: np.random.Generator) -> Start:
    """Fingers between fingers, bent over the other hand's back; straight ones now and then."""
    cross = rng.uniform(50, 85)
    fingers, palm = _turned(FORWARD, Z, -cross), _turned(Y, Z, -cross)
    shift = float(rng.choice([-1.0, 1.0])) * rng.uniform(0.009, 0.011)
    touches = [
        Touch(0, Place(f, 1, "palmar", 0.15), Place(f, 1, "palmar", 0.15), 0.7, 0.008)
        for f in ("index", "middle", "ring")
    ]
    if rng.random() < 0.75:
        touches += [Touch(hand, _pad(f), "back", 0.5) for hand in (0, 1) for f in LONG_FINGERS]
    knuckles = np.array([-0.097, -0.022, shift])
    return Start(
        ("count_five", "count_five"), fingers, palm, knuckles - 0.093 * fingers - 0.012 * palm, tuple(touches), 6, 4
    )


def point_at_palm(rng: np.random.Generator) -> Start:
    """The index finger points at the other palm, or touches it."""
    fingers = _turned(Y, X, rng.uniform(-180, 180))
    gap = 0.0 if rng.random() < 0.5 else rng.uniform(0.005, 0.06)
    touch = Touch(0, _tip("index"), _palm(rng.uniform(0.3, 0.9), rng.uniform(0.1, 0.9)), 1.5, gap)
    return Start(
        (_pick(rng, "point", "count_one"), _pick(rng, "flat", "relaxed", "count_five", "cup")),
        fingers, np.array(X), np.array([-0.21 - gap, 0, 0.03]) - 0.055 * fingers, (touch,), 28,
    )  # fmt: skip


def count(rng: np.random.Generator) -> Start:
    """A finger tip on one of the other hand's fingers, as when counting."""
    finger = _pick(rng, *FINGERS)
    hand = _pick(rng, "point", "count_one", "pinch", "grasp_pen")
    other = _pick(rng, "count_five", "spread", "count_three", "count_four", "count_two", "relaxed")
    fingers = _turned(Y, X, rng.uniform(-120, 120))
    face = _pick(rng, "palmar", "palmar", "radial", "dorsal")
    touches = [Touch(0, _tip("index"), Place(finger, int(rng.integers(2, 4)), face, rng.uniform(0.3, 1.0)), 1.5)]
    if hand in ("pinch", "grasp_pen"):
        touches.append(Touch(0, _tip("thumb"), finger, 0.6))
    palm = np.array(X) if face != "dorsal" else -np.array(X)
    return Start((hand, other), fingers, palm, np.array([-0.2, 0, 0.03]) - 0.12 * fingers, tuple(touches), 30)


def hand_over_hand(rng: np.random.Generator) -> Start:
    """A palm on the other hand's back."""
    fingers = _turned(FORWARD, Y, rng.uniform(-75, 75))
    touches = [Touch(0, _palm(0.6), _back(rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.7)), 1.0, 0.001)]
    touches += [Touch(0, _pad(f), "back", 0.35) for f in LONG_FINGERS if rng.random() < 0.7]
    poses = (_pick(rng, "relaxed", "cup", "flat", "grasp_cylinder"), _pick(rng, "flat", "relaxed", "fist", "cup"))
    return Start(poses, fingers, np.array(DOWN), np.array([-0.05, -0.06, 0]) - 0.05 * fingers, tuple(touches), 12)


def stacked_open(rng: np.random.Generator) -> Start:
    """Back of one hand in the palm of the other, both palms the same way (a cup of two hands, meditation)."""
    fingers = _turned(FORWARD, Y, rng.uniform(40, 180))
    touches = (Touch(0, _palm(rng.uniform(0.5, 1.0)), Place("middle", 1, "dorsal", rng.uniform(0, 1)), 1.0),)
    poses = (_pick(rng, "cup", "relaxed", "flat"), _pick(rng, "cup", "relaxed", "flat"))
    return Start(poses, fingers, np.array(DOWN), np.array([-0.08, -0.055, 0]) - 0.09 * fingers, touches, 14)


def side_by_side(rng: np.random.Generator) -> Start:
    """Little fingers' edges together, palms the same way: scooping water, reading."""
    pose = _pick(rng, "cup", "flat", "relaxed")
    touches = tuple(Touch(0, Place("pinky", s, "ulnar", 0.5), Place("pinky", s, "ulnar", 0.5), 0.8) for s in (1, 2, 3))
    touches += (Touch(0, _palm(0.4, 1.0), _palm(0.4, 1.0), 0.4, 0.02),)
    return Start((pose, pose), np.array(FORWARD), np.array(DOWN), np.array([0, 0, -0.09]), touches, 12)


def thumbs_together(rng: np.random.Generator) -> Start:
    """Thumb tips together, palms the same way: on a keyboard, framing a picture; or thumb on index of the other."""
    pose = _pick(rng, "count_five", "spread", "flat", "relaxed", "grasp_pen")
    if rng.random() < 0.5:
        touches = (Touch(0, _tip("thumb"), _tip("thumb"), 1.0),)
        fingers = np.array(FORWARD)
    else:
        touches = (Touch(0, _tip("thumb"), _tip("index"), 1.0), Touch(1, _tip("thumb"), _tip("index"), 1.0))
        fingers = _turned(FORWARD, Y, rng.uniform(60, 180))
    return Start((pose, pose), fingers, np.array(DOWN), np.array([0, -0.01, 0.17]) - 0.05 * (fingers + X), touches, 20)


def hold_finger(rng: np.random.Generator) -> Start:
    """A fist round a finger of the other hand."""
    finger = _pick(rng, "index", "middle", "thumb", "index")
    fingers = _turned(Z, X, rng.uniform(-30, 30)) * float(rng.choice([-1.0, 1.0]))
    other = "count_one" if finger == "index" else "thumbs_up" if finger == "thumb" else "count_two"
    touches = [Touch(0, _palm(0.95, 0.4), Place(finger, 2, "palmar", 0.3), 1.0, 0.001)]
    touches += [Touch(0, _pad(f), finger, 0.5) for f in (*LONG_FINGERS[:3], "thumb")]
    return Start(
        ("grasp_cylinder", other),
        fingers,
        np.array(Y),
        np.array([-0.09, -0.04, 0]) - 0.13 * fingers,
        tuple(touches),
        14,
        5,
    )


def crossed(rng: np.random.Generator) -> Start:
    """One hand lies across the other, wrist over wrist or fingers over fingers."""
    fingers = _turned(FORWARD, Y, float(rng.choice([-1.0, 1.0])) * rng.uniform(50, 110))
    palm = np.array(DOWN) * float(rng.choice([-1.0, 1.0]))
    along = rng.uniform(0.2, 1.0)
    target = _palm(along) if palm[1] > 0 else _back(along)
    touches = (Touch(0, _palm(rng.uniform(0.2, 1.0)), target, 1.0, 0.002),)
    poses = (_pick(rng, "relaxed", "flat", "fist", "peace"), _pick(rng, "relaxed", "flat", "fist", "peace"))
    return Start(poses, fingers, palm, np.array([-0.05, -0.06, 0]) - 0.05 * fingers, touches, 15)


def any_touch(rng: np.random.Generator) -> Start:
    """Any place on any place, any two poses: what no name covers."""
    from ..hands.pose_library import POSES

    names = tuple(POSES)
    places = []
    for _ in range(2):
        finger = _pick(rng, *FINGERS)
        face = _pick(rng, "palmar", "palmar", "dorsal", "radial", "ulnar")
        palm = Place("palm", 0, _pick(rng, "palmar", "dorsal"), rng.uniform(0.2, 1), rng.uniform(0, 1))
        places.append(
            palm if rng.random() < 0.35 else Place(finger, int(rng.integers(1, 4)), face, rng.uniform(0.2, 1))
        )
    axis = rng.normal(size=3)
    palm_direction = axis / np.linalg.norm(axis)
    fingers = np.cross(palm_direction, rng.normal(size=3))
    fingers /= np.linalg.norm(fingers)
    offset = np.array([-0.07, -0.11, 0.0]) - 0.08 * fingers
    touches = (Touch(0, places[0], places[1], 1.5, 0.0 if rng.random() < 0.7 else rng.uniform(0, 0.02)),)
    return Start((_pick(rng, *names), _pick(rng, *names)), fingers, palm_direction, offset, touches, 40)


GESTURES: Final = {
    "pray": (pray, 0.09),
    "rub": (rub, 0.06),
    "clasp": (clasp, 0.1),
    "hand_shake": (hand_shake, 0.06),
    "fist_in_palm": (fist_in_palm, 0.08),
    "finger_tips": (finger_tips, 0.07),
    "interlocked": (interlocked, 0.1),
    "point_at_palm": (point_at_palm, 0.06),
    "count": (count, 0.07),
    "hand_over_hand": (hand_over_hand, 0.08),
    "stacked_open": (stacked_open, 0.03),
    "side_by_side": (side_by_side, 0.04),
    "thumbs_together": (thumbs_together, 0.04),
    "hold_finger": (hold_finger, 0.03),
    "crossed": (crossed, 0.03),
    "any_touch": (any_touch, 0.06),
}
"""Gesture by name: how it starts, and its share of the library."""
