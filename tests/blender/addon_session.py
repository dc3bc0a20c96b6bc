# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""The add-on registered for a test, a worker that is scripted, and a layout that writes down what is drawn."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import pytest
import twohand_extension
from twohand_extension.twohand_blender.operators import reconstruct, running

PREAMBLE = """
import json, shutil, signal, sys, time
def say(**record): print(json.dumps(record), flush=True)
def progress(done, total=10): say(record="progress", stage="track", done=done, total=total, eta_s=2.0)
def result(complete=True, frames=4):
    say(record="result", take=out, summary={"complete": complete, "frames": frames})
out = sys.argv[sys.argv.index("--out") + 1]
signal.signal(signal.SIGINT, signal.default_int_handler)
say(record="hello", protocol=1, version="fake")
"""


@contextmanager
def registered() -> Iterator[None]:
    """The add-on's classes, properties and handlers, all gone afterwards."""
    twohand_extension.register()
    try:
        yield
    finally:
        twohand_extension.unregister()


def script_worker(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let ``python -m inference`` be a script; `out` in it is the take's path."""
    (folder / "inference").mkdir(exist_ok=True)
    (folder / "inference" / "__main__.py").write_text(PREAMBLE + textwrap.dedent(script), encoding="utf-8")
    monkeypatch.setattr(reconstruct, "EXTENSION_FOLDER", folder)
    monkeypatch.setenv("TWOHAND_WORKER_PYTHON", sys.executable)


def pump_until_done(within_s: float = 30.0) -> None:
    """What Blender's event loop does with the timer; without a window it never fires."""
    end = time.monotonic() + within_s
    while running.RUNNING.active:
        assert time.monotonic() < end, "the worker did not end"
        running._pump()
        time.sleep(0.01)


class RecordingLayout:
    """Stands in for `bpy.types.UILayout`: keeps the texts, properties and operators that are drawn."""

    def __init__(self, drawn: list[str] | None = None) -> None:
        self.drawn: list[str] = [] if drawn is None else drawn

    def __getattr__(self, name: str) -> Any:
        if name in ("row", "column", "box", "split"):
            return lambda **_: RecordingLayout(self.drawn)
        raise AttributeError(name)

    def separator(self, **_: Any) -> None:
        pass

    def label(self, *, text: str = "", **_: Any) -> None:
        self.drawn.append(text)

    def prop(self, data: Any, name: str, **_: Any) -> None:
        assert name in data.bl_rna.properties, name
        self.drawn.append(f"prop {name}")

    def operator(self, idname: str, **_: Any) -> Any:
        module, name = idname.split(".")
        operator = getattr(getattr(bpy.ops, module), name)
        self.drawn.append(f"operator {idname}")
        properties = operator.get_rna_type().properties

        class Settable:
            def __setattr__(self, key: str, value: Any) -> None:
                assert key in properties, f"{idname} has no {key}"

        return Settable()

    def progress(self, *, factor: float, text: str, **_: Any) -> None:
        self.drawn.append(f"progress {factor:.2f} {text}")


def draw(panel: type[bpy.types.Panel]) -> str:
    """What a panel shows now, a line an item."""

    class Drawn:
        layout = RecordingLayout()

    drawn = Drawn()
    panel.draw(drawn, bpy.context)  # type: ignore[arg-type]  # a stand-in for an instance, which only Blender can make
    return "\n".join(drawn.layout.drawn)
