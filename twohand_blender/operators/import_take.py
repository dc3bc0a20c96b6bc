"""Import Take: build a reconstruction that was made before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from ...inference.contract import read_take
from ...inference.models.hands_of_take import hand_models_of
from ...inference.motion.smoothing import smooth_take
from ..locations import EXTENSION_FOLDER
from ..overlay_view import enter_overlay, is_looked_through, view_of
from ..properties import settings_of
from ..results import keep_summary
from ..scene.build import BuildOptions, build_take
from ..scene.collection import built_keys
from ..scene.editing import scene_of
from ..scene.material import SkinTone
from ..scene_focal import focal_camera
from ..summary import describe_take
from ..take_file import fingerprint
from .messages import errors_reported
from .running import RUNNING

_MODES: Final = ("OBJECT", "POSE")


class TWOHAND_OT_import_take(bpy.types.Operator, ImportHelper):  # pyright: ignore[reportIncompatibleMethodOverride] - the stubs type the helper's methods as None
    """Build the hands of a take file (.hands.npz); what was built from the same take before is replaced"""

    bl_idname = "twohand.import_take"
    bl_label = "Import Take"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".npz"

    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
        look_through: bool
    else:
        filter_glob: StringProperty(default="*.hands.npz", options={"HIDDEN"})
        look_through: BoolProperty(
            name="Look Through",
            description="Look through the camera of the hands afterwards: they are small, and the view may be anywhere",
            options={"HIDDEN", "SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = import_refusal(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[Any]:
        with errors_reported(self):
            path = Path(bpy.path.abspath(self.filepath)).absolute()
            lines = import_take(context, path, look_through=self.look_through)
            if RUNNING.waiting_take == path:
                RUNNING.clear()
            for line in lines:
                self.report({"INFO"}, line)
            return {"FINISHED"}
        return {"CANCELLED"}


def result_refusal(context: bpy.types.Context) -> str:
    """Why nothing can be done with the scene's hands now, or an empty string."""
    return import_refusal(context) or ("" if built_keys(scene_of(context)) else "There are no hands in this scene")


def import_refusal(context: bpy.types.Context) -> str:
    """Why nothing can be built now, empty where it can."""
    if context.mode not in _MODES:
        return "Leave the edit mode first"
    return ""


def import_take(context: bpy.types.Context, path: Path, *, look_through: bool = False) -> list[str]:
    """Read a take, build it in the context's scene and return what it holds in plain words.

    Parameters
    ----------
    look_through : show it as the overlay in a 3D viewport, where there is one

    Raises
    ------
    HandsError
        the take cannot be read, holds no hands or needs another hand model
    """
    # The fingerprint first: a file that is replaced meanwhile is then found changed, not taken for the one read.
    sha256, take = fingerprint(path), read_take(path)
    settings = settings_of(scene_of(context))
    options = BuildOptions(
        take_path=path,
        take_sha256=sha256,
        skin_tone=cast(SkinTone, settings.skin_tone.lower()),
        limit_bones=settings.limit_joints,
    )
    if settings.focal_source == "CAMERA":
        settings.focal_camera = focal_camera(scene_of(context))  # the hands' own camera becomes the scene's
    motion = smooth_take(take, settings.smoothing)
    built = build_take(context, take, hand_models_of(take, EXTENSION_FOLDER / "weights"), options, motion)
    lines = describe_take(take) + list(built.warnings)
    keep_summary(scene_of(context), built.key, lines)
    view = view_of(context) if look_through else None
    if view is not None and not is_looked_through(context, built.key, view):
        enter_overlay(context, built.key, view)
    return lines
