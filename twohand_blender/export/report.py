"""What was found when a written file was read back (no bpy in here)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from ...inference.contract import output_error

REPORT_SUFFIX: Final = ".report.json"
TOLERATED_VERTEX_ERROR_MM: Final = 0.01
TOLERATED_REST_ERROR_MM: Final = 0.01
TOLERATED_REST_ERROR_DEG: Final = 0.01


@dataclass(frozen=True)
class HandReport:
    """One hand of a file, read back and compared with the scene.

    Parameters
    ----------
    side : ``"right"`` or ``"left"``
    bones : number of bones expected; `missing_bones` those not found under their name and parent
    rest_error_mm, rest_error_deg : largest difference of a bone's rest position and direction
    max_vertex_error_mm : largest distance of a vertex of the file from what was to be written, over the clip
    max_vertex_error_frame : where that is, as a frame of the scene
    left_out_mm : largest distance of a vertex from the scene's hand: what leaving the correctives out costs
    """

    side: str
    bones: int
    missing_bones: list[str]
    rest_error_mm: float
    rest_error_deg: float
    max_vertex_error_mm: float
    max_vertex_error_frame: int
    left_out_mm: float

    @property
    def faithful(self) -> bool:
        """True where the file holds what was to be written."""
        return (
            not self.missing_bones
            and self.rest_error_mm <= TOLERATED_REST_ERROR_MM
            and self.rest_error_deg <= TOLERATED_REST_ERROR_DEG
            and self.max_vertex_error_mm <= TOLERATED_VERTEX_ERROR_MM
        )


@dataclass(frozen=True)
class FbxReport:
    """A whole file, read back.

    Parameters
    ----------
    file : its path
    first_frame, last_frame : of the scene; the first one lies at time 0 of the file
    fps : frames a second
    naming, correctives : what was asked for
    read_first_frame, read_last_frame : range of the keys found, counted from the file's time 0
    frames_compared : number of frames at which vertices were compared
    read_error : why the file could not be read back, empty where it could
    """

    file: str
    first_frame: int
    last_frame: int
    fps: float
    naming: str
    correctives: bool
    read_first_frame: float = 0.0
    read_last_frame: float = 0.0
    frames_compared: int = 0
    hands: list[HandReport] = field(default_factory=list)
    read_error: str = ""

    @property
    def right_range(self) -> bool:
        """True where the keys of the file span exactly the clip."""
        expected = self.last_frame - self.first_frame
        return abs(self.read_first_frame) < 1e-3 and abs(self.read_last_frame - expected) < 1e-3

    @property
    def faithful(self) -> bool:
        """True where the file could be read back and holds what was to be written."""
        return not self.read_error and self.right_range and all(hand.faithful for hand in self.hands)

    def sentences(self) -> list[str]:
        """What a user is told, a line a fact."""
        if self.read_error:
            return [f"The file was written, but could not be read back: {self.read_error}"]
        frames = (
            f"frames {self.first_frame} to {self.last_frame}" if self.last_frame > self.first_frame else "one frame"
        )
        lines = [f"Read back: {frames} at {self.fps:g} fps"]
        if not self.right_range:
            lines.append(f"The file's keys run from {self.read_first_frame:g} to {self.read_last_frame:g}")
        for hand in self.hands:
            lines.append(
                f"{hand.side.capitalize()} hand: {hand.bones - len(hand.missing_bones)} of {hand.bones} bones, "
                f"largest vertex error {hand.max_vertex_error_mm:.4f} mm"
            )
            if hand.missing_bones:
                lines.append(f"Missing bones: {', '.join(hand.missing_bones)}")
            if hand.rest_error_mm > TOLERATED_REST_ERROR_MM or hand.rest_error_deg > TOLERATED_REST_ERROR_DEG:
                lines.append(f"Rest pose off by {hand.rest_error_mm:.3f} mm, {hand.rest_error_deg:.3f} degrees")
        if not self.correctives and self.hands:
            most = max(hand.left_out_mm for hand in self.hands)
            lines.append(f"Without pose correctives: up to {most:.1f} mm from the scene")
        return lines

    def save(self, fbx_path: Path) -> Path:
        """Write the report beside the file.

        Raises
        ------
        HandsError
            OUTPUT_NOT_WRITABLE or DISK_FULL
        """
        path = report_path(fbx_path)
        try:
            path.write_text(json.dumps(asdict(self) | {"faithful": self.faithful}, indent=2), encoding="utf-8")
        except OSError as error:
            raise output_error(path, error) from error
        return path


def report_path(fbx_path: Path) -> Path:
    """``hands.fbx.report.json`` for ``hands.fbx``."""
    return fbx_path.with_name(fbx_path.name + REPORT_SUFFIX)
