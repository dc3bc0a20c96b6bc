"""The part of the preferences about the Python that reconstructs: missing, being set up, ready, broken, one's own."""

from __future__ import annotations

from typing import Final

import bpy

from ..inference.contract import HandsError
from .locations import worker_python
from .managed_runtime import runtime_plan, runtime_state, variant_to_set_up
from .operators.preparing import PREPARING, cancelled
from .preferences import TWOHAND_AP_preferences, own_python_of
from .runtime.plan import CPU, VARIANT_NAMES, megabytes
from .runtime.state import RuntimeStanding, RuntimeState

_BIG: Final = 1.6


def draw_runtime(layout: bpy.types.UILayout, preferences: TWOHAND_AP_preferences, context: bpy.types.Context) -> None:
    """The whole part."""
    box = layout.box()
    box.label(text="Reconstruction", icon="SCRIPTPLUGINS")
    own = own_python_of(context)
    state = runtime_state()
    if PREPARING.active:
        draw_preparing(box)
    elif own:
        _draw_own(box, own)
    elif state is None:
        box.label(text="Only an installed extension can set up. Choose a Python of your own below.", icon="INFO")
    else:
        _draw_state(box, state, preferences.wheels_folder)
    draw_preparing_error(box)
    column = box.column()
    column.use_property_split = True
    column.prop(preferences, "wheels_folder", placeholder="Only for a set up without network")
    row = column.row(align=True)
    row.prop(preferences, "python_path", placeholder="Only where you have one with the packages")
    _draw_findings(box, preferences)


def draw_preparing(layout: bpy.types.UILayout) -> None:
    """What is being set up or imported, with Cancel."""
    row = layout.row(align=True)
    row.progress(factor=PREPARING.share(), type="BAR", text=PREPARING.text())
    row.operator("twohand.cancel_preparing", text="", icon="CANCEL")


def draw_preparing_error(layout: bpy.types.UILayout) -> None:
    """Why the last set up or import came to nothing."""
    error = PREPARING.error
    if error is None or PREPARING.active:
        return
    column = layout.column(align=True)
    column.label(text=error.message, icon="INFO" if cancelled(error) else "ERROR")
    if error.hint:
        column.label(text=error.hint, icon="BLANK1")


def _draw_own(layout: bpy.types.UILayout, own: str) -> None:
    try:
        python = worker_python(own)
    except HandsError as error:
        layout.label(text=error.message, icon="ERROR")
        return
    row = layout.row()
    row.label(text=f"Your own Python: {python}", icon="CHECKMARK")
    row.operator("twohand.check_runtime", icon="VIEWZOOM")


def _draw_state(layout: bpy.types.UILayout, state: RuntimeState, wheels_folder: str) -> None:
    match state.standing:
        case RuntimeStanding.NONE:
            layout.label(text=f"Nothing is set up yet. {_size_sentence(wheels_folder)}")
            _draw_set_up_button(layout, "Set Up...")
        case RuntimeStanding.UNFINISHED:
            layout.label(text=state.reason, icon="INFO")
            _draw_set_up_button(layout, "Go On with Set Up...")
            layout.operator("twohand.remove_runtime", icon="TRASH")
        case RuntimeStanding.READY:
            variant = VARIANT_NAMES.get(state.variant, state.variant)
            layout.label(text=f"Ready: {variant}, {megabytes(state.byte_count)}", icon="CHECKMARK")
            layout.label(text=str(state.folder), icon="BLANK1")
            if state.reason:
                layout.label(text=f"{state.reason} Press Repair to have them.", icon="INFO")
            row = layout.row()
            row.operator("twohand.check_runtime", icon="VIEWZOOM")
            row.operator("twohand.repair_runtime", icon="TOOL_SETTINGS")
            row.operator("twohand.remove_runtime", icon="TRASH")
            row.operator_context = "INVOKE_DEFAULT"
            row.operator("twohand.set_up_runtime", text="Change Variant...").variant = variant_to_set_up()
        case RuntimeStanding.BROKEN:
            layout.label(text=f"{state.reason} Repair mends it.", icon="ERROR")
            row = layout.row()
            row.scale_y = _BIG
            row.operator_context = "INVOKE_DEFAULT"
            row.operator("twohand.repair_runtime", icon="TOOL_SETTINGS")
            row.operator("twohand.remove_runtime", icon="TRASH")


def _draw_set_up_button(layout: bpy.types.UILayout, text: str) -> None:
    row = layout.row()
    row.scale_y = _BIG
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("twohand.set_up_runtime", text=text, icon="IMPORT").variant = variant_to_set_up()


def _size_sentence(wheels_folder: str) -> str:
    try:
        plan = runtime_plan(CPU, wheels_folder)
    except HandsError as error:
        return str(error)
    source = f"downloads {megabytes(plan.download_bytes)}" if plan.to_download else "takes the files from your folder"
    return f"The set up {source} and asks before it does."


def _draw_findings(layout: bpy.types.UILayout, preferences: TWOHAND_AP_preferences) -> None:
    """What the last check found: only what is wrong, since the rest is many lines that ask for nothing."""
    findings = [line.split("\t") for line in preferences.findings.splitlines()]
    problems = [finding for finding in findings if finding[0] == "problem"]
    if findings and not problems:
        layout.label(text="Checked: everything that is needed is there", icon="CHECKMARK")
    for _, subject, detail, remedy in problems:
        layout.label(text=f"{subject}: {detail}", icon="ERROR")
        if remedy:
            layout.label(text=remedy, icon="BLANK1")
