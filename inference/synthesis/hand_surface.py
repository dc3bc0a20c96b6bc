"""The hand's surface by names: points, regions, and both hands posed from anatomical angles in one batch."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..hands.joint_axes import child_points
from ..hands.joint_limits import limit_table
from ..hands.joints import FINGERS, JOINT_COUNT, SKELETON_EDGES
from ..hands.model import HandModel
from ..hands.torch_layer import HandLayer, rotvec_to_matrix

Face = Literal["palmar", "dorsal", "radial", "ulnar"]
_FACES: Final[dict[Face, tuple[int, float]]] = {
    "palmar": (2, 1.0),
    "dorsal": (2, -1.0),
    "radial": (0, 1.0),
    "ulnar": (0, -1.0),
}
"""Column of the joint's anatomical frame and its sign that leads to a face (right hand)."""
_BEAM_M: Final = 0.012
MIRROR: Final = (-1.0, 1.0, 1.0)
"""The left hand's rest frame is the right one's with x negated."""


class PosedPair(NamedTuple):
    """Both hands in their own wrist frames: right, then left. The wrist joint lies at the origin, unturned."""

    vertices_m: Tensor  # (B, 2, V, 3)
    points_m: Tensor  # (B, 2, 21, 3)


class HandSurface(nn.Module):
    """The right hand's layer, used for both sides, with names for places on the skin.

    Angles are those of `hands.joint_limits`: flexion, twist and abduction, meant alike on both sides.

    Parameters
    ----------
    model : the right hand
    """

    joint_axes: Tensor
    limits_rad: Tensor
    faces: Tensor
    mirror: Tensor

    def __init__(self, model: HandModel) -> None:
        super().__init__()
        if model.side != "right":
            raise ValueError("HandSurface is made of the right hand")
        self.model = model
        self.layer = HandLayer(model)
        axes = torch.tensor(model.joint_axes, dtype=torch.float32)
        limits = torch.zeros(JOINT_COUNT, 3, 2)
        limits[1:] = torch.tensor(limit_table()[..., :2].reshape(-1, 3, 2), dtype=torch.float32)
        faces = torch.tensor(model.triangles.astype(np.int64))
        for name, array in (("joint_axes", axes), ("limits_rad", limits), ("faces", faces)):
            self.register_buffer(name, array, persistent=False)
        self.register_buffer("mirror", torch.tensor([[1.0, 1.0, 1.0], MIRROR]), persistent=False)

    def rotvec(self, angles_rad: Tensor) -> Tensor:
        """(B, 2, 16, 3) rotation vectors of the joints in each side's own rest axes, absolute; the wrist's are zero."""
        right = (self.joint_axes @ angles_rad.unsqueeze(-1)).squeeze(-1)
        right = torch.cat([torch.zeros_like(right[..., :1, :]), right[..., 1:, :]], -2)
        # Mirroring in x keeps the x part of a rotation vector and negates the others.
        return right * torch.stack([self.mirror[0], -self.mirror[1]])[:, None]

    def pose(self, angles_rad: Tensor, betas: Tensor) -> PosedPair:
        """Both hands from angles (B, 2, 16, 3) in radians and one person's betas (B, S)."""
        rotvec = (self.joint_axes @ angles_rad.unsqueeze(-1)).squeeze(-1)
        rotvec = torch.cat([torch.zeros_like(rotvec[..., :1, :]), rotvec[..., 1:, :]], -2)
        wrist = torch.zeros(3, dtype=rotvec.dtype, device=rotvec.device)
        posed = self.layer(rotvec_to_matrix(rotvec), betas[:, None], wrist)
        sides = self.mirror[:, None]
        return PosedPair(posed.vertices_m * sides, posed.points_m * sides)

    def place(self, finger: str, segment: int, face: Face, along: float = 0.6) -> int:
        """The vertex on a face of a finger's segment (1 at the knuckle, 3 at the tip), `along` its bone from 0 to 1."""
        joint = 1 + 3 * FINGERS.index(finger) + segment - 1
        rest = np.concatenate([self.model.joint_template, self.model.v_template[self.model.tip_vertices]])
        start, end = rest[joint], rest[child_points()[joint]]
        column, sign = _FACES[face]
        direction = sign * self.model.joint_axes[joint][:, column]
        return self._farthest(start + along * (end - start), direction, self.model.lbs_weights[:, joint] > 0.3)

    def palm_place(self, along: float, across: float, face: Literal["palmar", "dorsal"]) -> int:
        """The vertex of palm or back at shares of the ways from wrist to knuckles and from index to little one."""
        rest = self.model.joint_template
        knuckle = rest[1] + across * (rest[7] - rest[1])
        base = rest[0] + (across - 0.5) * 0.7 * (rest[7] - rest[1])
        direction = self.model.joint_axes[0][:, 2] * (1.0 if face == "palmar" else -1.0)
        return self._farthest(base + along * (knuckle - base), direction, self.model.lbs_weights[:, 0] > 0.2)

    def region(self, name: str) -> list[int]:
        """Vertices of a named part, thinned: ``palm``, ``back``, ``wrist``, ``fingers_back``, ``index`` and so on."""
        if name in ("palm", "back"):
            face: Literal["palmar", "dorsal"] = "palmar" if name == "palm" else "dorsal"
            return sorted(
                {self.palm_place(u, v, face) for u in np.linspace(0.25, 0.95, 6) for v in np.linspace(0, 1, 5)}
            )
        if name == "fingers_back":
            fingers = [finger for finger in FINGERS if finger != "thumb"]
            return sorted({self.place(f, s, "dorsal", a) for f in fingers for s in (1, 2) for a in (0.2, 0.6)})
        if name in FINGERS:
            return sorted({self.place(name, s, face, a) for s in (1, 2) for face in _FACES for a in (0.3, 0.8)})
        raise ValueError(f"no region is called '{name}'")

    def _farthest(self, origin: np.ndarray, direction: np.ndarray, allowed: np.ndarray) -> int:
        """The vertex that a beam from inside the hand meets: the farthest along it among those close to it."""
        apart = self.model.v_template - origin
        reach = apart @ direction
        aside = np.linalg.norm(apart - reach[:, None] * direction, axis=1)
        score = np.where(allowed & (aside < _BEAM_M), reach - 0.5 * aside, -np.inf)
        return int(score.argmax())


