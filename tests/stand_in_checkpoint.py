"""A checkpoint with every name and shape of the authors', and next to no bytes: each tensor repeats one number."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.hands.joints import PARENTS, SIDES, Side
from inference.networks.checkpoint import paper_tensors
from tests.stand_in_hand import MANO_TIPS, SEEDS, mano_arrays


def hand_buffers(side: Side, arrays: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The buffers of the authors' hand layer, as they name them."""
    shapes, regressor = arrays["shapedirs"], arrays["J_regressor"]
    buffers = {
        "betas": np.zeros((1, 10)),
        "global_orient": np.zeros((1, 3)),
        "body_pose": np.zeros((1, 3)),
        "transl": np.zeros((1, 3)),
        "hand_pose": np.zeros((1, 45)),
        "shapedirs": shapes,
        "faces_tensor": arrays["f"].astype(np.int64),
        "v_template": arrays["v_template"],
        "J_regressor": regressor,
        "posedirs": arrays["posedirs"].reshape(-1, 135).T,
        "parents": np.array(PARENTS),
        "lbs_weights": arrays["weights"],
        "hand_mean": arrays["hands_mean"],
        "pose_mean": np.concatenate([np.zeros(3), arrays["hands_mean"]]),
        "beta2J": np.einsum("jv,vcs->jcs", regressor, shapes),
        "template_J": arrays["J"],
        "vertex_joint_selector.extra_joints_idxs": np.array(MANO_TIPS),
    }
    return {
        f"mesh_reg.mano_layer.{side[0]}.{name}": torch.from_numpy(
            np.ascontiguousarray(array, dtype=np.float32 if array.dtype.kind == "f" else None)
        )
        for name, array in buffers.items()
    }


def network_tensors() -> dict[str, torch.Tensor]:
    """Name and tensor of the whole 'network' entry, without ``module.``; no two tensors are alike."""
    tensors = {
        name: torch.full((), number % 997 / 997, dtype=torch.float64).to(kind.dtype).expand(kind.shape)
        for number, (name, kind) in enumerate(paper_tensors().items())
    }
    for side in SIDES:
        tensors |= hand_buffers(side, mano_arrays(SEEDS[side], side))
    return tensors


def write_checkpoint(
    path: Path, tensors: Mapping[str, Any] | None = None, *, zipped: bool = True, **entries: Any
) -> Path:
    """``torch.save`` of {'epoch', 'network'} and what else is given."""
    network = {f"module.{name}": tensor for name, tensor in (tensors or network_tensors()).items()}
    torch.save({"epoch": 99, "network": network, **entries}, path, _use_new_zipfile_serialization=zipped)
    return path
