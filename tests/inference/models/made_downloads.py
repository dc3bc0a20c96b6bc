"""Made-up downloads and their way into a model folder."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from inference.contract import HandsError
from inference.hands.joints import SIDES
from inference.models import ModelFolder
from inference.models.importing import Acceptance, import_files, licences_of, recognise_files
from tests.python2_pickle import official_mano_pickle
from tests.stand_in_hand import SEEDS, mano_arrays

PICKLES = {side: official_mano_pickle(mano_arrays(SEEDS[side], side)) for side in SIDES}


def bring(folder: ModelFolder, *paths: Path, **options: Any) -> list[str]:
    files = recognise_files(list(paths))
    acceptances = [Acceptance(licence, "in a test", "2026-01-02T03:04:05+00:00") for licence in licences_of(files)]
    return [entry.name for entry in import_files(files, folder, acceptances, **options)]


def refusal(folder: ModelFolder, path: Path, **options: Any) -> HandsError:
    """The error; whatever was in the folder before is there as it was."""
    before = {file: file.read_bytes() for file in folder.path.glob("*")}
    with pytest.raises(HandsError) as caught:
        bring(folder, path, **options)
    assert {file: file.read_bytes() for file in folder.path.glob("*")} == before
    return caught.value


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def mano_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


OFFICIAL_MEMBERS = {
    "mano_v1_2/LICENSE.txt": b"not for sale",
    "mano_v1_2/models/SMPLH_male.pkl": b"\x80\x02cos\nsystem\n(U\x04truetR.",  # never looked at
    "mano_v1_2/models/MANO_LEFT.pkl": PICKLES["left"],
    "mano_v1_2/models/MANO_RIGHT.pkl": PICKLES["right"],
    "__MACOSX/mano_v1_2/models/._MANO_LEFT.pkl": b"\0\5\26\7",
    "mano_v1_2/webuser/lbs.py": b"import numpy",
}
