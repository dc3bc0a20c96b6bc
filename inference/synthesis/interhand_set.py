"""Samples on disk in InterHand2.6M's v1.0 layout, which this program's and other people's readers understand.

Every sample is a frame of its own with a camera of its own, named after its number; the world's axes are the camera's.
The "MANO fits" of the layout are the open hand's parameters: ``SYNTHETIC.json`` says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract import output_error
from ..datasets.dataset import KINDS
from ..datasets.interhand_layout import Split
from ..datasets.made_set import write_note
from ..hands.joints import MANO_TO_INTERHAND, SIDES, Side
from ..hands.model import HandModel
from ..hands.skinning import shaped_rest
from .picture_set import Done, Drawing, SetPlan
from .sample import Generator
from .sheet import pictures_bgr, write_picture
from .truth import Samples

_CAPTURE: Final = 0
_MILLIMETRES: Final = 1000.0
_IN_FOLDER: Final = 1000
"""Pictures a folder: a file manager opens it."""
LEAST_INSIDE: Final = 7
"""A hand with fewer of its 21 points inside the picture, hidden ones included, is not annotated."""


def write_interhand(
    folder: Path,
    generator: Generator,
    models: Mapping[Side, HandModel],
    plan: SetPlan,
    *,
    split: Split,
    done: Done | None = None,
) -> float:
    """Write ``images/SPLIT`` and ``annotations/SPLIT``; the split's annotation is replaced, other splits stay.

    Parameters
    ----------
    folder : made where it is missing
    generator : what draws
    models : its hand, both sides
    plan : which samples
    split : what the set is called
    done : see `Done`

    Returns
    -------
    samples drawn a second, writing left out

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE, DISK_FULL
    """
    parts: dict[str, Any] = {
        "data": {"images": [], "annotations": []},
        "camera": {str(_CAPTURE): {key: {} for key in ("campos", "camrot", "focal", "princpt")}},
        "joint_3d": {str(_CAPTURE): {}},
        "MANO_NeuralAnnot": {str(_CAPTURE): {}},
    }
    drawing = Drawing(generator, plan, done)
    for samples in drawing:
        truth = _Truth(samples, models)
        for number, picture in enumerate(pictures_bgr(samples, truth=False)):
            index = int(samples.index[number])
            name = f"Capture{_CAPTURE}/{plan.name}/{index // _IN_FOLDER:04d}/image{index}.jpg"
            write_picture(folder / "images" / split / name, picture)
            truth.add_to(parts, number, plan.name, name)
    annotations = folder / "annotations" / split
    try:
        annotations.mkdir(parents=True, exist_ok=True)
        for part, content in parts.items():
            path = annotations / f"InterHand2.6M_{split}_{part}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        raise output_error(annotations, error) from error
    write_note(folder, models, split, {**plan.as_dict(), **generator.as_dict()})
    return drawing.rate


class _Truth:
    """What is true of a batch, in the layout's units and orders."""

    def __init__(self, samples: Samples, models: Mapping[Side, HandModel]) -> None:
        def array(name: str) -> NDArray[np.float64]:
            return getattr(samples, name).cpu().double().numpy()

        self._index = samples.index.tolist()
        self._size_px = samples.picture.shape[-1]
        self._pose, self._betas = array("pose_rotvec").reshape(-1, 2, 48), array("betas")
        rest = np.stack([shaped_rest(models[side], self._betas[:, k])[1][:, 0] for k, side in enumerate(SIDES)], 1)
        self._translation_m = array("wrist_m") - rest
        self._world_mm = _MILLIMETRES * array("joints_m")[:, :, MANO_TO_INTERHAND]
        self._focal_px, self._principal_px = array("focal_px"), array("principal_px")
        pixels = array("joints_px")
        inside = ((pixels > -0.5) & (pixels < self._size_px - 0.5)).all(-1)
        self._annotated = samples.present.cpu().numpy() & (inside.sum(-1) >= LEAST_INSIDE)
        self._box_px = array("box_px")

    def add_to(self, parts: dict[str, Any], number: int, sequence: str, file_name: str) -> None:
        """Enter one sample; one without hands is listed among the images alone."""
        index, hands = self._index[number], self._annotated[number]
        camera, capture = f"{index:07d}", str(_CAPTURE)
        parts["data"]["images"].append(
            {
                "id": index,
                "file_name": file_name,
                "width": self._size_px,
                "height": self._size_px,
                "capture": _CAPTURE,
                "subject": index,  # another person in every picture
                "seq_name": sequence,
                "camera": camera,
                "frame_idx": index,
            }
        )
        cameras = parts["camera"][capture]
        focal = float(self._focal_px[number])
        cameras["campos"][camera] = [0.0, 0.0, 0.0]
        cameras["camrot"][camera] = np.eye(3).tolist()
        cameras["focal"][camera] = [focal, focal]
        cameras["princpt"][camera] = self._principal_px[number].tolist()
        if not hands.any():
            return
        kind = "interacting" if hands.all() else KINDS[int(hands.argmax())]
        valid = [[int(hands[k])] for k in range(2) for _ in MANO_TO_INTERHAND]
        low = self._box_px[number, hands, :2].min(axis=0)
        high = self._box_px[number, hands, 2:].max(axis=0)
        parts["data"]["annotations"].append(
            {
                "id": index,
                "image_id": index,
                "bbox": [*low.tolist(), *(high - low).tolist()],
                "joint_valid": valid,
                "hand_type": kind,
                "hand_type_valid": 1,
            }
        )
        parts["joint_3d"][capture][str(index)] = {
            "world_coord": self._world_mm[number].reshape(-1, 3).tolist(),
            "joint_valid": valid,
            "hand_type": kind,
            "hand_type_valid": True,
        }
        parts["MANO_NeuralAnnot"][capture][str(index)] = {
            side: None if not hands[k] else self._fit(number, k) for k, side in enumerate(SIDES)
        }

    def _fit(self, number: int, hand: int) -> dict[str, list[float]]:
        return {
            "pose": self._pose[number, hand].tolist(),
            "shape": self._betas[number, hand].tolist(),
            "trans": self._translation_m[number, hand].tolist(),
        }
