"""From the errors of all samples to the numbers that are reported."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import INTERACTING, HandDataset
from ..hands.joints import POINT_NAMES, SIDES
from .errors import ErrorTable
from .motion import MotionScores, motion_scores
from .protocol import PCK_THRESHOLDS_MM, Protocol

JOINT_LABELS: Final = tuple(f"{side} {name}" for side in SIDES for name in POINT_NAMES)


@dataclass(frozen=True)
class GroupScores:
    """Scores of a group of samples; None where nothing of the kind was measured.

    Parameters
    ----------
    samples : with a prediction
    mpjpe_mm : mean over samples per joint, then over joints
    mpvpe_mm : mean over the vertices of all hands with a fit
    auc : area under `pck`, divided by its range
    pck : share of joints within each of `PCK_THRESHOLDS_MM`, per joint, then the mean over joints
    per_joint_mm : by `JOINT_LABELS`
    mrrpe_mm, pa_mpjpe_mm, pa_mpvpe_mm, motion : extended protocols alone
    """

    samples: int
    mpjpe_mm: float | None
    mpvpe_mm: float | None
    auc: float | None
    pck: list[float]
    per_joint_mm: list[float | None]
    mrrpe_mm: float | None = None
    pa_mpjpe_mm: float | None = None
    pa_mpvpe_mm: float | None = None
    motion: MotionScores | None = None


@dataclass(frozen=True)
class SequenceScores:
    """One sequence: number of samples, errors in mm, motion."""

    name: str
    samples: int
    mpjpe_mm: float | None
    mpvpe_mm: float | None
    motion: MotionScores | None


@dataclass(frozen=True)
class Scores:
    """The result of an evaluation.

    Parameters
    ----------
    protocol : name of the rules; without it the numbers mean nothing
    dataset, source : what was evaluated on what
    expected_samples : samples of the data set; `groups` say how many had a prediction
    missed_hands : hands with ground truth in samples with a prediction that were not predicted; in no mean
    groups : ``all``, and in extended protocols ``interacting`` and ``single``
    sequences : each with its own means
    notes : sentences that belong to the numbers
    """

    protocol: str
    dataset: str
    source: str
    expected_samples: int
    missed_hands: int
    groups: dict[str, GroupScores]
    sequences: list[SequenceScores]
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; numbers unrounded."""
        content = asdict(self)
        scored: list[tuple[dict[str, Any], GroupScores | SequenceScores]] = [
            *((content["groups"][name], group) for name, group in self.groups.items()),
            *zip(content["sequences"], self.sequences, strict=True),
        ]
        for entry, item in scored:
            del entry["motion"]
            entry["motion_mm_per_frame2"] = None if item.motion is None else item.motion._asdict()
        content["joint_labels"] = list(JOINT_LABELS)
        content["pck_thresholds_mm"] = PCK_THRESHOLDS_MM.tolist()
        return content


def make_scores(dataset: HandDataset, table: ErrorTable, protocol: Protocol, source: str) -> Scores:
    """All scores of a filled table."""
    return Scores(
        protocol=protocol.name,
        dataset=dataset.name,
        source=source,
        expected_samples=len(dataset),
        missed_hands=table.missed,
        groups={
            name: _group(dataset, table, protocol, np.flatnonzero(mask))
            for name, mask in table.groups().items()
            if name == "all" or np.any(mask)
        },
        sequences=_sequences(dataset, table, protocol),
        notes=_notes(dataset, table, protocol),
    )


def _group(dataset: HandDataset, table: ErrorTable, protocol: Protocol, rows: NDArray[np.int64]) -> GroupScores:
    counted = protocol.counted_points.ravel()
    error = table.point[rows].reshape(len(rows), -1)
    per_joint = _mean_down(error)
    pck = _mean_down(_share_within(error)[:, counted].T)
    steps = np.diff(PCK_THRESHOLDS_MM)
    area = float((steps * (pck[1:] + pck[:-1]) / 2).sum() / (PCK_THRESHOLDS_MM[-1] - PCK_THRESHOLDS_MM[0]))
    extended: dict[str, Any] = {}
    if protocol.is_extended:
        extended = {
            "mrrpe_mm": _mean(table.relative_root[rows]),
            "pa_mpjpe_mm": _mean(table.procrustes_point[rows]),
            "pa_mpvpe_mm": _mean(table.procrustes_vertex[rows]),
            "motion": _motion(dataset, table, rows),
        }
    return GroupScores(
        samples=len(rows),
        mpjpe_mm=_mean(per_joint[counted]),
        mpvpe_mm=_mean(table.vertex[rows]),
        auc=area if np.isfinite(area) else None,
        pck=[float(value) for value in pck if np.isfinite(value)],
        per_joint_mm=[float(value) if np.isfinite(value) else None for value in per_joint],
        **extended,
    )


def _share_within(error: NDArray[np.float32]) -> NDArray[np.float64]:
    """(thresholds, joints) share of the measured samples within each threshold, of errors (samples, joints)."""
    shares = np.full((len(PCK_THRESHOLDS_MM), error.shape[1]), np.nan)
    for joint in range(error.shape[1]):
        measured = np.sort(error[:, joint][np.isfinite(error[:, joint])])
        if len(measured):
            shares[:, joint] = np.searchsorted(measured, PCK_THRESHOLDS_MM, side="right") / len(measured)
    return shares


def _motion(dataset: HandDataset, table: ErrorTable, rows: NDArray[np.int64]) -> MotionScores:
    return motion_scores(
        table.predicted_points[rows], table.true_points[rows], dataset.sequences[rows], dataset.frames[rows]
    )


def _sequences(dataset: HandDataset, table: ErrorTable, protocol: Protocol) -> list[SequenceScores]:
    rows = np.flatnonzero(table.seen)
    rows = rows[np.argsort(dataset.sequences[rows], kind="stable")]
    parts = np.split(rows, np.flatnonzero(np.diff(dataset.sequences[rows])) + 1)
    return [
        SequenceScores(
            name=dataset.sequence_name(int(dataset.sequences[part[0]])),
            samples=len(part),
            mpjpe_mm=_mean(_mean_down(table.point[part].reshape(len(part), -1)[:, protocol.counted_points.ravel()])),
            mpvpe_mm=_mean(table.vertex[part]),
            motion=_motion(dataset, table, part) if protocol.is_extended else None,
        )
        for part in parts
        if len(part)
    ]


def _notes(dataset: HandDataset, table: ErrorTable, protocol: Protocol) -> list[str]:
    absent = len(dataset) - int(table.seen.sum())
    has_pairs = protocol.is_extended and bool(np.any(table.seen & (dataset.kinds == INTERACTING)))
    rules = {
        f"{absent} of {len(dataset)} samples have no prediction and are in no mean.": absent > 0,
        f"{table.missed} annotated hands were not predicted and are in no mean.": table.missed > 0,
        "The predicted mesh is another than the true one: vertex errors are left out.": table.vertices_differ,
        "No prediction says how both hands of a picture lie to each other: MRRPE is left out.": has_pairs
        and not np.any(np.isfinite(table.relative_root)),
    }
    return [sentence for sentence, holds in rules.items() if holds]


def _mean(values: NDArray[np.floating[Any]]) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean(dtype=np.float64)) if finite.size else None


def _mean_down(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Mean of every column's finite entries, not a number where there are none."""
    finite = np.isfinite(values)
    total = np.where(finite, values, 0.0).sum(axis=0, dtype=np.float64)
    number = finite.sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
