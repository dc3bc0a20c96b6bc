"""A note in a data set's folder that says: made by this program, and with which hand. Real data sets have none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..contract import ErrorCode, HandsError, replacing
from ..hands.joints import Side
from ..hands.model import HandModel

NOTE_FILE: Final = "SYNTHETIC.json"
_SAYS: Final = (
    "Drawn by 'python -m inference synthesize'; no picture or annotation of another data set is in here. Hand model "
    "parameters, joints and vertices are those of the hand model named below, not of MANO, even where the layout calls "
    "them MANO fits. Free for any use (CC0-1.0)."
)


def write_note(folder: Path, models: Mapping[Side, HandModel], part: str, made_from: Mapping[str, Any]) -> None:
    """Write or complete ``SYNTHETIC.json``.

    Parameters
    ----------
    folder : of the data set
    models : the hands that are drawn
    part : what of the data set was drawn now: a split, for example; other parts' entries stay
    made_from : seed, numbers, settings: whatever is needed to draw the part again

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE, DISK_FULL
    """
    path = folder / NOTE_FILE
    model = models["right"]
    hand = {"name": model.name, "licence": model.licence, "sha256": [models["right"].sha256, models["left"].sha256]}
    before = _read(path)
    parts = before.get("parts", {}) if before is not None and before.get("hand_model") == hand else {}
    content = {"note": _SAYS, "hand_model": hand, "parts": {**parts, part: dict(made_from)}}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def models_of_set(
    folder: Path, shipped: Callable[[], Mapping[Side, HandModel]], users_own: Callable[[], tuple[HandModel, HandModel]]
) -> Mapping[Side, HandModel]:
    """The hand model that a set's annotation refers to: MANO, unless a note says that the set was made here.

    Parameters
    ----------
    folder : of the data set
    shipped : loads the program's own hand
    users_own : loads the user's MANO, which is needed for real data alone

    Raises
    ------
    HandsError
        MODEL_MISSING where the set was made with another hand; the errors of what loads
    """
    note = _read(folder / NOTE_FILE)
    if note is None:
        right, left = users_own()
        return {"right": right, "left": left}
    wanted, models = note.get("hand_model"), shipped()
    if isinstance(wanted, dict) and wanted.get("sha256") == [models["right"].sha256, models["left"].sha256]:
        return models
    raise HandsError(
        ErrorCode.MODEL_MISSING,
        f"The data set in '{folder}' was drawn with another hand than this program's.",
        "Draw it again with 'synthesize'.",
    )


def made_sets_in(folder: Path) -> list[Path]:
    """The drawn sets that lie side by side in a folder, by name; none where it is one itself, or holds none."""
    if (folder / NOTE_FILE).is_file():
        return []
    return sorted(path.parent for path in folder.glob(f"*/{NOTE_FILE}"))


def name_of_part(folder: Path, part: str) -> str | None:
    """What a split of a drawn set is called in tables; None where the data set was not drawn."""
    note = _read(folder / NOTE_FILE)
    if note is None:
        return None
    parts = note.get("parts")
    made_from = parts.get(part) if isinstance(parts, dict) else None
    if not isinstance(made_from, dict):
        return f"drawn set, {part}"
    return f"drawn set '{made_from.get('name')}', seed {made_from.get('seed')}, {part}"


def _read(path: Path) -> dict[str, Any] | None:
    """The note's content; None where there is none."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
