"""The result of an ablation as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..evaluation.table import score_rows
from .run import VariantResult

_WITH_ERROR: Final = {
    "MPJPE mm": "mpjpe_mm",
    "MPVPE mm": "mpvpe_mm",
    "PA-MPJPE mm": "pa_mpjpe_mm",
    "MRRPE mm": "mrrpe_mm",
}


def format_ablation(results: Sequence[VariantResult]) -> str:
    """A table for every group of samples: a row a variant, each number with its standard error over the samples."""
    first = results[0]
    head = f"Protocol '{first.scores.protocol}' on {first.scores.dataset}, after {first.steps} steps each"
    lines = [head]
    counts = [group.samples for group in first.scores.groups.values()]
    for name, group in first.scores.groups.items():
        if name != "all" and group.samples == counts[0]:
            continue  # the same samples as all
        lines += ["", f"{name}, {group.samples} samples", *_table(results, name)]
    if len(results) > 1:
        lines += ["", f"± is a standard error over samples; in brackets the difference from '{first.variant.name}',"]
        lines += ["sample by sample, and that of the difference."]
    notes = dict.fromkeys(note for result in results for note in result.scores.notes)
    lines += ["", *(f"Note: {note}" for note in notes)] if notes else []
    return "\n".join(lines)


def _table(results: Sequence[VariantResult], group: str) -> list[str]:
    rows = [dict(score_rows(result.scores.groups[group])) for result in results]
    labels = [label for label in rows[0] if label != "samples" and any(row[label] != "-" for row in rows)]
    columns = [["parameters M", *(f"{result.parameters / 1e6:.2f}" for result in results)]]
    for label in labels:
        texts = [
            _value(result, results[0], group, label, row[label]) for result, row in zip(results, rows, strict=True)
        ]
        columns.append([label, *texts])
    names = ["", *(result.variant.name for result in results)]
    lines = [f"{name:<{max(map(len, names))}}" for name in names]
    for column in columns:
        width = max(map(len, column))
        lines = [f"{line}  {text:>{width}}" for line, text in zip(lines, column, strict=True)]
    return lines


def _value(result: VariantResult, first: VariantResult, group: str, label: str, text: str) -> str:
    """A number with what is known of its uncertainty."""
    key = _WITH_ERROR.get(label)
    error = result.standard_errors(group)[key] if key else None
    if key is None or error is None:
        return text
    text = f"{text} ± {error:.2f}"
    if result is first:
        return text
    mean, of_mean = result.difference_from(first, group)[key]
    return text if mean is None or of_mean is None else f"{text} ({mean:+.2f} ± {of_mean:.2f})"
