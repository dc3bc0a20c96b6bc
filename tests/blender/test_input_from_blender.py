# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# conftest.py makes the package `twohand_extension`; bpy.ops.twohand and scene.twohand exist while it is registered
"""The input from what Blender shows, and from files dropped on the 3D view."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from addon_session import registered, script_worker
from scene_access import current_scene
from take_factory import ROOT, make_take
from twohand_extension.inference.contract import HandsError, write_take
from twohand_extension.twohand_blender.operators import drop_source, use_active_source

CLIP = ROOT / "demo" / "clip.mp4"
PICTURE = ROOT / "demo" / "picture.jpg"


@pytest.fixture(autouse=True)
def addon(empty_file: None) -> Iterator[None]:
    with registered():
        yield


def show_image(image: bpy.types.Image) -> None:
    """In an Image Editor, in place of the largest area of the screen."""
    area = max(bpy.context.screen.areas, key=lambda area: area.width * area.height)
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = image


def test_the_image_of_an_editor(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="No Movie Clip or Image Editor"):
        bpy.ops.twohand.use_active_source()
    show_image(bpy.data.images.load(str(PICTURE)))
    assert bpy.ops.twohand.use_active_source() == {"FINISHED"}
    settings = current_scene().twohand
    assert (Path(settings.input_path), settings.as_sequence) == (PICTURE, False)


def test_a_sequence_and_the_scenes_clip() -> None:
    settings = current_scene().twohand
    image = bpy.data.images.load(str(PICTURE))
    image.source = "SEQUENCE"
    show_image(image)
    bpy.ops.twohand.use_active_source()
    assert settings.as_sequence
    bpy.context.screen.areas[0].type = "PROPERTIES"
    for area in bpy.context.screen.areas:
        if area.type == "IMAGE_EDITOR":
            area.type = "VIEW_3D"
    current_scene().active_clip = bpy.data.movieclips.load(str(CLIP))
    assert bpy.ops.twohand.use_active_source() == {"FINISHED"}
    assert (Path(settings.input_path), settings.as_sequence) == (CLIP, False)


def test_images_without_a_file_say_why(tmp_path: Path) -> None:
    generated = bpy.data.images.new("Made", 8, 8)
    packed = bpy.data.images.load(str(PICTURE))
    packed.pack()
    gone = tmp_path / "gone.png"
    generated.filepath_raw, generated.file_format = str(gone), "PNG"
    generated.save()
    lost = bpy.data.images.load(str(gone))
    gone.unlink()
    for image, reason in (
        (bpy.data.images.new("Made", 8, 8), "was made in Blender"),
        (packed, "is packed"),
        (lost, "is not there"),
    ):
        show_image(image)
        with pytest.raises(RuntimeError, match=reason):
            bpy.ops.twohand.use_active_source()
    assert current_scene().twohand.input_path == ""
    # Without a window there is no render result to be shown.
    assert "render result" in use_active_source._refusal(SimpleNamespace(source="VIEWER"))


def test_what_dropped_files_stand_for(tmp_path: Path) -> None:
    assert drop_source.dropped_source(tmp_path, ["a.mp4"]) == (tmp_path / "a.mp4", False)
    names = ["shot.0012.png", "shot.0010.png", "shot.0011.png"]
    assert drop_source.dropped_source(tmp_path, names) == (tmp_path / "shot.0010.png", True)
    for names in (["a.mp4", "b.mp4"], ["a1.png", "b2.png"], ["a1.png", "a2.jpg"]):
        with pytest.raises(HandsError, match="not one numbered sequence"):
            drop_source.dropped_source(tmp_path, names)
    with pytest.raises(HandsError, match="No file"):
        drop_source.dropped_source(tmp_path, [])


def test_a_dropped_file_is_reconstructed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_take(make_take(4), tmp_path / "made.hands.npz")
    script_worker(tmp_path, monkeypatch, f"shutil.copyfile({str(tmp_path / 'made.hands.npz')!r}, out); result()")
    settings = current_scene().twohand
    settings.take_path = str(tmp_path / "out.hands.npz")
    dropped = {"directory": str(CLIP.parent), "files": [{"name": CLIP.name}]}
    assert bpy.ops.twohand.drop_source(**dropped) == {"FINISHED"}
    assert Path(settings.input_path) == CLIP
    assert "HandMesh_R" in bpy.data.objects
    script_worker(tmp_path, monkeypatch, "say(record='error', code='no_hands', message='No hand was found.', hint='')")
    with pytest.raises(RuntimeError, match="No hand was found"):
        bpy.ops.twohand.drop_source(**dropped)


def test_the_3d_view_takes_pictures_and_movies() -> None:
    handler = drop_source.TWOHAND_FH_source
    assert {".png", ".jpg", ".mp4", ".mov"} <= set(handler.bl_file_extensions.split(";"))
    assert handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type="VIEW_3D")))
    assert not handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type="IMAGE_EDITOR")))
    assert not handler.poll_drop(SimpleNamespace(area=None))
