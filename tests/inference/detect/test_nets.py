"""Loading the shipped nets."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from inference.contract import ErrorCode, HandsError
from inference.detect.finder import HandFinder
from inference.detect.nets import LANDMARK_NET_FILE, PALM_NET_FILE, SUMS_FILE, expected_sha256, load_net

NETS = (PALM_NET_FILE, LANDMARK_NET_FILE)


@pytest.fixture
def copied_weights(weights_dir, tmp_path):
    """A folder with a blank and non-Latin letters that holds the nets and their table."""
    folder = tmp_path / "мои веса"
    folder.mkdir()
    for name in (*NETS, SUMS_FILE):
        shutil.copy(weights_dir / name, folder / name)
    return folder


@pytest.mark.parametrize("name", NETS)
def test_the_table_holds_the_hash_of_every_net(weights_dir, name):
    assert expected_sha256(weights_dir)[name] == hashlib.sha256((weights_dir / name).read_bytes()).hexdigest()


def test_the_nets_are_small_enough_to_ship(weights_dir):
    assert sum((weights_dir / name).stat().st_size for name in NETS) < 10e6


def test_a_folder_with_any_letters_will_do(copied_weights):
    HandFinder(copied_weights, threads=1, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", NETS)
def test_a_missing_net_is_named(copied_weights, name):
    (copied_weights / name).unlink()
    with pytest.raises(HandsError, match=name) as caught:
        HandFinder(copied_weights)
    assert caught.value.code is ErrorCode.MODEL_MISSING
    assert caught.value.hint


@pytest.mark.parametrize("sum_fits", [True, False])
@pytest.mark.parametrize("name", NETS)
def test_a_cut_off_net_is_damaged(copied_weights, name, sum_fits):
    path, table = copied_weights / name, copied_weights / SUMS_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:100_000])
    if sum_fits:
        old, new = (hashlib.sha256(content).hexdigest() for content in (whole, whole[:100_000]))
        table.write_text(table.read_text().replace(old, new))
    with pytest.raises(HandsError, match=name) as caught:
        HandFinder(copied_weights)
    assert caught.value.code is ErrorCode.MODEL_DAMAGED


def test_one_wrong_byte_is_noticed(copied_weights):
    path = copied_weights / LANDMARK_NET_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(HandsError, match="checksum") as caught:
        load_net(path, 1, None)
    assert caught.value.code is ErrorCode.MODEL_DAMAGED


@pytest.mark.parametrize("name", NETS)
def test_a_net_that_the_table_does_not_name_is_refused(copied_weights, name):
    table = copied_weights / SUMS_FILE
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(line for line in lines if name not in line))
    with pytest.raises(HandsError, match=f"{name}.*does not name it") as caught:
        HandFinder(copied_weights)
    assert caught.value.code is ErrorCode.MODEL_DAMAGED


def test_a_provider_that_is_not_there_leaves_the_cpu(weights_dir):
    session = load_net(weights_dir / PALM_NET_FILE, 1, ["NoSuchExecutionProvider"])
    assert session.get_providers() == ["CPUExecutionProvider"]