def bone_spheres(model: HandModel, along: tuple[float, ...] = (0.3, 0.65, 1.0)) -> tuple[Tensor, Tensor, list[str]]:
    """Spheres inside the hand: centres as means of the 21 points (K, 21), radii (K,) metres, and the part of each."""
    rest = np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])
    rows, parts = [], []
    names = [*(f for f in FINGERS for _ in range(3)), "thumb", "index", "middle", "ring", "pinky"]
    for parent, child in SKELETON_EDGES:
        tip = child >= JOINT_COUNT
        for share in (0.35, 0.7) if tip else along:
            row = np.zeros(len(rest))
            row[parent], row[child] = 1 - share, share
            rows.append(row)
            parts.append("palm" if parent == 0 else names[child - 1])
    centres = np.array(rows)
    apart = np.linalg.norm((centres @ rest)[:, None] - model.v_template, axis=-1)
    return (
        torch.tensor(centres, dtype=torch.float32),
        torch.tensor(apart.min(axis=1), dtype=torch.float32),
        parts,
    )


def vertex_normals(vertices_m: Tensor, faces: Tensor) -> Tensor:
    """(..., V, 3) unit normals, the mean of the adjoining faces' by area; `faces` counter-clockwise from outside."""
    corners = [vertices_m.index_select(-2, corner) for corner in faces.unbind(1)]
    cross = torch.linalg.cross(corners[1] - corners[0], corners[2] - corners[0])
    total = torch.zeros_like(vertices_m)
    for corner in faces.unbind(1):
        total = total.index_add(-2, corner, cross)
    return torch.nn.functional.normalize(total, dim=-1)
