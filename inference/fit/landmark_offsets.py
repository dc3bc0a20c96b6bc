"""Where MediaPipe's landmarks lie on a hand, beside the joints and fingertips of the open hand model.

The nets were taught by people who marked points on pictures: a fingertip's landmark lies in the middle of the nail's
length and not at the very end, the wrist's at the crease, the thumb's first one well along its metacarpal, and all the
others a little towards the palm. A fit that takes them for the model's joints shortens fingers and shrinks hands.

Measured on 86 single hands rendered from the open hand with random shape, pose, view, skin and light, whose joints are
known: offsets that best explain the shipped landmark net's answers, robustly, over the 65 hands that it understood
(median error below 6 % of the hand's box). Standard errors are 0.2 to 0.8 mm. The median distance between landmark and
joint falls from 4.3 % of the box to 2.3 %. See ``docs/fit.md``.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.model import HandModel

Array = NDArray[np.float64]

_OPEN_HAND_MM: Final = (
    (-2.3, 12.6, 0.0),  # wrist
    (-1.3, 1.1, 2.3),  # index: knuckle, middle joint, end joint
    (-0.8, 1.1, 3.4),
    (-0.7, 1.3, 5.4),
    (0.6, 0.7, 3.5),  # middle finger
    (0.6, -0.3, 2.7),
    (1.1, -2.6, 4.0),
    (0.9, 1.1, 4.7),  # little finger
    (0.1, 1.6, 2.9),
    (0.0, 1.8, 3.9),
    (-0.7, 1.4, 3.6),  # ring finger
    (0.1, 1.6, 3.2),
    (0.9, -1.0, 4.9),
    (5.4, 17.4, 3.7),  # thumb
    (0.4, 4.5, 2.2),
    (-0.6, 0.3, 3.8),
    (1.1, -7.2, 1.7),  # tips: thumb, index, middle, ring, little finger
    (-0.8, -6.7, 0.3),
    (1.4, -8.1, 0.0),
    (1.4, -9.1, 1.2),
    (0.3, -6.0, 1.7),
)


def landmark_offsets_m(model: HandModel) -> Array:
    """(21, 3) offsets of the landmarks from a model's joints and tips, for the right hand.

    Components are along the anatomical axes (`joint_axes.joint_frames`: X, Y along the bone, Z towards the palm) of
    the joint that carries the point; a tip is carried by its finger's last joint. Zero for a model whose joints were
    not measured against the nets.
    """
    return np.array(_OPEN_HAND_MM) * 1e-3 if model.name == "open" else np.zeros((len(_OPEN_HAND_MM), 3))
