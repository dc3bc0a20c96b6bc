"""Sub-panel "Engine": how hands are read, which hand is posed, on what."""

from __future__ import annotations

import bpy

from ..engine_choice import engine_refusal, hand_model_refusal
from ..properties import ENGINE_ITEMS, TWOHAND_PG_settings, settings_of
from ..scene.editing import scene_of
from .lines import draw_lines, line_length
from .tab import SettingsPanel, settings_column


class TWOHAND_PT_engine(SettingsPanel, bpy.types.Panel):
    """Engine, hand model, shape and device."""

    bl_idname = "TWOHAND_PT_engine"
    bl_label = "Engine"

    def draw(self, context: bpy.types.Context) -> None:
        settings = settings_of(scene_of(context))
        width = line_length(context)
        column = settings_column(self)
        engines = {item[0]: engine_refusal(item[0]) for item in ENGINE_ITEMS}
        reasons = [_draw_choices(column, settings, "engine", engines)]
        if settings.engine in ("AUTOMATIC", "LANDMARKS"):
            models = {name: hand_model_refusal(name) for name in ("OPEN", "MANO")}
            reasons.append(_draw_choices(column, settings, "hand_model", models))
        else:
            own = "MANO" if settings.engine == "INTERSHAPE" else "Open Hand"
            column.label(text="Hand Model")
            column.label(text=own, icon="BLANK1")
        draw_lines(column, sorted({reason for reason in reasons if reason}), width, icon="INFO")
        column.prop(settings, "shape_source")
        if settings.shape_source == "TAKE":
            column.prop(settings, "shape_take_path")
        elif settings.engine == "INTERSHAPE":
            draw_lines(column, ["InterShape says the shape of each hand itself"], width, icon="INFO")
        column.prop(settings, "device")


def _draw_choices(
    layout: bpy.types.UILayout, settings: TWOHAND_PG_settings, name: str, refusals: dict[str, str]
) -> str:
    """A choice with all its items in sight, those that cannot be had greyed; why the first of them cannot."""
    column = layout.column(align=True)
    column.use_property_split = False
    column.label(text=settings.bl_rna.properties[name].name)
    for identifier, refusal in refusals.items():
        row = column.row(align=True)
        row.enabled = not refusal
        row.prop_enum(settings, name, identifier)
    return next(filter(None, refusals.values()), "")
