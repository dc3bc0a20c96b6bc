"""Animation data on every Blender from 4.5 to 5.2: one Action, a slot for each rig, curves written as arrays."""

from __future__ import annotations

from typing import Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference.hands.joints import JOINT_COUNT, Side
from ...inference.motion.gaps import FrameState
from .bone_motion import BoneChannels, HandMotion
from .names import bone_names

_LINEAR: Final = 1
"""Value of the interpolation "LINEAR" in Blender's files (BEZT_IPO_LIN); `foreach_set` takes numbers only."""
_KEY_TYPES: Final = {FrameState.MEASURED: 0, FrameState.BRIDGED: 2, FrameState.HELD: 4}
"""Values of "KEYFRAME", "BREAKDOWN" and "MOVING_HOLD" (BEZT_KEYTYPE_...)."""


def new_action(name: str) -> bpy.types.Action:
    """An Action with the one layer and strip that Blender supports."""
    action = bpy.data.actions.new(name)
    action.layers.new("Layer").strips.new(type="KEYFRAME")
    return action


def assign_slot(action: bpy.types.Action, animated: bpy.types.Object, name: str) -> bpy.types.ActionSlot:
    """Make a slot of that name for an object in an action and let the object use it."""
    slot = action.slots.new(id_type="OBJECT", name=name)
    data = animated.animation_data_create()
    assert data is not None  # noqa: S101 - objects can always be animated
    data.action = action
    data.action_slot = slot
    return slot


def channelbag_of(action: bpy.types.Action, slot: bpy.types.ActionSlot) -> bpy.types.ActionChannelbag:
    """The curves of a slot."""
    strip = action.layers[0].strips[0]
    assert isinstance(strip, bpy.types.ActionKeyframeStrip)  # noqa: S101 - the only type there is
    return strip.channelbag(slot, ensure=True)


def curves_of(animated: bpy.types.Object) -> bpy.types.ActionChannelbagFCurves | None:
    """The curves that animate an object, or None where nothing does."""
    data = animated.animation_data
    if data is None or data.action is None or data.action_slot is None or not data.action.layers:
        return None
    strip = data.action.layers[0].strips[0]
    assert isinstance(strip, bpy.types.ActionKeyframeStrip)  # noqa: S101 - the only type there is
    bag = strip.channelbag(data.action_slot)
    return None if bag is None else bag.fcurves


def write_hand_keys(
    action: bpy.types.Action,
    slot: bpy.types.ActionSlot,
    side: Side,
    motion: HandMotion,
    channels: BoneChannels,
) -> None:
    """Key location and rotation of `hand` and the rotation of the 15 finger bones, linear between keys.

    Curves that exist are rewritten in place (smoothing was changed, say), all others are left alone. Keys of bridged
    frames are breakdowns and those of held ones moving holds: the timeline shows in their own colours where a hand
    was not seen.

    Parameters
    ----------
    motion : frame numbers and states of the keys
    channels : (F, ...) values, quaternions without sign flips
    """
    key_types = np.array([_KEY_TYPES[FrameState(state)] for state in motion.state], dtype=np.int32)
    bag = channelbag_of(action, slot)
    curves = {(curve.data_path, curve.array_index): curve for curve in bag.fcurves}
    names = bone_names(side)
    for joint in range(JOINT_COUNT):
        path = f'pose.bones["{names[joint]}"]'
        tracks = [(f"{path}.rotation_quaternion", channels.quat_wxyz[:, joint])]
        if joint == 0:
            tracks.insert(0, (f"{path}.location", channels.location_m))
        for data_path, values in tracks:
            for index in range(values.shape[1]):
                curve = curves.get((data_path, index)) or new_curve(bag, data_path, index, names[joint])
                write_curve(curve, motion.scene_frames, values[:, index], key_types)


def write_curve(
    curve: bpy.types.FCurve,
    scene_frames: NDArray[np.int64],
    values: NDArray[np.float64],
    key_types: NDArray[np.int32],
) -> None:
    """Replace the keys of a curve by one key a frame, linear in between."""
    points = curve.keyframe_points
    if len(points) != len(values):
        points.clear()
        points.add(len(values))
    points.foreach_set("interpolation", np.full(len(values), _LINEAR, dtype=np.int32))
    points.foreach_set("type", key_types)
    points.foreach_set("co", np.stack([scene_frames, values], axis=1).astype(np.float32).ravel())
    curve.update()


def new_curve(bag: bpy.types.ActionChannelbag, data_path: str, index: int, group: str) -> bpy.types.FCurve:
    """A curve without keys in a group of that name."""
    curve = bag.fcurves.new(data_path, index=index)
    # `fcurves.new` takes the group's name only from Blender 5.0.
    curve.group = bag.groups.get(group) or bag.groups.new(group)
    return curve
