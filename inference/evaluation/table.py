"""Scores as text for a terminal."""

from __future__ import annotations

from typing import Final

from .scores import GroupScores, Scores

_NOTHING: Final = "-"


def score_rows(group: GroupScores) -> list[tuple[str, str]]:
    """Names with units, and values as they are printed, of one group."""
    motion = group.motion
    rows = [
        ("samples", str(group.samples)),
        ("MPJPE mm", _number(group.mpjpe_mm, 2)),
        ("MPVPE mm", _number(group.mpvpe_mm, 2)),
        ("AUC 0-50 mm", _number(group.auc, 3)),
    ]
    if motion is not None:
        rows += [
            ("MRRPE mm", _number(group.mrrpe_mm, 2)),
            ("PA-MPJPE mm", _number(group.pa_mpjpe_mm, 2)),
            ("PA-MPVPE mm", _number(group.pa_mpvpe_mm, 2)),
            ("acceleration error mm/frame²", _number(motion.acceleration_error, 2)),
            ("jitter mm/frame²", _number(motion.jitter, 2)),
            ("true jitter mm/frame²", _number(motion.true_jitter, 2)),
        ]
    return rows


def format_scores(scores: Scores) -> str:
    """The table, with the protocol's name in its head: numbers of two protocols cannot be compared."""
    columns = {name: dict(score_rows(group)) for name, group in scores.groups.items()}
    labels = list(next(iter(columns.values())))
    width = max(map(len, labels))
    head = f"Protocol '{scores.protocol}': {scores.source} on {scores.dataset}"
    lines = [head, "", " " * width + "".join(f"{name:>13}" for name in columns)]
    lines += [f"{label:<{width}}" + "".join(f"{column[label]:>13}" for column in columns.values()) for label in labels]
    lines += ["", *(f"Note: {note}" for note in scores.notes)] if scores.notes else []
    return "\n".join(lines)


def _number(value: float | None, digits: int) -> str:
    return _NOTHING if value is None else f"{value:.{digits}f}"
