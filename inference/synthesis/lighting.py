"""Light on the hands: a few lamps with shadows, light from all around that other fingers keep off, highlights."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

from .conditions import Conditions
from .draws import Draws
from .rasterizer import Fragments, rasterize
from .skin import Material

LAMPS: Final = 3
_SHADOW_LAMPS: Final = 2
_SHADOW_PX: Final = 144
_SHADOW_RADIUS_M: Final = 0.17
_BIAS_M: Final = 0.0028
_LIGHT_DISTANCE_M: Final = 2.0
_TAPS: Final = (
    (0.0, 0.0), (0.55, 0.2), (-0.3, 0.5), (-0.5, -0.35), (0.25, -0.55),
    (0.95, -0.25), (0.15, 0.98), (-0.92, 0.25), (-0.15, -0.97),
)  # fmt: skip


class Lamps(NamedTuple):
    """Lights of B pictures, camera axes."""

    direction: Tensor  # (B, L, 3) unit, towards the lamp
    colour: Tensor  # (B, L, 3) linear
    softness_m: Tensor  # (B, L) width of the shadows' rims
    up: Tensor  # (B, 3) unit, where the sky is
    sky: Tensor  # (B, 3) light from above
    ground: Tensor  # (B, 3) light from below
    shine: Tensor  # (B, 2) strength and exponent of highlights


def draw_lamps(draws: Draws, conditions: Conditions, hard_shadows: float) -> Lamps:
    """One to three lamps: in front, above, at the side, sometimes behind the hands.

    Parameters
    ----------
    draws : random numbers
    conditions : backlight, infra-red and so on
    hard_shadows : share of the lamps whose shadows have sharp rims
    """
    device = draws.device
    direction = torch.stack([draws.direction() for _ in range(LAMPS)], 1)
    x, y, z = direction.unbind(-1)
    z = torch.where(conditions.lamps_behind[:, None], z, -z.abs() - 0.15)
    y = y - draws.uniform(0, 0.9)[:, None]
    direction = torch.nn.functional.normalize(torch.stack([x, y, z], -1), dim=-1)
    from_camera = draws.normal(0, 0.12, (3,)) + torch.tensor([0.0, 0.0, -1.0], device=device)
    main = direction[:, 0]
    behind = torch.stack([main[:, 0], main[:, 1], main[:, 2].abs() + 0.5], -1)
    main = torch.where(conditions.backlight[:, None], behind, main)
    main = torch.where(conditions.infrared[:, None], from_camera, main)
    direction = torch.cat([torch.nn.functional.normalize(main, dim=-1)[:, None], direction[:, 1:]], 1)
    temperature = draws.normal(0, 0.16, (LAMPS,)) + draws.normal(0, 0.12)[:, None]
    tint = torch.exp(temperature[..., None] * torch.tensor([0.6, 0.0, -1.0], device=device))
    odd = draws.chance(0.06)[:, None, None]
    tint = torch.where(odd, draws.uniform(0.15, 1.3, (LAMPS, 3)), tint)
    strength = draws.uniform(0.35, 1.0, (LAMPS,)) * torch.tensor([1.0, 0.6, 0.5], device=device)
    strength = strength * (1 + conditions.backlight[:, None] * torch.tensor([0.8, -0.6, -0.6], device=device))
    first = torch.ones(draws.batch, dtype=torch.bool, device=device)
    several = ~conditions.infrared
    on = torch.stack([first, draws.chance(0.6) & several, draws.chance(0.35) & several], 1)
    around = draws.uniform(0.08, 0.75)
    around = torch.where(conditions.dim | conditions.infrared, around * 0.25, around)
    up = torch.nn.functional.normalize(
        draws.normal(0, 0.35, (3,)) + torch.tensor([0.0, -1.0, -0.2], device=device), dim=-1
    )
    sky_tint = torch.exp(draws.normal(0, 0.12)[:, None] * torch.tensor([0.6, 0.0, -1.0], device=device))
    ground = draws.uniform(0.2, 1.0, (3,)) * 0.4 + draws.uniform(0.1, 0.8)[:, None] * 0.6
    shine = torch.stack([draws.uniform(0, 1) ** 2 * 0.45, torch.exp(draws.uniform(math.log(6), math.log(60)))], 1)
    hard = draws.chance(hard_shadows, (LAMPS,))
    softness = torch.where(hard, draws.uniform(0.0008, 0.003, (LAMPS,)), draws.uniform(0.004, 0.016, (LAMPS,)))
    return Lamps(
        direction,
        tint * (strength * on)[..., None],
        softness,
        up,
        around[:, None] * sky_tint,
        around[:, None] * sky_tint * ground,
        shine,
    )


def occlusion(vertices_m: Tensor, normals: Tensor, centres_m: Tensor, radii_m: Tensor) -> Tensor:
    """(B, N) share of the light from all around that reaches each vertex past spheres (B, K, 3) of radii (B, K).

    A sphere of radius r at distance d keeps off about cos(angle) r^2 / d^2 of what a vertex would get (I. Quilez,
    "Sphere ambient occlusion"); one below the vertex's own horizon nothing.
    """
    product = vertices_m @ centres_m.transpose(1, 2)
    squared = vertices_m.square().sum(-1, keepdim=True) + centres_m.square().sum(-1)[:, None] - 2 * product
    height = normals @ centres_m.transpose(1, 2) - (normals * vertices_m).sum(-1, keepdim=True)
    inverse = squared.clamp(min=1e-6).rsqrt()
    covered = (height.clamp(min=0) * inverse * (inverse * radii_m[:, None]).square().clamp(max=1.0)).sum(-1)
    return torch.exp(-0.9 * covered)


def shade(
    lamps: Lamps,
    material: Material,
    fragments: Fragments,
    *,
    normal: Tensor,
    position_m: Tensor,
    sky_share: Tensor,
    shadows: Tensor,
    translucency: Tensor,
) -> Tensor:
    """(3, N) linear light that the camera gets.

    Parameters
    ----------
    lamps, material, fragments : what is lit
    normal, position_m : (3, N) in camera axes, normals with the bumps
    sky_share : (N,) from `occlusion`
    shadows : (S, N) share of each shadow-casting lamp that arrives
    translucency : (B,) how far light seeps round the edge of shadow: 0 plaster to 1 thin skin
    """
    device = normal.device
    of = fragments.per_picture
    upwards = (normal * of(lamps.up)).sum(0) * 0.5 + 0.5
    ground = of(lamps.ground)
    around = ground + (of(lamps.sky) - ground) * upwards
    # Where fingers keep the sky off, what arrives has been reflected by skin: it is red.
    lost = 1 - sky_share
    light = around * (1 - lost * torch.tensor([[0.85], [1.03], [1.1]], device=device)).clamp(min=0.02)
    view = -unit(position_m)
    wrap = of(translucency) * torch.tensor([[0.35], [0.12], [0.07]], device=device)
    inverse_wrap = 1 / (1 + wrap)
    strength, exponent = of(lamps.shine).unbind(0)
    gloss = strength * material.gloss
    peak_height = (exponent + 8) * (1 / 24) * gloss
    highlight = around * (0.25 * gloss * (1 - (normal * view).sum(0).clamp(0, 1)).square().square() * sky_share)
    for lamp in range(LAMPS):
        direction, colour = of(lamps.direction[:, lamp]), of(lamps.colour[:, lamp])
        arrives = shadows[lamp] if lamp < len(shadows) else sky_share
        colour = colour * arrives
        cosine = (normal * direction).sum(0)
        light.addcmul_(colour, ((cosine + wrap) * inverse_wrap).clamp_(min=0))
        half = unit(direction + view)
        peak = (normal * half).sum(0).clamp(min=1e-3) ** exponent
        glancing = 1 - (view * half).sum(0).clamp(0, 1)
        fresnel = 0.35 + 0.65 * glancing * glancing * glancing
        highlight.addcmul_(colour, peak * fresnel * peak_height * (cosine > 0))
    return material.albedo * light + 0.35 * highlight


def unit(vectors: Tensor) -> Tensor:
    """(3, N) vectors at length one."""
    return vectors * vectors.square().sum(0).clamp(min=1e-12).rsqrt()


def cast_shadows(
    lamps: Lamps,
    fragments: Fragments,
    *,
    vertices_m: Tensor,
    faces: Tensor,
    drawn: Tensor,
    centre_m: Tensor,
    position_m: Tensor,
    normal: Tensor,
) -> Tensor:
    """(S, N) share of the first lamps' light that reaches each fragment past the hands.

    Parameters
    ----------
    fragments : where to look
    vertices_m : (B, V, 3) in camera axes
    faces, drawn : triangles (F, 3), and which are drawn (B, F)
    centre_m : (B, 3) middle of the hands, about which shadows are kept
    position_m, normal : (3, N)
    """
    shares = []
    of = fragments.per_picture
    base = fragments.picture * (_SHADOW_PX * _SHADOW_PX)
    moved = position_m + normal * _BIAS_M - of(centre_m)
    scale, middle = _SHADOW_PX / (2 * _SHADOW_RADIUS_M), (_SHADOW_PX - 1) / 2
    for lamp in range(_SHADOW_LAMPS):
        axes = _axes_of(lamps.direction[:, lamp])  # (B, 3, 3) rows: x, y, depth (away from the lamp)
        seen = (vertices_m - centre_m[:, None]) @ axes.transpose(1, 2)
        # Depths are positive: a light's map starts well before the hands.
        found = rasterize(
            seen[..., :2] * scale + middle,
            seen[..., 2] + _LIGHT_DISTANCE_M,
            faces,
            (_SHADOW_PX, _SHADOW_PX),
            drawn=drawn,
            projection="parallel",
        )
        depth = torch.full((len(vertices_m) * _SHADOW_PX * _SHADOW_PX,), 1e3, device=seen.device)
        depth[found.pixel] = found.depth
        x, y, z = ((of(row) * moved).sum(0) for row in axes.unbind(1))
        column, row = x * scale + middle, y * scale + middle
        limit = z + (_LIGHT_DISTANCE_M - 0.6 * _BIAS_M)
        radius = of(lamps.softness_m[:, lamp]) * scale
        total = torch.zeros_like(limit)
        for right, down in _TAPS:
            at_column = (column + right * radius).round_().clamp_(0, _SHADOW_PX - 1)
            at_row = (row + down * radius).round_().clamp_(0, _SHADOW_PX - 1)
            place = at_row.mul_(_SHADOW_PX).add_(at_column).long().add_(base)
            total += depth.index_select(0, place) > limit
        shares.append(total * (1 / len(_TAPS)))
    return torch.stack(shares)


def bump(normal: Tensor, height_mm: Tensor, fragments: Fragments, size_px: int, pixels_per_m: Tensor) -> Tensor:
    """(3, N) normals tilted by the slope of bumps, which is taken between neighbouring pixels.

    Parameters
    ----------
    normal : (3, N) camera axes
    height_mm : (N,) bumps
    fragments : where; side of the picture `size_px`
    pixels_per_m : (N,) scale at each fragment
    """
    pixel = fragments.pixel
    if len(pixel) == 0:
        return normal
    field = torch.zeros(int(pixel[-1]) + size_px + 2, device=normal.device)
    field[pixel] = height_mm
    tilted = normal.clone()
    for axis, step in enumerate((1, size_px)):
        ahead, back = field.index_select(0, pixel + step), field.index_select(0, (pixel - step).clamp(min=0))
        tilted[axis] -= ((ahead - back) * (0.5e-3 * pixels_per_m)).clamp_(-0.6, 0.6)
    return unit(tilted)


def _axes_of(direction: Tensor) -> Tensor:
    """(B, 3, 3) a right-handed frame whose third row points away from the lamp."""
    depth = -direction
    helper = torch.where(
        depth[:, :1].abs() < 0.8,
        torch.tensor([1.0, 0.0, 0.0], device=depth.device),
        torch.tensor([0.0, 1.0, 0.0], device=depth.device),
    )
    x = torch.nn.functional.normalize(torch.linalg.cross(helper, depth), dim=1)
    y = torch.linalg.cross(depth, x)
    return torch.stack([x, y, depth], 1)
