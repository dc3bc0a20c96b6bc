"""Samples: pictures of two hands with everything that is true of them, by seed and index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from ..hands.model import HandModel
from ..hands.torch_layer import rotvec_to_matrix
from .arrangement import Arrangement, ArrangementShares, draw_arrangement
from .background import displaced, draw_background
from .background_pictures import BackgroundPictures
from .clip_motion import camera_sway, draw_clip
from .conditions import Conditions, ConditionShares, draw_conditions
from .draws import Draws
from .forearm import ArmMesh, Arms
from .hand_surface import HandSurface, bone_spheres, vertex_normals
from .held_out import Use, check_seed, poses_for
from .interactions import InteractionLibrary, load_interactions
from .lighting import Lamps, bump, cast_shadows, draw_lamps, occlusion, shade, unit
from .occluders import draw_occluders
from .rasterizer import Fragments, rasterize
from .scene import NEAR_M, Drift, Scene
from .sensor import blur_some, develop
from .skin import Material, Skin
from .truth import Samples, Truth
from .viewpoint import Framing, Viewpoint, draw_viewpoint

BRIGHTEST: Final = 2.0
"""Highlights end here: a brighter one would eat into the smooth rims that averaging pixels makes."""
_FIRST_CLIP: Final = 1 << 40
"""Clips' numbers begin here, pictures' numbers end before."""
_CAMERA_SWAY: Final = 0.012
"""How far a camera that is held by hand moves the picture, in its sides."""
_LONGEST_SHUTTER: Final = 0.6
"""Share of a frame's time."""
_INFRARED_SKIN: Final = 0.55
_BRIGHTER_BEHIND: Final = 1.6
_DARKER_BEHIND: Final = 1.2
"""Logarithms by which backgrounds differ from usual where light stands behind the hands, or comes from the camera."""


@dataclass(frozen=True)
class Settings:
    """What the pictures are like.

    Attributes
    ----------
    size_px : side of a sample
    framing : a detector's crop round the hands, or a whole picture
    supersampling : pixels are drawn at this many times the size, then averaged
    shares : kinds of samples
    conditions : how often the light is hard
    use : training or tests, which share neither two-hand poses nor seeds
    """

    size_px: int = 192
    framing: Framing = "crop"
    supersampling: float = 1.375
    shares: ArrangementShares = field(default_factory=ArrangementShares)
    conditions: ConditionShares = field(default_factory=ConditionShares)
    use: Use = "training"

    def as_dict(self) -> dict[str, Any]:
        """For a file that says how pictures were made."""
        return asdict(self)


class Look(NamedTuple):
    """How B scenes look, by whatever renderer."""

    tone: Tensor  # (B, 3) linear colour of the skin
    material: Material  # of the fragments
    lamps: Lamps
    translucency: Tensor  # (B,) see `lighting.shade`


