"""A run cut into parts and joined is the same run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.carry_run import cut, join


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    for name, size in (("network.safetensors", 1000), ("checkpoint.pt", 2501), ("log.jsonl", 0)):
        (folder / name).write_bytes(bytes(number * 7 % 251 for number in range(size)))
    return folder


def test_joined_is_what_was_cut(run: Path, tmp_path: Path) -> None:
    written = cut(run, tmp_path / "parts", part_bytes=1000)
    assert len(written) == 1 + 3 + 1 + 1
    assert max(path.stat().st_size for path in written) <= 1000
    join(tmp_path / "parts", tmp_path / "again")
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == {
        path.name: path.read_bytes() for path in run.iterdir()
    }


def test_network_alone(run: Path, tmp_path: Path) -> None:
    cut(run, tmp_path / "parts", network_only=True)
    names = {path.name for path in join(tmp_path / "parts", tmp_path / "again")}
    assert names == {"network.safetensors", "log.jsonl"}


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_damaged_parts_write_nothing(run: Path, tmp_path: Path, damage: str) -> None:
    cut(run, tmp_path / "parts", part_bytes=1000)
    part = tmp_path / "parts" / "checkpoint.pt.001"
    if damage == "missing":
        part.unlink()
    else:
        part.write_bytes(b"x" + part.read_bytes()[1:])
    with pytest.raises(SystemExit, match="parts"):
        join(tmp_path / "parts", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="lacks network"):
        cut(tmp_path, tmp_path / "parts")
