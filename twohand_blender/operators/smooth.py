"""Re-apply Smoothing: key the raw motion of a take anew, smoothed as the scene's setting says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import StringProperty

from ...inference.contract import ErrorCode, HandsError
from ...inference.hands.joints import Side
from ...inference.motion.smoothing import smooth_take
from ..properties import settings_of
from ..results import chosen_result
from ..scene.build import built_hands, rekey
from ..scene.collection import TAKE_SHA256, find_collection, take_path_of
from ..scene.editing import scene_of
from ..scene.ownership import TakeKey
from ..scene.take_motion import hand_motions
from ..scene.timeline import timeline_of
from ..take_file import reread_take
from .import_take import result_refusal
from .messages import errors_reported


class TWOHAND_OT_smooth(bpy.types.Operator):
    """Write the motion of the take file into the hands' keys again, smoothed by the amount set above. \
Keys that you edited on the hands' own curves are replaced; everything else stays"""

    bl_idname = "twohand.smooth"
    bl_label = "Re-apply Smoothing"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        take_name: str
        take_source: str
    else:
        take_name: StringProperty(
            name="Take", description="Empty: the take of the active object, else the newest", options={"SKIP_SAVE"}
        )
        take_source: StringProperty(name="Source", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = result_refusal(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[Any]:
        with errors_reported(self):
            scene = scene_of(context)
            key = chosen_result(scene, self.take_name, self.take_source)
            if key is None:
                raise HandsError(
                    ErrorCode.USAGE, f"There are no hands '{self.take_name}' in this scene.", "Choose another take."
                )
            strength = settings_of(scene).smoothing
            written, left_alone = smooth_result(scene, key, strength)
            if not written:
                raise HandsError(
                    ErrorCode.USAGE,
                    f"The hands of '{key.name}' have actions of yours; nothing was written.",
                    f"Give their armatures the action 'Hands {key.name}' first, or import the take again.",
                )
            for side in left_alone:
                self.report({"WARNING"}, f"The {side} hand was left alone: its animation is not the add-on's.")
            which = "both hands" if len(written) > 1 else f"the {written[0]} hand"
            done = f"Keyed {which} with a smoothing of {strength:.2f}" if strength > 0 else f"Keyed {which} as measured"
            self.report({"INFO"}, done)
            return {"FINISHED"}
        return {"CANCELLED"}


def smooth_result(scene: bpy.types.Scene, key: TakeKey, strength: float) -> tuple[list[Side], list[Side]]:
    """Key a result's raw motion anew, smoothed; which hands were written, and which left alone.

    Raises
    ------
    HandsError
        the take file is unknown, gone, damaged or another one than the result was built from
    """
    collection = find_collection(scene, key)
    path = take_path_of(collection) if collection is not None else None
    sha256 = collection.get(TAKE_SHA256) if collection is not None else None
    if path is None or not isinstance(sha256, str):
        raise HandsError(
            ErrorCode.INPUT_MISSING,
            f"It is not known which take file '{key.name}' was built from.",
            "Import the take again.",
        )
    places = [path]
    if bpy.data.filepath:
        places.append(Path(bpy.data.filepath).parent / path.name)
    take = reread_take(key.name, places, sha256)
    built = next(result for result in built_hands(scene) if result.key == key)
    written = rekey(scene, built, hand_motions(smooth_take(take, strength), timeline_of(take)))
    return list(written), [side for side in built.armatures if side not in written]
