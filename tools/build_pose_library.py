"""Write the pose library: `weights/open_hand_poses.npz` and its picture `docs/open_hand_poses_library.png`.

The poses are defined in `inference/hands/pose_library.py`; run again after a change there, from the repository root:
``python -m tools.build_pose_library``. The file holds

* ``names`` (24,) and ``descriptions`` (24,),
* ``quat_wxyz`` (24, 16, 4): local rotations of the right open hand in MANO order, absolute, the wrist not turned
  (the left hand's: negate y and z),
* ``angles_rad`` (24, 16, 3): flexion, twist and abduction, for any other hand,
* ``thumbnails`` (24, 96, 96, 4): pictures for Blender's asset shelf, 8 bits, top row first,
* ``licence``.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.hands.model import HandModel
from inference.hands.pose_library import LICENCE, POSES, local_quat_wxyz, pose_angles_rad
from inference.hands.rotations import quat_wxyz_to_matrix, rotvec_to_matrix
from inference.hands.skinning import pose_hand
from tools.open_hand.picture import contact_sheet, render

THUMBNAIL_PX = 96
_LARGER = 2
_SHEET_PX, _COLUMNS = 150, 8
_WIDTH_M = 0.215
_CENTRE_M = (-0.078, -0.012, 0.006)
_TURN_DEG = (-18.0, 22.0)
"""About the forearm and about the vertical: seen a little from the thumb's side, a pose is told more easily."""


def pictures(model: HandModel) -> dict[str, Image.Image]:
    """Each pose from its palm side, twice the size of a thumbnail."""
    turn = rotvec_to_matrix(np.deg2rad([_TURN_DEG[1], 0.0, 0.0])) @ rotvec_to_matrix(
        np.deg2rad([0.0, 0.0, _TURN_DEG[0]])
    )
    centre = np.array(_CENTRE_M)
    found = {}
    for name, pose in POSES.items():
        matrices = quat_wxyz_to_matrix(local_quat_wxyz(pose, model))
        vertices = pose_hand(model, matrices, np.zeros(model.shape_count), model.joint_template[0]).vertices_m
        turned = (vertices - centre) @ turn.T + centre
        found[name] = render(
            turned, model.triangles, "palm", size_px=_LARGER * THUMBNAIL_PX, width_m=_WIDTH_M, centre_m=_CENTRE_M
        )
    return found


def thumbnail(picture: Image.Image) -> NDArray[np.uint8]:
    """(96, 96, 4) the picture in its final size, what is white transparent."""
    small = np.asarray(picture.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX), dtype=np.uint8)
    covered = np.any(np.asarray(picture) < 255, axis=-1)
    alpha = covered.reshape(THUMBNAIL_PX, _LARGER, THUMBNAIL_PX, _LARGER).mean(axis=(1, 3))
    return np.concatenate([small, np.rint(255 * alpha).astype(np.uint8)[..., None]], axis=-1)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("weights/open_hand_poses.npz"))
    parser.add_argument("--sheet", type=Path, default=Path("docs/open_hand_poses_library.png"))
    arguments = parser.parse_args()
    out, sheet = Path(arguments.out), Path(arguments.sheet)
    model = HandModel.load(Path("weights/open_hand.npz"))
    drawn = pictures(model)
    np.savez_compressed(
        out,
        names=np.array(list(POSES)),
        descriptions=np.array([pose.description for pose in POSES.values()]),
        quat_wxyz=np.stack([local_quat_wxyz(pose, model) for pose in POSES.values()]).astype(np.float32),
        angles_rad=np.stack([pose_angles_rad(pose) for pose in POSES.values()]).astype(np.float32),
        thumbnails=np.stack([thumbnail(picture) for picture in drawn.values()]),
        licence=np.array(LICENCE),
    )
    labelled = [
        (name, picture.resize((_SHEET_PX, _SHEET_PX), Image.Resampling.LANCZOS)) for name, picture in drawn.items()
    ]
    contact_sheet(labelled, _COLUMNS).quantize(96).save(sheet, optimize=True)
    content = out.read_bytes()
    print(f"{out}: {len(POSES)} poses, {len(content) / 1e3:.0f} kB, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
