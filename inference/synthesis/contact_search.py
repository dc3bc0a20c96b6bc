"""Bring two hands into contact without pushing one into the other: a batched search from the gestures' starts.

Minimised together: how far the touching places are apart, how deep the skins and the bones' spheres lie in each other,
and how far the search has gone from where it began. What comes out is measured on the whole meshes, and whatever is
deeper than the limit is thrown away by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..hands.joints import JOINT_COUNT
from ..hands.pose_library import POSES, pose_angles_rad
from ..hands.torch_layer import forward_kinematics, rotvec_to_matrix
from .gestures import GESTURES, Place, Start
from .hand_surface import HandSurface, bone_spheres, vertex_normals

_STEPS: Final = 130
_SETTLE_FROM: Final = 0.75
"""Share of the steps after which parting the hands comes before touching."""
_NEIGHBOURS_EVERY: Final = 4
_THINNING: Final = 4
_MARGIN_M: Final = 0.0008
"""The thinned skin is kept this far apart, for what lies between its vertices."""
_NEIGHBOUR_M: Final = 0.015
_TOUCHES: Final = 12
_REGION: Final = 30
_ANGLE_SIGMA_DEG: Final = (18.0, 4.0, 7.0)
_FOREARM_RADII_M: Final = (0.022, 0.029)
_FOREARM_LENGTH_M: Final = 0.16
SELF_PARTS: Final = ("index", "middle", "ring", "pinky", "thumb")


@dataclass(frozen=True)
class PairPose:
    """N poses of two hands, the left one placed in the right one's wrist frame (its rest frame, wrist at the origin).

    Attributes
    ----------
    angles_rad : (N, 2, 16, 3) flexion, twist, abduction; right, left
    betas : (N, S) one person's shape
    rotation : (N, 3, 3) turns the left hand's rest frame into the right hand's
    offset_m : (N, 3) left wrist joint in the right hand's frame, metres
    """

    angles_rad: Tensor
    betas: Tensor
    rotation: Tensor
    offset_m: Tensor

    def select(self, index: Tensor) -> PairPose:
        """The poses at `index`."""
        return PairPose(self.angles_rad[index], self.betas[index], self.rotation[index], self.offset_m[index])


def left_rotation(fingers: NDArray[np.float64], palm: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) rotation of the left hand's rest frame (fingers +x, palm -y) to the given directions."""
    x = fingers / np.linalg.norm(fingers)
    y = -(palm - x * (palm @ x))
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def pair_vertices(surface: HandSurface, pose: PairPose) -> tuple[Tensor, Tensor]:
    """(N, 2, V, 3) vertices and (N, 2, 21, 3) points of both hands in the right hand's frame, metres."""
    posed = surface.pose(pose.angles_rad, pose.betas)
    turn = pose.rotation.transpose(1, 2)
    shift = pose.offset_m[:, None]
    vertices = torch.stack([posed.vertices_m[:, 0], posed.vertices_m[:, 1] @ turn + shift], 1)
    points = torch.stack([posed.points_m[:, 0], posed.points_m[:, 1] @ turn + shift], 1)
    return vertices, points


def penetration_m(surface: HandSurface, pose: PairPose, *, thinning: int = 1) -> Tensor:
    """(N,) how deep a vertex of one hand lies under the other's skin at most, metres.

    The depth is taken to the tangent plane of the nearest vertex, in both directions.
    """
    vertices, _ = pair_vertices(surface, pose)
    normals = torch.stack(
        [vertex_normals(vertices[:, 0], surface.faces), vertex_normals(vertices[:, 1], surface.faces.flip(1))], 1
    )
    vertices, normals = vertices[:, :, ::thinning], normals[:, :, ::thinning]
    return _depths(vertices, normals, _nearest(vertices)).amax((1, 2))


def _nearest(vertices: Tensor) -> Tensor:
    """(N, 2, n) for each vertex the other hand's nearest one."""
    with torch.no_grad():
        # |a - b|^2 without |a|^2, which does not matter to the choice: one matrix product.
        right, left = vertices.unbind(1)
        product = right @ left.transpose(1, 2)
        of_right = (left.square().sum(-1)[:, None] - 2 * product).argmin(2)
        of_left = (right.square().sum(-1)[:, :, None] - 2 * product).argmin(1)
        return torch.stack([of_right, of_left], 1)


