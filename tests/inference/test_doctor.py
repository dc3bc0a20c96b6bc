"""The doctor finds what is there, and says what to do about what is not."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from inference.__main__ import main
from inference.doctor import Finding, examine
from inference.engines.engine import WEIGHTS_DIR
from inference.runtime import PACKAGES

NETS = ("palm_detection.onnx", "hand_landmark.onnx")


def found(findings: list[Finding], subject: str) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WEIGHTS_DIR, tmp_path / "weights"))


def test_all_is_well_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "Everything needed is there." in out
    for name in ("Python", "numpy", "onnxruntime", "Inference on", "GPU", "Disk", *NETS):
        assert name in out


def test_every_problem_comes_with_a_remedy(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in PACKAGES:
        if package.module != "numpy":
            monkeypatch.setitem(sys.modules, package.module, None)
    (weights / NETS[0]).unlink()
    findings = examine(weights)
    for package in PACKAGES[1:]:
        finding = found(findings, package.pip_name)
        assert finding.status == ("problem" if package.required else "note")
        assert finding.remedy == f"python -m pip install {package.pip_name}"
    assert all(finding.remedy for finding in findings if finding.status == "problem")


def test_a_missing_and_a_damaged_model_file(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (weights / NETS[0]).unlink()
    content = bytearray((weights / NETS[1]).read_bytes())
    content[1000] ^= 1
    (weights / NETS[1]).write_bytes(content)
    assert main(["doctor", "--json", "--weights", str(weights)]) == 7
    report = json.loads(capsys.readouterr().out)
    assert report["ready"] is False
    by_subject = {item["subject"]: item for item in report["findings"]}
    assert by_subject[NETS[0]]["status"] == by_subject[NETS[1]]["status"] == "problem"
    assert "checksum" in by_subject[NETS[1]]["detail"]


@pytest.mark.parametrize("content", [None, ""])
def test_no_list_of_model_files(weights: Path, content: str | None) -> None:
    if content is None:
        (weights / "SHA256SUMS").unlink()
    else:
        (weights / "SHA256SUMS").write_text(content)
    assert found(examine(weights), "Model files").status == "problem"


def test_a_package_that_breaks_on_import_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tqdm.py").write_text("raise RuntimeError('built for another machine')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tqdm", raising=False)
    assert "another machine" in found(examine(WEIGHTS_DIR), "tqdm").detail


def test_a_full_disk_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10 * 2**20})
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    finding = found(examine(WEIGHTS_DIR), "Disk")
    assert (finding.status, bool(finding.remedy)) == ("note", True)
