"""Ways to get hands out of pictures: `create_engine` makes one by name. How to add one: see `engine.Engine`."""

from __future__ import annotations

from .engine import (
    DEFAULT_ENGINE,
    ENGINE_NAMES,
    Engine,
    EngineOptions,
    EngineRun,
    FrameBoxes,
    HandInFrame,
    create_engine,
)

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINE_NAMES",
    "Engine",
    "EngineOptions",
    "EngineRun",
    "FrameBoxes",
    "HandInFrame",
    "create_engine",
]
