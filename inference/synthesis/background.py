"""What is behind the hands: rooms, cloth, people, clutter, things of skin's colour, dark studios with lamps."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

from .draws import Draws

_SCALE: Final = 0.6
"""Backgrounds are painted smaller than the picture: they are mostly out of focus."""
_CLUTTER: Final = 4
_PERSON: Final = 0.33
_STUDIO: Final = 0.12


def draw_background(draws: Draws, size_px: int, tone: Tensor) -> Tensor:
    """(B, 3, S, S) linear light behind the hands.

    Parameters
    ----------
    draws : random numbers
    size_px : side of the picture
    tone : (B, 3) linear colour of the hands' skin, which the person behind them shares
    """
    size = max(16, round(size_px * _SCALE))
    steps = torch.linspace(-1, 1, size, device=draws.device)
    x, y = steps[None, None, :], steps[None, :, None]
    picture = _wall(draws, size, x, y)
    light = torch.nn.functional.normalize(
        draws.normal(0, 0.6, (3,)) + torch.tensor([0, -0.4, 0.8], device=x.device), dim=1
    )
    canvas = _Canvas(picture, light)
    _clutter(draws, canvas, tone)
    _person(draws, canvas, tone)
    _clutter(draws, canvas, tone)
    picture = _studio(draws, canvas.picture, x, y)
    return torch.nn.functional.interpolate(
        picture.clamp(0, 4), (size_px, size_px), mode="bilinear", align_corners=False
    )


def displaced(picture: Tensor, shift_px: Tensor) -> Tensor:
    """Pictures (B, C, S, S) moved right and down by `shift_px` (B, 2), mirrored at the rims."""
    size = picture.shape[-1]
    steps = torch.arange(size, device=picture.device)
    x = (steps - shift_px[:, :1])[:, None, :].expand(-1, size, -1)
    y = (steps - shift_px[:, 1:])[:, :, None].expand(-1, -1, size)
    grid = torch.stack([x, y], -1) * (2 / (size - 1)) - 1
    return torch.nn.functional.grid_sample(picture, grid, padding_mode="reflection", align_corners=True)


def random_colour(draws: Draws) -> Tensor:
    """(B, 3) linear: greys and browns more often than pure colours."""
    colour = draws.uniform(0.01, 0.9, (3,))
    grey = colour.mean(1, keepdim=True)
    pure = draws.uniform(0, 1)[:, None] ** 1.7
    return torch.lerp(grey.expand(-1, 3), colour, pure) * draws.uniform(0.08, 1.0)[:, None]


def _cloud(draws: Draws, size: int, cells: int, channels: int = 1) -> Tensor:
    """(B, C, size, size) smooth noise with deviation about one."""
    values = draws.normal(0, 1, (channels, cells, cells))
    return torch.nn.functional.interpolate(values, (size, size), mode="bilinear", align_corners=True) * 1.5


def _wall(draws: Draws, size: int, x: Tensor, y: Tensor) -> Tensor:
    """A gradient with noise of several sizes, sometimes stripes, tiles or a far room's edges."""
    first, second = random_colour(draws), random_colour(draws)
    angle = draws.uniform(0, 2 * math.pi)[:, None, None]
    along = x * angle.cos() + y * angle.sin()
    plain = draws.chance(0.4)[:, None, None]
    share = (along * draws.uniform(0.4, 4.0)[:, None, None] + draws.normal(0, 0.6)[:, None, None]).sigmoid()
    share = torch.where(plain, share * 0.25, share)
    picture = torch.lerp(first[..., None, None], second[..., None, None], share[:, None])
    for cells in (3, 7, 15, 33):
        strength = draws.uniform(0, 1) ** 5 * 0.75 / cells**0.3
        coloured = _cloud(draws, size, cells, 3)
        grey = draws.uniform(0.5, 1.0)[:, None, None, None]
        coloured = torch.lerp(coloured, coloured[:, :1], grey)
        picture = picture * torch.exp(strength[:, None, None, None] * coloured)
    striped = draws.chance(0.22)
    frequency = torch.exp(draws.uniform(math.log(4), math.log(70)))[:, None, None]
    across = -x * angle.sin() + y * angle.cos()
    tiled = draws.chance(0.4)[:, None, None]
    wave = torch.sin(along * frequency)
    wave = torch.where(tiled, torch.maximum(wave, torch.sin(across * frequency * 0.8)), wave)
    edges = (wave * draws.uniform(1, 12)[:, None, None]).sigmoid()
    depth = (draws.uniform(0.1, 0.9) * striped)[:, None, None, None]
    return torch.lerp(picture, picture * draws.uniform(0.1, 1.8, (3,))[..., None, None], depth * edges[:, None])


