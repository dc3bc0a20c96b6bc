"""The part of the preferences about model files that the user brought: which there are, import, remove."""

from __future__ import annotations

from typing import Final

import bpy

from .model_files import ModelFile
from .operators.listing_models import MODEL_FILES, list_models, ready_python
from .runtime.plan import megabytes

_SHA256_SHOWN: Final = 12


def draw_models(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The whole part."""
    box = layout.box()
    box.label(text="Your Own Model Files", icon="FILE_3D")
    box.label(text="Not needed. Researchers may import MANO and the paper's network, which nobody may pass on.")
    if ready_python(context) is not None:
        list_models(context, anew=False)
        for file in MODEL_FILES.files:
            _draw_file(box, file)
        if MODEL_FILES.error is not None:
            box.label(text=MODEL_FILES.error.message, icon="ERROR")
        elif MODEL_FILES.asking:
            box.label(text="Looking...")
        elif MODEL_FILES.folder:
            there = "In" if MODEL_FILES.files else "None yet in"
            box.label(text=f"{there} {MODEL_FILES.folder}")
    row = box.row()
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("twohand.import_model_files", text="Import Model Files...", icon="IMPORT")
    row.operator("twohand.list_model_files", icon="FILE_REFRESH")


def _draw_file(layout: bpy.types.UILayout, file: ModelFile) -> None:
    """A file: state, size, hash, licence; removal."""
    row = layout.row()
    row.label(text=f"{file.what}, {megabytes(file.byte_count)}", icon="ERROR" if file.problem else "CHECKMARK")
    if file.sha256:
        copy = row.operator("twohand.copy_text", text=f"SHA-256 {file.sha256[:_SHA256_SHOWN]}...", emboss=False)
        copy.text = file.sha256
        copy.about = f"SHA-256 of the download: {file.sha256}. Press to copy it"
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("twohand.remove_model_file", text="", icon="X").model_name = file.name
    layout.label(text=file.problem or file.licence, icon="BLANK1")
