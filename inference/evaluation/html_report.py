"""A report in one HTML file: scores, plots and pictures, nothing fetched from anywhere."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from typing import Final

from .. import __version__
from .protocol import PCK_THRESHOLDS_MM
from .scores import JOINT_LABELS, Scores, SequenceScores
from .svg_plots import bar_plot, curve_plot
from .table import score_rows

_STYLE: Final = """
body { font-family: sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: 0.25em 0.8em; border-bottom: 1px solid #ddd }
td { text-align: right } th { text-align: left } thead th { text-align: right }
thead th:first-child { text-align: left }
figure { display: inline-block; margin: 0.3em; font-size: 0.8em } figcaption { max-width: 320px }
.sequences { max-height: 30em; overflow-y: auto; display: inline-block } .note { color: #8a4b00 }
"""


def html_report(scores: Scores, tiles: Iterable[tuple[str, bytes]]) -> str:
    """The report.

    Parameters
    ----------
    scores : what was measured
    tiles : captions and JPEGs of the worst samples
    """
    title = f"{scores.source} on {scores.dataset}"
    name = escape(scores.protocol)
    figures = "".join(
        f'<figure><img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, jpeg in tiles
    )
    curves = {
        f"{group} (AUC {scored.auc:.3f})": (PCK_THRESHOLDS_MM.tolist(), scored.pck)
        for group, scored in scores.groups.items()
        if scored.auc is not None
    }
    sections = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Protocol <b>{name}</b>. Numbers of another protocol must not be compared with these. "
        f"Written by twohand {escape(__version__)}.</p>",
        *(f'<p class="note">{escape(note)}</p>' for note in scores.notes),
        _score_table(scores),
        f"<h2>Joints within a threshold (PCK, protocol {name})</h2>",
        curve_plot(curves, "threshold, mm", "share of joints", float(PCK_THRESHOLDS_MM[-1])),
        f"<h2>Mean error of each joint (all samples, protocol {name})</h2>",
        bar_plot(JOINT_LABELS, scores.groups["all"].per_joint_mm, "mm"),
        f"<h2>Sequences (protocol {name})</h2>",
        _sequence_table(scores.sequences),
    ]
    if figures:
        sections += [
            f"<h2>Largest errors (protocol {name})</h2>",
            "<p>White: the truth. Blue (right hand) and orange (left): predicted, aligned as the protocol says.</p>",
            figures,
        ]
    body = "\n".join(sections)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _score_table(scores: Scores) -> str:
    columns = {group: dict(score_rows(scored)) for group, scored in scores.groups.items()}
    head = "".join(f"<th>{escape(group)}</th>" for group in columns)
    rows = "".join(
        f"<tr><th>{escape(label)}</th>" + "".join(f"<td>{column[label]}</td>" for column in columns.values()) + "</tr>"
        for label in next(iter(columns.values()))
    )
    return f"<table><thead><tr><th>protocol {escape(scores.protocol)}</th>{head}</tr></thead>{rows}</table>"


def _sequence_table(sequences: list[SequenceScores]) -> str:
    with_motion = any(sequence.motion is not None for sequence in sequences)
    titles = ["samples", "MPJPE mm", "MPVPE mm"]
    titles += ["acceleration error", "jitter", "true jitter (mm/frame²)"] if with_motion else []
    rows = []
    for sequence in sorted(sequences, key=lambda item: -(item.mpjpe_mm or 0.0)):
        values = [sequence.mpjpe_mm, sequence.mpvpe_mm]
        if sequence.motion is not None:
            values += [sequence.motion.acceleration_error, sequence.motion.jitter, sequence.motion.true_jitter]
        cells = "".join(f"<td>{'-' if value is None else f'{value:.2f}'}</td>" for value in values)
        rows.append(f"<tr><th>{escape(sequence.name)}</th><td>{sequence.samples}</td>{cells}</tr>")
    head = "".join(f"<th>{title}</th>" for title in ["sequence", *titles])
    return f'<div class="sequences"><table><thead><tr>{head}</tr></thead>{"".join(rows)}</table></div>'
