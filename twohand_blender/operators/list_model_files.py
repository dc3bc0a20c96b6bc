"""Refresh: ask the worker again which model files there are."""

from __future__ import annotations

from typing import Any

import bpy

from .import_model_files import import_refusal
from .listing_models import list_models


class TWOHAND_OT_list_model_files(bpy.types.Operator):
    """Look again at which model files there are"""

    bl_idname = "twohand.list_model_files"
    bl_label = "Refresh"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = import_refusal(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[Any]:
        list_models(context, anew=True)
        return {"FINISHED"}
