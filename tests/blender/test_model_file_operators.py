# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# conftest.py makes the package `twohand_extension`
"""Importing, listing and removing model files from the preferences, with look-alike files and the real worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest
from addon_session import RecordingLayout, registered
from take_factory import ROOT
from twohand_extension.inference.contract import ErrorCode
from twohand_extension.twohand_blender import locations, preferences_models
from twohand_extension.twohand_blender.operators import accept_licences, import_model_files, listing_models, preparing

WORKER_PYTHON = os.environ.get("TWOHAND_WORKER_PYTHON", sys.executable if sys.version_info[:2] == (3, 11) else "")
PICKLES = ("MANO right ü.pkl", "MANO_LEFT.pkl")
_MAKE = """
import sys
from pathlib import Path
from tests.python2_pickle import official_mano_pickle
from tests.stand_in_hand import SEEDS, mano_arrays
for name, side in zip(sys.argv[2:], ("right", "left")):
    (Path(sys.argv[1]) / name).write_bytes(official_mano_pickle(mano_arrays(SEEDS[side], side)))
"""
_NO_TORCH = """
import json, sys
if sys.argv[1:3] == ["models", "licences"]:
    file = {"path": sys.argv[4], "what": "the paper's network", "lacks": ["torch"]}
    print(json.dumps({"files": [file], "licences": []}))
"""

pytestmark = pytest.mark.skipif(not WORKER_PYTHON, reason="no Python with the worker's packages is named")


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Look-alikes of MANO's two files: the layout is theirs, every number is made up."""
    folder = tmp_path_factory.mktemp("downloads 'ü'")
    subprocess.run([WORKER_PYTHON, "-c", _MAKE, str(folder), *PICKLES], cwd=ROOT, check=True, timeout=120)
    return folder


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_file: None) -> Iterator[Path]:
    """The add-on with the real worker, and an empty model folder."""
    monkeypatch.setenv(locations.PYTHON_VARIABLE, WORKER_PYTHON)
    monkeypatch.setenv("TWOHAND_MODELS", str(tmp_path / "models"))
    with registered():
        yield tmp_path / "models"


def shown() -> str:
    layout: Any = RecordingLayout()
    preferences_models.draw_models(layout, bpy.context)
    return "\n".join(layout.drawn)


def imported(folder: Path, *names: str, **options: Any) -> set[str]:
    files = [{"name": name} for name in names or PICKLES]
    return bpy.ops.twohand.import_model_files(directory=str(folder), files=files, **options)


def test_import_list_and_remove(models: Path, downloads: Path) -> None:
    assert f"None yet in {models}" in shown()
    assert imported(downloads, licences_accepted=True) == {"FINISHED"}
    assert preparing.PREPARING.error is None
    text = shown()
    for expected in (
        "MANO, right hand, ",
        "MANO, left hand, ",
        "operator twohand.copy_text",
        "MANO licence (Max Planck",
        f"In {models}",
    ):
        assert expected in text
    recorded = json.loads(_worker("models", "list", "--json"))["files"][0]["metadata"]
    assert recorded["licence_accepted_how"] == "in Blender's preferences"
    assert listing_models.MODEL_FILES.files[0].sha256 == recorded["origin_sha256"]
    assert bpy.ops.twohand.remove_model_file(model_name="mano_left") == {"FINISHED"}
    assert "MANO, left hand" not in shown()
    assert [path.name for path in models.iterdir()] == ["mano_right.safetensors"]
    assert sorted(path.name for path in downloads.iterdir()) == sorted(PICKLES), "the user's files are left alone"


def _worker(*arguments: str) -> str:
    return subprocess.run(
        [WORKER_PYTHON, "-m", "inference", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def test_without_acceptance_nothing_is_imported(models: Path, downloads: Path) -> None:
    with pytest.raises(RuntimeError, match="Not accepted: MANO licence"):
        imported(downloads)
    with pytest.raises(RuntimeError, match="The licences were not accepted; nothing was imported"):
        bpy.ops.twohand.accept_licences(paths=json.dumps([str(downloads / PICKLES[0])]), licences="[]")
    assert not models.exists()


def test_the_dialog_shows_each_licence_and_the_tick_imports(models: Path, downloads: Path) -> None:
    paths = [str(downloads / name) for name in PICKLES]
    answer = json.loads(_worker("models", "licences", "--json", *paths))

    class Dialog:
        licences = json.dumps(answer["licences"])
        layout = RecordingLayout()
        bl_rna = bpy.ops.twohand.accept_licences.get_rna_type()

    accept_licences.TWOHAND_OT_accept_licences.draw(Dialog(), bpy.context)  # type: ignore[arg-type]  # a stand-in
    text = "\n".join(Dialog.layout.drawn)
    assert text.count("MANO licence (Max Planck; non-commercial scientific research)") == 1
    assert "may not be passed on" in text.replace("\n", " ")
    assert "operator wm.url_open" in text
    assert "prop accepted" in text
    bpy.ops.twohand.accept_licences(paths=json.dumps(paths), licences=Dialog.licences, accepted=True)
    assert len(list(models.iterdir())) == 2


def test_what_is_no_model_file_is_refused_in_words(models: Path, downloads: Path, tmp_path: Path) -> None:
    (tmp_path / "page.pkl").write_text("<!DOCTYPE html><html>Please log in</html>")
    with pytest.raises(RuntimeError, match=r"'page\.pkl' is a web page"):
        imported(tmp_path, "page.pkl")
    with pytest.raises(RuntimeError, match=r"'page\.pkl' is a web page"):
        imported(tmp_path, "page.pkl", licences_accepted=True)
    with pytest.raises(RuntimeError, match="No file was chosen"):
        bpy.ops.twohand.import_model_files(directory=str(tmp_path))
    with pytest.raises(RuntimeError, match="nothing"):
        imported(tmp_path, "nothing.pkl")
    assert not models.exists()


def test_without_torch_the_research_variant_is_offered(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inference").mkdir()
    (tmp_path / "inference" / "__main__.py").write_text(_NO_TORCH)
    monkeypatch.setattr(import_model_files, "EXTENSION_FOLDER", tmp_path)
    with pytest.raises(RuntimeError, match=r"needs torch.*Set up the variant 'Research'"):
        imported(tmp_path, "snapshot_99.pth.tar")


def test_a_damaged_file_is_shown_as_such(models: Path, downloads: Path) -> None:
    imported(downloads, licences_accepted=True)
    path = models / "mano_right.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    assert bpy.ops.twohand.list_model_files() == {"FINISHED"}
    assert listing_models.MODEL_FILES.files[0].problem
    assert listing_models.MODEL_FILES.files[0].problem in shown()


def test_without_a_worker_the_buttons_say_so(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(locations.PYTHON_VARIABLE)
    for operator in (bpy.ops.twohand.import_model_files, bpy.ops.twohand.list_model_files):
        with pytest.raises(RuntimeError, match="Set up the reconstruction first"):
            operator()
    assert "operator twohand.import_model_files" in shown()


def test_a_worker_that_cannot_answer_is_an_error_in_words(models: Path, tmp_path: Path) -> None:
    files = listing_models.MODEL_FILES
    files.ask(tmp_path / "no python", tmp_path)
    files.wait()
    assert files.error is not None
    assert files.error.code is ErrorCode.RUNTIME_MISSING
    (tmp_path / "inference").mkdir()
    (tmp_path / "inference" / "__main__.py").write_text("raise SystemExit('it broke')")
    files.ask(Path(WORKER_PYTHON), tmp_path)
    files.wait()
    assert files.error is not None
    assert "cannot run the worker (it broke)" in files.error.message