class _Canvas:
    """Pictures (B, 3, H, W) that shapes are painted on, only where they are shown."""

    def __init__(self, picture: Tensor, light: Tensor) -> None:
        self.picture, self._light = picture, light
        height, width = picture.shape[-2:]
        self._x = torch.linspace(-1, 1, width, device=picture.device)[None, None, :]
        self._y = torch.linspace(-1, 1, height, device=picture.device)[None, :, None]

    def paint(self, shown: Tensor, shapes: Shapes, colour: Tensor, soft: Tensor | float = 0.03) -> None:
        """A shape on each picture where `shown` (B,), in its colour (B, 3); `soft` as in `rounded_shape`."""
        chosen = shown.nonzero().squeeze(1)
        if len(chosen) == 0:
            return
        soft = soft[chosen] if isinstance(soft, Tensor) else soft
        part = Shapes(*(values[chosen] for values in shapes))
        alpha, shade = rounded_shape(self._x, self._y, part, self._light[chosen], soft)
        painted = colour[chosen][..., None, None] * shade[:, None]
        self.picture[chosen] = torch.lerp(self.picture[chosen], painted, alpha[:, None])


class Shapes(NamedTuple):
    """Ellipses, rectangles and what lies between, one a picture."""

    place: Tensor  # (B, 2) middle, in half pictures from the picture's middle
    radii: Tensor  # (B, 2) in half pictures
    angle: Tensor  # (B,) radians
    squareness: Tensor  # (B,) 0 an ellipse, 1 a rectangle


def rounded_shape(x: Tensor, y: Tensor, shapes: Shapes, light: Tensor, soft: Tensor | float) -> tuple[Tensor, Tensor]:
    """Shapes lit like solid bodies.

    Parameters
    ----------
    x, y : (1, 1, W) and (1, H, 1) from -1 to 1
    shapes : where and what
    light : (B, 3) unit, in the shape's own axes
    soft : width of the rim in half pictures, one for all or (B,)

    Returns
    -------
    (B, H, W) the share of each pixel that it covers, and its brightness
    """
    cosine, sine = shapes.angle.cos()[:, None, None], shapes.angle.sin()[:, None, None]
    dx, dy = x - shapes.place[:, 0, None, None], y - shapes.place[:, 1, None, None]
    u = (dx * cosine + dy * sine) / shapes.radii[:, 0, None, None]
    v = (dy * cosine - dx * sine) / shapes.radii[:, 1, None, None]
    uu, vv = u * u, v * v
    squared = torch.lerp(uu + vv, torch.maximum(uu, vv), shapes.squareness[:, None, None])
    if isinstance(soft, Tensor):
        soft = soft[:, None, None]
    width = soft / shapes.radii.amin(1).clamp(min=0.02)[:, None, None]
    alpha = ((1 - squared.sqrt()) / width + 0.5).clamp_(0, 1)
    depth = (1 - squared).clamp_(min=0).sqrt_()
    lit = u * light[:, 0, None, None] + v * light[:, 1, None, None] + depth * light[:, 2, None, None]
    return alpha, (0.55 + 0.45 * lit).clamp_(0.08, 1.2)


def _person(draws: Draws, canvas: _Canvas, tone: Tensor) -> None:
    """A torso, and a head on it or beyond the picture: faces must not be taken for hands."""
    shown = draws.chance(_PERSON)
    scale = torch.exp(draws.uniform(math.log(0.5), math.log(1.6)))
    head = torch.stack([draws.normal(0, 0.5), draws.uniform(-1.3, 0.3)], 1)
    dim = draws.uniform(0.3, 1.1)[:, None]
    hair = draws.uniform(0.005, 0.3)[:, None] * draws.uniform(0.5, 1, (3,)) * dim
    skin, cloth = tone * dim, random_colour(draws)
    face = torch.stack([0.3 * scale, 0.4 * scale], 1)
    tilt, upright = draws.normal(0, 0.12), torch.zeros_like(scale)

    red = torch.tensor([0.85, 0.45, 0.45], device=skin.device)
    white = (0.6 * dim).expand(-1, 3)
    long_hair = shown & draws.chance(0.45)
    # Right of the face's middle, below it, half width, half height (in half faces), squareness, colour, where.
    parts = [
        (0, 0.35, 1.3, 1.5, 0.3, hair, long_hair),
        (0, 1.15, 0.5, 0.6, 0.6, skin * 0.7, shown),
        (0, 3.45, 2.6, 2.1, 0.55, cloth, shown),
        (0, -0.2, 1.1, 1.0, 0.1, hair, shown),
        (0, 0.08, 0.92, 0.98, 0.1, skin, shown),
        *((side, -0.3, 0.26, 0.04, 0, hair, shown) for side in (-0.38, 0.38)),
        *((side, -0.1, 0.17, 0.07, 0, white, shown) for side in (-0.38, 0.38)),
        *((side, -0.1, 0.08, 0.07, 0, hair * 0.3, shown) for side in (-0.38, 0.38)),
        (0, 0.2, 0.14, 0.24, 0, skin * 0.82, shown),
        (0, 0.55, 0.32, 0.08, 0, skin * red, shown),
    ]
    for right, down, width, height, square, colour, where in parts:
        across, along = right * face[:, 0], down * face[:, 1]
        place = head + torch.stack([across - along * tilt, along + across * tilt], 1)
        radii = face * torch.tensor([width, height], device=face.device)
        angle = upright if down > 1 else tilt
        canvas.paint(where, Shapes(place, radii, angle, torch.full_like(scale, square)), colour)


