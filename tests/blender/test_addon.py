# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""Registering leaves nothing behind, and what the add-on says is written as Blender's users are used to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy
import pytest
import twohand_extension
from addon_session import registered, script_worker
from take_factory import ROOT
from twohand_extension.inference.contract import HandsError
from twohand_extension.twohand_blender import registration
from twohand_extension.twohand_blender.operators import reconstruct, run_request, running

PICTURE = ROOT / "tests" / "inference" / "detect" / "data" / "two_apart.jpg"


def what_blender_knows() -> dict[str, Any]:
    return {
        "classes": sorted(name for name in dir(bpy.types) if "twohand" in name.lower()),
        "registered": [item.__name__ for item in registration.CLASSES if getattr(item, "is_registered", False)],
        "scene": hasattr(bpy.types.Scene, "twohand"),
        "handlers": {
            name: list(handlers)
            for name in dir(bpy.app.handlers)
            if isinstance(handlers := getattr(bpy.app.handlers, name), list)
        },
        "timer": bpy.app.timers.is_registered(running._pump),
    }


def test_registering_twice_leaves_nothing_behind(empty_file: None) -> None:
    before = what_blender_knows()
    for _ in range(2):
        with registered():
            during = what_blender_knows()
            assert during["registered"] == [item.__name__ for item in registration.CLASSES]
            assert during["scene"]
        assert what_blender_knows() == before


def test_unregistering_ends_the_worker_and_the_timer(
    empty_file: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_worker(tmp_path, monkeypatch, "time.sleep(60)")
    with registered():
        bpy.context.scene.twohand.input_path = str(PICTURE)  # type: ignore[attr-defined]
        run_request.start_request(bpy.context, reconstruct.reconstruct_request(bpy.context))
        assert running.RUNNING.job is not None
        process_id = running.RUNNING.job.process_id
        assert process_id is not None
        assert bpy.app.timers.is_registered(running._pump)
    assert not bpy.app.timers.is_registered(running._pump)
    assert running.RUNNING.job is None
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_unregistering_ends_a_warm_worker_that_has_no_work(
    empty_file: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_worker(tmp_path, monkeypatch, "say(record='error', code='no_hands', message='No hand.'); time.sleep(60)")
    with registered():
        with pytest.raises(RuntimeError, match="No hand"):
            bpy.ops.twohand.reconstruct(input_path=str(PICTURE))  # type: ignore[attr-defined]
        assert running.RUNNING.job is not None
        process_id = running.RUNNING.job.process_id
        assert process_id is not None
        os.kill(process_id, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_a_class_that_cannot_be_registered_undoes_the_others(empty_file: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unfit(bpy.types.Panel):
        """Cannot be drawn, so Blender refuses it."""

    before = what_blender_knows()
    monkeypatch.setattr(registration, "CLASSES", (*registration.CLASSES, Unfit))
    with pytest.raises(AttributeError, match="draw"):
        twohand_extension.register()
    assert what_blender_knows() == before


def test_every_tooltip_is_there_and_every_name_is_in_title_case(empty_file: None) -> None:
    with registered():
        for item in registration.CLASSES:
            if issubclass(item, bpy.types.Operator):
                assert item.__doc__, item
                assert not item.__doc__.endswith("."), "Blender adds the full stop itself"
                for name, prop in item.bl_rna.properties.items():
                    if prop.is_runtime and not prop.is_hidden:
                        assert prop.name, (item, name)
        for name, prop in bpy.context.scene.twohand.bl_rna.properties.items():  # type: ignore[attr-defined]
            if name not in ("rna_type", "name"):
                assert prop.description, name
                assert not prop.description.endswith("."), name


def test_typed_errors_are_sentences() -> None:
    """What every message box rests on."""
    from twohand_extension.twohand_blender import locations

    with pytest.raises(HandsError) as caught:
        locations.worker_python("/nowhere/python")
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
