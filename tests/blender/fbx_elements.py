# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`; io_scene_fbx lies beside bpy
"""Looking into an FBX file element by element, and making hands to export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray
from scene_access import current_scene
from take_factory import make_take, open_models
from twohand_extension.inference.contract import Take
from twohand_extension.twohand_blender import results
from twohand_extension.twohand_blender.export import source
from twohand_extension.twohand_blender.scene import build

KTIME_PER_SECOND = 46186158000


def built_hands(take: Take | None = None, **options: Any) -> list[source.Hand]:
    """Build a take (a strong one of 12 frames by default) in the current scene; its hands."""
    built = build.build_take(bpy.context, take or make_take(), open_models(), build.BuildOptions(**options))
    return results.hands_of(current_scene(), built.key)


class FbxFile:
    """The elements of a binary FBX file."""

    def __init__(self, path: Path) -> None:
        from io_scene_fbx import parse_fbx

        self.root = parse_fbx.parse(str(path))[0]

    def find(self, *names: bytes) -> Iterator[Any]:
        """Every element at a path of ids below the root."""
        level = [self.root]
        for name in names:
            level = [child for parent in level for child in parent.elems if child.id == name]
        return iter(level)

    def names(self, *path: bytes) -> list[str]:
        """Names of the objects at a path."""
        return [item.props[1].split(b"\x00\x01")[0].decode() for item in self.find(*path)]

    def kinds(self, *path: bytes) -> list[tuple[str, str]]:
        """Name and kind of the objects at a path."""
        return [(item.props[1].split(b"\x00\x01")[0].decode(), item.props[2].decode()) for item in self.find(*path)]

    def setting(self, name: bytes) -> Any:
        """A value of the global settings."""
        for item in self.find(b"GlobalSettings", b"Properties70", b"P"):
            if item.props[0] == name:
                return item.props[4]
        raise KeyError(name)

    def model_property(self, name: bytes) -> list[tuple[float, float, float]]:
        """A vector of every model (object or bone) that has it."""
        return [
            tuple(item.props[4:7])
            for item in self.find(b"Objects", b"Model", b"Properties70", b"P")
            if item.props[0] == name
        ]

    def key_times_s(self) -> NDArray[np.float64]:
        """All key times, sorted, each once."""
        times = [
            np.array(child.props[0])
            for curve in self.find(b"Objects", b"AnimationCurve")
            for child in curve.elems
            if child.id == b"KeyTime"
        ]
        return np.unique(np.concatenate(times)) / KTIME_PER_SECOND
