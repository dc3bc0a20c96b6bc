"""Between pixels of the upright picture and a region, for every way a camera may have been held."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from twohand_blender.picture_map import PictureMap, fitted
from twohand_blender.scene.orientation import UPRIGHT, orientation_of


@pytest.mark.parametrize("tag", range(1, 9))
def test_a_pixel_of_the_upright_picture_is_found_where_the_stored_one_shows_it(tag: int, tmp_path: Path) -> None:
    """Against Pillow: one white pixel in the upright picture, looked for in the stored one."""
    stored = np.zeros((40, 60, 3), dtype=np.uint8)
    stored[7, 11] = 255
    exif = Image.Exif()
    exif[0x0112] = tag
    path = tmp_path / "a.png"
    Image.fromarray(stored).save(path, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(path.read_bytes()))))
    row, column = np.argwhere(upright[..., 0] == 255)[0]
    picture = PictureMap((upright.shape[1], upright.shape[0]), (100.0, 50.0), (120.0, 80.0), orientation_of(path))
    # The stored picture lies in the region with two units a pixel: row 7 from the top, column 11.
    x, y = picture.to_region(column + 0.5, row + 0.5)
    assert (x, y) == pytest.approx((100 + 2 * 11.5, 50 + 80 - 2 * 7.5))
    assert picture.to_picture(x, y) == pytest.approx((column + 0.5, row + 0.5))


def test_a_rectangle_is_cut_off_at_the_border_whichever_way_it_is_drawn() -> None:
    picture = PictureMap((640, 480), (10.0, 20.0), (320.0, 240.0))
    for first, second in (((50, 300), (400, 100)), ((400, 100), (50, 300)), ((50, 100), (400, 300))):
        assert picture.rectangle(first, second) == pytest.approx((80.0, 0.0, 560.0, 320.0))
    assert picture.corners((80.0, 0.0, 560.0, 320.0))[0] == pytest.approx((50.0, 260.0))
    assert picture.orientation == UPRIGHT


@pytest.mark.parametrize(
    ("method", "corner", "extent"),
    [
        ("STRETCH", (0.0, 0.0), (200.0, 100.0)),
        ("FIT", (50.0, 0.0), (100.0, 100.0)),
        ("CROP", (0.0, -50.0), (200.0, 200.0)),
    ],
)
def test_a_square_picture_in_a_wide_frame(
    method: str, corner: tuple[float, float], extent: tuple[float, float]
) -> None:
    assert fitted((0.0, 0.0), (200.0, 100.0), (64, 64), method) == (corner, extent)
