"""The server's own rules, without nets: which engine it keeps, and whom a cancel reaches."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from inference.commands import serve
from inference.commands.output import RecordOutput
from tests.fake_engine import FakeEngine


@pytest.fixture
def server() -> serve._Server:
    return serve._Server(threading.Event())


def test_an_engine_is_kept_until_something_about_it_changes(
    server: serve._Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(arguments: Any, output: Any) -> FakeEngine:
        loaded.append(arguments.engine)
        engine = FakeEngine()
        engine.name = "landmarks" if arguments.engine == "absent" else arguments.engine
        return engine

    def engine_for(name: str, **options: Any) -> Any:
        body = {"input": "x", "options": {"engine": name, "models": str(tmp_path), **options}}
        return server._engine(serve.request_arguments(body), RecordOutput())

    monkeypatch.setattr(serve, "load_engine", load)
    first = engine_for("one")
    assert engine_for("one", fov=40, end=3) is first, "what is no option of the engine is no reason"
    assert engine_for("one", threads=2) is not first
    assert loaded == ["one"] * 2
    engine_for("two")
    assert engine_for("one") is not first, "one at a time is in memory"
    assert loaded == ["one", "one", "two", "one"]
    model = tmp_path / "mano_right.safetensors"
    for change in (lambda: model.write_bytes(b"1"), lambda: os.utime(model, (1, 1)), model.unlink):
        count = len(loaded)
        change()
        assert engine_for("one") is engine_for("one")
        assert len(loaded) == count + 1
    engine_for("absent")
    engine_for("absent")
    assert loaded[-2:] == ["absent"] * 2, "its files may have come"


def test_a_cancel_reaches_what_waits_and_nothing_later(
    server: serve._Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All lines are read before the first request is answered: as hard a race as there can be."""
    lines = [{"request": "reconstruct", "id": 1}, {"request": "reconstruct", "id": 2}, {"request": "cancel"}, {"id": 3}]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(json.dumps(line) + "\n" for line in lines)))
    server._read()
    while (request := server._waiting.get_nowait()) is not None:
        if request.body == {"id": 3}:
            request.cancelled.clear()  # by the end of stdin, not by the cancel
        server._answer(request)
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(record["id"], record["code"]) for record in records] == [(1, "cancelled"), (2, "cancelled"), (3, "usage")]


def test_a_reader_that_is_gone_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(record: Any) -> None:
        raise BrokenPipeError

    request = serve._Request({"id": 1})
    output = serve._TaggedOutput(broken, request)  # type: ignore[arg-type]
    output({"record": "progress", "stage": "track", "done": 1, "total": 2, "eta_s": None})
    assert request.cancelled.is_set()
