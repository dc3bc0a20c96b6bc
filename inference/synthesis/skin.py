"""What skin looks like before light falls on it: tones, creases, nails, blotches, veins; and cloth for sleeves.

Marks that belong to places of the hand are baked once into an atlas over the model's texture coordinates, from rules in
the rest pose. Marks that differ between people come from a block of noise that is looked up at the rest position.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..hands.joint_axes import child_points
from ..hands.joints import FINGERS
from ..hands.model import HandModel
from .draws import Draws
from .forearm import HAND, SLEEVE
from .hand_surface import HandSurface, vertex_normals
from .rasterizer import Fragments, rasterize

Array = NDArray[np.float64]

ATLAS_PX: Final = 512
_NOISE_CELLS: Final = 32
_NOISE_SEED: Final = 20260922

_TONES_SRGB: Final = (
    (246, 226, 212), (240, 213, 196), (238, 203, 178), (226, 186, 156), (205, 160, 126),
    (170, 122, 88), (135, 92, 66), (101, 67, 51), (70, 48, 40), (46, 34, 30),
)  # fmt: skip
"""From the lightest to the darkest: the ten lightness steps of the Monk scale (Monk 2019), redder, as hands are."""

# In the rest frame's x and z, millimetres, right hand, palm seen from below: heart, head and life line.
_PALM_LINES_MM: Final = (
    ((-70, -44), (-77, -30), (-82, -12), (-88, 6), (-92, 14)),
    ((-76, 36), (-72, 22), (-64, 2), (-54, -18), (-46, -32)),
    ((-76, 37), (-68, 22), (-52, 8), (-32, 2), (-12, 4)),
)

CREASE, FLUSH, NAIL, CUTICLE, PALM, WRINKLE, TENDON = range(7)
"""Channels of the atlas."""


class Material(NamedTuple):
    """Surface of N fragments, linear colours."""

    albedo: Tensor  # (3, N)
    height_mm: Tensor  # (N,) bumps
    gloss: Tensor  # (N,) strength of the highlight against plain skin's


class Skin(nn.Module):
    """The atlas and the noise of one hand model.

    Parameters
    ----------
    surface : the hand; its model must have texture coordinates
    """

    atlas: Tensor
    noise: Tensor
    tones: Tensor

    def __init__(self, surface: HandSurface) -> None:
        super().__init__()
        self.register_buffer("atlas", _bake(surface), persistent=False)
        self.register_buffer("noise", _noise_block(), persistent=False)
        tones = srgb_to_linear(torch.tensor(_TONES_SRGB, dtype=torch.float32) / 255)
        self.register_buffer("tones", tones, persistent=False)

    def draw_tone(self, draws: Draws) -> Tensor:
        """(B, 3) linear skin colours over the whole range, lighter and redder or yellower than the tables' mean."""
        place = draws.uniform(0, 1) ** 1.15 * (len(self.tones) - 1.001)
        low = place.long()
        tone = torch.lerp(self.tones[low], self.tones[low + 1], (place - low)[:, None])
        warm = draws.normal(0, 0.07)[:, None] * torch.tensor([1.0, -0.35, -0.8], device=tone.device)
        return (tone * torch.exp(draws.normal(0, 0.06)[:, None] + warm)).clamp(0.005, 0.95)

    def material(
        self, draws: Draws, tone: Tensor, fragments: Fragments, *, part: Tensor, uv: Tensor, rest_m: Tensor
    ) -> Material:
        """Surface of N fragments.

        Parameters
        ----------
        draws : random numbers of the B pictures
        tone : (B, 3) linear skin colour
        fragments : where
        part : (N,) `forearm.HAND`, `ARM` or `SLEEVE`
        uv : (N, 2) texture coordinates
        rest_m : (N, 3) rest position
        """
        of, device = fragments.per_picture, tone.device
        marks = torch.nn.functional.grid_sample(
            self.atlas[None], (uv * 2 - 1)[None, None], align_corners=False, padding_mode="border"
        )[0, :, 0]
        is_hand, is_cloth = (part == HAND).float(), part == SLEEVE
        marks = marks * is_hand
        # One look at the noise for blotches, one finer for pores and hair; both moved differently in every picture.
        shift = of(draws.uniform(0, 1, (3,))).t()
        coarse = self._look(rest_m * 14 + shift)
        fine = self._look(rest_m * of(draws.uniform(70, 110))[:, None] + shift)
        dark = 1 - tone.mean(1).sqrt()  # 0 light to nearly 1
        strengths = torch.stack(
            [
                draws.uniform(0.15, 0.5),  # creases
                draws.uniform(0.0, 0.55) * (1 - 0.6 * dark),  # flush
                draws.uniform(0.0, 0.14),  # blotches
                draws.uniform(0.0, 0.09),  # pores
                draws.uniform(0.0, 0.22) * draws.chance(0.6),  # veins
                draws.uniform(0.0, 0.25) * draws.chance(0.3),  # hair
                (0.15 + 0.75 * dark) * draws.uniform(0.4, 1.0),  # lighter palms
                draws.uniform(0.0, 0.8),  # height of wrinkles
            ],
            1,
        )
        crease, flush, blotch, pore, vein, hair, light_palm, relief = of(strengths).unbind(0)
        back = 1 - marks[PALM].clamp(0, 1)
        value = 1 - crease * (marks[CREASE] + 0.5 * marks[WRINKLE]).clamp(0, 1)
        value = value * (1 + blotch * coarse[0] + pore * fine[1]).clamp(min=0.3)
        veins = torch.exp(-((coarse[2] / 0.16) ** 2)) * back * vein
        hairs = hair * (fine[2] - 0.6).clamp(0, 1) * back * (1 - 0.75 * is_hand)
        value = value * (1 - hairs)
        pale = torch.tensor([0.66, 0.39, 0.30], device=device) * (0.35 + 0.65 * tone.mean(1, keepdim=True).sqrt())
        bare_nail = torch.tensor([0.72, 0.47, 0.41], device=device) * tone.mean(1, keepdim=True).sqrt()
        nail = torch.where(draws.chance(0.12)[:, None], draws.uniform(0.02, 0.8, (3,)), 0.55 * tone + 0.45 * bare_nail)
        skin = of(tone)
        skin = torch.lerp(skin, of(pale), light_palm * marks[PALM])
        red = flush * (marks[FLUSH] + 0.25 * coarse[3].clamp(-1, 1))
        tint = torch.stack([1 + 0.1 * red - 0.6 * veins, 1 - 0.5 * red - 0.3 * veins, 1 - 0.45 * red - 0.1 * veins])
        albedo = skin * tint.clamp(min=0.2) * value
        albedo = torch.lerp(albedo, of(nail), marks[NAIL].expand(3, -1)) * (1 - 0.35 * marks[CUTICLE])
        albedo = torch.where(is_cloth, self._cloth(draws, fragments, rest_m, fine, coarse), albedo)
        height = relief * (0.35 * marks[TENDON] - 0.35 * marks[CREASE] - 0.25 * marks[WRINKLE] + 0.05 * fine[1])
        height = height + 0.3 * veins + 0.12 * marks[NAIL]
        height = torch.where(is_cloth, 0.4 * coarse[0] + 0.1 * fine[0], height)
        gloss = torch.where(is_cloth, torch.full_like(height, 0.08), 1 + 1.5 * marks[NAIL])
        return Material(albedo.clamp(0.002, 0.97), height, gloss)

    def _cloth(self, draws: Draws, fragments: Fragments, rest_m: Tensor, fine: Tensor, coarse: Tensor) -> Tensor:
        """(3, N) sleeves: plain, striped, knitted."""
        of = fragments.per_picture
        first = draws.uniform(0.01, 0.9, (3,)) * draws.uniform(0.1, 1.0)[:, None]
        first = torch.lerp(first.mean(1, keepdim=True).expand(-1, 3), first, draws.uniform(0, 1)[:, None])
        second = torch.lerp(first, draws.uniform(0.01, 0.8, (3,)), draws.chance(0.35)[:, None].float())
        frequency, phase, around = draws.uniform(80, 900), draws.uniform(0, 6), draws.chance(0.5).float()
        along, across = of(frequency * around), of(frequency * (1 - around))
        wave = torch.sin(rest_m[:, 0] * along + rest_m[:, 2] * across + of(phase))
        mixed = torch.lerp(of(first), of(second), (wave * 4).sigmoid())
        return mixed * (1 + 0.12 * coarse[0] + 0.08 * fine[0]).clamp(min=0.3)

    def _look(self, place: Tensor) -> Tensor:
        """(4, N) the noise at places (N, 3), which repeat with period one."""
        grid = (place - place.floor()) * 2 - 1
        return torch.nn.functional.grid_sample(self.noise[None], grid[None, None, None], align_corners=True)[0, :, 0, 0]


