"""Started by its path with a bare interpreter: makes the add-on's package known, under any name, and sets up.

Blender gives an extension's package a name of its own and this process has no Blender, so the folder is named here.
"""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

if __name__ == "__main__":
    package = ModuleType("twohand")
    package.__path__ = [str(Path(__file__).resolve().parents[2])]
    sys.modules["twohand"] = package
    sys.exit(import_module("twohand.twohand_blender.runtime.child").main(sys.argv[1:]))
