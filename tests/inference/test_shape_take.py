"""The shape of the hands from another take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.__main__ import main
from inference.contract import ErrorCode, HandsError, read_take, write_take
from inference.hands.open_hand import load_hand_models
from inference.shape_take import shape_of_take
from tests.inference.fit.made_hands import WEIGHTS

HANDS = Path(__file__).parent / "detect" / "data" / "two_apart.jpg"


@pytest.fixture(scope="module")
def take_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("takes") / "first.hands.npz"
    assert main(["reconstruct", str(HANDS), "--out", str(path)]) == 0
    return path


def test_one_shape_or_one_for_each_hand(take_path: Path, tmp_path: Path) -> None:
    shared, out = read_take(take_path), tmp_path / "each.hands.npz"
    assert np.array_equal(shared.betas[0], shared.betas[1])
    assert "shape" not in shared.engine_settings
    assert main(["reconstruct", str(HANDS), "--out", str(out), "--shape", "each"]) == 0
    each = read_take(out)
    assert np.abs(each.betas[0] - each.betas[1]).max() > 1e-3
    assert each.engine_settings["shape"] == "each"


def test_the_shape_of_another_take_is_kept(take_path: Path, tmp_path: Path) -> None:
    first, out = read_take(take_path), tmp_path / "second.hands.npz"
    wanted = first.betas + np.array([[0.5], [-0.5]])
    write_take(replace(first, betas=wanted), tmp_path / "other.hands.npz")
    assert main(["reconstruct", str(HANDS), "--out", str(out), "--shape-from", str(tmp_path / "other.hands.npz")]) == 0
    second = read_take(out)
    np.testing.assert_allclose(second.betas, wanted, atol=1e-6)
    assert second.engine_settings["shape"] == "from other.hands.npz"
    assert second.reprojection_px().max() < 0.05 * second.box_side_px().max()


def test_a_hand_that_was_never_seen_has_the_other_ones_shape(take_path: Path, tmp_path: Path) -> None:
    take = read_take(take_path)
    alone = replace(
        take, present=np.array([[True], [False]]), betas=np.array([take.betas[0] + 1, np.zeros(take.betas.shape[1])])
    )
    for name in ("confidence", "translation_m", "joints_px", "joints_px_confidence", "joints_m"):
        getattr(alone, name)[1] = 0.0
    alone.quat_wxyz[1] = [1.0, 0.0, 0.0, 0.0]
    write_take(alone, tmp_path / "alone.hands.npz")
    shape = shape_of_take(tmp_path / "alone.hands.npz", load_hand_models(WEIGHTS))
    assert shape.fixed is not None
    np.testing.assert_allclose(shape.fixed, np.tile(take.betas[0] + 1, (2, 1)), atol=1e-6)


def test_a_take_of_another_hand_model_is_refused_before_the_work(take_path: Path, tmp_path: Path) -> None:
    take = read_take(take_path)
    write_take(replace(take, model_name="mano", model_sha256=("1" * 64, "2" * 64)), tmp_path / "other.hands.npz")
    with pytest.raises(HandsError, match="made with the hand model 'mano'") as caught:
        shape_of_take(tmp_path / "other.hands.npz", load_hand_models(WEIGHTS))
    assert caught.value.code is ErrorCode.USAGE
    words = ["reconstruct", str(HANDS), "--out", str(tmp_path / "x.hands.npz"), "--shape-from"]
    assert main([*words, str(tmp_path / "other.hands.npz")]) == ErrorCode.USAGE.exit_code
    assert main([*words, str(tmp_path / "none.hands.npz")]) == ErrorCode.INPUT_MISSING.exit_code
    assert not (tmp_path / "x.hands.npz").exists()
