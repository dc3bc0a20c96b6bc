"""Blur, compression and colour against what defines them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from inference.synthesis.conditions import Conditions, ConditionShares, draw_conditions
from inference.synthesis.draws import Draws
from inference.synthesis.sensor import blur, blur_some, develop, jpeg
from inference.synthesis.skin import linear_to_srgb, srgb_to_linear


def scene(size: int = 64) -> torch.Tensor:
    """A smooth picture with an edge, (1, 3, S, S) in [0, 1]."""
    y, x = np.mgrid[0:size, 0:size] / size
    red, green = 0.5 + 0.4 * np.sin(7 * x + 3 * y), 0.3 + 0.5 * (x > y)
    return torch.tensor(np.stack([red, green, 0.2 + 0.6 * y]), dtype=torch.float32)[None]


def test_a_gaussian_blur_is_opencv_s() -> None:
    picture = scene()
    ours = blur(picture, torch.tensor([1.4]), torch.zeros(1, 2))[0].permute(1, 2, 0).numpy()
    theirs = cv2.GaussianBlur(picture[0].permute(1, 2, 0).numpy(), (0, 0), 1.4, borderType=cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(ours, theirs, atol=0.004)


def test_motion_smears_along_its_way_alone() -> None:
    picture = torch.zeros(1, 1, 40, 40)
    picture[0, 0, 20, 20] = 1
    smeared = blur(picture, torch.zeros(1), torch.tensor([[7.0, 0.0]]))[0, 0]
    assert float(smeared.sum()) == pytest.approx(1, abs=1e-3)
    assert float(smeared[20, 17:24].sum()) > 0.85
    assert float(smeared[:20].abs().max()) < 1e-3


def test_pictures_without_blur_stay_as_they_are() -> None:
    pictures = scene().expand(2, -1, -1, -1)
    result = blur_some(pictures, torch.tensor([0.0, 2.0]), torch.zeros(2, 2))
    assert (result[0] == pictures[0]).all()
    assert not (result[1] == pictures[1]).all()


@pytest.mark.parametrize("quality", [30, 60, 92])
def test_compression_is_nearly_what_a_jpeg_file_gives(quality: int) -> None:
    picture = scene(72)  # not a multiple of 16
    ours = jpeg(picture, torch.tensor([float(quality)]))[0].clamp(0, 1).permute(1, 2, 0).numpy() * 255
    rgb = np.round(picture[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    theirs = cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1].astype(float)
    damage = np.abs(theirs - rgb).mean()
    assert np.abs(ours - theirs).mean() < 0.5 * damage + 0.7
    assert np.abs(ours - rgb).mean() == pytest.approx(damage, rel=0.35, abs=0.4)


def test_srgb_and_linear_light_are_each_other_s_inverse() -> None:
    values = torch.linspace(0, 1, 101)
    torch.testing.assert_close(linear_to_srgb(srgb_to_linear(values)), values, atol=1e-5, rtol=0)
    assert float(srgb_to_linear(torch.tensor(0.5))) == pytest.approx(0.2140, abs=1e-4)


def conditions(**shares: float) -> Conditions:
    """40 pictures under none but the given circumstances."""
    none = dict.fromkeys(vars(ConditionShares()), 0.0)
    return draw_conditions(Draws(1, torch.arange(40)), ConditionShares(**{**none, **shares}))


def lit_hands(brightness: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Light of 40 pictures with a square of hands, and where that is."""
    subject = torch.zeros(40, 1, 32, 32)
    subject[:, :, 8:24, 8:24] = 1
    light = torch.tensor([0.1, 0.11, 0.08])[:, None, None] * (1 - subject) + brightness * subject
    return light, subject


@pytest.mark.parametrize("circumstance", ["none", "backlight", "dark"])
def test_exposure_shows_dark_and_bright_hands(circumstance: str) -> None:
    met = conditions() if circumstance == "none" else conditions(**{circumstance: 1.0})
    for brightness in (0.002, 0.2, 6.0):
        light, subject = lit_hands(brightness)
        picture = develop(Draws(0, torch.arange(40)), light, subject, met).float()
        hands = picture[:, :, 10:22, 10:22].mean((1, 2, 3))
        assert float(hands.min()) > 8 and float(hands.max()) < 245
        assert float(hands.std()) > 4


def test_circumstances_do_to_pictures_what_they_say() -> None:
    light, subject = lit_hands(0.3)

    def developed(met: Conditions) -> torch.Tensor:
        return develop(Draws(0, torch.arange(40)), light, subject, met).float()

    usual = developed(conditions())
    inside = usual[..., 10:22, 10:22]
    assert float(developed(conditions(dark=1.0))[..., 10:22, 10:22].mean() / inside.mean()) < 0.8
    noisy = developed(conditions(noisy=1.0))[..., 10:22, 10:22]
    assert float(noisy.std((2, 3)).mean() / inside.std((2, 3)).mean()) > 1.5
    for met in (conditions(monochrome=1.0), conditions(infrared=1.0)):
        # What colour is left is the noise's.
        assert float((developed(met).mean((2, 3)).amax(1) - developed(met).mean((2, 3)).amin(1)).max()) < 3
    assert float((usual.mean((2, 3)).amax(1) - usual.mean((2, 3)).amin(1)).max()) > 5
