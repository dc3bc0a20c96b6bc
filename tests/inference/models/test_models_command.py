"""`models import`, `list` and `remove` on the command line: licences are asked for, results are printed."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.__main__ import main
from inference.commands import models as models_command
from inference.contract import HandsError
from inference.detect.nets import LANDMARK_NET_FILE, PALM_NET_FILE
from inference.engines.engine import WEIGHTS_DIR
from inference.hands.joints import SIDES
from inference.models import ModelFolder
from inference.models.licences import INTERSHAPE, MANO
from inference.models.overview import SHIPPED_LICENCES, survey
from tests.python2_pickle import official_mano_pickle
from tests.stand_in_checkpoint import write_checkpoint
from tests.stand_in_hand import SEEDS, mano_arrays


@pytest.fixture
def pickles(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"MANO {side} ü.pkl" for side in SIDES]
    for path, side in zip(paths, SIDES, strict=True):
        path.write_bytes(official_mano_pickle(mano_arrays(SEEDS[side], side)))
    return [str(path) for path in paths]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TWOHAND_MODELS", str(tmp_path / "my models"))
    return tmp_path / "my models"


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> Terminal:
    seen = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", seen)
    return seen


# --- licences -------------------------------------------------------------------------------------------------------


def test_without_a_terminal_the_option_is_needed(
    models: Path, pickles: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    assert main(["models", "import", *pickles]) == 2
    error = capsys.readouterr().err
    assert MANO.name in error
    assert MANO.addresses[0] in error
    assert "--accept-licence" in error
    assert not models.exists()


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_on_a_terminal_it_is_shown_asked_and_recorded(
    models: Path, pickles: list[str], monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    seen = at_a_terminal(monkeypatch, answer)
    assert main(["models", "import", *pickles]) == 0
    shown = seen.getvalue()
    assert shown.count("do you accept it?") == 1  # two files, one licence
    for part in (MANO.name, MANO.terms, *MANO.addresses):
        assert part in shown
    recorded = [entry.metadata for entry in ModelFolder(models).entries()]
    assert {entry["licence_accepted_how"] for entry in recorded} == {"on the terminal"}
    assert all(entry["licence_accepted_at"] for entry in recorded)


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "perhaps\n"])
def test_anything_but_yes_is_no(models: Path, pickles: list[str], monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    seen = at_a_terminal(monkeypatch, answer)
    assert main(["models", "import", *pickles]) == 130
    assert "nothing was imported" in seen.getvalue()
    assert not models.exists()


def test_both_licences_say_that_they_are_not_commercial() -> None:
    for licence in (MANO, INTERSHAPE):
        assert "non-commercial" in licence.name
        assert "non-commercial" in licence.terms
        assert all(address.startswith("https://") for address in licence.addresses)
    assert "InterHand2.6M" in INTERSHAPE.terms
    assert "MANO" in INTERSHAPE.terms


def test_a_wrong_file_is_told_before_anything_is_asked(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = at_a_terminal(monkeypatch, "y\n")
    (tmp_path / "a").write_bytes(b"<html>")
    assert main(["models", "import", str(tmp_path / "a")]) == 3
    assert "accept" not in seen.getvalue()
    assert "is a web page" in seen.getvalue()


# --- what is printed ------------------------------------------------------------------------------------------------


def test_import_prints_the_folder_and_what_is_in_it(
    models: Path, pickles: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "import", *pickles, "--accept-licence"]) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(models)
    assert "Imported mano_right (2.9 MB)." in err


def test_records_for_programs(tmp_path: Path, pickles: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = tmp_path / "else where"
    arguments = ["models", "import", *pickles, "--records", "--models", str(elsewhere)]
    assert main(arguments) == 2
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["record"] for record in records] == ["hello", "error"]
    assert main([*arguments, "--accept-licence"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert records[0]["record"] == "hello"
    assert {record["record"] for record in records[1:-1]} == {"progress"}
    summary = records[-1]["summary"]
    assert records[-1]["record"] == "result"
    assert summary["folder"] == str(elsewhere)
    assert [entry["name"] for entry in summary["imported"]] == ["mano_right", "mano_left"]
    assert summary["imported"][0]["metadata"]["licence_accepted_how"] == "--accept-licence"


def listed(capsys: pytest.CaptureFixture[str], *options: str) -> Any:
    code = main(["models", "list", "--json", *options])
    return code, json.loads(capsys.readouterr().out)


def test_the_list_of_an_empty_folder(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = listed(capsys)
    assert code == 0
    assert found["folder"] == str(models)
    assert found["files"] == []
    assert {file["name"]: file["needed"] for file in found["missing"]} == {
        "mano_right": False,
        "mano_left": False,
        "intershape": True,
    }
    landmarks, _, intershape = found["engines"]
    assert (landmarks["engine"], landmarks["ready"], landmarks["lacks"]) == ("landmarks", True, [])
    assert "commercial use too" in landmarks["licence"]
    assert (intershape["engine"], intershape["ready"], intershape["lacks"]) == ("intershape", False, ["intershape"])
    assert "models import snapshot_99.pth.tar" in intershape["remedy"]
    assert [licence["name"] for licence in found["licences"]] == [MANO.name, INTERSHAPE.name]
    assert main(["models", "list"]) == 0
    out = capsys.readouterr().out
    for part in ("mano_right", "not there", "landmarks    ready", "intershape   lacks intershape", "CC0-1.0"):
        assert part in out


def test_the_list_tells_where_each_file_comes_from(
    models: Path, pickles: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["models", "import", *pickles, "--accept-licence"])
    capsys.readouterr()
    _, found = listed(capsys, "--check")
    assert [file["name"] for file in found["files"]] == ["mano_right", "mano_left"]
    recorded = found["files"][0]["metadata"]
    assert found["files"][0]["bytes"] == (models / "mano_right.safetensors").stat().st_size
    assert found["damaged"] == {}
    main(["models", "list"])
    out = capsys.readouterr().out
    for key in ("origin_name", "origin_sha256", "imported_at", "licence", "licence_accepted_at"):
        assert recorded[key] in out


def test_damage_shows(models: Path, pickles: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["models", "import", *pickles, "--accept-licence"])
    for name, change in (("mano_right", lambda content: content[:-9]), ("mano_left", flip_last)):
        path = models / f"{name}.safetensors"
        path.write_bytes(change(path.read_bytes()))
    capsys.readouterr()
    code, found = listed(capsys, "--check")
    assert code == 7
    assert "bytes of" in found["damaged"]["mano_right"]
    assert found["damaged"]["mano_left"] == "its checksum is wrong"
    assert main(["models", "list", "--check"]) == 7
    assert capsys.readouterr().out.count("DAMAGED") == 2


def test_an_engine_is_not_ready_with_a_damaged_hand_that_it_would_use(
    tmp_path: Path, models: Path, pickles: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the paper's network needs torch")
    from tests.stand_in_checkpoint import write_checkpoint

    main(["models", "import", *pickles, str(write_checkpoint(tmp_path / "a")), "--accept-licence"])
    assert survey(ModelFolder(models), WEIGHTS_DIR).engines[2].ready
    path = models / "mano_left.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    overview = survey(ModelFolder(models), WEIGHTS_DIR)
    assert overview.engines[2].lacks == ("mano_left",)
    assert "mano_v1_2.zip" in overview.engines[2].remedy
    assert [(file.name, file.needed) for file in overview.missing] == [("mano_left", True)]
    capsys.readouterr()
    main(["models", "list"])
    out = capsys.readouterr().out
    assert "DAMAGED" in out
    assert "not there" not in out
    with pytest.raises(HandsError):
        ModelFolder(models).hand_models()
    path.unlink()
    assert survey(ModelFolder(models), WEIGHTS_DIR).engines[2].ready
    incomplete = survey(ModelFolder(models), tmp_path).engines[2]
    assert incomplete.lacks == (PALM_NET_FILE, LANDMARK_NET_FILE)
    assert "Install the program again" in incomplete.remedy
    ModelFolder(models).hand_models()


def flip_last(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def test_remove(models: Path, pickles: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["models", "import", *pickles, "--accept-licence"])
    capsys.readouterr()
    assert main(["models", "remove", "mano_left"]) == 0
    assert capsys.readouterr().out.strip() == str(models / "mano_left.safetensors")
    assert main(["models", "remove", "mano_left"]) == 7
    assert main(["models", "remove", "everything"]) == 2
    assert [path.name for path in models.iterdir()] == ["mano_right.safetensors"]


def test_the_doctor_mentions_them(models: Path, pickles: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def line() -> str:
        main(["doctor"])
        return next(line for line in capsys.readouterr().out.splitlines() if "Your model files" in line)

    assert line().startswith("note")
    main(["models", "import", *pickles, "--accept-licence"])
    capsys.readouterr()
    assert line().startswith("ok")
    (models / "mano_left.safetensors").write_bytes(b"")
    assert "damaged" in line()


# --- the program's own files ----------------------------------------------------------------------------------------


def test_every_shipped_file_is_listed_with_the_licence_of_the_page(tmp_path: Path) -> None:
    page = (WEIGHTS_DIR / "README.md").read_text(encoding="utf-8")
    shipped = survey(ModelFolder(tmp_path), WEIGHTS_DIR).shipped
    assert {file.name for file in shipped} == set(SHIPPED_LICENCES)
    for file in shipped:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{file.name}` "))
        assert f"| {file.licence} |" in row
        assert file.byte_count == (WEIGHTS_DIR / file.name).stat().st_size


def test_an_incomplete_program_says_so(tmp_path: Path) -> None:
    overview = survey(ModelFolder(tmp_path), tmp_path)
    assert not overview.engines[0].ready
    assert overview.engines[0].remedy


# --- for programs ---------------------------------------------------------------------------------------------------


def test_the_licences_of_downloads_are_told_without_importing(
    models: Path, pickles: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "licences", "--json", *pickles]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [file["path"] for file in answer["files"]] == pickles
    assert {file["what"] for file in answer["files"]} == {"a MANO hand model"}
    assert [file["lacks"] for file in answer["files"]] == [[], []]
    assert answer["licences"] == [MANO.as_dict()]
    assert main(["models", "licences", *pickles]) == 0
    assert MANO.terms in capsys.readouterr().out
    assert not models.exists()


@pytest.mark.parametrize("there", [True, False])
def test_a_checkpoint_without_torch_is_told_beforehand(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    path = write_checkpoint(tmp_path / "snapshot.tar")
    if not there:
        monkeypatch.setattr(models_command, "find_spec", lambda _name: None)
    assert main(["models", "licences", "--json", str(path)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["files"][0]["lacks"] == ([] if there else ["torch"])
    assert answer["licences"] == [INTERSHAPE.as_dict()]


def test_where_a_licence_was_accepted_is_recorded(models: Path, pickles: list[str]) -> None:
    assert main(["models", "import", *pickles, "--accepted-in", "Blender's preferences", "--records"]) == 0
    metadata = ModelFolder(models).entries()[0].metadata
    assert metadata["licence_accepted_how"] == "in Blender's preferences"
