"""Import Model Files: choose downloads; the worker says what they are, and the licences are asked about next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.props import BoolProperty, CollectionProperty, StringProperty

from ...inference.contract import ErrorCode, HandsError
from ..locations import EXTENSION_FOLDER, worker_python
from ..model_files import ACCEPTED_IN, ask_worker_for_json
from ..preferences import python_path_of
from ..record_process import RecordProcess
from ..worker_process import worker_command
from .listing_models import list_models, ready_python
from .messages import errors_reported
from .preparing import PREPARING, preparing_refusal


class TWOHAND_OT_import_model_files(bpy.types.Operator):
    """Choose model files that you have downloaded (MANO, the paper's network); they are checked and never run"""

    bl_idname = "twohand.import_model_files"
    bl_label = "Import Model Files"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        directory: str
        files: Any
        filter_glob: str
        licences_accepted: bool
        wait: bool
    else:
        directory: StringProperty(
            name="Folder", description="Folder of the files", subtype="DIR_PATH", options={"SKIP_SAVE"}
        )
        files: CollectionProperty(
            name="Files",
            description="Names of the files",
            type=bpy.types.OperatorFileListElement,
            options={"SKIP_SAVE"},
        )
        filter_glob: StringProperty(
            name="Filter", description="Endings of the files", default="*.zip;*.pkl;*.tar;*.pth", options={"HIDDEN"}
        )
        licences_accepted: BoolProperty(
            name="Licences Accepted",
            description="You have read the licences of the files and accept them; for scripts, others are asked",
            options={"HIDDEN", "SKIP_SAVE"},
        )
        wait: BoolProperty(
            name="Wait", description="Return when all is done", default=True, options={"HIDDEN", "SKIP_SAVE"}
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = import_refusal(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:  # noqa: ARG002 - Blender's signature
        """From the interface: the file browser first."""
        self.wait = False
        cast(bpy.types.WindowManager, context.window_manager).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """From scripts and in background mode, with `licences_accepted`: wait until all is done."""
        with errors_reported(self):
            folder = Path(bpy.path.abspath(self.directory)).absolute()
            paths = [str(folder / file.name) for file in self.files if file.name]
            if not paths:
                raise HandsError(ErrorCode.INPUT_MISSING, "No file was chosen.", "Choose one or several.")
            if self.licences_accepted:
                start_import(context, paths, wait=self.wait)
                return {"FINISHED"}
            python = worker_python(python_path_of(context))
            answer = ask_worker_for_json(python, EXTENSION_FOLDER, ["models", "licences", "--json", *paths])
            if any("torch" in file["lacks"] for file in answer["files"]):
                raise torch_missing()
            if self.wait:
                names = "; ".join(licence["name"] for licence in answer["licences"])
                raise HandsError(ErrorCode.USAGE, f"Not accepted: {names}.", "Give licences_accepted=True.")
            ask = bpy.ops.twohand.accept_licences  # pyright: ignore[reportAttributeAccessIssue] - registered by us
            ask("INVOKE_DEFAULT", paths=json.dumps(paths), licences=json.dumps(answer["licences"]))
            return {"FINISHED"}
        return {"CANCELLED"}


def import_refusal(context: bpy.types.Context) -> str:
    """Why no model files can be imported now, empty where they can."""
    if reason := preparing_refusal():
        return reason
    return "" if ready_python(context) else "Set up the reconstruction first"


def torch_missing() -> HandsError:
    """The typed error for a checkpoint where the worker has no torch."""
    return HandsError(
        ErrorCode.RUNTIME_MISSING,
        "Reading the paper's network needs torch, which the worker's Python lacks.",
        "Set up the variant 'Research', or choose a Python of your own that has it.",
    )


def start_import(context: bpy.types.Context, paths: list[str], *, wait: bool) -> None:
    """Import files whose licences were accepted.

    Raises
    ------
    HandsError
        where it cannot be started; where it is waited for, why it failed
    """
    python = worker_python(python_path_of(context))
    arguments = ["models", "import", *paths, "--accepted-in", ACCEPTED_IN, "--records"]
    process = RecordProcess(worker_command(python, arguments), EXTENSION_FOLDER)
    PREPARING.start(process, lambda: list_models(bpy.context, anew=True), wait=wait)
