"""Look at the open hand and measure it: pictures of its shapes and poses, and its proportions beside published ones.

From the repository root, after a build (numpy, scipy and pillow)::

    python -m tools.open_hand.report
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.hands.joints import FINGERS, TIP_PARENTS
from inference.hands.model import HandModel
from inference.hands.skinning import pose_hand, shaped_rest

from .mesh import border_vertices, enclosed_volume
from .picture import contact_sheet, render
from .poses import Poser, named_angles
from .rest_pose import first_joint

Array = NDArray[np.float64]

SHAPE_NAMES = (
    "size",
    "finger length",
    "palm width",
    "finger thickness",
    "thumb length",
    "wrist girth",
    "little finger",
    "index against ring",
    "palm thickness",
    "thumb thickness",
)
BONES_MM = {
    "index": (39.78, 22.38, 15.82 + 3.84),
    "middle": (44.63, 26.33, 17.40 + 3.95),
    "ring": (41.37, 25.65, 17.30 + 3.95),
    "pinky": (32.74, 18.11, 15.96 + 3.73),
    "thumb": (46.22, 31.57, 21.67 + 5.67),
}
"""Mean bone lengths from knuckle to skin of the fingertip (thumb: from its metacarpal), in X-ray pictures of 66
adults: Buryanov & Kotiuk, "Proportions of Hand Segments", Int. J. Morphol. 28(3):755-758, 2010; taken from a text that
quotes them."""
BREADTH_TO_LENGTH = (0.437, 0.452)
"""Hand breadth over length of women and men (right hands): Ibeachu, Abu & Didia, "Anthropometric Sexual Dimorphism of
Hand Length, Breadth and Hand Indices", Asian J. Med. Sci. 3(8):146-150, 2011."""
DOCS = Path("docs")
FLAT_CENTRE_M = (-0.09, -0.01, 0.006)


def bone_lengths_m(model: HandModel, betas: Array) -> dict[str, Array]:
    """Three bone lengths of every finger, the last to the fingertip vertex."""
    vertices, joints = shaped_rest(model, betas)
    lengths = {}
    for tip, last in zip(model.tip_vertices, TIP_PARENTS, strict=True):
        chain = np.stack([*joints[last - 2 : last + 1], vertices[tip]])
        lengths[FINGERS[(last - 1) // 3]] = np.linalg.norm(np.diff(chain, axis=0), axis=1)
    return lengths


def breadth_m(model: HandModel, betas: Array) -> float:
    """Hand breadth across the knuckles of index and little finger, without the thumb."""
    vertices, joints = shaped_rest(model, betas)
    thumb = first_joint("thumb")
    palm = model.lbs_weights[:, thumb : thumb + 3].sum(axis=1) < 0.05
    edges = []
    for finger in ("index", "pinky"):
        near = palm & (np.abs(vertices[:, 0] - joints[first_joint(finger), 0]) < 0.006)
        edges.append(vertices[near, 2].max() if finger == "index" else vertices[near, 2].min())
    return float(edges[0] - edges[1])


def describe(model: HandModel) -> list[str]:
    """Lines of text: proportions beside published ones, what each component changes, volumes of the poses."""
    zero, unit = np.zeros(model.shape_count), np.eye(model.shape_count)
    mean = bone_lengths_m(model, zero)
    scale = sum(mean["middle"]) / sum(BONES_MM["middle"])
    lines = ["bone lengths, mm (published, scaled to this hand's middle finger)"]
    for finger, published in BONES_MM.items():
        pairs = (
            f"{own * 1e3:.1f} ({bone * scale * 1e3:.1f})" for own, bone in zip(mean[finger], published, strict=True)
        )
        lines.append(f"  {finger}: {', '.join(pairs)}")
    length = np.linalg.norm(model.v_template[model.tip_vertices[2]])
    lines.append(f"breadth / length {breadth_m(model, zero) / length:.3f}, published {BREADTH_TO_LENGTH}")
    lines.append("one standard deviation of each component, %: fingers I M R P, thumb, breadth, largest skin shift mm")
    for name, betas in zip(SHAPE_NAMES, unit, strict=True):
        changed = bone_lengths_m(model, betas)
        ratio = [sum(changed[f]) / sum(mean[f]) - 1 for f in ("index", "middle", "ring", "pinky", "thumb")]
        wide = breadth_m(model, betas) / breadth_m(model, zero) - 1
        shift = np.linalg.norm(model.shapedirs @ betas, axis=1).max()
        numbers = " ".join(f"{100 * value:+.1f}" for value in [*ratio, wide])
        lines.append(f"  {name}: {numbers}, {shift * 1e3:.1f}")
    border = border_vertices(model.polygons)
    flat = enclosed_volume(model.v_template, model.triangles, border)
    lines.append(f"volume {flat * 1e6:.0f} cm3; of the flat hand's:")
    for name, vertices in _posed(model).items():
        lines.append(f"  {name}: {enclosed_volume(vertices, model.triangles, border) / flat:.3f}")
    return lines


def _posed(model: HandModel) -> dict[str, Array]:
    poser = Poser(np.concatenate([model.joint_template, model.v_template[model.tip_vertices]]))
    zero, wrist = np.zeros(model.shape_count), model.joint_template[0]
    return {
        name: pose_hand(model, poser.matrices(angles), zero, wrist).vertices_m
        for name, angles in named_angles().items()
    }


def main() -> None:
    """Write `docs/open_hand_poses.png` and `docs/open_hand_shapes.png` and print the measures."""
    model = HandModel.load(Path("weights/open_hand.npz"))
    print("\n".join(describe(model)))
    poses = [
        (f"{name}, {view}", render(vertices, model.triangles, view, size_px=230, width_m=0.22, centre_m=FLAT_CENTRE_M))
        for view in ("palm", "back", "thumb side")
        for name, vertices in _posed(model).items()
    ]
    contact_sheet(poses, len(named_angles())).quantize(128).save(DOCS / "open_hand_poses.png", optimize=True)
    shapes = []
    for amount in (-2, 2):
        for component, name in enumerate(SHAPE_NAMES):
            vertices, _ = shaped_rest(model, amount * np.eye(model.shape_count)[component])
            picture = render(vertices, model.triangles, "back", size_px=190, width_m=0.23, centre_m=FLAT_CENTRE_M)
            shapes.append((f"{component} {name} {amount:+d}", picture))
    order = [shapes[10 * row + column] for half in (0, 5) for row in (0, 1) for column in range(half, half + 5)]
    contact_sheet(order, 5).quantize(128).save(DOCS / "open_hand_shapes.png", optimize=True)


if __name__ == "__main__":
    main()
