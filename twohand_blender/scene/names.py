"""The names of bones, objects and shape keys: one place, because exporters and drivers find things by them."""

from __future__ import annotations

from typing import Final

from ...inference.hands.joints import JOINT_COUNT, JOINT_NAMES, Side

SIDE_SUFFIX: Final[dict[Side, str]] = {"right": "R", "left": "L"}
"""Endings that Blender's mirroring tools understand; they also make bone names unique over both hands."""

HAND_BONE: Final = "hand"
_AXES: Final = "xyz"


def bone_name(joint: int, side: Side) -> str:
    """``hand_R`` for the wrist, ``index_01_R`` .. ``thumb_03_R`` for the finger joints (MANO order)."""
    if joint == 0:
        return f"{HAND_BONE}_{SIDE_SUFFIX[side]}"
    finger, segment = JOINT_NAMES[joint][:-1], int(JOINT_NAMES[joint][-1])
    return f"{finger}_{segment:02d}_{SIDE_SUFFIX[side]}"


def bone_names(side: Side) -> tuple[str, ...]:
    """The 16 bones of a hand in MANO joint order."""
    return tuple(bone_name(joint, side) for joint in range(JOINT_COUNT))


def armature_name(side: Side) -> str:
    """Sorts before every mesh: FBX files list objects by name, and readers want armatures first."""
    return f"HandArmature_{SIDE_SUFFIX[side]}"


def mesh_name(side: Side) -> str:
    """Name of the skinned mesh."""
    return f"HandMesh_{SIDE_SUFFIX[side]}"


CAMERA_NAME: Final = "HandCamera"
"""Name of the camera that saw the picture."""


def collection_name(take_name: str) -> str:
    """Name of the collection that holds what was built from a take."""
    return f"Hands {take_name}"


def shape_key_name(component: int) -> str:
    """Name of a shape component's key."""
    return f"shape_{component:02d}"


def corrective_key_name(joint: int, row: int, column: int) -> str:
    """``pose_index_01_xy``: driven by element (x, y) of that bone's rotation matrix."""
    finger, segment = JOINT_NAMES[joint][:-1], int(JOINT_NAMES[joint][-1])
    return f"pose_{finger}_{segment:02d}_{_AXES[row]}{_AXES[column]}"
