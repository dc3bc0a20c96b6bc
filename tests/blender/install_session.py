"""Run by `test_install.py` in a Blender of its own: install the extension, use it, remove it, tell what was there.

``python install_session.py zip ZIP CLIP WORKER_PYTHON FOLDER`` or ``python install_session.py index URL``
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import bpy

PACKAGE = "twohand"
CONTEXT: Any = bpy.context  # without types: the stubs take the members of a context for functions
OPERATORS: Any = bpy.ops  # and know nothing of the extension's operators


def blender_state() -> dict[str, Any]:
    """Everything that an add-on can leave behind in a running Blender, as far as Blender can be asked."""
    kinds = [kind for name in dir(bpy.types) if isinstance(kind := getattr(bpy.types, name), type)]
    return {
        "addons": sorted(addon.module for addon in CONTEXT.preferences.addons if PACKAGE in addon.module),
        "classes": sorted(name for name in dir(bpy.types) if PACKAGE in name.lower()),
        # Property groups, preferences and file handlers are not listed by `bpy.types`.
        "registered": sorted(
            item.__name__
            for kind in (bpy.types.PropertyGroup, bpy.types.AddonPreferences, bpy.types.FileHandler, bpy.types.Gizmo)
            for item in kind.__subclasses__()
            if PACKAGE in item.__name__.lower() and getattr(item, "is_registered", False)
        ),
        "properties": sorted(
            f"{kind.__name__}.{name}" for kind in kinds for name in vars(kind) if PACKAGE in name.lower()
        ),
        "handlers": {
            name: len(value)
            for name in dir(bpy.app.handlers)
            if isinstance(value := getattr(bpy.app.handlers, name), list)
        },
        "timers": sorted(
            f"{module}.{name}" for module, name, function in _own_functions() if bpy.app.timers.is_registered(function)
        ),
        "menu entries": sorted(
            f"{kind.__name__} {function.__qualname__}"
            for kind in kinds
            for function in getattr(getattr(kind, "draw", None), "_draw_funcs", ())
            if PACKAGE in function.__module__
        ),
        "keys": sorted(
            item.idname
            for configuration in CONTEXT.window_manager.keyconfigs
            for keys in configuration.keymaps
            for item in keys.keymap_items
            if item.idname.startswith(PACKAGE)
        ),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "processes": _children(),
        "search path": list(sys.path),
        "preset folders": bpy.utils.preset_paths(PACKAGE),
    }


def files_left() -> list[str]:
    """Files of ours below the user folder."""
    user = Path(os.environ["BLENDER_USER_RESOURCES"])
    return sorted(str(path) for path in user.rglob("*") if PACKAGE in str(path.relative_to(user)))


def use_zip(path: str, clip: str, worker_python: str, folder: str) -> dict[str, Any]:
    """Install, disable, enable, reconstruct, export, disable, uninstall."""
    module = f"bl_ext.user_default.{PACKAGE}"
    told: dict[str, Any] = {"before": blender_state()}
    bpy.ops.extensions.package_install_files(filepath=path, repo="user_default", enable_on_install=True)
    told["installed"] = blender_state()
    bpy.ops.preferences.addon_disable(module=module)
    told["disabled"] = blender_state()
    bpy.ops.preferences.addon_enable(module=module)
    told["enabled"] = blender_state()
    if worker_python:
        CONTEXT.preferences.addons[module].preferences.python_path = worker_python
        OPERATORS.twohand.reconstruct(input_path=clip)
        told["hands"] = sorted(item.name for item in bpy.data.objects if item.name.startswith("Hand"))
        hand: Any = bpy.data.objects["HandArmature_R"]
        told["frames"] = list(hand.animation_data.action.frame_range)
        OPERATORS.twohand.export_fbx(filepath=str(Path(folder) / "hands.fbx"))
        told["files"] = files_left()
    bpy.ops.preferences.addon_disable(module=module)
    told["used"] = blender_state()
    repositories = CONTEXT.preferences.extensions.repos
    index = [item.module for item in repositories].index("user_default")
    bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id=PACKAGE)
    return told | {"removed": blender_state(), "left": files_left()}


def use_index(url: str) -> dict[str, Any]:
    """Add a repository by its address and install from it."""
    preferences = CONTEXT.preferences
    preferences.system.use_online_access = True
    repository = preferences.extensions.repos.new(name="Two Hands", module="two_hands", remote_url=url)
    index = list(preferences.extensions.repos).index(repository)
    bpy.ops.extensions.repo_sync(repo_index=index)
    bpy.ops.extensions.package_install(repo_index=index, pkg_id=PACKAGE, enable_on_install=True)
    return blender_state()


def _own_functions() -> list[tuple[str, str, Any]]:
    return [
        (module_name, name, value)
        for module_name, module in list(sys.modules.items())
        if PACKAGE in module_name
        for name, value in vars(module).items()
        if callable(value) and not isinstance(value, type)
    ]


def _children() -> list[str]:
    """Command lines of this process's children that still run (Linux; elsewhere an empty list)."""
    found: list[str] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.append((stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
        except OSError:  # it ended meanwhile
            continue
    return found


if __name__ == "__main__":
    result = {"zip": use_zip, "index": use_index}[sys.argv[1]](*sys.argv[2:])
    sys.stdout.write("RESULT " + json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)  # with anything of bpy alive the interpreter may never end by itself
