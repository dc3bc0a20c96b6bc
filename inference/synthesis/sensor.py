"""What a camera makes of the light: blur, exposure, colour, noise, few pixels, JPEG, grey and infra-red pictures."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from .conditions import Conditions
from .draws import Draws
from .skin import linear_to_srgb

_PAD_PX: Final = 16
_LUMA: Final = (0.299, 0.587, 0.114)
_LUMINANCE_TABLE: Final = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMINANCE_TABLE: Final = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32,
)  # fmt: skip
"""Quantisation tables of ITU-T T.81, annex K."""
_SCALES: Final = (1.0, 0.66, 0.5, 0.36)
_SCALE_SHARES: Final = (0.68, 0.12, 0.12, 0.08)


def blur(picture: Tensor, sigma_px: Tensor, motion_px: Tensor) -> Tensor:
    """Blur pictures (B, C, H, W) by a Gaussian of `sigma_px` (B,) and along `motion_px` (B, 2), by their spectra."""
    padded = torch.nn.functional.pad(picture, (_PAD_PX,) * 4, mode="replicate")
    height, width = padded.shape[-2:]
    down = torch.fft.fftfreq(height, device=picture.device)[None, :, None]
    right = torch.fft.rfftfreq(width, device=picture.device)[None, None]
    sigma = sigma_px[:, None, None]
    gauss = torch.exp(-2 * (math.pi * sigma) ** 2 * (down * down + right * right))
    path = torch.sinc(motion_px[:, 0, None, None] * right + motion_px[:, 1, None, None] * down)
    spectrum = torch.fft.rfft2(padded) * (gauss * path)[:, None]
    result = torch.fft.irfft2(spectrum, s=(height, width))
    return result[..., _PAD_PX:-_PAD_PX, _PAD_PX:-_PAD_PX]


def blur_some(picture: Tensor, sigma_px: Tensor, motion_px: Tensor) -> Tensor:
    """`blur` where there is any to do; the other pictures stay as they are."""
    wanted = ((sigma_px > 0.05) | (motion_px.abs().amax(1) > 0.3)).nonzero().squeeze(1)
    if len(wanted) == 0:
        return picture
    result = picture.clone()
    result[wanted] = blur(picture[wanted], sigma_px[wanted], motion_px[wanted]).clamp(min=0)
    return result


def develop(draws: Draws, light: Tensor, subject: Tensor, conditions: Conditions) -> Tensor:
    """(B, 3, S, S) uint8 RGB from linear light (B, 3, S, S).

    Parameters
    ----------
    draws : random numbers
    light : the scene
    subject : (B, 1, S, S) share of the hands in each pixel, which exposure is measured on
    conditions : dark, noisy, without colours
    """
    defocus = torch.where(draws.chance(0.3), draws.uniform(0.3, 1.5), torch.zeros(draws.batch, device=light.device))
    shake = draws.direction()[:, :2] * (draws.uniform(0, 1) ** 2 * 8 * draws.chance(0.12))[:, None]
    scale_px = light.shape[-1] / 192
    light = blur_some(light, defocus * scale_px, shake * scale_px)
    scale = draws.choice(_SCALE_SHARES)
    light = _expose(draws, light, subject, conditions)
    result = torch.empty(light.shape, dtype=torch.uint8, device=light.device)
    size = light.shape[-1]
    parameters = _Noise(draws, conditions.noisy)
    for number, factor in enumerate(_SCALES):
        chosen = (scale == number).nonzero().squeeze(1)
        if len(chosen) == 0:
            continue
        part = light[chosen]
        if factor < 1:
            small = round(size * factor)
            part = torch.nn.functional.interpolate(part, (small, small), mode="area")
        part = parameters.apply(part, chosen)
        if factor < 1:
            part = torch.nn.functional.interpolate(part, (size, size), mode="bilinear", align_corners=False)
        result[chosen] = (part * 255 + 0.5).clamp(0, 255).to(torch.uint8)
    return result


def _expose(draws: Draws, light: Tensor, subject: Tensor, conditions: Conditions) -> Tensor:
    """Brightness as an automatic exposure would set it, badly now and then; white balance; saturation; contrast."""
    grey = light.mean(1, keepdim=True)
    whole = grey.mean((1, 2, 3))
    weight = subject + 1e-4
    hands = (grey * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))
    has_hands = subject.mean((1, 2, 3)) > 0.004
    on_hands = torch.where(conditions.backlight, draws.uniform(0.1, 0.8), draws.uniform(0.4, 1.0))
    on_hands = torch.where(has_hands, on_hands, torch.zeros_like(whole))
    measured = torch.exp(on_hands * hands.clamp(min=1e-3).log() + (1 - on_hands) * whole.clamp(min=4e-3).log())
    target = torch.exp(draws.normal(math.log(0.2), 0.4))
    target = torch.where(conditions.dark, target * 0.3, target)
    gain = (target / measured.clamp(min=1e-3)).clamp(0.05, 30)
    # What hands can be seen on must stay visible: neither black nor burnt out.
    bright = (gain * hands).clamp(0.025, 0.5) / hands.clamp(min=1e-4)
    gain = torch.where(has_hands, bright, gain)
    balance = torch.exp(draws.normal(0, 0.07, (3,)))
    light = light * (gain[:, None] * balance)[..., None, None]
    # A shoulder instead of a hard end: nine tenths are reached at about 1.3.
    knee = 0.6
    over = (light - knee).clamp(min=0)
    light = torch.where(light > knee, knee + (1 - knee) * (1 - torch.exp(-over / (1 - knee))), light)
    picture = linear_to_srgb(light.clamp(0, 1))
    contrast = draws.normal(1.0, 0.14).clamp(0.6, 1.5)[:, None, None, None]
    picture = ((picture - 0.4) * contrast + 0.4 + draws.normal(0, 0.02)[:, None, None, None]).clamp(0, 1)
    luma = (picture * torch.tensor(_LUMA, device=light.device)[:, None, None]).sum(1, keepdim=True)
    colour = draws.uniform(0.65, 1.3)
    colour = torch.where(conditions.monochrome, torch.zeros_like(colour), colour)[:, None, None, None]
    picture = luma + (picture - luma) * colour
    return picture.clamp(0, 1)


class _Noise:
    """Noise and compression, drawn for the batch, applied to parts of it."""

    def __init__(self, draws: Draws, noisy: Tensor) -> None:
        self._draws = draws
        self._read = torch.exp(draws.uniform(math.log(0.0008), math.log(0.02)))
        self._shot = torch.exp(draws.uniform(math.log(0.003), math.log(0.04)))
        much = torch.exp(draws.uniform(math.log(0.02), math.log(0.07)))
        self._read = torch.where(noisy, much, self._read)
        self._shot = torch.where(noisy, 1.5 * much, self._shot)
        self._grain = draws.chance(0.3)
        self._quality = draws.uniform(28, 97)
        self._compressed = draws.chance(0.75)

    def apply(self, picture: Tensor, chosen: Tensor) -> Tensor:
        """Pictures (N, 3, s, s) in [0, 1] of the samples `chosen` (N,)."""
        noise = self._draws.of(chosen).pixel_noise(3, *picture.shape[-2:])
        coarse = torch.nn.functional.avg_pool2d(noise, 3, 1, 1) * 2.2
        noise = torch.where(self._grain[chosen, None, None, None], coarse, noise)
        read, shot = self._read[chosen, None, None, None], self._shot[chosen, None, None, None]
        picture = (picture + noise * (read * read + shot * shot * picture).sqrt()).clamp(0, 1)
        compressed = self._compressed[chosen].nonzero().squeeze(1)
        if len(compressed):
            picture = picture.clone()
            picture[compressed] = jpeg(picture[compressed], self._quality[chosen[compressed]])
        return picture.clamp(0, 1)


def jpeg(picture: Tensor, quality: Tensor) -> Tensor:
    """What JPEG leaves of pictures (B, 3, H, W) in [0, 1] at a quality (B,) of 1 to 100, chroma halved (4:2:0)."""
    device = picture.device
    height, width = picture.shape[-2:]
    down, right = -height % 16, -width % 16
    padded = torch.nn.functional.pad(picture * 255, (0, right, 0, down), mode="replicate")
    red, green, blue = padded.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = torch.stack([(blue - luma) * 0.564, (red - luma) * 0.713], 1)
    chroma = torch.nn.functional.avg_pool2d(chroma, 2)
    factor = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    luma_table, chroma_table = (
        torch.tensor(table, dtype=torch.float32, device=device).reshape(1, 1, 1, 1, 8, 8)
        * factor.reshape(-1, 1, 1, 1, 1, 1)
        for table in (_LUMINANCE_TABLE, _CHROMINANCE_TABLE)
    )
    luma = _quantise(luma[:, None] - 128, luma_table.round().clamp(1, 255))[:, 0] + 128
    chroma = _quantise(chroma, chroma_table.round().clamp(1, 255))
    chroma = torch.nn.functional.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    blue, red = luma + chroma[:, 0] / 0.564, luma + chroma[:, 1] / 0.713
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    return torch.stack([red, green, blue], 1)[..., :height, :width] / 255


def _quantise(plane: Tensor, table: Tensor) -> Tensor:
    """Planes (B, C, H, W) through the 8x8 cosine transform, rounded to steps of `table`, and back."""
    step = torch.arange(8, device=plane.device, dtype=torch.float32)
    basis = torch.cos((2 * step[None] + 1) * step[:, None] * math.pi / 16) * 0.5
    basis[0] *= math.sqrt(0.5)
    batch, channels, height, width = plane.shape
    blocks = plane.reshape(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    rounded = ((basis @ blocks @ basis.T) / table).round() * table
    return (basis.T @ rounded @ basis).transpose(3, 4).reshape(plane.shape)
