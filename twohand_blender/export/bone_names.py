"""Names that other programs expect for the bones of a hand (no bpy in here)."""

from __future__ import annotations

from enum import Enum
from typing import Final

from ...inference.hands.joints import JOINT_COUNT, JOINT_NAMES, Side
from ..scene.names import bone_name


class BoneNaming(Enum):
    """Whose bone names a file uses; every scheme tells the two hands apart."""

    OWN = "own"
    UNREAL = "unreal"
    UNITY = "unity"
    MIXAMO = "mixamo"


_SIDE_WORD: Final[dict[Side, str]] = {"right": "Right", "left": "Left"}
_UNITY_SEGMENTS: Final = ("Proximal", "Intermediate", "Distal")


def exported_bone_name(joint: int, side: Side, naming: BoneNaming) -> str:
    """Name of a bone in a file.

    Parameters
    ----------
    joint : 0 for the hand, 1 to 15 for the finger joints in MANO order
    side : which hand
    naming : OWN ``index_01_R``, UNREAL (the mannequin's) ``index_01_r``, UNITY (its HumanBodyBones)
        ``RightIndexProximal``, MIXAMO ``mixamorig:RightHandIndex1``
    """
    finger, segment = ("hand", 0) if joint == 0 else (JOINT_NAMES[joint][:-1], int(JOINT_NAMES[joint][-1]))
    word = _SIDE_WORD[side]
    match naming:
        case BoneNaming.OWN:
            return bone_name(joint, side)
        case BoneNaming.UNREAL:
            return bone_name(joint, side).lower()
        case BoneNaming.UNITY:
            name = "Little" if finger == "pinky" else finger.capitalize()
            return f"{word}Hand" if joint == 0 else f"{word}{name}{_UNITY_SEGMENTS[segment - 1]}"
        case BoneNaming.MIXAMO:
            return f"mixamorig:{word}Hand" + ("" if joint == 0 else f"{finger.capitalize()}{segment}")


def renaming(side: Side, naming: BoneNaming) -> dict[str, str]:
    """Our 16 bone names to those of a scheme."""
    return {bone_name(joint, side): exported_bone_name(joint, side, naming) for joint in range(JOINT_COUNT)}
