"""The "Hands" tab of the 3D view's sidebar."""

from __future__ import annotations

import textwrap
from typing import Final, Literal, cast

import bpy

from ..inference.contract import ErrorCode, HandsError
from .locations import EXTENSION_PACKAGE, worker_python
from .operators.running import RUNNING
from .preferences import python_path_of
from .properties import settings_of
from .results import EXPORT_SUMMARY, summary_of
from .scene.collection import built_keys
from .scene.editing import scene_of

_Icon = Literal["NONE", "ERROR", "INFO", "BLANK1"]

# Of Blender's default font and theme, at a UI scale of 1.
_CHARACTER_PX: Final = 6.4
_MARGINS_PX: Final = 62.0
_ICON_CHARACTERS: Final = 4
_USUAL_LINE_CHARACTERS: Final = 36


class _HandsTab:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Hands"


class TWOHAND_PT_reconstruct(_HandsTab, bpy.types.Panel):
    """Input, settings and the button."""

    bl_idname = "TWOHAND_PT_reconstruct"
    bl_label = "Reconstruct"

    def draw(self, context: bpy.types.Context) -> None:
        layout = cast(bpy.types.UILayout, self.layout)
        settings = settings_of(scene_of(context))
        column = layout.column()
        column.enabled = not RUNNING.active
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "input_path", placeholder="Picture, movie or folder")
        column.prop(settings, "as_sequence")
        if settings.as_sequence:
            column.prop(settings, "sequence_fps")
        column.prop(settings, "focal_source")
        if settings.focal_source == "GIVEN":
            column.prop(settings, "focal_mm")
        column.prop(settings, "use_frame_range")
        if settings.use_frame_range:
            rows = column.column(align=True)
            rows.prop(settings, "frame_start")
            rows.prop(settings, "frame_end")
            rows.prop(settings, "frame_step")
        column.prop(settings, "skin_tone")
        column.prop(settings, "limit_joints")
        column.prop(settings, "smoothing")
        column.prop(settings, "take_path", placeholder="Automatic")
        if not RUNNING.active:
            _draw_interpreter(layout, context)
        _draw_run(layout, context)
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("twohand.import_take", text="Import Take...", icon="IMPORT")


class TWOHAND_PT_results(_HandsTab, bpy.types.Panel):
    """What was built in this scene."""

    bl_idname = "TWOHAND_PT_results"
    bl_label = "Hands in This Scene"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(built_keys(scene_of(context)))

    def draw(self, context: bpy.types.Context) -> None:
        layout, scene = cast(bpy.types.UILayout, self.layout), scene_of(context)
        for key in built_keys(scene):
            box = layout.box()
            row = box.row()
            row.label(text=key.name, icon="ARMATURE_DATA")
            removal = row.operator("twohand.remove_result", text="", icon="X")
            removal.take_name, removal.take_source = key.name, key.source
            width = _line_length(context)
            _draw_lines(box, summary_of(scene, key), width)
            column = box.column(align=True)
            column.prop(settings_of(scene), "smoothing")
            smooth = column.operator("twohand.smooth", icon="SMOOTHCURVE")
            smooth.take_name, smooth.take_source = key.name, key.source
            box.operator_context = "INVOKE_DEFAULT"
            export = box.operator("twohand.export_fbx", text="Export FBX...", icon="EXPORT")
            export.take_name, export.take_source = key.name, key.source
            _draw_lines(box, summary_of(scene, key, EXPORT_SUMMARY), width)
        layout.operator("twohand.add_pose_library", icon="ASSET_MANAGER")


def _draw_interpreter(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Where no interpreter is set, say so and offer the way there."""
    try:
        worker_python(python_path_of(context))
    except HandsError as error:
        box = layout.box()
        _draw_lines(box, [error.message], _line_length(context), icon="ERROR")
        box.operator("preferences.addon_show", text="Open Preferences", icon="PREFERENCES").module = EXTENSION_PACKAGE


def _draw_run(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The button, or the progress bar with Cancel, and what came of the last run."""
    job = RUNNING.job
    if job is not None and job.running:
        layout.progress(factor=job.progress.share if job.progress else 0.0, type="BAR", text=job.text())
        layout.operator("twohand.cancel", icon="CANCEL")
        return
    row = layout.row()
    row.scale_y = 1.5
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("twohand.reconstruct", icon="VIEW_PAN")
    width = _line_length(context)
    if RUNNING.error is not None:
        box = layout.box()
        icon: _Icon = "INFO" if RUNNING.error.code is ErrorCode.CANCELLED else "ERROR"
        _draw_lines(box, [RUNNING.error.message, RUNNING.error.hint], width, icon=icon)
        box.operator("twohand.show_log", icon="TEXT")
    if RUNNING.waiting_take is not None:
        box = layout.box()
        _draw_lines(box, [RUNNING.waiting_reason], width, icon="INFO")
        box.operator_context = "EXEC_DEFAULT"
        box.operator("twohand.import_take", text="Import What Is Done", icon="IMPORT").filepath = str(
            RUNNING.waiting_take
        )
    if RUNNING.resumable:
        column = layout.column(align=True)
        column.operator_context = "INVOKE_DEFAULT"
        if RUNNING.finishable and RUNNING.waiting_take is None:
            column.operator("twohand.resume", text="Import What Is Done", icon="IMPORT").only_done = True
        column.operator("twohand.resume", icon="PLAY").only_done = False


def _draw_lines(layout: bpy.types.UILayout, lines: list[str], width: int, icon: _Icon = "NONE") -> None:
    """Sentences, wrapped between words: Blender cuts off what is longer than a line."""
    column = layout.column(align=True)
    for line in filter(None, lines):
        for part in wrapped(line, width if icon == "NONE" else width - _ICON_CHARACTERS):
            column.label(text=part, icon=icon)
            icon = "BLANK1" if icon != "NONE" else "NONE"


def _line_length(context: bpy.types.Context) -> int:
    """About how many characters a line of the sidebar takes."""
    region = cast("bpy.types.Region | None", context.region)  # the stubs take members of a context for functions
    preferences = cast(bpy.types.Preferences, context.preferences)
    if region is None:
        return _USUAL_LINE_CHARACTERS
    return max(16, int((region.width / preferences.system.ui_scale - _MARGINS_PX) / _CHARACTER_PX))


def wrapped(line: str, width: int = _USUAL_LINE_CHARACTERS) -> list[str]:
    """A sentence in pieces of at most `width` characters, cut between words where there are any."""
    return textwrap.wrap(line, width) or [""]