def _depths(vertices: Tensor, normals: Tensor, nearest: Tensor, margin_m: float = 0.0) -> Tensor:
    """(N, 2, n) depth of each vertex under the other hand's skin, taken to the tangent plane of `nearest`, metres."""
    index = nearest[..., None].expand(-1, -1, -1, 3)
    apart = vertices - vertices.flip(1).gather(2, index)
    depth = margin_m - (apart * normals.flip(1).gather(2, index)).sum(-1)
    return torch.where(apart.square().sum(-1) < _NEIGHBOUR_M**2, depth, torch.zeros_like(depth)).clamp(min=0)


class ContactSearch:
    """Searches for the right hand's model and its mirror image.

    Parameters
    ----------
    surface : the hand
    """

    def __init__(self, surface: HandSurface) -> None:
        self.surface = surface
        layer = surface.layer
        named = sorted({v for name in ("palm", "back", "fingers_back", *SELF_PARTS) for v in surface.region(name)})
        keep = sorted(set(range(0, len(layer.v_template), _THINNING)) | set(named) | set(layer.tip_vertices.tolist()))
        self._place_of = {vertex: place for place, vertex in enumerate(keep)}
        self._keep = torch.tensor(keep)
        rows = (self._keep[:, None] * 3 + torch.arange(3)).reshape(-1)
        self._shapedirs, self._posedirs = layer.shapedirs[:, rows], layer.posedirs[:, rows]
        self._template, self._weights = layer.v_template[self._keep], layer.lbs_weights[self._keep]
        self._normals = vertex_normals(layer.v_template, surface.faces)[self._keep]
        self._tips = torch.tensor([self._place_of[int(v)] for v in layer.tip_vertices])
        self._sphere_centres, self._sphere_radii, parts = bone_spheres(surface.model)
        rest = torch.cat([layer.joint_template, layer.v_template[layer.tip_vertices]])
        apart = torch.cdist(self._sphere_centres @ rest, self._sphere_centres @ rest)
        reach = self._sphere_radii[:, None] + self._sphere_radii
        other_finger = torch.tensor([[a != b and "palm" not in (a, b) for b in parts] for a in parts])
        self._self_reach = torch.where(other_finger, torch.minimum(reach, apart), torch.zeros_like(reach))
        self._pair_reach = reach

    def run(self, starts: list[Start], betas: Tensor, rng: np.random.Generator) -> tuple[PairPose, Tensor]:
        """Search from each start.

        Parameters
        ----------
        starts : N starts
        betas : (N, S)
        rng : draws how each start departs from its gesture

        Returns
        -------
        poses of N pairs, and (N,) the mean distance in metres by which their touches miss their gaps
        """
        seed, rotation, offset, touches = self._prepare(starts, rng)
        low, high = self.surface.limits_rad.unbind(-1)
        seed = seed.clamp(low, high)
        sigma = torch.deg2rad(torch.tensor(_ANGLE_SIGMA_DEG))
        angles = seed.clone().requires_grad_()
        turn = torch.zeros(len(starts), 3, requires_grad=True)
        shift = torch.zeros(len(starts), 3, requires_grad=True)
        turn_sigma = torch.deg2rad(torch.tensor([start.turn_deg for start in starts]))[:, None]
        optimizer = torch.optim.Adam(
            [{"params": [angles], "lr": 0.03}, {"params": [turn], "lr": 0.03}, {"params": [shift], "lr": 0.003}],
            betas=(0.85, 0.97),
        )
        rates = [group["lr"] for group in optimizer.param_groups]
        miss, nearest = torch.zeros(len(starts)), torch.empty(0)
        for step in range(_STEPS):
            done = step / _STEPS
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * (1 - done) ** 0.7
            pose = PairPose(angles, betas, rotation @ rotvec_to_matrix(turn), offset + shift)
            vertices, normals, points = self._pose(pose)
            if step % _NEIGHBOURS_EVERY == 0:
                nearest = _nearest(vertices)
            missed = self._missed(touches, vertices)
            deep = self._deep(vertices, normals, points, nearest, pose)
            miss = missed.detach()
            contact = (touches.weight * (torch.sqrt(1 + (missed / 0.006) ** 2) - 1)).sum(1)
            prior = (((angles - seed) / sigma) ** 2).sum((1, 2, 3)) * 0.06
            difference = (angles - seed)[:, :, [1, 4, 10], 0] - (angles - seed)[:, :, [4, 10, 7], 0]
            prior = prior + (difference / np.deg2rad(14)).square().sum((1, 2)) * 0.15
            prior = prior + ((turn / turn_sigma) ** 2).sum(1) * 0.3
            settling = done > _SETTLE_FROM
            loss = contact * (0.3 if settling else 2.0) + prior + deep * (8.0 if settling else 0.2 + 1.8 * done)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
            with torch.no_grad():
                angles.copy_(angles.clamp(low, high))
        with torch.no_grad():
            pose = PairPose(angles.detach(), betas, rotation @ rotvec_to_matrix(turn), offset + shift)
        weight = (touches.weight > 0).float()
        return pose, (miss * weight).sum(1) / weight.sum(1).clamp(min=1)

    def _prepare(self, starts: list[Start], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, _Touches]:
        """Starting angles (N, 2, 16, 3), rotations, offsets and touches as arrays."""
        angles, rotations, offsets = [], [], []
        for start in starts:
            pair = np.stack([pose_angles_rad(POSES[name]) for name in start.poses])
            noise = rng.normal(size=(2, JOINT_COUNT, 3)) * np.array([1.0, 0.25, 0.35]) * np.deg2rad(start.angle_deg)
            # Neighbouring fingers bend together.
            bend = 0.7 * np.deg2rad(start.angle_deg) * rng.normal(size=(2, 1))
            noise[:, 1:13, 0] = 0.6 * noise[:, 1:13, 0] + bend
            pair[:, 1:] += noise[:, 1:]
            angles.append(pair)
            axis = rng.normal(size=3) * np.deg2rad(start.turn_deg) * 0.6
            turn = rotvec_to_matrix(torch.tensor(axis)).numpy()
            rotations.append(turn @ left_rotation(start.fingers, start.palm))
            offsets.append(start.offset_m + rng.normal(0, 0.003, 3))
        stacked = (torch.tensor(np.stack(values), dtype=torch.float32) for values in (angles, rotations, offsets))
        seed, rotation, offset = stacked
        return seed, rotation, offset, self._touches(starts)

    def _touches(self, starts: list[Start]) -> _Touches:
        shape = (len(starts), _TOUCHES)
        source, weight, gap = torch.zeros(shape, dtype=torch.long), torch.zeros(shape), torch.zeros(shape)
        target = torch.zeros(*shape, _REGION, dtype=torch.long)
        for number, start in enumerate(starts):
            for place, touch in enumerate(start.touches[:_TOUCHES]):
                size = len(self._keep)
                source[number, place] = touch.hand * size + self._index(touch.place)
                region = (
                    [self._index(touch.target)]
                    if isinstance(touch.target, Place)
                    else [self._place_of[v] for v in self.surface.region(touch.target)]
                )
                padded = [region[i % len(region)] for i in range(_REGION)]
                target[number, place] = torch.tensor(padded) + (1 - touch.hand) * size
                weight[number, place], gap[number, place] = touch.weight, touch.gap_m
        return _Touches(source, target, weight, gap)

    def _index(self, place: Place) -> int:
        if place.segment == 0:
            vertex = self.surface.palm_place(
                place.along, place.across, "palmar" if place.face == "palmar" else "dorsal"
            )
        else:
            vertex = self.surface.place(place.part, place.segment, place.face, place.along)  # type: ignore[arg-type]  # a Face by construction
        kept = self._place_of.get(vertex)
        if kept is None:  # the nearest one that the thinning kept
            kept = int(torch.linalg.norm(self._template - self.surface.layer.v_template[vertex], dim=1).argmin())
        return kept

    def _pose(self, pose: PairPose) -> tuple[Tensor, Tensor, Tensor]:
        """Thinned vertices (N, 2, n, 3), their normals, and points (N, 2, 21, 3), all in the right hand's frame."""
        surface, layer = self.surface, self.surface.layer
        rotvec = (surface.joint_axes @ pose.angles_rad[..., None])[..., 0]
        rotvec = torch.cat([torch.zeros_like(rotvec[..., :1, :]), rotvec[..., 1:, :]], -2)
        local = rotvec_to_matrix(rotvec)
        template = self._template + (pose.betas @ self._shapedirs).unflatten(-1, (-1, 3))
        rest = layer.joint_template + (pose.betas @ layer.joint_shapedirs).unflatten(-1, (-1, 3))
        world, joints = forward_kinematics(local, rest[:, None], torch.zeros(3))
        feature = (local[..., 1:, :, :] - torch.eye(3)).flatten(-3)
        corrected = template[:, None] + (feature @ self._posedirs).unflatten(-1, (-1, 3))
        shift = joints - (world @ rest[:, None, :, :, None]).squeeze(-1)
        blended = self._weights @ torch.cat([world.flatten(-2), shift], -1)
        turning = blended[..., :9].unflatten(-1, (3, 3))
        vertices = (turning @ corrected[..., None])[..., 0] + blended[..., 9:]
        normals = torch.nn.functional.normalize((turning @ self._normals[..., None])[..., 0], dim=-1)
        points = torch.cat([joints, vertices[:, :, self._tips]], 2)
        mirror = surface.mirror[1]
        turn, offset = pose.rotation.transpose(1, 2), pose.offset_m[:, None]
        placed = [
            torch.stack([values[:, 0], values[:, 1] * mirror @ turn + moved], 1)
            for values, moved in ((vertices, offset), (normals, 0.0), (points, offset))
        ]
        return placed[0], placed[1], placed[2]

    def _missed(self, touches: _Touches, vertices: Tensor) -> Tensor:
        """(N, K) metres by which touches miss their gaps."""
        table = vertices.flatten(1, 2)
        number = torch.arange(len(table))[:, None]
        source = table[number, touches.source]
        target = table[number[..., None], touches.target]
        distance = ((source[:, :, None] - target).square().sum(-1) + 1e-10).amin(2).sqrt()
        return distance - touches.gap_m

    def _deep(self, vertices: Tensor, normals: Tensor, points: Tensor, nearest: Tensor, pose: PairPose) -> Tensor:
        """(N,) cost of everything that lies inside something else: skin, fingers, forearms."""
        depths = _depths(vertices, normals, nearest, _MARGIN_M) * 1000
        deep = depths.square().sum((1, 2)) * 0.08
        centres = self._sphere_centres @ points
        between = (self._pair_reach - torch.cdist(centres[:, 0], centres[:, 1])).clamp(min=0) * 1000
        deep = deep + between.square().sum((1, 2)) * 0.02
        within = (self._self_reach - torch.cdist(centres, centres)).clamp(min=0) * 1000
        return deep + within.square().sum((1, 2, 3)) * 0.01 + self._forearms(vertices, pose)

    def _forearms(self, vertices: Tensor, pose: PairPose) -> Tensor:
        """(N,) cost of each hand's vertices inside the other's forearm, a straight one."""
        in_left = (vertices[:, 0] - pose.offset_m[:, None]) @ pose.rotation * self.surface.mirror[1]
        total = torch.zeros(len(vertices))
        for points in (in_left, vertices[:, 1]):
            x, y, z = points.unbind(-1)
            radius = torch.sqrt((y / _FOREARM_RADII_M[0]) ** 2 + (z / _FOREARM_RADII_M[1]) ** 2 + 1e-9)
            inside = (1 - radius).clamp(min=0) * ((x > -0.005) & (x < _FOREARM_LENGTH_M)).float()
            total = total + (inside * 20).square().sum(1) * 0.02
        return total


@dataclass(frozen=True)
class _Touches:
    """Touches as arrays: vertices among both hands' thinned ones, right first."""

    source: Tensor  # (N, K)
    target: Tensor  # (N, K, R)
    weight: Tensor  # (N, K), zero where there is none
    gap_m: Tensor  # (N, K)


def draw_gesture(rng: np.random.Generator) -> tuple[str, Start]:
    """A gesture by its share, and where it starts."""
    names = list(GESTURES)
    shares = np.array([GESTURES[name][1] for name in names])
    name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    return name, GESTURES[name][0](rng)
