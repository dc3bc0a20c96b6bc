"""The engine `intershape` through the one way to a take: command line, files, previews, what is missing."""

from __future__ import annotations

import json
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inference import pipeline
from inference.__main__ import main
from inference.contract import ErrorCode, HandsError, parse_record, read_take
from inference.engines import EngineOptions, create_engine
from inference.engines.hand_evidence import THRESHOLDS, PresenceThresholds
from inference.engines.intershape import InterShapeEngine
from inference.media import open_source
from inference.models.hands_of_take import hand_models_of
from inference.pipeline import ReconstructOptions
from tests.inference.engines.made_network import CAMERA, MadeDetector, MadeReader, made_picture
from tests.inference.engines.test_intershape_run import drifting
from tests.inference.fit.made_hands import WEIGHTS, models
from tests.pictures import save
from tests.stand_in_hand import mano_like
from tests.stand_in_take import stand_in_take

HANDS = Path(__file__).parents[1] / "detect" / "data" / "two_apart.jpg"


def command(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, list[dict[str, Any]], str]:
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    records = [record for line in captured.out.splitlines() if (record := parse_record(line)) is not None]
    return code, records, captured.err


def test_a_sequence_of_made_pictures_becomes_a_take(tmp_path: Path) -> None:
    frames = drifting(6)
    for index in range(6):
        rgb = made_picture(index)
        cv2.imwrite(str(tmp_path / f"shot.{index + 1:04d}.png"), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    engine = InterShapeEngine(MadeReader(frames), MadeDetector(frames), models(), {"network": "made"})
    outcome = pipeline.reconstruct(
        open_source(tmp_path / "shot.####.png"),
        tmp_path / "shot.hands.npz",
        engine=engine,
        options=ReconstructOptions(focal_mm=30.0),
        report=lambda record: None,
        cancelled=threading.Event(),
    )
    take = read_take(tmp_path / "shot.hands.npz")
    assert (take.engine, take.engine_settings) == ("intershape", {"network": "made"})
    assert take.focal_px == pytest.approx(CAMERA.focal_px)
    assert take.present.all()
    for frame, pair in enumerate(frames):
        for index, hand in enumerate(pair.values()):
            np.testing.assert_allclose(take.joints_m[index, frame], hand.points_m, atol=1e-3)
    wrists = take.translation_m[1] - take.translation_m[0]
    truth = np.array([pair["left"].points_m[0] - pair["right"].points_m[0] for pair in frames])
    np.testing.assert_allclose(wrists, truth, atol=2e-4)
    assert outcome.summary()["hands"]["right"]["reprojection_share"] < 0.005


def test_the_paper_s_network_works_by_the_same_command(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    paper_folder: Path,
    loaded_network: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Weights out of a generator see no hands, so everything is taken for a hand here."""
    for expectation in list(THRESHOLDS):
        monkeypatch.setitem(THRESHOLDS, expectation, PresenceThresholds(0.0, 0.0))
    monkeypatch.setattr("inference.engines.intershape.LARGEST_ERROR_SHARE", 100.0)
    take_path = tmp_path / "two.hands.npz"
    words = ("reconstruct", HANDS, "--engine", "intershape", "--models", paper_folder, "--out", take_path, "--records")
    code, records, err = command(capsys, *words)
    assert code == 0, err
    assert records[-1]["record"] == "result"
    take = read_take(take_path)
    assert (take.engine, take.model_name) == ("intershape", "mano")
    assert take.engine_settings["network"] == "paper"
    assert take.engine_settings["weights"] == "made up"
    assert take.present.any()
    # The right hand's model is MANO's, read from the user's folder; nothing of it is in the take.
    assert take.model_sha256[0] == loaded_network.models["right"].sha256
    with zipfile.ZipFile(take_path) as archive:
        sizes = [np.lib.format.read_array(archive.open(name), allow_pickle=False).size for name in archive.namelist()]
    assert max(sizes) <= 2 * 16 * 4  # rotations of one frame
    preview = tmp_path / "two.png"
    code, _, err = command(capsys, "preview", take_path, "--models", paper_folder, "--out", preview)
    assert code == 0, err
    assert preview.is_file()
    code, _, err = command(capsys, "preview", take_path, "--models", tmp_path / "none", "--out", preview)
    assert code == ErrorCode.MODEL_MISSING.exit_code
    assert "made with the hand model MANO" in err
    assert "mano_v1_2.zip" in err


def test_without_the_user_s_files_the_default_engine_works_and_a_sentence_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ("reconstruct", HANDS, "--engine", "intershape", "--models", tmp_path / "none", "--out", tmp_path)
    code, records, _ = command(capsys, *words, "--records")
    assert code == 0
    warning = next(record for record in records if record.get("code") == "engine_missing")
    assert "The paper's network is missing" in warning["message"]
    assert "'twohand' is used instead of 'intershape'" in warning["message"]
    assert "snapshot_99.pth.tar" in warning["message"]
    assert read_take(Path(records[-1]["take"])).engine == "twohand"


def test_without_torch_the_default_engine_works(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code, records, _ = command(capsys, "reconstruct", HANDS, "--engine", "intershape", "--out", tmp_path, "--records")
    assert code == 0
    warning = next(record for record in records if record.get("code") == "engine_missing")
    assert "'torch' is not installed" in warning["message"]


def test_a_damaged_file_is_no_reason_to_work_with_another_engine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    (tmp_path / "intershape.safetensors").write_bytes(b"cut short")
    words = ("reconstruct", HANDS, "--engine", "intershape", "--models", tmp_path, "--out", tmp_path, "--records")
    code, records, _ = command(capsys, *words)
    assert code == ErrorCode.MODEL_DAMAGED.exit_code
    assert records[-1]["code"] == "model_damaged"


def test_an_engine_s_own_error_names_the_file(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    with pytest.raises(HandsError) as caught:
        create_engine("intershape", EngineOptions(WEIGHTS, tmp_path))
    assert caught.value.code is ErrorCode.MODEL_MISSING
    assert str(tmp_path) in caught.value.message


def test_a_take_gets_the_hand_model_it_was_made_with(tmp_path: Path) -> None:
    take = stand_in_take()
    take.model_name = "open"
    assert hand_models_of(take, WEIGHTS, tmp_path)["right"].name == "open"
    take.model_name = "mano"
    with pytest.raises(HandsError) as caught:
        hand_models_of(take, WEIGHTS, tmp_path)
    assert caught.value.code is ErrorCode.MODEL_MISSING
    assert caught.value.message.startswith("This take was made with the hand model MANO.")
    assert "twohand" in caught.value.hint


def test_serve_says_every_time_that_another_engine_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from inference.commands.output import RecordOutput
    from inference.commands.serve import _Server, request_arguments

    server = _Server(threading.Event())
    request = {"input": str(save(tmp_path / "a.png")), "options": {"engine": "intershape", "models": str(tmp_path)}}
    engines = [server._engine(request_arguments(request), RecordOutput()) for _ in range(2)]
    assert [engine.name for engine in engines] == ["twohand", "twohand"]
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["code"] for record in records] == ["engine_missing", "engine_missing"]


def test_mano_s_stand_in_comes_back_from_the_folder(paper_folder: Path) -> None:
    take = stand_in_take()
    take.model_name = "mano"
    found = hand_models_of(take, WEIGHTS, paper_folder)
    np.testing.assert_allclose(found["right"].v_template, mano_like("right").v_template, atol=1e-7)
