# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# conftest.py makes the package `twohand_extension`
"""Set up, repair, remove and the preferences around them, with tiny wheels and no network."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from addon_session import RecordingLayout, draw, registered
from twohand_extension.inference.contract import ErrorCode, HandsError
from twohand_extension.twohand_blender import locations, managed_runtime, panels, preferences, preferences_runtime
from twohand_extension.twohand_blender.operators import preparing, set_up_runtime

from tests.runtime.made_set_up import MadeSetUp
from tests.runtime.wheel_server import WheelServer, serving

PREPARING = preparing.PREPARING


class Preferences:
    """What the preferences remember; only an enabled add-on has real ones."""

    python_path = ""
    wheels_folder = ""
    findings = ""

    @property
    def bl_rna(self) -> Any:
        """Which properties there are; a class that is not registered has none yet."""
        return preferences.TWOHAND_AP_preferences.bl_rna


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WheelServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(folder) as state:
        yield state


@pytest.fixture
def made(server: WheelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_file: None) -> Iterator[MadeSetUp]:
    """The add-on, whose runtime lies in the test's own folder, and which may use the network."""
    made = MadeSetUp(tmp_path, server.folder, server.address, os.urandom(20_000))
    monkeypatch.setattr(managed_runtime, "runtime_folder", lambda: made.runtime)
    monkeypatch.setattr(managed_runtime, "LOCK_FILE", made.lock_path)
    monkeypatch.setattr(set_up_runtime, "EXTENSION_FOLDER", made.program)
    monkeypatch.delenv(locations.PYTHON_VARIABLE, raising=False)
    bpy.context.preferences.system.use_online_access = True
    with registered():
        yield made
    bpy.context.preferences.system.use_online_access = False


def shown() -> str:
    """The part of the preferences about the Python, a line an item."""
    layout: Any = RecordingLayout()
    preferences_runtime.draw_runtime(layout, Preferences(), bpy.context)  # type: ignore[arg-type]  # stand-ins
    return "\n".join(layout.drawn)


def sidebar() -> str:
    return draw(panels.TWOHAND_PT_reconstruct)