def srgb_to_linear(colour: Tensor) -> Tensor:
    """sRGB values in [0, 1] to linear light (IEC 61966-2-1)."""
    return torch.where(colour <= 0.04045, colour / 12.92, ((colour.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(light: Tensor) -> Tensor:
    """Linear light in [0, 1] to sRGB values."""
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def _noise_block() -> Tensor:
    """(4, D, D, D) periodic noise, deviation about one: two octaves, fine, ridges, coarse; first plane again last."""
    generator = torch.Generator().manual_seed(_NOISE_SEED)
    size = _NOISE_CELLS

    def octave(cells: int) -> Tensor:
        values = torch.randn(1, 1, cells, cells, cells, generator=generator)
        padded = torch.nn.functional.pad(values, (0, 1) * 3, mode="circular")
        steps = torch.arange(size) / size * cells
        low, share = steps.long(), steps - steps.long()
        share = share * share * (3 - 2 * share)
        for axis in (2, 3, 4):
            shape = [1] * 5
            shape[axis] = size
            weight = share.reshape(shape)
            padded = padded.index_select(axis, low) * (1 - weight) + padded.index_select(axis, low + 1) * weight
        return padded[0, 0] / padded.std()

    channels = [0.7 * octave(4) + 0.5 * octave(10), octave(size), octave(8), octave(5)]
    block = torch.stack(channels)[None]
    return torch.nn.functional.pad(block, (0, 1) * 3, mode="circular")[0]


def _bake(surface: HandSurface) -> Tensor:
    """(7, A, A) marks over the texture coordinates; one texel beyond the islands' rims is filled from within."""
    model = surface.model
    if model.uv is None:
        raise ValueError("the hand model has no texture coordinates, which its skin needs")
    quads = model.polygons[:, 3] >= 0
    uv = np.concatenate([model.uv[:, :3], model.uv[quads][:, [0, 2, 3]]])
    corners = torch.tensor(uv, dtype=torch.float32).reshape(1, -1, 2) * ATLAS_PX - 0.5
    faces = torch.arange(corners.shape[1]).reshape(-1, 3)
    depth = torch.ones(1, corners.shape[1])
    seen = rasterize(corners, depth, faces, (ATLAS_PX, ATLAS_PX), facing="both", projection="parallel")
    normals = vertex_normals(surface.layer.v_template, surface.faces)
    place = torch.cat([surface.layer.v_template, normals], 1)[surface.faces]
    values = seen.interpolate_corners(place).double().numpy()
    marks = _marks(model, values[:, :3], values[:, 3:] / np.linalg.norm(values[:, 3:], axis=1, keepdims=True))
    atlas = torch.zeros(7, ATLAS_PX * ATLAS_PX)
    covered = torch.zeros(1, ATLAS_PX * ATLAS_PX)
    atlas[:, seen.pixel] = torch.tensor(marks, dtype=torch.float32)
    covered[:, seen.pixel] = 1
    atlas, covered = atlas.unflatten(1, (ATLAS_PX, -1)), covered.unflatten(1, (ATLAS_PX, -1))
    pool = torch.nn.AvgPool2d(5, 1, 2)
    around, weight = pool(atlas[None])[0], pool(covered[None])[0]
    return torch.where(covered > 0, atlas, around / weight.clamp(min=1e-3))


def _marks(model: HandModel, rest: Array, normal: Array) -> Array:
    """(7, N) marks at rest positions (N, 3) with normals (N, 3)."""
    marks = np.zeros((7, len(rest)))
    joints = np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])
    ends = joints[child_points()]
    palmar = normal @ model.joint_axes[0][:, 2]
    marks[PALM] = 1 / (1 + np.exp(-8 * (palmar - 0.05)))
    for finger, name in enumerate(FINGERS):
        for segment in range(3):
            joint = 1 + 3 * finger + segment
            across, along, towards = model.joint_axes[joint].T
            apart = rest - joints[joint]
            length = np.linalg.norm(ends[joint] - joints[joint])
            t, side, lift = apart @ along, apart @ across, apart @ towards
            facing = normal @ towards
            near = np.exp(-((np.hypot(side, lift) / 0.0125) ** 6))
            inner, outer = near * np.clip(facing * 2 + 0.3, 0, 1), near * np.clip(-facing * 2 + 0.3, 0, 1)
            if name == "thumb" and segment == 0:
                continue
            bent = t + 0.0006 * np.sin(side * 900)
            if segment == 0:
                crease = np.exp(-(((bent - 0.52 * length) / 0.0009) ** 2)) if name != "thumb" else 0 * t
                marks[FLUSH] = np.maximum(marks[FLUSH], 0.7 * outer * np.exp(-((t / 0.009) ** 2)))
                marks[WRINKLE] = np.maximum(
                    marks[WRINKLE], 0.4 * outer * np.exp(-((t / 0.006) ** 2)) * _stripes(bent, 0.0024)
                )
            else:
                crease = np.exp(-(((bent - 0.0008) / 0.0008) ** 2)) + 0.7 * np.exp(-(((bent + 0.0018) / 0.0007) ** 2))
                reach = 0.0045 if segment == 1 else 0.0032
                folds = np.exp(-((t / reach) ** 2)) * _stripes(bent + 8 * side**2, 0.0021)
                marks[WRINKLE] = np.maximum(marks[WRINKLE], outer * folds)
                marks[FLUSH] = np.maximum(marks[FLUSH], 0.6 * outer * np.exp(-((t / 0.007) ** 2)))
            marks[CREASE] = np.maximum(marks[CREASE], inner * np.clip(crease, 0, 1))
            if segment == 2:
                _mark_nail(marks, t / length, side, facing, near, wide=name == "thumb")
                tip = np.exp(-(((t - 0.75 * length) / (0.4 * length)) ** 2)) * inner
                marks[FLUSH] = np.maximum(marks[FLUSH], 0.8 * tip)
    _mark_palm(marks, rest, palmar)
    _mark_tendons(marks, model, rest, palmar)
    return np.clip(marks, 0, 1)


def _mark_nail(marks: Array, t: Array, side_m: Array, facing: Array, near: Array, *, wide: bool) -> None:
    """A rounded rectangle on the back of the last segment; `t` is the share of its length."""
    half = 0.0068 if wide else 0.0052
    x, y = side_m / half, (t - 0.78) / 0.24
    shape = (np.abs(x) ** 3.5 + np.abs(y) ** 3.5) ** (1 / 3.5)
    outside = (facing < -0.05) * near
    marks[NAIL] = np.maximum(marks[NAIL], outside / (1 + np.exp(np.clip((shape - 1) * 22, -60, 60))))
    rim = np.exp(-(((shape - 1.08) / 0.09) ** 2)) * outside * (y < 0.85)
    marks[CUTICLE] = np.maximum(marks[CUTICLE], rim)


def _mark_palm(marks: Array, rest: Array, palmar: Array) -> None:
    """The three lines and the flush of the balls of thumb and little finger."""
    inside = np.clip(palmar * 3 - 0.6, 0, 1)
    flat = rest[:, [0, 2]] * 1000
    for line in _PALM_LINES_MM:
        points = np.array(line, dtype=np.float64)
        distance = np.full(len(rest), np.inf)
        for start, end in pairwise(points):
            step = end - start
            share = np.clip((flat - start) @ step / (step @ step), 0, 1)
            distance = np.minimum(distance, np.linalg.norm(flat - start - share[:, None] * step, axis=1))
        marks[CREASE] = np.maximum(marks[CREASE], 0.8 * inside * np.exp(-((distance / 0.9) ** 2)))
    for centre, size in (((-40, 28), 22), ((-35, -28), 20), ((-88, -10), 26)):
        away = np.linalg.norm(flat - np.array(centre), axis=1)
        marks[FLUSH] = np.maximum(marks[FLUSH], 0.55 * inside * np.exp(-((away / size) ** 2)))


def _mark_tendons(marks: Array, model: HandModel, rest: Array, palmar: Array) -> None:
    """Ridges on the back from the wrist to the knuckles."""
    behind = np.clip(-palmar * 2 - 0.4, 0, 1)
    wrist = model.joint_template[0]
    for joint in (1, 4, 7, 10):
        knuckle = model.joint_template[joint]
        start = wrist + 0.25 * (knuckle - wrist)
        step = knuckle - start
        share = (rest - start) @ step / (step @ step)
        nearest = start + np.clip(share, 0, 1)[:, None] * step
        away = np.linalg.norm((rest - nearest)[:, [0, 2]], axis=1)
        ridge = behind * np.exp(-((away / 0.0032) ** 2)) * np.clip(share * 3, 0, 1) * (share < 1.0)
        marks[TENDON] = np.maximum(marks[TENDON], ridge)


def _stripes(place: Array, period: float) -> Array:
    return 0.5 + 0.5 * np.cos(2 * np.pi * place / period)
