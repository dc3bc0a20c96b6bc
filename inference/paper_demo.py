"""The authors' demo on one picture: the whole picture through the network, meshes, a drawing and every raw output.

Numbers are the network's own: no placement in a camera, no choice of a crop, nothing left out. What the engine
`intershape` makes of a picture is another thing (docs/intershape.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .contract import ErrorCode, HandsError, replacing
from .crops import SquareCrop, whole_picture
from .hands.joints import MIDDLE_MCP, POINT_COUNT, SIDES, Side
from .hands.model import HandModel
from .preview.overlay import COLOURS, PosedMesh, draw_mesh, vertex_normals

if TYPE_CHECKING:
    from .engines.crop_answer import NetworkReader
    from .networks.intershape import Prediction

Array = NDArray[np.float64]

_FAR_PALMS: Final = 1e4
"""From so many palm lengths away perspective is too small to see: the network's own projection has none."""
_DRAWING_PX: Final = 512
"""Small pictures are drawn larger, so that something can be seen."""


def raw_outputs(prediction: Prediction) -> dict[str, NDArray[np.float32]]:
    """Every output for a batch of one, by the names of the published numbers.

    ``xyc`` (42, 3) heat-map column, row, value; ``hand_presence`` (2,); ``trans`` (4,); ``joints`` (42, 3) and
    ``vertices`` (V, 3) of the last stage, mm, right then left; by stage (4, ...) and hand ``pose_right`` (48),
    ``shape_right`` (10), ``stage_joints_right`` (21, 3) mm, ``rest_joints_right`` (16, 3) mm, and the same ``_left``.
    """
    arrays = {
        "xyc": _numpy(prediction.heatmaps.peaks_xyc[0]),
        "hand_presence": _numpy(prediction.hand_presence[0]),
        "trans": _numpy(prediction.mesh.trans[0]),
    }
    joints, vertices = [], []
    for side, stages in zip(SIDES, (prediction.mesh.right, prediction.mesh.left), strict=True):
        if stages[-1].vertices_mm is None or any(stage.rest_joints_mm is None for stage in stages):
            raise ValueError("the prediction was made without every stage")
        joints.append(_numpy(stages[-1].points_mm[0]))
        vertices.append(_numpy(stages[-1].vertices_mm[0]))
        arrays[f"pose_{side}"] = np.stack([_numpy(stage.pose_rotvec[0]) for stage in stages])
        arrays[f"shape_{side}"] = np.stack([_numpy(stage.betas[0]) for stage in stages])
        arrays[f"stage_joints_{side}"] = np.stack([_numpy(stage.points_mm[0]) for stage in stages])
        rest = [stage.rest_joints_mm[0] for stage in stages if stage.rest_joints_mm is not None]
        arrays[f"rest_joints_{side}"] = np.stack([_numpy(tensor) for tensor in rest])
    arrays["joints"], arrays["vertices"] = np.concatenate(joints), np.concatenate(vertices)
    return arrays


def in_right_palms(outputs: Mapping[str, NDArray[Any]]) -> dict[Side, tuple[Array, Array]]:
    """Vertices (V, 3) and 21 points (21, 3) of both hands in right palm lengths, about the right middle knuckle.

    The left hand, in its own palm lengths about its own middle knuckle, lies at ``(left + t) * exp(a)``.
    """
    vertex_count = len(outputs["vertices"]) // 2  # both models are one layout
    split: dict[Side, tuple[Array, Array]] = {}
    for index, side in enumerate(SIDES):
        points = outputs["joints"][index * POINT_COUNT :][:POINT_COUNT].astype(np.float64)
        vertices = outputs["vertices"][index * vertex_count :][:vertex_count].astype(np.float64)
        palm = max(float(np.linalg.norm(points[MIDDLE_MCP] - points[0])), 1e-9)
        split[side] = ((vertices - points[MIDDLE_MCP]) / palm, (points - points[MIDDLE_MCP]) / palm)
    a, *t = outputs["trans"].astype(np.float64)
    left = tuple((part + np.array(t)) * np.exp(a) for part in split["left"])
    return {"right": split["right"], "left": (left[0], left[1])}


