"""Tests that run inside bpy, 4.5 and 5.2 alike: the repository root is loaded as the extension's package.

Blender loads an extension under a name of its own choosing and everything in it imports relatively; here that name is
``twohand_extension``. Tests import what they test from there, so that every class exists once.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = "twohand_extension"
_status = 0


def _load_extension() -> None:
    if EXTENSION in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        EXTENSION, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[EXTENSION] = module
    spec.loader.exec_module(module)


_load_extension()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    global _status  # noqa: PLW0603 - pytest tells the status in one hook and lets go of the process in another
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    # With a class, timer or handler still registered bpy 4.5 never lets the interpreter exit.
    if "bpy" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status)


@pytest.fixture
def empty_file() -> Iterator[None]:
    """An empty Blender file with the factory's settings."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield
