"""The "Hands" tab of the 3D view's sidebar: the input, the button, and what comes of it."""

from __future__ import annotations

from typing import cast

import bpy

from ...inference.contract import ErrorCode, HandsError
from ..locations import EXTENSION_PACKAGE, worker_python
from ..managed_runtime import variant_to_set_up
from ..operators.preparing import PREPARING
from ..operators.running import RUNNING
from ..preferences import python_path_of
from ..preferences_runtime import draw_preparing
from ..properties import settings_of
from ..scene.editing import scene_of
from .lines import Icon, draw_lines, line_length
from .presets import TWOHAND_PT_presets
from .tab import PARENT, HandsTab, settings_column


class TWOHAND_PT_reconstruct(HandsTab, bpy.types.Panel):
    """Input and the button; the settings are in panels of their own below."""

    bl_idname = PARENT
    bl_label = "Reconstruct"

    def draw_header_preset(self, context: bpy.types.Context) -> None:  # noqa: ARG002 - Blender's signature
        TWOHAND_PT_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        layout = cast(bpy.types.UILayout, self.layout)
        settings = settings_of(scene_of(context))
        column = settings_column(self)
        row = column.row(align=True)
        row.prop(settings, "input_path", placeholder="Picture, movie or folder")
        row.operator("twohand.use_active_source", text="", icon="EYEDROPPER")
        column.prop(settings, "as_sequence")
        if settings.as_sequence:
            column.prop(settings, "sequence_fps")
        if not RUNNING.active:
            _draw_interpreter(layout, context)
        _draw_run(layout, context)
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("twohand.import_take", text="Import Take...", icon="IMPORT")


def _draw_interpreter(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Where nothing is set up, say so and offer it; while it is being set up, how far it is."""
    if PREPARING.active:
        draw_preparing(layout)
        return
    try:
        worker_python(python_path_of(context))
    except HandsError as error:
        box = layout.box()
        draw_lines(box, [error.message], line_length(context), icon="ERROR")
        if PREPARING.error is not None:
            draw_lines(box, [PREPARING.error.message, PREPARING.error.hint], line_length(context), icon="INFO")
        row = box.row()
        row.operator_context = "INVOKE_DEFAULT"
        row.operator("twohand.set_up_runtime", text="Set Up...", icon="IMPORT").variant = variant_to_set_up()
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
    width = line_length(context)
    if RUNNING.error is not None:
        box = layout.box()
        icon: Icon = "INFO" if RUNNING.error.code is ErrorCode.CANCELLED else "ERROR"
        draw_lines(box, [RUNNING.error.message, RUNNING.error.hint], width, icon=icon)
        box.operator("twohand.show_log", icon="TEXT")
    if RUNNING.waiting_take is not None:
        box = layout.box()
        draw_lines(box, [RUNNING.waiting_reason], width, icon="INFO")
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
