"""What is true of a picture: joints, meshes, poses, masks, boxes, and what can be seen of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import torch
from torch import Tensor, nn

from ..hands.joints import MIDDLE_MCP, PARENTS, TIP_PARENTS
from ..hands.rotations import matrix_to_rotvec
from .forearm import HAND, ArmMesh
from .hand_surface import HandSurface
from .rasterizer import Fragments
from .scene import NEAR_M, Scene

_DEEPEST_JOINT_M: Final = 0.03
"""A joint lies no deeper than this under skin of its own bone or of the bone before it."""


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


class Truth(nn.Module):
    """Finds out what is true of scenes.

    Parameters
    ----------
    surface : the hand
    mesh : hands and arms, as they are drawn
    """

    face_bone: Tensor
    face_label: Tensor
    point_bones: Tensor

    def __init__(self, surface: HandSurface, mesh: ArmMesh) -> None:
        super().__init__()
        self.surface, self.mesh = surface, mesh
        bone = surface.layer.lbs_weights.argmax(1)[surface.faces[:, 0]]
        hand = mesh.part == HAND
        face_bone = torch.zeros(len(mesh.part) + 1, dtype=torch.long)  # of forearms the wrist; the last row is no face
        face_bone[:-1][hand] = bone.repeat(2)
        label = torch.zeros(len(mesh.part) + 1, dtype=torch.uint8)
        label[:-1] = torch.where(hand, mesh.side + 1, torch.full_like(mesh.side, 3)).to(torch.uint8)
        bones = [*range(16), *TIP_PARENTS]
        before = [max(PARENTS[joint], 0) for joint in range(16)] + list(TIP_PARENTS)
        self.register_buffer("face_bone", face_bone, persistent=False)
        self.register_buffer("face_label", label, persistent=False)
        self.register_buffer("point_bones", torch.tensor([bones, before]).T.contiguous(), persistent=False)

    def forward(self, scene: Scene, seen: Fragments, picture: Tensor, clear: Tensor, large: int) -> Samples:
        """What is true of the pictures.

        Parameters
        ----------
        scene : what is seen
        seen : where, in pictures of side `large`
        picture : (B, 3, S, S) as the camera gives it
        clear : (B, S, S) where nothing lies in front
        """
        arrangement, view, points = scene.arrangement, scene.view, scene.points_m
        size, batch = picture.shape[-1], len(picture)
        flat = torch.full((batch * large * large,), -1, dtype=torch.int64, device=picture.device)
        flat[seen.pixel] = seen.face
        depth = torch.full((batch * large * large,), 1e3, device=picture.device)
        depth[seen.pixel] = seen.depth
        faces, depths = flat.reshape(batch, large, large), depth.reshape(batch, large, large)
        joints_px = view.project(points)
        visible = self._visible(joints_px, points[..., 2], faces, depths, clear=clear) & arrangement.present[..., None]
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

    def _visible(self, joints_px: Tensor, depth: Tensor, faces: Tensor, depths: Tensor, *, clear: Tensor) -> Tensor:
        """(B, 2, 21) whether a joint's own flesh is seen at its place; `faces` (B, L, L) are -1 where none is."""
        size, large = clear.shape[-1], faces.shape[-1]
        inside = ((joints_px > -0.5) & (joints_px < size - 0.5)).all(-1) & (depth > NEAR_M)
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