def _clutter(draws: Draws, canvas: _Canvas, tone: Tensor) -> None:
    """Things: boxes, balls, poles, some of them of skin's colour and as long and thin as arms and fingers."""
    busy, count = draws.chance(0.75), draws.uniform(0.1, 0.75)
    for _ in range(_CLUTTER):
        shown = busy & (draws.uniform() < count)
        skin = draws.chance(0.28)[:, None]
        place = draws.uniform(-1.15, 1.15, (2,))
        long = torch.exp(draws.uniform(math.log(0.05), math.log(1.1)))
        thin = (long * torch.exp(draws.uniform(math.log(0.08), 0.0))).clamp(min=0.015)
        box = draws.chance(0.5)
        square = torch.where(box, draws.uniform(0.75, 1.0), draws.uniform(0, 0.3))
        # Furniture and windows stand upright.
        angle = draws.uniform(0, math.pi)
        angle = torch.where(box & draws.chance(0.6), (angle / (math.pi / 2)).round() * (math.pi / 2), angle)
        colour = torch.where(skin, tone * draws.uniform(0.4, 1.2)[:, None], random_colour(draws))
        soft = 0.015 + 0.06 * draws.uniform() ** 3
        canvas.paint(shown, Shapes(place, torch.stack([long, thin], 1), angle, square), colour, soft)


def _studio(draws: Draws, picture: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Black rooms with a grid of lamps or lights in the dark, as capture stages have."""
    chosen = draws.chance(_STUDIO)
    dark = torch.where(chosen, draws.uniform(0.0, 0.06), torch.ones_like(draws.uniform()))
    picture = picture * dark[:, None, None, None]
    places = chosen.nonzero().squeeze(1)
    part = draws.of(places)
    lamps = _lamp_grid(part, x, y) if len(places) else picture[places]
    picture[places] += lamps
    return picture


def _lamp_grid(draws: Draws, x: Tensor, y: Tensor) -> Tensor:
    """(B, 3, H, W) light of bright discs in rows, with a glow."""
    angle, spacing = draws.uniform(0, 3.1)[:, None, None], draws.uniform(0.18, 0.7)[:, None, None]
    shift = draws.uniform(0, 1, (2,))[..., None, None]
    u = (x * angle.cos() + y * angle.sin()) / spacing + shift[:, 0]
    v = (y * angle.cos() - x * angle.sin()) / spacing + shift[:, 1]
    v_row = v.round()
    u = u + 0.5 * (v_row % 2)
    # A lamp a little off its place in the grid, some of them out.
    wobble = torch.sin(v_row * 12.9 + u.round() * 78.2) * 43.7
    wobble = wobble - wobble.floor()
    du, dv = (u - u.round() + 0.25 * (wobble - 0.5)) * spacing, (v - v_row + 0.2 * (0.5 - wobble)) * spacing
    distance = (du * du + dv * dv).sqrt()
    radius = draws.uniform(0.008, 0.035)[:, None, None]
    lamp = ((radius - distance) / 0.012 + 0.5).clamp(0, 1) * 3.0 + 0.25 * torch.exp(-distance / (1.2 * radius))
    lamp = lamp * (wobble > 0.2)
    tint = torch.exp(draws.normal(0, 0.12)[:, None] * torch.tensor([0.6, 0.0, -1.0], device=x.device))
    return lamp[:, None] * tint[..., None, None]