def drawing(
    rgb: NDArray[np.uint8],
    crop: SquareCrop,
    outputs: Mapping[str, NDArray[Any]],
    models: Mapping[Side, HandModel],
    heatmap_px: int,
) -> NDArray[np.uint8]:
    """The pair of hands over the picture, in one scale and shift that fit all 42 joints to their heat-map peaks.

    Weights are the peaks' values squared, as in the network's own fit. What the head takes for absent is left out.
    """
    import cv2

    hands = in_right_palms(outputs)
    shown: list[Side] = [side for side, seen in zip(SIDES, outputs["hand_presence"], strict=True) if seen >= 0.5]
    if not shown:
        return rgb
    points = np.concatenate([hands[side][1] for side in shown])
    rows = np.concatenate([np.arange(POINT_COUNT) + POINT_COUNT * SIDES.index(side) for side in shown])
    peaks = outputs["xyc"][rows].astype(np.float64)
    seen_px = crop.to_picture(peaks[:, :2] * (crop.size_px / heatmap_px))
    fit = _scale_and_shift(points[:, :2], seen_px, np.clip(peaks[:, 2], 0.0, None) ** 2)
    if fit is None:
        return rgb
    larger = max(1, -(-_DRAWING_PX // max(rgb.shape[:2])))
    if larger > 1:
        size = (rgb.shape[1] * larger, rgb.shape[0] * larger)
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    scale, shift = fit[0] * larger, (fit[1] + 0.5) * larger - 0.5
    vertices, normals, colours, triangles, count = [], [], [], [], 0
    for side in shown:
        corners = models[side].triangles.astype(np.int64)
        vertices.append(hands[side][0] + [0.0, 0.0, _FAR_PALMS])
        normals.append(vertex_normals(hands[side][0], corners))
        colours.append(np.tile(np.array(COLOURS[side], dtype=np.float64), (len(hands[side][0]), 1)))
        triangles.append(corners + count)
        count += len(hands[side][0])
    mesh = PosedMesh(*(np.concatenate(parts) for parts in (vertices, normals, colours, triangles)))
    return draw_mesh(rgb, mesh, scale * _FAR_PALMS, (float(shift[0]), float(shift[1])))


def demonstrate(network: NetworkReader, rgb: NDArray[np.uint8], folder: Path, name: str) -> list[Path]:
    """Run the authors' demo on a picture (H, W, 3) and write its files into a folder.

    Returns
    -------
    the paths of NAME.npz, NAME_overlay.png, NAME_right.obj, NAME_left.obj and NAME_interacting.obj

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE, DISK_FULL or OUT_OF_MEMORY
    """
    import cv2

    crop = whole_picture((rgb.shape[1], rgb.shape[0]))
    outputs = raw_outputs(network.predict(crop.cut(rgb, smooth=False), every_stage=True))
    drawn = drawing(rgb, crop, outputs, network.models, network.configuration.heatmap_px)
    done, png = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
    if not done:
        raise HandsError(ErrorCode.INTERNAL, f"The drawing of '{name}' cannot be encoded.", "Try a smaller picture.")
    packed = BytesIO()
    np.savez_compressed(packed, **outputs)
    vertices: dict[Side, Array] = {side: part[0] for side, part in in_right_palms(outputs).items()}
    files = {
        f"{name}.npz": packed.getvalue(),
        f"{name}_overlay.png": png.tobytes(),
        f"{name}_right.obj": obj_text({"right": vertices["right"]}, network.models).encode(),
        f"{name}_left.obj": obj_text({"left": vertices["left"]}, network.models).encode(),
        f"{name}_interacting.obj": obj_text(vertices, network.models).encode(),
    }
    for file_name, content in files.items():
        with replacing(folder / file_name) as temporary:
            temporary.write_bytes(content)
    return [folder / file_name for file_name in files]


def obj_text(vertices: Mapping[Side, Array], models: Mapping[Side, HandModel]) -> str:
    """Meshes as a Wavefront OBJ, an object a hand; the network's axes: x right, y down, z away."""
    lines, first = ["# right palm lengths about the right middle knuckle; x right, y down, z away"], 1
    for side, points in vertices.items():
        lines.append(f"o {side}")
        lines += [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in points.tolist()]
        lines += [f"f {a} {b} {c}" for a, b, c in (models[side].triangles.astype(np.int64) + first).tolist()]
        first += len(points)
    return "\n".join(lines) + "\n"


def _scale_and_shift(points: Array, seen: Array, weight: Array) -> tuple[float, Array] | None:
    """Scale and shift (2,) that bring points (N, 2) onto what is seen; None where nothing is sure of anything."""
    total = weight.sum()
    if total <= 0:
        return None
    middle, seen_middle = weight @ points / total, weight @ seen / total
    spread = float(weight @ np.sum((points - middle) ** 2, axis=1))
    scale = float(weight @ np.sum((points - middle) * (seen - seen_middle), axis=1)) / max(spread, 1e-12)
    # A mirrored or vanishing fit is none: the size of the hands then follows from how far the peaks are apart.
    if scale <= 0:
        scale = float(np.sqrt(weight @ np.sum((seen - seen_middle) ** 2, axis=1) / max(spread, 1e-12)))
    return (scale, seen_middle - scale * middle) if scale > 0 else None


def _numpy(tensor: Any) -> NDArray[np.float32]:
    return tensor.detach().cpu().numpy().astype(np.float32)
