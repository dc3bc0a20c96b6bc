"""Pictures of every depth, colour space and orientation become upright 8-bit RGB."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from inference.media.picture_file import (
    LARGEST_WORKING_PX,
    TRANSPARENT_GREY,
    read_header,
    read_picture,
    reduction_factor,
)
from tests.pictures import is_quadrants, quadrants, save

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "bmp", "ppm", "jp2"])
def test_every_format_is_read(tmp_path: Path, ending: str) -> None:
    path = save(tmp_path / f"a.{ending}")
    assert read_header(path).size_px == (96, 64)
    assert is_quadrants(read_picture(path))


def test_the_content_counts_not_the_ending(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert is_quadrants(read_picture(path))


@pytest.mark.parametrize("mode", ["P", "CMYK", "YCbCr"])
def test_every_colour_space_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.png" if mode == "P" else "a.jpg")
    Image.fromarray(quadrants()).convert(mode).save(path)
    assert is_quadrants(read_picture(path), tolerance=40)


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_grey_becomes_three_equal_channels(tmp_path: Path, mode: str) -> None:
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1)))
    ramp.convert(mode).save(tmp_path / "a.png")
    rgb = read_picture(tmp_path / "a.png")
    assert rgb.shape == (64, 64, 3)
    assert np.all(rgb[..., 0] == rgb[..., 1])
    assert rgb[:, 0].max() == 0
    assert rgb[:, -1].min() == 255


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_is_scaled_linearly(tmp_path: Path, channels: int, ending: str) -> None:
    levels = np.array([0, 257, 128 * 257, 65535], dtype=np.uint16)
    wide = np.repeat(np.repeat(levels[None, :, None], 64, axis=0), 16, axis=1).repeat(channels, axis=2)
    if channels == 4:
        wide[..., 3] = 65535
    assert cv2.imwrite(str(tmp_path / f"a.{ending}"), wide.squeeze())
    rgb = read_picture(tmp_path / f"a.{ending}")
    np.testing.assert_allclose(rgb[0, ::16, :], np.array([0, 1, 128, 255])[:, None].repeat(3, 1), atol=1)


def test_transparent_parts_turn_grey(tmp_path: Path) -> None:
    rgba = np.dstack([quadrants(), np.full((64, 96), 255, np.uint8)])
    rgba[:, 48:, 3] = 0
    rgba[32:, :48, 3] = 128
    Image.fromarray(rgba).save(tmp_path / "a.png")
    rgb = read_picture(tmp_path / "a.png").astype(int)
    assert rgb[10, 10].tolist() == [220, 30, 30]
    assert rgb[10, 90].tolist() == [TRANSPARENT_GREY] * 3
    np.testing.assert_allclose(rgb[50, 10], (np.array([30, 30, 220]) + TRANSPARENT_GREY) / 2, atol=2)


def turned_away(orientation: int) -> Image.Image:
    """`quadrants` as a camera with this EXIF orientation stores it: undone by what the tag asks for."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    upright = Image.fromarray(quadrants())
    return upright if undo is None else upright.transpose(undo)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, ending: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    turned_away(orientation).save(path, exif=exif.tobytes())
    header = read_header(path)
    assert header.size_px == header.working_size_px == (96, 64)
    rgb = read_picture(path)
    assert rgb.shape == (64, 96, 3)
    assert is_quadrants(rgb)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({0xA405: 28}, 28.0),
        ({0xA405: 0, 0x920A: 50.0}, None),  # 0 means unknown, and no sensor size is given
        ({0x920A: 50.0, 0xA002: 6000, 0xA20E: 6000 / 36.0 * 25.4, 0xA210: 2}, 50.0),  # full frame, in inches
        ({0x920A: 25.0, 0xA002: 4000, 0xA003: 3000, 0xA20E: 4000 / 1.8, 0xA20F: 3000 / 1.35, 0xA210: 3}, 50.0),
        ({0xA405: 28, 0x920A: 4.2}, 28.0),
        ({0xA405: 60000}, None),
        ({}, None),
    ],
)
def test_the_focal_length_comes_from_exif(tmp_path: Path, tags: dict[int, float], expected: float | None) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update(tags)
    Image.fromarray(quadrants()).save(tmp_path / "a.jpg", exif=exif)
    focal = read_header(tmp_path / "a.jpg").focal_35mm
    assert focal is None if expected is None else focal == pytest.approx(expected, rel=1e-3)


def test_damaged_exif_is_passed_over(tmp_path: Path) -> None:
    Image.fromarray(quadrants()).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\x7f" * 40)
    assert read_header(tmp_path / "a.jpg").focal_35mm is None
    assert is_quadrants(read_picture(tmp_path / "a.jpg"))


@pytest.mark.parametrize(
    ("size", "factor"),
    [((6000, 4000), 1), ((8192, 4096), 1), ((8192, 4097), 2), ((12000, 9000), 2), ((16320, 12240), 4)],
)
def test_huge_pictures_are_worked_on_smaller(size: tuple[int, int], factor: int) -> None:
    assert reduction_factor(*size) == factor
    assert size[0] * size[1] / factor**2 <= LARGEST_WORKING_PX


@pytest.mark.parametrize(("ending", "mode"), [("jpg", "RGB"), ("png", "RGBA"), ("tif", "I;16")])
def test_100_megapixels_fit_the_memory(tmp_path: Path, ending: str, mode: str) -> None:
    width, height = 12000, 8400
    if mode == "I;16":
        Image.fromarray(np.full((height, width), 40000, np.uint16)).save(tmp_path / "a.tif")
    else:
        picture = Image.fromarray(quadrants()).resize((width, height), Image.Resampling.NEAREST).convert(mode)
        picture.save(tmp_path / f"a.{ending}")
    code = (
        "import sys; from pathlib import Path; from inference.media import open_source, FrameSelection;"
        "from inference.memory import peak_memory_mb;"
        "source = open_source(Path(sys.argv[1])); frame = next(source.read(FrameSelection()));"
        "print(*source.info.picture_size_px, *source.info.working_size_px, *frame.rgb.shape, peak_memory_mb())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / f"a.{ending}")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *sizes, peak_mb = done.stdout.split()
    assert [int(size) for size in sizes] == [width, height, width // 2, height // 2, height // 2, width // 2, 3]
    assert float(peak_mb) < 650


def test_a_reduced_picture_is_the_same_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = turned_away(6).resize((4200, 8400), Image.Resampling.NEAREST)
    for ending in ("jpg", "png"):
        stored.save(tmp_path / f"a.{ending}", exif=exif.tobytes())
        rgb = read_picture(tmp_path / f"a.{ending}")
        assert rgb.shape == (2100, 4200, 3)
        assert is_quadrants(rgb)


def test_a_picture_of_a_phone_that_holds_two_is_the_first_one(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(quadrants()).save(
        buffer, "MPO", save_all=True, append_images=[Image.fromarray(np.zeros((64, 96, 3), np.uint8))]
    )
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    assert is_quadrants(read_picture(tmp_path / "a.jpg"))