def pump_until_done(within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while PREPARING.active:
        assert time.monotonic() < end
        preparing._pump()
        time.sleep(0.01)


def test_from_nothing_to_ready_and_back(made: MadeSetUp, server: WheelServer) -> None:
    assert "Nothing is set up yet. The set up downloads 0.0 MB and asks before it does." in shown()
    assert "operator twohand.set_up_runtime" in shown()
    assert "The reconstruction is not set up yet." in sidebar().replace("\n", " ")
    assert "operator twohand.set_up_runtime" in sidebar()
    assert bpy.ops.twohand.set_up_runtime() == {"FINISHED"}
    assert "Ready: Standard, 0.1 MB" in shown()
    assert str(made.runtime) in shown()
    assert "operator twohand.set_up_runtime" not in sidebar()
    assert preferences.python_path_of(bpy.context) == str(made.state().python)
    assert bpy.ops.twohand.remove_runtime() == {"FINISHED"}
    assert not made.runtime.exists()
    assert "Nothing is set up yet" in shown()
    assert preferences.python_path_of(bpy.context) == ""


def test_own_interpreters_go_before_what_was_set_up(made: MadeSetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    bpy.ops.twohand.set_up_runtime()
    monkeypatch.setenv(locations.PYTHON_VARIABLE, str(made.state().python))
    assert "Your own Python: " in shown()
    monkeypatch.setenv(locations.PYTHON_VARIABLE, "/nowhere/python")
    assert "There is no Python interpreter at '/nowhere/python'." in shown()
    monkeypatch.setattr(
        preferences, "preferences_of", lambda _context: type("Own", (Preferences,), {"python_path": "x"})
    )
    assert preferences.python_path_of(bpy.context) == "x"


def test_the_dialog_shows_the_plan(made: MadeSetUp) -> None:
    class Dialog:
        variant = "cpu"
        layout = RecordingLayout()
        bl_rna = bpy.ops.twohand.set_up_runtime.get_rna_type()

    set_up_runtime.TWOHAND_OT_set_up_runtime.draw(Dialog(), bpy.context)  # type: ignore[arg-type]  # a stand-in
    text = "\n".join(Dialog.layout.drawn)
    for expected in ("alpha 1.0, beta 1.0", "0.0 MB from 127.0.0.1", str(made.runtime), "Blender's own", "CPU: "):
        assert expected in text
    assert "operator twohand.copy_text" in text
    bpy.context.preferences.system.use_online_access = False
    Dialog.layout.drawn.clear()
    set_up_runtime.TWOHAND_OT_set_up_runtime.draw(Dialog(), bpy.context)  # type: ignore[arg-type]  # a stand-in
    text = "\n".join(Dialog.layout.drawn)
    assert "Blender may not use the network.\nAllow online access in Preferences > System > Network" in text
    assert "operator extensions.userpref_show_online" in text


def test_without_leave_nothing_is_downloaded(made: MadeSetUp, server: WheelServer) -> None:
    bpy.context.preferences.system.use_online_access = False
    with pytest.raises(RuntimeError, match="Blender may not use the network"):
        bpy.ops.twohand.set_up_runtime()
    assert server.requests == []
    assert not made.runtime.exists()


def test_offline_a_folder_of_wheels_is_enough(
    made: MadeSetUp, server: WheelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bpy.context.preferences.system.use_online_access = False
    monkeypatch.setattr(set_up_runtime, "wheels_folder_of", lambda _context: str(made.wheels / "nowhere"))
    with pytest.raises(RuntimeError, match="There is no folder of wheels at"):
        bpy.ops.twohand.set_up_runtime()
    monkeypatch.setattr(set_up_runtime, "wheels_folder_of", lambda _context: str(made.wheels))
    assert bpy.ops.twohand.set_up_runtime() == {"FINISHED"}
    assert server.requests == []


def test_while_it_runs_there_is_a_bar_and_cancel(made: MadeSetUp, server: WheelServer) -> None:
    server.pause_s = 0.05
    set_up_runtime.start_set_up(bpy.context, "cpu", wait=False)
    assert bpy.app.timers.is_registered(preparing._pump)
    end = time.monotonic() + 20
    while not PREPARING.text().startswith("Downloading"):
        assert time.monotonic() < end
        preparing._pump()
        time.sleep(0.01)
    for text in (shown(), sidebar()):
        assert "progress 0." in text
        assert "Downloading 0 of 0 MB" in text
        assert "operator twohand.cancel_preparing" in text
    for operator in (bpy.ops.twohand.set_up_runtime, bpy.ops.twohand.repair_runtime, bpy.ops.twohand.remove_runtime):
        with pytest.raises(RuntimeError, match="A set up or an import is running"):
            operator()
    with pytest.raises(RuntimeError, match="The reconstruction is being set up"):
        bpy.ops.twohand.reconstruct()
    assert bpy.ops.twohand.cancel_preparing() == {"FINISHED"}
    assert not PREPARING.active
    assert PREPARING.error is not None
    assert PREPARING.error.code is ErrorCode.CANCELLED
    assert "The set up was not finished; it goes on where it stopped." in shown()
    assert "Cancelled.\nWhat is done so far is kept." in shown()
    with pytest.raises(RuntimeError, match="Nothing is being set up"):
        bpy.ops.twohand.cancel_preparing()
    server.pause_s = 0.0
    set_up_runtime.start_set_up(bpy.context, "cpu", wait=False)
    pump_until_done()
    assert PREPARING.error is None
    assert "Ready: Standard" in shown()


def test_an_error_is_shown_in_words(made: MadeSetUp, server: WheelServer) -> None:
    (server.folder / "beta-1.0-py3-none-any.whl").unlink()
    with pytest.raises(RuntimeError, match="cannot be had from 127"):
        bpy.ops.twohand.set_up_runtime()
    assert "answers 404" in shown()
    assert "Try again later, or use a folder of wheels." in shown()
    assert "answers 404" in sidebar().replace("\n", " ")


def test_repair_mends_and_a_broken_one_asks_for_it(made: MadeSetUp, server: WheelServer) -> None:
    with pytest.raises(RuntimeError, match="Nothing is set up yet"):
        bpy.ops.twohand.repair_runtime()
    with pytest.raises(RuntimeError, match="Nothing is set up yet"):
        bpy.ops.twohand.remove_runtime()
    bpy.ops.twohand.set_up_runtime(variant="research")
    made.state().python.unlink()
    assert "The Blender that it was made with is gone or has moved. Repair mends it." in shown()
    assert preferences.python_path_of(bpy.context) == ""
    (made.site_packages / "gamma" / "noise.bin").write_bytes(b"")
    server.requests.clear()
    assert bpy.ops.twohand.repair_runtime() == {"FINISHED"}
    assert [name for name, _ in server.requests] == ["gamma-1.0-py3-none-any.whl"]
    assert "Ready: Research" in shown()


@pytest.mark.parametrize("way", ["repair", "button"])
def test_an_unfinished_set_up_goes_on_with_the_variant_that_was_begun(
    made: MadeSetUp, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    gamma = made.wheels / "gamma-1.0-py3-none-any.whl"
    kept = gamma.read_bytes()
    gamma.unlink()
    with pytest.raises(RuntimeError, match="cannot be had from 127"):
        bpy.ops.twohand.set_up_runtime(variant="research")
    gamma.write_bytes(kept)
    if way == "repair":
        assert bpy.ops.twohand.repair_runtime() == {"FINISHED"}
    else:
        buttons: list[tuple[str, SimpleNamespace]] = []

        def operator(_layout: RecordingLayout, idname: str, **_: Any) -> SimpleNamespace:
            buttons.append((idname, SimpleNamespace()))
            return buttons[-1][1]

        with monkeypatch.context() as patch:
            patch.setattr(RecordingLayout, "operator", operator)
            shown()
            sidebar()
        offered = [vars(button) for idname, button in buttons if idname == "twohand.set_up_runtime"]
        assert offered == [{"variant": "research"}] * 2, "in the preferences and in the sidebar"
        assert bpy.ops.twohand.set_up_runtime(**offered[0]) == {"FINISHED"}
    assert "Ready: Research" in shown()


def test_unregistering_ends_a_set_up(made: MadeSetUp, server: WheelServer) -> None:
    import twohand_extension

    server.pause_s = 0.05
    set_up_runtime.start_set_up(bpy.context, "cpu", wait=False)
    process = PREPARING.process
    assert process is not None
    child = process._process
    assert child is not None
    twohand_extension.unregister()
    try:
        assert PREPARING.process is None
        assert not bpy.app.timers.is_registered(preparing._pump)
        assert child.poll() is not None
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, 0)
    finally:
        twohand_extension.register()


def test_where_this_is_no_extension_the_button_says_so(made: MadeSetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_runtime, "runtime_folder", lambda: None)
    with pytest.raises(RuntimeError, match="Only an installed extension has a folder to set up in"):
        bpy.ops.twohand.set_up_runtime()
    assert "Choose a Python of your own below" in shown()


def test_hints_name_the_field_as_it_is_called(made: MadeSetUp) -> None:
    field = preferences.TWOHAND_AP_preferences.bl_rna.properties["python_path"].name
    with pytest.raises(HandsError) as caught:
        managed_runtime.runtime_plan("a variant of a newer version", "")
    assert f"field '{field}'" in caught.value.hint


def test_a_check_shows_what_is_wrong_and_else_one_line(made: MadeSetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Preferences, "findings", "ok\tnumpy\t2.4.6\t\nnote\ttqdm\tnot installed\tInstall it.")
    assert "Checked: everything that is needed is there" in shown()
    assert "tqdm" not in shown()
    monkeypatch.setattr(Preferences, "findings", "ok\tnumpy\t2.4.6\t\nproblem\tpillow\tnot installed\tInstall it.")
    assert "pillow: not installed\nInstall it." in shown()
    assert "Checked" not in shown()
