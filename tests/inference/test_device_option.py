"""CUDA that is asked for and is not there: a warning with the reason, and the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.__main__ import main
from inference.contract import parse_record, read_take
from inference.device import CPU_PROVIDER, CUDA_PROVIDER, why_no_cuda

HANDS = Path(__file__).parent / "detect" / "data" / "two_apart.jpg"


@pytest.mark.parametrize("listed", [[CPU_PROVIDER], [CUDA_PROVIDER, CPU_PROVIDER]], ids=["not there", "cannot start"])
def test_cuda_that_is_not_there_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, listed: list[str]
) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)
    out = tmp_path / "a.hands.npz"
    assert main(["reconstruct", str(HANDS), "--device", "cuda", "--out", str(out), "--records"]) == 0
    records = [record for line in capsys.readouterr().out.splitlines() if (record := parse_record(line))]
    warning = next(record for record in records if record.get("code") == "device_missing")
    assert warning["message"].endswith("The CPU is used instead of CUDA.")
    take = read_take(out)
    assert take.present.all()
    assert "device_missing" in [record["code"] for record in take.warnings], "Blender shows what the take says"


def test_a_library_says_itself_whether_it_has_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA_PROVIDER])
    assert why_no_cuda("onnxruntime") == ""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [])
    assert "onnxruntime-gpu" in why_no_cuda("onnxruntime")
