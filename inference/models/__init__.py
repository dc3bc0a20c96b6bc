"""The user's own model files: imported once, kept in one folder, never shipped.

`folder.ModelFolder` is what engines ask; `importing` puts files there, `overview` tells what that allows.
"""

from __future__ import annotations

from .folder import ModelFolder, default_models_dir

__all__ = ["ModelFolder", "default_models_dir"]
