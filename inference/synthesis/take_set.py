"""Clips on disk: a folder of pictures for each, and beside it the take of what is true of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract import TAKE_SUFFIX, ErrorCode, HandsError, Take, write_take
from ..datasets.made_set import write_note
from ..hands.joints import SIDES, Side
from ..hands.model import HandModel
from ..hands.rotations import rotvec_to_quat_wxyz
from ..media.source_hash import sequence_hash
from .picture_set import Done, SetPlan
from .sample import Generator
from .sheet import pictures_bgr, write_picture
from .truth import Samples

_ENGINE: Final = "synthesis"


def write_takes(
    folder: Path,
    generator: Generator,
    models: Mapping[Side, HandModel],
    plan: SetPlan,
    *,
    frames: int,
    fps: float,
    done: Done | None = None,
) -> float:
    """Write ``NAME/NNNNN.png`` and ``NAME.hands.npz`` for every clip; their names say set and number.

    Parameters
    ----------
    folder : made where it is missing
    generator : what draws
    models : its hand, both sides
    plan : which clips; they are drawn `batch` frames at once
    frames, fps : length and rate of a clip
    done : see `Done`; counts clips

    Returns
    -------
    pictures drawn a second, writing left out

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE, DISK_FULL; USAGE where takes of something else lie in the folder, which would be read
        together with these
    """
    names = {number: f"{plan.name}_{plan.seed}_{number:04d}" for number in range(plan.first, plan.first + plan.count)}
    others = {path.name.removesuffix(TAKE_SUFFIX) for path in folder.glob(f"*{TAKE_SUFFIX}")} - set(names.values())
    if others:
        raise HandsError(
            ErrorCode.USAGE,
            f"'{folder}' holds another take, '{min(others)}': all takes of a folder are read as one set.",
            "Choose another folder.",
        )
    times_s = torch.arange(frames) / fps
    started_s, drawing_s = time.perf_counter(), 0.0
    for number, name in names.items():
        parts: list[Samples] = []
        paths = [folder / name / f"{frame:05d}.png" for frame in range(frames)]
        before_s = time.perf_counter()
        for samples in generator.make_clip(plan.seed, number, times_s, plan.batch):
            images = pictures_bgr(samples, truth=False)
            drawing_s += time.perf_counter() - before_s
            for path, image in zip((paths[frame] for frame in samples.index.tolist()), images, strict=True):
                write_picture(path, image)
            parts.append(samples)
            before_s = time.perf_counter()
        settings = {"seed": plan.seed, "clip": number, **generator.as_dict()}
        write_take(_take(parts, models, paths, fps, settings), folder / f"{name}{TAKE_SUFFIX}")
        if done is not None:
            done(number - plan.first + 1, time.perf_counter() - started_s)
    made_from = {**plan.as_dict(), "frames": frames, "fps": fps, **generator.as_dict()}
    write_note(folder, models, "takes", made_from)
    return plan.count * frames / max(drawing_s, 1e-9)


def _take(
    parts: list[Samples], models: Mapping[Side, HandModel], paths: list[Path], fps: float, settings: dict[str, object]
) -> Take:
    """The truth of a clip; a hand none of whose points is inside the picture counts as absent from the frame."""

    def clip(name: str) -> NDArray[np.float64]:
        """(2, F, ...) of an attribute (F, 2, ...)."""
        whole = torch.cat([getattr(samples, name) for samples in parts]).cpu()
        return whole.transpose(0, 1).numpy().astype(np.float64)

    size = parts[0].picture.shape[-1]
    pixels, joints = clip("joints_px"), clip("joints_m")
    inside = ((pixels > -0.5) & (pixels < size - 0.5)).all(-1).any(-1)
    present = clip("present").astype(bool) & inside
    rotvec = clip("pose_rotvec")
    for hand, side in enumerate(SIDES):
        rotvec[hand, :, 1:] += models[side].pose_mean_rotvec
    quat = rotvec_to_quat_wxyz(rotvec)
    quat[~present] = [1, 0, 0, 0]
    for values in (pixels, joints):
        values[~present] = 0
    count = pixels.shape[1]
    first = parts[0]
    return Take(
        source=paths[0].parent.name,
        source_sha256=sequence_hash(paths),
        picture_size_px=(size, size),
        fps=float(fps),
        frames=np.arange(count),
        readable=np.ones(count, dtype=bool),
        focal_px=float(first.focal_px[0]),
        principal_px=(float(first.principal_px[0, 0]), float(first.principal_px[0, 1])),
        focal_source="given",
        engine=_ENGINE,
        engine_settings=settings,
        model_name=models["right"].name,
        model_licence=models["right"].licence,
        model_sha256=(models["right"].sha256, models["left"].sha256),
        complete=True,
        present=present,
        confidence=present.astype(np.float64),
        quat_wxyz=quat,
        translation_m=joints[:, :, 0].copy(),
        betas=first.betas[0].cpu().numpy().astype(np.float64),
        joints_px=pixels,
        joints_px_confidence=clip("visible") * present[..., None],
        joints_m=joints,
    )
