# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""The source behind the hands: the right file, the right frame, the right way up."""

from __future__ import annotations

import importlib
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray
from scene_access import current_scene, pixels_of, view_layer
from take_factory import make_take, open_models
from twohand_extension.inference.contract import Take
from twohand_extension.twohand_blender.scene import background, build, collection, orientation

GREEN, BLUE, RED, WHITE = (0, 255, 0), (0, 0, 255), (255, 0, 0), (255, 255, 255)


def write_png(path: Path, rgb: NDArray[np.uint8]) -> Path:
    """A PNG file from (H, W, 3) pixels, with the standard library alone."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = rgb.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def quarters(width: int, height: int) -> NDArray[np.uint8]:
    """A picture that is green, blue / red, white."""
    rgb = np.empty((height, width, 3), dtype=np.uint8)
    rgb[: height // 2, : width // 2], rgb[: height // 2, width // 2 :] = GREEN, BLUE
    rgb[height // 2 :, : width // 2], rgb[height // 2 :, width // 2 :] = RED, WHITE
    return rgb


def write_jpeg(path: Path, rgb: NDArray[np.uint8], tag: int) -> Path:
    """A JPEG file, written by Blender, with an EXIF orientation."""
    height, width = rgb.shape[:2]
    image = bpy.data.images.new("jpeg", width, height)
    rgba = np.concatenate([rgb[::-1] / 255, np.ones((height, width, 1))], axis=2).astype(np.float32)
    image.pixels.foreach_set(rgba.ravel())  # type: ignore[attr-defined]  # the stubs take the array for a number
    image.filepath_raw, image.file_format = str(path), "JPEG"
    image.save()
    bpy.data.images.remove(image)
    data = path.read_bytes()
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, tag, 0, 0)
    segment = b"Exif\0\0" + tiff
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:])
    return path


def sequence_take(source: Path, frames: list[int]) -> Take:
    return replace(make_take(len(frames)), source=str(source), frames=np.array(frames, dtype=np.int64))


def background_of(built: build.BuiltHands) -> bpy.types.CameraBackgroundImage:
    data = bpy.data.objects[built.camera].data
    assert isinstance(data, bpy.types.Camera) and data.show_background_images
    assert len(data.background_images) == 1
    return data.background_images[0]


def test_a_picture_lies_behind_everything(empty_file: None, tmp_path: Path) -> None:
    picture = write_png(tmp_path / "Bild mit Händen.png", quarters(64, 48))
    built = build.build_take(bpy.context, replace(make_take(1), source=str(picture)), open_models())
    shown = background_of(built)
    assert shown.image is not None and shown.image.source == "FILE" and shown.image.size[:] == (64, 48)
    assert (shown.display_depth, shown.frame_method, shown.alpha) == ("BACK", "FIT", 1.0)
    assert (shown.rotation, shown.scale, shown.use_flip_x) == (0.0, 1.0, False)
    assert built.warnings == ()


def test_running_again_leaves_one_picture(empty_file: None, tmp_path: Path) -> None:
    picture = write_png(tmp_path / "hands.png", quarters(64, 48))
    theirs = bpy.data.images.load(str(picture))
    take = replace(make_take(1), source=str(picture))
    built = build.build_take(bpy.context, take, open_models())
    for _ in range(2):
        assert len(bpy.data.images) == 2
        built = build.build_take(bpy.context, take, open_models())
    assert background_of(built).image != theirs and theirs.name == "hands.png"


def test_no_background_where_none_is_wanted(empty_file: None, tmp_path: Path) -> None:
    picture = write_png(tmp_path / "hands.png", quarters(64, 48))
    take = replace(make_take(1), source=str(picture))
    built = build.build_take(bpy.context, take, open_models(), build.BuildOptions(background=False))
    assert len(bpy.data.images) == 0 and built.warnings == ()


@pytest.mark.parametrize("given", ["folder", "hashes", "printf", "frame"])
def test_a_sequence_shows_each_frame_at_its_own_number(empty_file: None, tmp_path: Path, given: str) -> None:
    for number in (7, 8, 10):
        write_png(tmp_path / f"shot.{number:04d}.png", np.full((48, 64, 3), 10 * number, dtype=np.uint8))
    (tmp_path / "notes.txt").write_text("not a frame")
    source = {
        "folder": tmp_path,
        "hashes": tmp_path / "shot.####.png",
        "printf": tmp_path / "shot.%04d.png",
        "frame": tmp_path / "shot.0008.png",
    }[given]
    built = build.build_take(bpy.context, sequence_take(source, [7, 8, 9, 10]), open_models())
    shown = background_of(built)
    assert shown.image is not None and shown.image.source == "SEQUENCE"
    user = shown.image_user
    assert user is not None
    # The picture that Blender picks: the file's number becomes scene frame - start + 1 + offset.
    for scene_frame, number in ((7, 7), (8, 8), (10, 10)):
        assert scene_frame - user.frame_start + 1 + user.frame_offset == number
    assert user.frame_duration == 4 and user.use_auto_refresh


def test_a_folder_of_differently_named_pictures_cannot_be_played(empty_file: None, tmp_path: Path) -> None:
    for name in ("anna1.png", "bert.png"):
        write_png(tmp_path / name, quarters(64, 48))
    assert background.find_background(sequence_take(tmp_path, [1, 2])) is None
    built = build.build_take(bpy.context, sequence_take(tmp_path, [1, 2]), open_models())
    assert len(built.warnings) == 1 and "cannot be shown" in built.warnings[0]


def test_a_folder_with_one_picture_shows_it(empty_file: None, tmp_path: Path) -> None:
    picture = write_png(tmp_path / "only.png", quarters(64, 48))
    assert background.find_background(sequence_take(tmp_path, [1])) == picture


@pytest.mark.parametrize("source", ["gone.png", "gone_folder/x.####.png", "gone.mp4"])
def test_a_source_that_is_gone_is_a_warning(empty_file: None, tmp_path: Path, source: str) -> None:
    take = replace(make_take(1), source=str(tmp_path / source))
    built = build.build_take(bpy.context, take, open_models())
    assert built.warnings == (f"'{Path(source).name}' cannot be shown behind the hands.",)


def test_a_file_that_blender_cannot_show_is_no_error(empty_file: None, tmp_path: Path) -> None:
    broken = tmp_path / "broken.xyz"
    broken.write_text("no picture")
    build.build_take(bpy.context, replace(make_take(1), source=str(broken)), open_models())
    assert len(bpy.data.objects) == 5


# (flip, quarter turns) of the EXIF standard's eight orientations
_EXPECTED = {
    1: (False, 0),
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 3),
    6: (False, 1),
    7: (True, 1),
    8: (False, 3),
    99: (False, 0),
}


@pytest.mark.parametrize("tag", _EXPECTED)
def test_orientations_are_read_from_jpeg_files(empty_file: None, tmp_path: Path, tag: int) -> None:
    path = write_jpeg(tmp_path / "turned.jpg", quarters(60, 40), tag)
    found = orientation.orientation_of(path)
    assert (found.flip_x, found.quarter_turns) == _EXPECTED[tag]


@pytest.mark.parametrize("tag", [3, 6])
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientations_are_read_from_other_files(tmp_path: Path, order: str, tag: int) -> None:
    expected = _EXPECTED[tag]
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, tag, 0, 0)
    plain = write_png(tmp_path / "plain.png", quarters(6, 4)).read_bytes()
    webp = struct.pack("<4sI3sx4sI", b"ICCP", 3, b"odd", b"EXIF", len(tiff)) + tiff
    files = {
        "a.tif": tiff,
        # between the header (8 + 25 bytes) and the pixels
        "a.png": plain[:33] + struct.pack(">I4s", len(tiff), b"eXIf") + tiff + b"\0\0\0\0" + plain[33:],
        "a.webp": b"RIFF" + struct.pack("<I", len(webp) + 4) + b"WEBP" + webp,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        found = orientation.orientation_of(tmp_path / name)
        assert (found.flip_x, found.quarter_turns) == expected, name
        for length in range(0, len(content), 5):
            (tmp_path / "cut").write_bytes(content[:length])
            orientation.orientation_of(tmp_path / "cut")  # whatever it says, it does not fail


@pytest.mark.parametrize("numbers", [(20260101123000, 20260101123001), (1, 3 * 10**12)])
def test_numbers_beyond_blenders_are_no_error(empty_file: None, tmp_path: Path, numbers: tuple[int, int]) -> None:
    path = write_png(tmp_path / "x.png", quarters(60, 40))
    take = replace(make_take(2), source=str(path), frames=np.array(numbers))
    built = build.build_take(bpy.context, take, open_models())
    assert any("cannot be shown" in warning for warning in built.warnings)
    assert current_scene().frame_end <= 1_048_574


def test_files_cut_short_or_without_orientation_are_upright(tmp_path: Path) -> None:
    path = write_jpeg(tmp_path / "turned.jpg", quarters(60, 40), 6)
    data = path.read_bytes()
    for length in (0, 1, 3, 10, 25, 30):
        path.write_bytes(data[:length])
        assert orientation.orientation_of(path) == orientation.UPRIGHT
    assert orientation.orientation_of(write_png(tmp_path / "x.png", quarters(6, 4))) == orientation.UPRIGHT
    assert orientation.orientation_of(tmp_path / "gone.jpg") == orientation.UPRIGHT


# --- what is drawn: only where Blender can draw a view without a window (from 5.2, with an OpenGL library) -----------


def draw_camera_view(width: int, height: int) -> NDArray[np.uint8]:
    """(H, W, 3) the 3D view through the scene's camera, as an animator sees it, in linear light."""
    gpu = importlib.import_module("gpu")
    if not hasattr(gpu, "init"):
        pytest.skip("this Blender cannot draw without a window")
    try:
        gpu.init()
    except SystemError as error:
        pytest.skip(f"no OpenGL here: {error}")
    scene = current_scene()
    area = next(area for screen in bpy.data.screens for area in screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    space = area.spaces[0]
    assert isinstance(space, bpy.types.SpaceView3D) and space.region_3d is not None and scene.camera is not None
    space.region_3d.view_perspective = "CAMERA"
    space.camera = scene.camera  # a view that no window shows does not follow the scene's
    space.overlay.show_overlays = True
    view_layer().update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    screen = gpu.types.GPUOffScreen(width, height)
    screen.draw_view3d(
        scene,
        view_layer(),
        space,
        region,
        scene.camera.matrix_world.inverted(),
        scene.camera.calc_matrix_camera(depsgraph, x=width, y=height),
        do_color_management=False,
    )
    with screen.bind():
        buffer = gpu.state.active_framebuffer_get().read_color(0, 0, width, height, 4, 0, "UBYTE")
    buffer.dimensions = width * height * 4
    screen.free()
    return np.array(buffer, dtype=np.uint8).reshape(height, width, 4)[::-1, :, :3]


def linear(srgb: int) -> float:
    """The linear value, of 255, of an sRGB one."""
    return 255 * ((srgb / 255 + 0.055) / 1.055) ** 2.4


@pytest.fixture
def view_file() -> None:
    """A Blender file with a 3D view and nothing in its scene."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
    bpy.data.batch_remove(list(bpy.data.objects))


def build_without_hands_in_view(take: Take) -> build.BuiltHands:
    """Only the background is to be seen."""
    built = build.build_take(bpy.context, take, open_models())
    for name in (*built.meshes.values(), *built.armatures.values()):
        bpy.data.objects[name].hide_viewport = True
    return built


@pytest.mark.parametrize("tag", range(1, 9))
def test_turned_pictures_are_drawn_upright(view_file: None, tmp_path: Path, tag: int) -> None:
    upright = quarters(90, 60)
    flip, turns = _EXPECTED[tag]
    stored = np.rot90(upright, turns)  # counter-clockwise: undoes the turn that makes it upright
    stored = np.ascontiguousarray(stored[:, ::-1] if flip else stored)
    path = write_jpeg(tmp_path / "turned.jpg", stored, tag)
    take = replace(make_take(1), source=str(path), picture_size_px=(90, 60), principal_px=(44.5, 29.5))
    build_without_hands_in_view(take)
    drawn = draw_camera_view(180, 120).astype(int)
    for row, column, colour in ((10, 10, GREEN), (10, 169, BLUE), (109, 10, RED), (109, 169, WHITE)):
        assert np.abs(drawn[row, column] - colour).max() < 40


def test_frames_of_a_sequence_are_drawn_at_their_numbers(view_file: None, tmp_path: Path) -> None:
    for number in (7, 8, 9, 10):
        write_png(tmp_path / f"shot.{number:04d}.png", np.full((60, 90, 3), 20 * number, dtype=np.uint8))
    take = replace(sequence_take(tmp_path, [7, 8, 9, 10]), picture_size_px=(90, 60), principal_px=(44.5, 29.5))
    build_without_hands_in_view(take)
    for number in (7, 10, 8):
        current_scene().frame_set(number)
        view_layer().update()
        assert np.abs(draw_camera_view(180, 120)[20, 20].astype(float) - linear(20 * number)).max() < 3


def test_frames_of_a_movie_are_drawn_from_the_first_on(view_file: None, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "clip.mp4", [40, 90, 140, 190])
    take = replace(make_take(4), source=str(movie), picture_size_px=(96, 64), principal_px=(47.5, 31.5))
    shown = background_of(build_without_hands_in_view(take))
    assert shown.image is not None and shown.image.source == "MOVIE"
    for frame, grey in ((1, 40), (4, 190), (2, 90)):
        current_scene().frame_set(frame)
        view_layer().update()
        assert np.abs(draw_camera_view(192, 128)[30, 30].astype(float) - linear(grey)).max() < 8


def test_the_picture_and_the_hands_share_one_camera(view_file: None, tmp_path: Path) -> None:
    """The picture is a render of the hands: drawn over it they cover it."""
    take = replace(make_take(1, seed=2), picture_size_px=(320, 240), focal_px=350.0, principal_px=(150.0, 130.0))
    built = build.build_take(bpy.context, take, open_models())
    scene = current_scene()
    setattr(scene.render, "engine", "CYCLES")  # noqa: B010 - an add-on's engine is not in the stubs
    assert scene.cycles is not None
    scene.cycles.samples = 8
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(tmp_path / "render.png")
    bpy.ops.render.render(write_still=True)
    hands = pixels_of(bpy.data.images.load(scene.render.filepath))[..., 3] > 0.5
    picture = np.where(hands[..., None], RED, GREEN).astype(np.uint8)
    write_png(tmp_path / "picture.png", picture)
    collection.remove_build(scene, built.key)
    built = build.build_take(bpy.context, replace(take, source=str(tmp_path / "picture.png")), open_models())
    for name in built.armatures.values():
        bpy.data.objects[name].hide_viewport = True
    drawn = draw_camera_view(320, 240).astype(int)
    for name in built.meshes.values():
        bpy.data.objects[name].hide_viewport = True
    picture_alone = draw_camera_view(320, 240).astype(int)
    red = (picture_alone[..., 0] > 200) & (picture_alone[..., 1] < 60)
    assert abs(int(red.sum()) - int(hands.sum())) < 0.03 * hands.sum()
    left_over = (drawn[..., 0] > 200) & (drawn[..., 1] < 60)
    assert left_over.sum() < 0.06 * red.sum(), "red that the hands do not cover"


def write_movie(path: Path, greys: list[int]) -> Path:
    """An H.264 movie of even grey frames, encoded by Blender."""
    frames = [
        write_png(path.parent / f"grey_{i:03d}.png", np.full((64, 96, 3), g, dtype=np.uint8))
        for i, g in enumerate(greys)
    ]
    scene = bpy.data.scenes.new("encode")
    strips = scene.sequence_editor_create().strips
    strip = strips.new_image(name="greys", filepath=str(frames[0]), channel=1, frame_start=1)
    assert isinstance(strip, bpy.types.ImageStrip)
    for frame in frames[1:]:
        strip.elements.append(frame.name)
    scene.frame_start, scene.frame_end = 1, len(greys)
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 96, 64, 100
    assert scene.view_settings is not None and render.ffmpeg is not None
    # setattr: names that the stubs do not know (from the colour configuration, from Blender 5.0)
    setattr(scene.view_settings, "view_transform", "Standard")  # noqa: B010
    if hasattr(render.image_settings, "media_type"):
        setattr(render.image_settings, "media_type", "VIDEO")  # noqa: B010
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec, render.ffmpeg.constant_rate_factor = "MPEG4", "H264", "LOSSLESS"
    render.filepath = str(path)
    bpy.ops.render.render(animation=True, scene=scene.name)
    bpy.data.scenes.remove(scene)
    return path
