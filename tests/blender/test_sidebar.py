# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# conftest.py makes the package `twohand_extension`; bpy.ops.twohand and scene.twohand exist while it is registered
"""The sidebar's settings, its presets, and the view through the hands' camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
import twohand_extension
from addon_session import draw, registered
from scene_access import current_scene
from take_factory import ROOT, make_take
from twohand_extension.inference.contract import write_take
from twohand_extension.twohand_blender import engine_choice, panels, worker_options
from twohand_extension.twohand_blender.operators import add_preset, running
from twohand_extension.twohand_blender.properties import ENGINE_ITEMS


@pytest.fixture(autouse=True)
def addon(empty_file: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TWOHAND_MODELS", str(tmp_path / "models"))
    with registered():
        yield


def text_of(panel: type[bpy.types.Panel]) -> str:
    return draw(panel).replace("\n", " ")


def test_what_needs_files_is_greyed_and_says_why(tmp_path: Path) -> None:
    shown = text_of(panels.TWOHAND_PT_engine)
    for item in ENGINE_ITEMS:
        assert f"choice engine {item[0]}" in shown
    assert "choice engine INTERSHAPE (greyed)" in shown
    assert "choice hand_model MANO (greyed)" in shown
    assert "choice engine TWOHAND (greyed)" not in shown
    assert "InterShape needs its authors' network" in shown
    assert "MANO needs its files" in shown
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "intershape.safetensors").touch()  # it carries MANO
    shown = text_of(panels.TWOHAND_PT_engine)
    assert "greyed" not in shown
    assert "needs" not in shown
    assert not engine_choice.engine_refusal("INTERSHAPE")


def test_an_engine_brings_its_own_hand_and_shape(tmp_path: Path) -> None:
    settings = current_scene().twohand
    settings.hand_model, settings.shape_source = "MANO", "EACH"
    source = tmp_path / "a.mp4"
    own = {"engine": "landmarks", "hand_model": "mano", "shape": "each"}
    assert worker_options.worker_options(current_scene(), source) == own
    settings.engine = "TWOHAND"
    assert worker_options.worker_options(current_scene(), source) == {"engine": "twohand", "shape": "each"}
    assert "Hand Model Open Hand" in text_of(panels.TWOHAND_PT_engine)
    settings.engine = "INTERSHAPE"
    assert worker_options.worker_options(current_scene(), source) == {"engine": "intershape"}
    shown = text_of(panels.TWOHAND_PT_engine)
    assert "Hand Model MANO" in shown
    assert "InterShape says the shape of each hand itself" in shown
    assert worker_options.worker_options(current_scene(), source, "LANDMARKS")["engine"] == "landmarks"


def test_the_shape_of_another_take(tmp_path: Path) -> None:
    settings = current_scene().twohand
    settings.shape_source = "TAKE"
    assert "prop shape_take_path" in text_of(panels.TWOHAND_PT_engine)
    with pytest.raises(RuntimeError, match="No take is chosen for the shape"):
        bpy.ops.twohand.reconstruct(input_path=str(tmp_path / "a.png"))
    settings.shape_take_path = str(tmp_path / "b.hands.npz")
    options = worker_options.worker_options(current_scene(), tmp_path / "a.png")
    assert options == {"shape_from": str(tmp_path / "b.hands.npz")}
    settings.engine = "INTERSHAPE"
    assert worker_options.worker_options(current_scene(), tmp_path / "a.png") == options | {"engine": "intershape"}


@pytest.mark.parametrize("fps", [29.97, 1e-5])
def test_a_frame_rate_is_sent_as_it_was_typed(tmp_path: Path, fps: float) -> None:
    current_scene().twohand.sequence_fps = fps
    assert worker_options.worker_options(current_scene(), tmp_path)["fps"] == fps


def test_settings_are_locked_and_say_why_while_a_reconstruction_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    settings_panels = (
        panels.TWOHAND_PT_frames, panels.TWOHAND_PT_camera, panels.TWOHAND_PT_engine, panels.TWOHAND_PT_build,
    )  # fmt: skip
    for panel in settings_panels:
        assert "Locked" not in text_of(panel)
    monkeypatch.setattr(running.Running, "active", property(lambda _: True))
    for panel in settings_panels:
        assert "Locked while hands are reconstructed" in text_of(panel)


def test_presets_are_kept_in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        bpy.utils, "user_resource", lambda _, path="", create=False: str(_made(tmp_path / "scripts" / path))
    )
    settings = current_scene().twohand
    settings.engine, settings.smoothing, settings.device = "TWOHAND", 0.25, "CPU"
    settings.input_path = "/shots/a.mp4"
    assert bpy.ops.twohand.add_preset(name="My Studio") == {"FINISHED"}
    preset = tmp_path / "scripts" / "presets" / add_preset.TWOHAND_OT_add_preset.preset_subdir / "My_Studio.py"
    assert "input_path" not in preset.read_text()
    settings.engine, settings.smoothing, settings.device = "AUTOMATIC", 0.5, "AUTOMATIC"
    settings.input_path = "/shots/b.mp4"
    bpy.ops.script.execute_preset(filepath=str(preset), menu_idname="TWOHAND_PT_presets")
    assert (settings.engine, settings.smoothing, settings.device) == ("TWOHAND", 0.25, "CPU")
    assert settings.input_path == "/shots/b.mp4"


def test_every_preset_value_is_a_setting() -> None:
    names = {value.removeprefix("settings.") for value in add_preset.TWOHAND_OT_add_preset.preset_values}
    assert names < set(current_scene().twohand.bl_rna.properties.keys())
    assert add_preset.TWOHAND_OT_add_preset.preset_subdir == panels.TWOHAND_PT_presets.preset_subdir
    assert add_preset.TWOHAND_OT_add_preset.preset_menu == panels.TWOHAND_PT_presets.__name__


def test_shipped_presets_are_offered_while_the_add_on_is_enabled() -> None:
    folders = bpy.utils.preset_paths(panels.TWOHAND_PT_presets.preset_subdir)
    files = sorted(path for folder in folders for path in Path(folder).glob("*.py"))
    assert [path.stem for path in files] == ["Defaults", "Slow_and_Calm", "Touching_Hands", "Two_People"]
    settings = current_scene().twohand
    names = {prop.identifier for prop in settings.bl_rna.properties} - {"boxes", "rna_type"}
    plain = {name: getattr(settings, name) for name in names}
    for path in files[::-1]:
        bpy.ops.script.execute_preset(filepath=str(path), menu_idname="TWOHAND_PT_presets")
        assert (settings.engine == "TWOHAND") == (path.stem in ("Touching_Hands", "Slow_and_Calm"))
    assert {name: getattr(settings, name) for name in plain} == plain, "the last one brings the defaults back"
    twohand_extension.unregister()
    assert not bpy.utils.preset_paths(panels.TWOHAND_PT_presets.preset_subdir)
    twohand_extension.register()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def view() -> tuple[bpy.types.Area, bpy.types.RegionView3D]:
    area = next(area for area in bpy.context.screen.areas if area.type == "VIEW_3D")
    return area, area.spaces.active.region_3d


def test_the_overlay_is_the_view_through_the_results_camera(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="There are no hands in this scene"):
        bpy.ops.twohand.show_overlay()
    take = tmp_path / "a.hands.npz"
    write_take(make_take(6, source=str(ROOT / "demo" / "clip.mp4"), first_frame=11), take)
    bpy.ops.twohand.import_take(filepath=str(take))
    scene, camera = current_scene(), bpy.data.objects["HandCamera"]
    assert isinstance(camera.data, bpy.types.Camera)
    scene.camera, camera.data.show_background_images = None, False
    scene.frame_set(99)
    _, region_3d = view()
    assert region_3d.view_perspective != "CAMERA"
    assert bpy.ops.twohand.show_overlay() == {"FINISHED"}
    assert region_3d.view_perspective == "CAMERA"
    assert scene.camera == camera
    assert camera.data.show_background_images
    assert scene.frame_current == 11
    scene.frame_set(13)
    assert bpy.ops.twohand.show_overlay() == {"FINISHED"}
    assert region_3d.view_perspective != "CAMERA"
    assert bpy.ops.twohand.show_overlay() == {"FINISHED"}
    assert scene.frame_current == 13, "a frame of the result is left as it is"
    assert "operator twohand.show_overlay" in text_of(panels.TWOHAND_PT_results)


def test_what_the_camera_stands_in_does_not_hide_the_picture(tmp_path: Path) -> None:
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.data.objects["Cube"]
    take = tmp_path / "a.hands.npz"
    write_take(make_take(2), take)
    bpy.ops.twohand.import_take(filepath=str(take))
    selected = {item.name for item in bpy.context.selected_objects}
    space = view()[0].spaces.active
    assert isinstance(space, bpy.types.SpaceView3D)
    assert bpy.ops.twohand.show_overlay() == {"FINISHED"}
    assert space.local_view is not None
    assert not cube.local_view_get(space)
    if bpy.app.version >= (5, 0):  # without a window, 4.5 says of no object that it is in a local view
        assert bpy.data.objects["HandMesh_R"].local_view_get(space)
    assert {item.name for item in bpy.context.selected_objects} == selected
    assert bpy.ops.twohand.show_overlay() == {"FINISHED"}
    assert space.local_view is None
    assert cube.visible_get()
    cube.location.x = 5.0
    bpy.context.view_layer.update()
    assert bpy.ops.twohand.show_overlay() == {"FINISHED"}
    assert space.local_view is None


def test_no_viewport_no_overlay(tmp_path: Path) -> None:
    take = tmp_path / "a.hands.npz"
    write_take(make_take(2), take)
    bpy.ops.twohand.import_take(filepath=str(take))
    for area in bpy.context.screen.areas:
        if area.type == "VIEW_3D":
            area.type = "TEXT_EDITOR"
    with pytest.raises(RuntimeError, match="Open a 3D viewport"):
        bpy.ops.twohand.show_overlay()


def test_the_first_panel_offers_the_input_of_an_editor() -> None:
    shown = draw(panels.TWOHAND_PT_reconstruct)
    assert "prop input_path" in shown
    assert "operator twohand.use_active_source" in shown
