"""Set Up: show the plan of the worker's environment and, on a click, carry it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import bpy
from bpy.props import BoolProperty, EnumProperty

from ...inference.contract import HandsError
from ..locations import EXTENSION_FOLDER
from ..managed_runtime import lock_file, runtime_plan, runtime_state
from ..preferences import forget_findings, preferences_of, wheels_folder_of
from ..record_process import RecordProcess
from ..runtime.child import setup_command
from ..runtime.plan import CPU, RESEARCH, Plan, obstacle
from ..runtime.state import RuntimeStanding
from .messages import errors_reported
from .preparing import PREPARING, let_worker_go, preparing_refusal

_DIALOG_WIDTH_PX: Final = 640
_NAME_SHARE: Final = 0.16


class TWOHAND_OT_set_up_runtime(bpy.types.Operator):
    """Make the Python environment that reconstructs. Shows first what is downloaded, how much, and where it goes"""

    bl_idname = "twohand.set_up_runtime"
    bl_label = "Set Up"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        variant: str
        wait: bool
    else:
        variant: EnumProperty(
            name="Variant",
            description="What the environment is for",
            items=(
                (CPU, "Standard", "Everything that reconstructing hands needs"),
                (RESEARCH, "Research", "With torch, too, for the paper's network and your own model files of it"),
            ),
            default=CPU,
        )
        wait: BoolProperty(
            name="Wait",
            description="Return when all is done",
            default=True,
            options={"HIDDEN", "SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:  # noqa: ARG003 - Blender's signature
        reason = set_up_refusal()
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:  # noqa: ARG002 - Blender's signature
        """From the interface: the plan first; Blender goes on while it is carried out."""
        if bpy.app.background:
            return self.execute(context)
        self.wait = False
        manager = cast(bpy.types.WindowManager, context.window_manager)
        return manager.invoke_props_dialog(
            self, width=_DIALOG_WIDTH_PX, title="Set Up Two Hands", confirm_text="Set Up"
        )

    def draw(self, context: bpy.types.Context) -> None:
        layout = cast(bpy.types.UILayout, self.layout)
        layout.row().prop(self, "variant", expand=True)
        try:
            plan = runtime_plan(self.variant, wheels_folder_of(context))
        except HandsError as error:
            _draw_obstacle(layout, error)
        else:
            draw_plan(layout, plan)
            if error := obstacle(plan, online=bpy.app.online_access):
                _draw_obstacle(layout, error)
                if plan.to_download and not bpy.app.online_access:
                    layout.operator("extensions.userpref_show_online", text="Show Network Preferences", icon="URL")
            if plan.to_download:
                copy = layout.operator("twohand.copy_text", text="Copy Addresses of the Files", icon="COPYDOWN")
                copy.text = "\n".join(wheel.url for wheel in plan.to_download)
                copy.about = "Copy the addresses of all files, to download them on another computer into one folder"
        preferences = preferences_of(context)
        if preferences is not None:
            layout.prop(preferences, "wheels_folder", placeholder="Only for a set up without network")

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """From scripts and in background mode: wait until all is done."""
        with errors_reported(self):
            start_set_up(context, self.variant, wait=self.wait)
            if self.wait:
                self.report({"INFO"}, "Everything is set up.")
            return {"FINISHED"}
        return {"CANCELLED"}


def set_up_refusal() -> str:
    """Why nothing can be set up now, empty where it can."""
    if runtime_state() is None:
        return "Only an installed extension has a folder to set up in"
    return preparing_refusal()


def change_refusal() -> str:
    """Why what is set up cannot be mended or removed now, empty where it can."""
    state = runtime_state()
    if state is not None and state.standing is RuntimeStanding.NONE:
        return set_up_refusal() or "Nothing is set up yet"
    return set_up_refusal()


def start_set_up(context: bpy.types.Context, variant: str, *, wait: bool) -> None:
    """Plan, and carry it out in a process of its own.

    Raises
    ------
    HandsError
        what stands in the way; where it is waited for, why it failed
    """
    plan = runtime_plan(variant, wheels_folder_of(context))
    online = bool(bpy.app.online_access)
    if error := obstacle(plan, online=online):
        raise error
    forget_findings(context)
    let_worker_go()
    command = setup_command(plan, lock_file(), EXTENSION_FOLDER, online=online)
    PREPARING.start(RecordProcess(command, EXTENSION_FOLDER), lambda: None, wait=wait)


def draw_plan(layout: bpy.types.UILayout, plan: Plan) -> None:
    """The plan's lines, names on the left."""
    column = layout.column(align=True)
    for name, value in plan.rows():
        row = column.split(factor=_NAME_SHARE)
        row.label(text=name)
        row.label(text=value)


def _draw_obstacle(layout: bpy.types.UILayout, error: HandsError) -> None:
    column = layout.column(align=True)
    column.alert = True
    column.label(text=error.message, icon="ERROR")
    column.label(text=error.hint, icon="BLANK1")
