"""A folder for scripts that stand in for the worker, jobs for them, and what keeps a worker between jobs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.fake_worker import REQUEST, Job, Patience, WarmWorker, Worker, worker_process, write_script


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An extension's folder with a name that tempts to make mistakes."""
    path = tmp_path / "Erweiterung mit 'Leer\"zeichen' 手"
    (path / "inference").mkdir(parents=True)
    return path


@pytest.fixture
def fake(folder: Path) -> Iterator[Callable[..., Any]]:
    """Make a job of a worker whose ``python -m inference`` is the given script; its process is gone after the test."""
    workers = []

    def make(script: str, *arguments: str, worker: Any = None, **patience: float) -> Any:
        if worker is None:
            write_script(folder, script)
            worker = Worker(worker_process.worker_command(Path(sys.executable), ["serve", *arguments]), folder)
            workers.append(worker)
        return Job(worker, REQUEST, Patience(**patience))

    yield make
    for worker in workers:
        worker.close()


@pytest.fixture
def warm() -> Iterator[Any]:
    keeper = WarmWorker()
    yield keeper
    keeper.close()
