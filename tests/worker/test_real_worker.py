"""The real worker behind a job: kept warm, cancelled, resumed, crashed, and orphaned."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.contract import partial_path, read_take
from tests.extension_package import ROOT
from tests.worker.fake_worker import ErrorCode, Job, JobState, alive, finish, poll_until

PYTHON = Path(sys.executable)
CLIP = ROOT / "demo" / "clip.mp4"
PICTURE = ROOT / "tests" / "inference" / "detect" / "data" / "two_apart.jpg"


def started(warm: Any, source: Path, out: Path, **options: Any) -> Any:
    """A job of the real worker."""
    request = {"request": "reconstruct", "input": str(source), "out": str(out), "options": {"fov": 50, **options}}
    job = Job(warm.worker(PYTHON, ROOT), request)
    job.start()
    return job


def test_the_second_run_is_done_by_the_same_warm_process(warm, tmp_path):
    folder = tmp_path / "Ordner 'eins' \"zwei\" 手\nneu"
    folder.mkdir()
    source = folder / "--Bild ü'.jpg"
    source.write_bytes(PICTURE.read_bytes())
    jobs = []
    for name in ("a b", "ç"):
        jobs.append(started(warm, source, folder / f"{name}.hands.npz"))
        assert finish(jobs[-1]) is JobState.DONE, jobs[-1].error
        assert jobs[-1].take_path == folder / f"{name}.hands.npz"
    assert jobs[0].process_id == jobs[1].process_id
    assert jobs[1].log_text().count('"hello"') == 1
    assert np.array_equal(read_take(jobs[0].take_path).quat_wxyz, read_take(jobs[1].take_path).quat_wxyz)


def test_cancel_resume_and_one_whole_run_agree(warm, tmp_path):
    take_path = tmp_path / "clip.hands.npz"
    job = started(warm, CLIP, take_path, end=12)
    poll_until(job, lambda: job.progress and job.progress.done >= 4)
    job.cancel()
    assert finish(job) is JobState.DONE
    assert job.summary["complete"] is False
    assert 4 <= job.summary["frames"] < 12
    resumed = started(warm, CLIP, take_path, end=12)
    assert finish(resumed) is JobState.DONE
    assert resumed.summary["resumed_frames"] == job.summary["frames"]
    assert resumed.process_id == job.process_id
    whole = started(warm, CLIP, tmp_path / "whole.hands.npz", end=12)
    assert finish(whole) is JobState.DONE
    assert np.array_equal(read_take(take_path).quat_wxyz, read_take(whole.take_path).quat_wxyz)


def test_a_cancel_right_behind_its_request_is_heard(warm, tmp_path):
    """Whether the request waits, begins or runs just then."""
    first = started(warm, PICTURE, tmp_path / "a.hands.npz")
    assert finish(first) is JobState.DONE
    job = started(warm, CLIP, tmp_path / "b.hands.npz")
    job.cancel()
    finish(job)
    assert job.error is not None or job.summary["complete"] is False


def test_what_a_crash_left_is_finished_on_request(warm, tmp_path):
    take_path = tmp_path / "clip.hands.npz"
    job = started(warm, CLIP, take_path, end=12)
    poll_until(job, lambda: job.progress and job.progress.done >= 3)
    job.cancel()
    assert finish(job) is JobState.DONE
    take_path.unlink()  # as after a crash: the frames of the last save alone are there
    job = started(warm, CLIP, take_path, end=12)
    poll_until(job, lambda: job.progress)
    job._worker._process.kill()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.WORKER_LOST
    assert partial_path(take_path).exists()
    done = started(warm, CLIP, take_path, end=12, finish=True)
    assert finish(done) is JobState.DONE, done.error
    assert done.process_id != job.process_id
    take = read_take(take_path)
    assert not take.complete
    assert len(take.frames) == done.summary["resumed_frames"] >= 3
    assert partial_path(take_path).exists(), "a later run goes on from there"


_PARENT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.worker.fake_worker import WarmWorker
from tests.worker.test_real_worker import CLIP, started
job = started(WarmWorker(), CLIP, Path(sys.argv[1]))
while job.progress is None or job.progress.done < 3:
    job.poll()
    time.sleep(0.01)
print(job.process_id, flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_killed_parent_ends_the_worker_and_its_frames_are_kept(tmp_path):
    take_path = tmp_path / "clip.hands.npz"
    script = textwrap.dedent(_PARENT.format(root=str(ROOT)))
    with subprocess.Popen([sys.executable, "-c", script, take_path], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        worker_id = int(parent.stdout.readline())
        assert alive(worker_id)
        parent.kill()
    end = time.monotonic() + 60
    while alive(worker_id):
        assert time.monotonic() < end, "the worker outlives its parent"
        time.sleep(0.05)
    take = read_take(take_path)
    assert not take.complete
    assert len(take.frames) >= 3