class Generator(nn.Module):
    """Makes samples on the device that it is on.

    Parameters
    ----------
    model : the right hand
    library : two-hand poses, of which those for another use are left out
    settings : what the pictures are like
    backgrounds : pictures that lie behind some of the hands
    """

    sphere_centres: Tensor
    sphere_radii: Tensor

    def __init__(
        self,
        model: HandModel,
        library: InteractionLibrary,
        settings: Settings | None = None,
        backgrounds: BackgroundPictures | None = None,
    ) -> None:
        super().__init__()
        self.settings, self._backgrounds = settings or Settings(), backgrounds
        self.surface = HandSurface(model)
        self.mesh = ArmMesh(self.surface)
        self.truth = Truth(self.surface, self.mesh)
        self.skin = Skin(self.surface)
        self.library = poses_for(library, self.settings.use)
        centres, radii, _ = bone_spheres(model, along=(0.7,))
        self.register_buffer("sphere_centres", centres, persistent=False)
        self.register_buffer("sphere_radii", radii, persistent=False)

    @classmethod
    def from_weights(
        cls, weights_dir: Path, settings: Settings | None = None, backgrounds: BackgroundPictures | None = None
    ) -> Generator:
        """With the shipped hand and the shipped poses."""
        from ..hands.open_hand import load_hand_models

        return cls(load_hand_models(weights_dir)["right"], load_interactions(weights_dir), settings, backgrounds)

    def as_dict(self) -> dict[str, Any]:
        """For a file that says how pictures were made."""
        return {**self.settings.as_dict(), "background_pictures": len(self._backgrounds or ())}

    @torch.no_grad()
    def make(self, seed: int, indices: Tensor) -> Samples:
        """The samples `indices` (B,) int64 of the set `seed`; each is the same in every batch.

        Raises
        ------
        HandsError
            USAGE where the seed is for another use than the settings'
        """
        check_seed(seed, self.settings.use)
        draws = Draws(seed, indices.to(self._device))
        arrangement = draw_arrangement(draws, self.surface, self._library_here(), self.settings.shares)
        vertices, points = self._placed(arrangement)
        arms = self.mesh.build(draws, arrangement, vertices, points)
        view = self._view(draws, points, arms.elbows_m, arrangement.present)
        return self._picture(draws, self._scene(indices.to(self._device), arrangement, view, arms, points))

    @torch.no_grad()
    def make_clip(self, seed: int, number: int, times_s: Tensor, batch: int = 16) -> Iterator[Samples]:
        """The frames of clip `number` of the set `seed` at times (F,), ascending from 0, `batch` of them at a time.

        One person, light, camera and background; hands and camera move smoothly. ``index`` counts the frames.

        Raises
        ------
        HandsError
            USAGE where the seed is for another use than the settings'
        """
        check_seed(seed, self.settings.use)
        times = times_s.to(self._device)
        frames = torch.arange(len(times), device=self._device)
        draws = Draws(seed, torch.full_like(frames, _FIRST_CLIP + number), frames)
        clip = draws.of(frames[:1]).branches(1)
        draws.skip(1)
        arrangement = draw_clip(clip, self.surface, self._library_here(), self.settings.shares, times)
        vertices, points = self._placed(arrangement)
        arms = self.mesh.build(draws, arrangement, vertices, points, one_person_moves=True)
        # One camera that sees what all frames show, held by hand.
        all_points = points.transpose(0, 1).flatten(1, 2)[None]
        view = self._view(clip, all_points, arms.elbows_m.mean(0, keepdim=True), arrangement.present[:1])
        drift_px = camera_sway(clip, times) * (_CAMERA_SWAY * self.settings.size_px)
        zero = torch.zeros_like(times)
        angle = drift_px[:, :2] / view.focal_px[:, None]
        roll = drift_px[:, 2] / self.settings.size_px
        view = view.panned(rotvec_to_matrix(torch.stack([-angle[:, 1], angle[:, 0], roll], 1)))
        scene = self._scene(frames, arrangement, view, arms, points)
        shown = arrangement.present[..., None, None]
        middle = (view.project(scene.points_m) * shown).sum((1, 2)) / shown.sum((1, 2))
        speed = torch.gradient(middle, dim=0)[0] if len(times) > 1 else torch.stack([zero, zero], 1)
        shutter = clip.uniform(0, _LONGEST_SHUTTER)
        scene = replace(scene, drift=Drift(drift_px[:, :2], speed * shutter[:, None]))
        for start in range(0, len(times), batch):
            chosen = frames[start : start + batch]
            yield self._picture(draws.of(chosen), scene.select(chosen))

    @property
    def _device(self) -> torch.device:
        return self.sphere_radii.device

    def _library_here(self) -> InteractionLibrary:
        """The library on the generator's device."""
        if self.library.gesture.device != self._device:
            self.library = self.library.to(self._device)
        return self.library

    def _placed(self, arrangement: Arrangement) -> tuple[Tensor, Tensor]:
        """Vertices (B, 2, V, 3) and points (B, 2, 21, 3) of both hands in the scene."""
        posed = self.surface.pose(arrangement.angles_rad, arrangement.betas)
        turn = arrangement.rotation.transpose(2, 3)
        shift = arrangement.wrist_m[:, :, None]
        return posed.vertices_m @ turn + shift, posed.points_m @ turn + shift

    def _view(self, draws: Draws, points_m: Tensor, elbows_m: Tensor, present: Tensor) -> Viewpoint:
        size, framing = self.settings.size_px, self.settings.framing
        return draw_viewpoint(draws, points_m, elbows_m, present, size_px=size, framing=framing)

    def _scene(self, indices: Tensor, arrangement: Arrangement, view: Viewpoint, arms: Arms, points_m: Tensor) -> Scene:
        return Scene(
            indices,
            arrangement,
            view,
            view.to_camera(arms.vertices_m),
            view.to_camera(points_m),
            arms.drawn,
            arms.rest_m,
        )

    def _picture(self, draws: Draws, scene: Scene) -> Samples:
        """Draw a scene and say what is true of the picture."""
        size, mesh = self.settings.size_px, self.mesh
        large = round(size * self.settings.supersampling)
        factor = large / size
        # Pixel centres of the larger picture: its pixel 0 covers what the small one's left edge begins with.
        screen = (scene.view.project(scene.vertices_m) + 0.5) * factor - 0.5
        depth = scene.vertices_m[..., 2].contiguous()
        seen = rasterize(screen, depth, mesh.faces, (large, large), drawn=scene.drawn, near=NEAR_M)
        conditions = draw_conditions(draws, self.settings.conditions)
        tone = self.skin.draw_tone(draws)
        # In the near infra-red all skin reflects about alike.
        alike = _INFRARED_SKIN * draws.uniform(0.75, 1.15)[:, None].expand(-1, 3)
        tone = torch.where(conditions.infrared[:, None], alike, tone)
        look = self._look(draws, scene, seen, tone, conditions)
        layer = self._moved(draws, self.layer(scene, seen, look, large), scene.drift)
        background = draw_background(draws, size, tone)
        if self._backgrounds is not None:
            background = self._backgrounds.behind(draws, background)
        if scene.drift is not None:
            background = displaced(background, scene.drift.background_px)
        # As bright as the hands within reason, or the exposure would be the background's alone.
        brightness = draws.normal(-0.7, 0.7)
        brightness = brightness + _BRIGHTER_BEHIND * conditions.backlight - _DARKER_BEHIND * conditions.infrared
        background = background * torch.exp(brightness)[:, None, None, None]
        light = layer[:, :3] + background * (1 - layer[:, 3:])
        light, clear = draw_occluders(draws, light, tone)
        picture = develop(draws, light, layer[:, 3:] * clear, conditions)
        return self.truth(scene, seen, picture, clear[:, 0] > 0.5, large)

    def _moved(self, draws: Draws, layer: Tensor, drift: Drift | None) -> Tensor:
        """Hands that move while the shutter is open, the background standing still."""
        fast = draws.chance(0.16)
        length = draws.uniform(0.2, 1.0) ** 1.5 * 12 * self.settings.size_px / 192
        motion = draws.direction()[:, :2] * (length * fast)[:, None]
        if drift is not None:
            motion = drift.blur_px
        return blur_some(layer, torch.zeros_like(length), motion)

    def _look(self, draws: Draws, scene: Scene, seen: Fragments, tone: Tensor, conditions: Conditions) -> Look:
        """What the hands are made of, and the light that falls on them."""
        material = self.skin.material(
            draws,
            tone,
            seen,
            part=self.mesh.part.index_select(0, seen.face),
            uv=seen.interpolate_corners(self.mesh.corner_uv),
            rest_m=seen.interpolate(scene.rest_m.expand(len(tone), -1, -1), self.mesh.faces),
        )
        lamps = draw_lamps(draws, conditions, self.settings.conditions.hard_shadows)
        return Look(tone, material, lamps, draws.uniform(0.3, 1.2))

    def layer(self, scene: Scene, seen: Fragments, look: Look, large: int) -> Tensor:
        """(B, 4, S, S) linear light from hands, arms and sleeves times their share of each pixel, and that share.

        A slower renderer may stand here: all else of a sample stays as it is (`tools.cycles_reference`).

        Parameters
        ----------
        scene : what is before the camera
        seen : where, in pictures of side `large`
        look : materials and lamps
        """
        size, batch = self.settings.size_px, len(scene.indices)
        colour = self._shaded(scene, seen, look, large)
        layer = torch.zeros(4, batch * large * large, device=colour.device)
        layer[:3, seen.pixel] = colour
        layer[3, seen.pixel] = 1
        layer = layer.reshape(4, batch, large, large).transpose(0, 1)
        return torch.nn.functional.interpolate(layer, (size, size), mode="area")

    def _shaded(self, scene: Scene, seen: Fragments, look: Look, large: int) -> Tensor:
        """(3, N) linear light from every fragment of the picture of side `large`."""
        mesh, present = self.mesh, scene.arrangement.present
        normals = vertex_normals(scene.vertices_m, mesh.faces)
        centres = (self.sphere_centres @ scene.points_m).flatten(1, 2)
        radii = self.sphere_radii.repeat(2) * present.repeat_interleave(len(self.sphere_radii), 1)
        sky = occlusion(scene.vertices_m, normals, centres, radii)
        values = seen.interpolate(torch.cat([normals, scene.vertices_m, sky[..., None]], -1), mesh.faces)
        rows = values.t().contiguous()
        normal, position, sky = unit(rows[:3]), rows[3:6], rows[6]
        shown = torch.where(present.any(1, keepdim=True), present, torch.ones_like(present)).float()
        centre = (scene.points_m.mean(2) * shown[..., None]).sum(1) / shown.sum(1, keepdim=True)
        shadows = cast_shadows(
            look.lamps,
            seen,
            vertices_m=scene.vertices_m,
            faces=mesh.faces,
            drawn=scene.drawn,
            centre_m=centre,
            position_m=position,
            normal=normal,
        )
        focal = seen.per_picture(scene.view.focal_px) * (large / self.settings.size_px)
        bumped = bump(normal, look.material.height_mm, seen, large, focal / position[2].clamp(min=NEAR_M))
        light = shade(
            look.lamps,
            look.material,
            seen,
            normal=bumped,
            position_m=position,
            sky_share=sky,
            shadows=shadows,
            translucency=look.translucency,
        )
        return light.clamp(0, BRIGHTEST)
