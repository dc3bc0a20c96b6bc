"""Everything that Blender has to know of, in the order in which it is made known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import bpy

from . import panels, preferences, properties, translations
from .operators import (
    accept_licences,
    add_pose_library,
    add_preset,
    cancel,
    cancel_preparing,
    check_runtime,
    clear_boxes,
    copy_text,
    draw_box,
    drop_source,
    export_fbx,
    go_to_box,
    import_model_files,
    import_take,
    list_model_files,
    listing_models,
    preparing,
    reconstruct,
    remove_box,
    remove_model_file,
    remove_result,
    remove_runtime,
    repair_runtime,
    resume,
    running,
    set_up_runtime,
    show_log,
    show_overlay,
    smooth,
    use_active_source,
)
from .panels import presets

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
    set_up_runtime.TWOHAND_OT_set_up_runtime,
    cancel_preparing.TWOHAND_OT_cancel_preparing,
    repair_runtime.TWOHAND_OT_repair_runtime,
    remove_runtime.TWOHAND_OT_remove_runtime,
    import_model_files.TWOHAND_OT_import_model_files,
    accept_licences.TWOHAND_OT_accept_licences,
    list_model_files.TWOHAND_OT_list_model_files,
    remove_model_file.TWOHAND_OT_remove_model_file,
    copy_text.TWOHAND_OT_copy_text,
    use_active_source.TWOHAND_OT_use_active_source,
    drop_source.TWOHAND_OT_drop_source,
    drop_source.TWOHAND_FH_source,
    draw_box.TWOHAND_OT_draw_box,
    go_to_box.TWOHAND_OT_go_to_box,
    remove_box.TWOHAND_OT_remove_box,
    clear_boxes.TWOHAND_OT_clear_boxes,
    show_overlay.TWOHAND_OT_show_overlay,
    add_preset.TWOHAND_OT_add_preset,
    *panels.PANELS,
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
    return [
        *steps,
        (translations.register, translations.unregister),
        (presets.register, presets.unregister),
        (running.register, running.unregister),
        # These register what they need when it is needed.
        (_nothing, preparing.unregister),
        (_nothing, listing_models.unregister),
        (_nothing, draw_box.end_drawing),
    ]


def _nothing() -> None:
    pass
