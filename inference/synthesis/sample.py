"""Samples: pictures of two hands with everything that is true of them, by seed and index."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from ..hands.joints import MIDDLE_MCP, PARENTS, TIP_PARENTS
from ..hands.model import HandModel
from ..hands.rotations import matrix_to_rotvec
from .arrangement import Arrangement, ArrangementShares, draw_arrangement
from .background import draw_background
from .conditions import Conditions, ConditionShares, draw_conditions
from .draws import Draws
from .forearm import HAND, ArmMesh
from .hand_surface import HandSurface, bone_spheres, vertex_normals
from .held_out import Use, check_seed, poses_for
from .interactions import InteractionLibrary, load_interactions
from .lighting import bump, cast_shadows, draw_lamps, occlusion, shade, unit
from .occluders import draw_occluders
from .rasterizer import Fragments, rasterize
from .sensor import blur_some, develop
from .skin import Skin
from .viewpoint import Framing, Viewpoint, draw_viewpoint

_NEAR_M: Final = 0.05
_BRIGHTEST: Final = 2.0
"""Highlights end here: a brighter one would eat into the smooth rims that averaging pixels makes."""
_INFRARED_SKIN: Final = 0.55
_BRIGHTER_BEHIND: Final = 1.6
_DARKER_BEHIND: Final = 1.2
"""Logarithms by which backgrounds differ from usual where light stands behind the hands, or comes from the camera."""
_DEEPEST_JOINT_M: Final = 0.03
"""A joint lies no deeper than this under skin of its own bone or of the bone before it."""


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


@dataclass(frozen=True)
class Samples:
    """B pictures and their truth. Hand 0 is the right one; camera axes are OpenCV's: x right, y down, z forward.

    Attributes
    ----------
    picture : (B, 3, S, S) uint8 RGB
    index : (B,) int64
    kind : (B,) int64 index into `arrangement.KINDS`
    gesture : (B,) int64 index into the library's gestures, -1 for none
    present : (B, 2) bool, which hands are there (whether seen or not)
    joints_m : (B, 2, 21, 3) MANO order, then tips, camera axes
    vertices_m : (B, 2, V, 3) camera axes
    joints_px : (B, 2, 21, 2) pixels of the sample; (0, 0) is the centre of the top-left pixel
    visible : (B, 2, 21) bool: inside the picture and not behind something
    pose_rotvec : (B, 2, 16, 3) local rotation vectors; fingers relative to the model's mean pose, wrist in camera axes
    betas : (B, 2, S) the same on both hands
    wrist_m : (B, 2, 3) the wrist joint, where `HandLayer` is to put it
    relation : (B, 4) the network's ``trans``: log of left over right palm length, left minus right middle knuckle in
        left palm lengths (reference/network.md)
    mask : (B, S, S) uint8 0 background or occluder, 1 right hand, 2 left hand, 3 forearm or sleeve
    box_px : (B, 2, 4) left, top, right, bottom of a hand's joints, clipped to the picture
    focal_px : (B,) of the sample's pinhole camera
    principal_px : (B, 2)
    """

    picture: Tensor
    index: Tensor
    kind: Tensor
    gesture: Tensor
    present: Tensor
    joints_m: Tensor
    vertices_m: Tensor
    joints_px: Tensor
    visible: Tensor
    pose_rotvec: Tensor
    betas: Tensor
    wrist_m: Tensor
    relation: Tensor
    mask: Tensor
    box_px: Tensor
    focal_px: Tensor
    principal_px: Tensor

    def select(self, number: int) -> dict[str, Tensor]:
        """One sample by the names of the attributes."""
        return {entry.name: getattr(self, entry.name)[number] for entry in fields(self)}


@dataclass(frozen=True)
class _Scene:
    """B scenes before the light: everything in camera axes, metres."""

    indices: Tensor  # (B,)
    arrangement: Arrangement
    view: Viewpoint
    vertices_m: Tensor  # (B, N, 3) hands, forearms and sleeves
    points_m: Tensor  # (B, 2, 21, 3)
    drawn: Tensor  # (B, F)
    rest_m: Tensor  # (N, 3)


class Generator(nn.Module):
    """Makes samples on the device that it is on.

    Parameters
    ----------
    model : the right hand
    library : two-hand poses, of which those for another use are left out
    settings : what the pictures are like
    """

    sphere_centres: Tensor
    sphere_radii: Tensor
    face_bone: Tensor
    face_label: Tensor
    point_bones: Tensor

    def __init__(self, model: HandModel, library: InteractionLibrary, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.surface = HandSurface(model)
        self.mesh = ArmMesh(self.surface)
        self.skin = Skin(self.surface)
        self.library = poses_for(library, self.settings.use)
        centres, radii, _ = bone_spheres(model, along=(0.7,))
        mesh = self.mesh
        bone = self.surface.layer.lbs_weights.argmax(1)[self.surface.faces[:, 0]]
        hand = mesh.part == HAND
        face_bone = torch.zeros(len(mesh.part) + 1, dtype=torch.long)  # of forearms the wrist; the last row is no face
        face_bone[:-1][hand] = bone.repeat(2)
        label = torch.zeros(len(mesh.part) + 1, dtype=torch.uint8)
        label[:-1] = torch.where(hand, mesh.side + 1, torch.full_like(mesh.side, 3)).to(torch.uint8)
        bones = [*range(16), *TIP_PARENTS]
        before = [max(PARENTS[joint], 0) for joint in range(16)] + list(TIP_PARENTS)
        buffers = {
            "sphere_centres": centres,
            "sphere_radii": radii,
            "face_bone": face_bone,
            "face_label": label,
            "point_bones": torch.tensor([bones, before]).T.contiguous(),
        }
        for name, array in buffers.items():
            self.register_buffer(name, array, persistent=False)

    @classmethod
    def from_weights(cls, weights_dir: Path, settings: Settings | None = None) -> Generator:
        """With the shipped hand and the shipped poses."""
        from ..hands.open_hand import load_hand_models

        return cls(load_hand_models(weights_dir)["right"], load_interactions(weights_dir), settings)

    @torch.no_grad()
    def make(self, seed: int, indices: Tensor) -> Samples:
        """The samples `indices` (B,) int64 of the set `seed`; each is the same in every batch.

        Raises
        ------
        HandsError
            USAGE where the seed is for another use than the settings'
        """
        check_seed(seed, self.settings.use)
        device = self.sphere_radii.device
        indices = indices.to(device)
        draws = Draws(seed, indices)
        library = self.library if self.library.gesture.device == device else self.library.to(device)
        self.library = library
        arrangement = draw_arrangement(draws, self.surface, library, self.settings.shares)
        posed = self.surface.pose(arrangement.angles_rad, arrangement.betas)
        turn = arrangement.rotation.transpose(2, 3)
        shift = arrangement.wrist_m[:, :, None]
        vertices, points = posed.vertices_m @ turn + shift, posed.points_m @ turn + shift
        arms = self.mesh.build(draws, arrangement, vertices, points)
        view = draw_viewpoint(
            draws,
            points,
            arms.elbows_m,
            arrangement.present,
            size_px=self.settings.size_px,
            framing=self.settings.framing,
        )
        scene = _Scene(
            indices, arrangement, view, view.to_camera(arms.vertices_m), view.to_camera(points), arms.drawn, arms.rest_m
        )
        return self._picture(draws, scene)

    def _picture(self, draws: Draws, scene: _Scene) -> Samples:
        """Draw a scene and say what is true of the picture."""
        size, mesh = self.settings.size_px, self.mesh
        large = round(size * self.settings.supersampling)
        factor = large / size
        # Pixel centres of the larger picture: its pixel 0 covers what the small one's left edge begins with.
        screen = (scene.view.project(scene.vertices_m) + 0.5) * factor - 0.5
        depth = scene.vertices_m[..., 2].contiguous()
        seen = rasterize(screen, depth, mesh.faces, (large, large), drawn=scene.drawn, near=_NEAR_M)
        conditions = draw_conditions(draws, self.settings.conditions)
        tone = self.skin.draw_tone(draws)
        # In the near infra-red all skin reflects about alike.
        alike = _INFRARED_SKIN * draws.uniform(0.75, 1.15)[:, None].expand(-1, 3)
        tone = torch.where(conditions.infrared[:, None], alike, tone)
        colour = self._shaded(draws, scene, seen, tone, large=large, conditions=conditions)
        batch = len(scene.indices)
        layer = torch.zeros(4, batch * large * large, device=colour.device)
        layer[:3, seen.pixel] = colour
        layer[3, seen.pixel] = 1
        layer = layer.reshape(4, batch, large, large).transpose(0, 1)
        layer = torch.nn.functional.interpolate(layer, (size, size), mode="area")
        layer = self._moved(draws, layer)
        background = draw_background(draws, size, tone)
        # As bright as the hands within reason, or the exposure would be the background's alone.
        brightness = draws.normal(-0.7, 0.7)
        brightness = brightness + _BRIGHTER_BEHIND * conditions.backlight - _DARKER_BEHIND * conditions.infrared
        background = background * torch.exp(brightness)[:, None, None, None]
        light = layer[:, :3] + background * (1 - layer[:, 3:])
        light, clear = draw_occluders(draws, light, tone)
        picture = develop(draws, light, layer[:, 3:] * clear, conditions)
        return self._truth(scene, seen, picture, clear[:, 0] > 0.5, large)

    def _moved(self, draws: Draws, layer: Tensor) -> Tensor:
        """Hands that move while the shutter is open, the background standing still."""
        fast = draws.chance(0.16)
        length = draws.uniform(0.2, 1.0) ** 1.5 * 12 * self.settings.size_px / 192
        motion = draws.direction()[:, :2] * (length * fast)[:, None]
        return blur_some(layer, torch.zeros_like(length), motion)

    def _shaded(
        self, draws: Draws, scene: _Scene, seen: Fragments, tone: Tensor, *, large: int, conditions: Conditions
    ) -> Tensor:
        """(3, N) linear light from every fragment of the picture of side `large`."""
        mesh, present = self.mesh, scene.arrangement.present
        normals = vertex_normals(scene.vertices_m, mesh.faces)
        centres = (self.sphere_centres @ scene.points_m).flatten(1, 2)
        radii = self.sphere_radii.repeat(2) * present.repeat_interleave(len(self.sphere_radii), 1)
        sky = occlusion(scene.vertices_m, normals, centres, radii)
        rest = scene.rest_m.expand(len(normals), -1, -1)
        values = seen.interpolate(torch.cat([normals, scene.vertices_m, rest, sky[..., None]], -1), mesh.faces)
        rows = values.t().contiguous()
        normal, position, sky = unit(rows[:3]), rows[3:6], rows[9]
        material = self.skin.material(
            draws,
            tone,
            seen,
            part=mesh.part.index_select(0, seen.face),
            uv=seen.interpolate_corners(mesh.corner_uv),
            rest_m=values[:, 6:9],
        )
        lamps = draw_lamps(draws, conditions, self.settings.conditions.hard_shadows)
        shown = torch.where(present.any(1, keepdim=True), present, torch.ones_like(present)).float()
        centre = (scene.points_m.mean(2) * shown[..., None]).sum(1) / shown.sum(1, keepdim=True)
        shadows = cast_shadows(
            lamps,
            seen,
            vertices_m=scene.vertices_m,
            faces=mesh.faces,
            drawn=scene.drawn,
            centre_m=centre,
            position_m=position,
            normal=normal,
        )
        focal = seen.per_picture(scene.view.focal_px) * (large / self.settings.size_px)
        bumped = bump(normal, material.height_mm, seen, large, focal / position[2].clamp(min=_NEAR_M))
        light = shade(
            lamps,
            material,
            seen,
            normal=bumped,
            position_m=position,
            sky_share=sky,
            shadows=shadows,
            translucency=draws.uniform(0.3, 1.2),
        )
        return light.clamp(0, _BRIGHTEST)

    def _truth(self, scene: _Scene, seen: Fragments, picture: Tensor, clear: Tensor, large: int) -> Samples:
        """What is true of the pictures; `clear` (B, S, S) where nothing lies in front."""
        arrangement, view, points = scene.arrangement, scene.view, scene.points_m
        size, batch = self.settings.size_px, len(picture)
        flat = torch.full((batch * large * large,), -1, dtype=torch.int64, device=picture.device)
        flat[seen.pixel] = seen.face
        depth = torch.full((batch * large * large,), 1e3, device=picture.device)
        depth[seen.pixel] = seen.depth
        faces, depths = flat.reshape(batch, large, large), depth.reshape(batch, large, large)
        joints_px = view.project(points)
        visible = self._visible(joints_px, points[..., 2], faces, depths, clear) & arrangement.present[..., None]
        rows = ((torch.arange(size, device=flat.device) + 0.5) * large / size).long().clamp(max=large - 1)
        mask = self.face_label[faces[:, rows][:, :, rows]] * clear
        vertices = scene.vertices_m.unflatten(1, (2, -1))[:, :, : self.mesh.hand_vertices]
        limits = joints_px.clamp(0, size - 1)
        box = torch.cat([limits.amin(2), limits.amax(2)], -1)
        rotvec = self.surface.rotvec(arrangement.angles_rad)
        whole = view.rotation[:, None] @ arrangement.rotation
        turn = torch.from_numpy(matrix_to_rotvec(whole.double().cpu().numpy())).to(rotvec)
        mean = (
            self.surface.layer.pose_mean_rotvec
            * torch.stack([self.surface.mirror[0], -self.surface.mirror[1]])[:, None]
        )
        pose = torch.cat([turn[:, :, None], rotvec[:, :, 1:] - mean], 2)
        return Samples(
            picture=picture,
            index=scene.indices,
            kind=arrangement.kind,
            gesture=arrangement.gesture,
            present=arrangement.present,
            joints_m=points,
            vertices_m=vertices.contiguous(),
            joints_px=joints_px,
            visible=visible,
            pose_rotvec=pose,
            betas=arrangement.betas[:, None].expand(-1, 2, -1).contiguous(),
            wrist_m=points[:, :, 0].contiguous(),
            relation=hand_relation(points),
            mask=mask,
            box_px=box,
            focal_px=view.focal_px,
            principal_px=view.principal_px,
        )

    def _visible(self, joints_px: Tensor, depth: Tensor, faces: Tensor, depths: Tensor, clear: Tensor) -> Tensor:
        """(B, 2, 21) whether a joint's own flesh is seen at its place; `faces` (B, L, L) are -1 where none is."""
        size, large = self.settings.size_px, faces.shape[-1]
        inside = ((joints_px > -0.5) & (joints_px < size - 0.5)).all(-1) & (depth > _NEAR_M)
        place = (((joints_px + 0.5) * large / size).long()).clamp(0, large - 1)
        picture = torch.arange(len(faces), device=faces.device)[:, None, None]
        found = faces[picture, place[..., 1], place[..., 0]]
        sides, bones = self.mesh.side[found], self.face_bone[found]
        surface = depths[picture, place[..., 1], place[..., 0]]
        small = joints_px.round().long().clamp(0, size - 1)
        uncovered = clear[picture, small[..., 1], small[..., 0]]
        side = torch.arange(2, device=faces.device)[:, None]
        own = (sides == side) & ((bones == self.point_bones[:, 0]) | (bones == self.point_bones[:, 1]))
        # At the rim of a finger tip the pixel may show what is behind: the surface is then deeper than the joint.
        near = (depth - surface < _DEEPEST_JOINT_M) & own
        return inside & uncovered & (near | (surface > depth))


def hand_relation(points_m: Tensor) -> Tensor:
    """(B, 4) the left hand's size and place against the right hand's, as the network predicts them.

    Parameters
    ----------
    points_m : (B, 2, 21, 3)

    Returns
    -------
    log of left over right palm length, then left minus right middle knuckle in left palm lengths
    """
    palm = torch.linalg.norm(points_m[:, :, MIDDLE_MCP] - points_m[:, :, 0], dim=-1)
    apart = points_m[:, 1, MIDDLE_MCP] - points_m[:, 0, MIDDLE_MCP]
    return torch.cat([torch.log(palm[:, 1:] / palm[:, :1]), apart / palm[:, 1:]], 1)
