"""Export FBX: write the hands of a take and say what the file holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from ...inference.contract import ErrorCode, HandsError
from ...inference.hands.joints import SIDES, Side
from ..export.bone_names import BoneNaming
from ..export.fbx import FbxOptions, export_fbx
from ..results import EXPORT_SUMMARY, chosen_result, hands_of, keep_summary
from ..scene.editing import scene_of
from .import_take import result_refusal
from .messages import errors_reported

_HANDS: Final[dict[str, tuple[Side, ...]]] = {"BOTH": SIDES, "RIGHT": ("right",), "LEFT": ("left",)}


class TWOHAND_OT_export_fbx(bpy.types.Operator, ExportHelper):  # pyright: ignore[reportIncompatibleMethodOverride] - the stubs type the helper's methods as None
    """Write mesh, skin and animation of the hands to an FBX file and read it back to check it"""

    bl_idname = "twohand.export_fbx"
    bl_label = "Export FBX"
    bl_options = {"PRESET"}

    filename_ext = ".fbx"

    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
        take_name: str
        take_source: str
        hands: str
        naming: str
        bake_correctives: bool
        use_scene_range: bool
    else:
        filter_glob: StringProperty(default="*.fbx", options={"HIDDEN"})
        take_name: StringProperty(
            name="Take",
            description="Empty: the take of the active object, else the newest",
            options={"HIDDEN", "SKIP_SAVE"},
        )
        take_source: StringProperty(name="Source", options={"HIDDEN", "SKIP_SAVE"})
        hands: EnumProperty(
            name="Hands",
            items=[
                ("BOTH", "Both", "Both hands in one file, each with its own skeleton"),
                ("RIGHT", "Right", "Only the right hand"),
                ("LEFT", "Left", "Only the left hand"),
            ],
            default="BOTH",
        )
        naming: EnumProperty(
            name="Bone Names",
            description="Names of the bones in the file; those in the scene stay",
            items=[
                ("OWN", "Blender", "hand_L, index_01_L, as in the scene"),
                ("UNREAL", "Unreal", "hand_l, index_01_l, as in Unreal's mannequin"),
                ("UNITY", "Unity", "LeftHand, LeftIndexProximal, as in Unity's humanoid"),
                ("MIXAMO", "Mixamo", "mixamorig:LeftHand, mixamorig:LeftHandIndex1"),
            ],
            default="OWN",
        )
        bake_correctives: BoolProperty(
            name="Pose Correctives",
            description="Write the pose correctives as animated shape keys. The hands then look exactly as in Blender "
            "in programs that play shape keys; the file gets larger",
        )
        use_scene_range: BoolProperty(
            name="Scene Frame Range", description="Write the scene's frame range instead of the whole clip"
        )

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
            hands = hands_of(scene, key, _HANDS[self.hands]) if key else []
            if key is None or not hands:
                which = "hand" if self.hands == "BOTH" else f"{self.hands.lower()} hand"
                raise HandsError(ErrorCode.USAGE, f"There is no {which} to export.", "Choose another one.")
            options = FbxOptions(
                naming=BoneNaming[self.naming],
                bake_correctives=self.bake_correctives,
                frames=(scene.frame_start, scene.frame_end) if self.use_scene_range else None,
            )
            path = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".fbx"))
            report = export_fbx(context, hands, path, options)
            lines = [path.name, *report.sentences()]
            keep_summary(scene, key, lines, EXPORT_SUMMARY)
            for line in lines:
                self.report({"INFO" if report.faithful else "WARNING"}, line)
            return {"FINISHED"}
        return {"CANCELLED"}
