"""Sub-panel "Boxes": where hands are, drawn by hand; in the 3D view and in the Image Editor."""

from __future__ import annotations

from typing import Any, cast

import bpy

from ..boxes import boxes_of, is_of
from ..properties import TWOHAND_PG_settings, settings_of
from ..scene.editing import scene_of
from .lines import draw_lines, line_length
from .tab import SettingsPanel


class TWOHAND_UL_boxes(bpy.types.UIList):
    """The boxes of the input that is chosen."""

    bl_idname = "TWOHAND_UL_boxes"

    def draw_item(  # noqa: PLR0917 - Blender's signature
        self,
        context: bpy.types.Context | None,  # noqa: ARG002 - Blender's signature
        layout: bpy.types.UILayout,
        data: Any,  # noqa: ARG002
        item: Any,
        icon: int | None,  # noqa: ARG002
        active_data: Any,  # noqa: ARG002
        active_property: str | None,  # noqa: ARG002
        index: Any | None,  # noqa: ARG002
        flt_flag: Any | None,  # noqa: ARG002
    ) -> None:
        row = layout.row(align=True)
        row.label(text="Right" if item.side == "RIGHT" else "Left", icon="VIEW_PAN")
        row.prop(item, "frame", text="", emboss=False)
        row.label(text=f"{item.rectangle[2]:.0f} x {item.rectangle[3]:.0f}", translate=False)

    def filter_items(self, context: bpy.types.Context, data: Any, property: str) -> Any:  # noqa: ARG002
        settings = cast(TWOHAND_PG_settings, data)
        source = settings.input_path
        flags = [self.bitflag_filter_item if is_of(box, source) else 0 for box in settings.boxes]
        order = sorted(range(len(settings.boxes)), key=lambda index: (settings.boxes[index].frame, index))
        places = [0] * len(order)
        for place, index in enumerate(order):
            places[index] = place
        return flags, places


class TWOHAND_PT_boxes(SettingsPanel, bpy.types.Panel):
    """Where hands are, in the tab of the 3D view."""

    bl_idname = "TWOHAND_PT_boxes"
    bl_label = "Boxes"

    def draw(self, context: bpy.types.Context) -> None:
        _draw(cast(bpy.types.UILayout, self.layout), context)


class TWOHAND_PT_image_boxes(bpy.types.Panel):
    """Where hands are, in the sidebar of the Image Editor."""

    bl_idname = "TWOHAND_PT_image_boxes"
    bl_label = "Hand Boxes"
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Hands"

    def draw(self, context: bpy.types.Context) -> None:
        _draw(cast(bpy.types.UILayout, self.layout), context)


def _draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = settings_of(scene_of(context))
    layout.operator_context = "INVOKE_DEFAULT"
    row = layout.row(align=True)
    row.operator("twohand.draw_box", text="Right Hand", icon="ADD").side = "RIGHT"
    row.operator("twohand.draw_box", text="Left Hand", icon="ADD").side = "LEFT"
    if not boxes_of(settings, settings.input_path):
        hint = "For hands that are not found, or taken for the wrong side: the hand is followed from its box on"
        draw_lines(layout, [hint], line_length(context))
        return
    row = layout.row()
    row.template_list(TWOHAND_UL_boxes.bl_idname, "", settings, "boxes", settings, "box_index", rows=3)
    column = row.column(align=True)
    column.operator("twohand.go_to_box", text="", icon="TIME")
    column.operator("twohand.remove_box", text="", icon="REMOVE")
    column.separator()
    column.operator("twohand.clear_boxes", text="", icon="TRASH")
