"""Everything that Blender has to know of, in the order in which it is made known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import bpy

from . import panels, preferences, properties
from .operators import (
    add_pose_library,
    cancel,
    check_runtime,
    export_fbx,
    import_take,
    reconstruct,
    remove_result,
    resume,
    running,
    show_log,
    smooth,
)

CLASSES: Final = (
    preferences.TWOHAND_AP_preferences,
    reconstruct.TWOHAND_OT_reconstruct,
    cancel.TWOHAND_OT_cancel,
    resume.TWOHAND_OT_resume,
    show_log.TWOHAND_OT_show_log,
    import_take.TWOHAND_OT_import_take,
    remove_result.TWOHAND_OT_remove_result,
    smooth.TWOHAND_OT_smooth,
    export_fbx.TWOHAND_OT_export_fbx,
    add_pose_library.TWOHAND_OT_add_pose_library,
    check_runtime.TWOHAND_OT_check_runtime,
    panels.TWOHAND_PT_reconstruct,
    panels.TWOHAND_PT_results,
)


def register() -> None:
    """Register everything; where something fails, what was done before is undone and the error passed on."""
    done: list[Callable[[], None]] = []
    try:
        for make, undo in _steps():
            make()
            done.append(undo)
    except BaseException:
        for undo in reversed(done):
            undo()
        raise


def unregister() -> None:
    """Undo `register`, last first."""
    for _, undo in reversed(_steps()):
        undo()


def _steps() -> list[tuple[Callable[[], None], Callable[[], None]]]:
    steps: list[tuple[Callable[[], None], Callable[[], None]]] = [(properties.register, properties.unregister)]
    for item in CLASSES:
        steps.append(
            (lambda item=item: bpy.utils.register_class(item), lambda item=item: bpy.utils.unregister_class(item))
        )
    return [*steps, (running.register, running.unregister)]
