"""The job against scripted fake workers: slow, silent, garbage, dying half-way, flooding, deaf."""

from __future__ import annotations

import importlib.util
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _extension() -> ModuleType:
    """The repository root as a package, as Blender loads it (but without Blender)."""
    if "twohand_extension" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "twohand_extension", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["twohand_extension"] = module
        spec.loader.exec_module(module)
    return sys.modules["twohand_extension"]


_extension()
job_module = importlib.import_module("twohand_extension.twohand_blender.job")
worker_process = importlib.import_module("twohand_extension.twohand_blender.worker_process")
contract = importlib.import_module("twohand_extension.inference.contract")
Job, JobState, Patience = job_module.Job, job_module.JobState, job_module.Patience
ErrorCode = contract.ErrorCode

PREAMBLE = """
import json, os, signal, sys, time
def say(**record): print(json.dumps(record), flush=True)
def hello(): say(record="hello", protocol=1, version="fake")
def progress(done, total=10): say(record="progress", stage="hands", done=done, total=total, eta_s=1.5)
def result(complete=True): say(record="result", take="/tmp/x.hands.npz", summary={"complete": complete})
"""


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Callable[..., object]]:
    """Make a job whose ``python -m inference`` is the given script; it is closed after the test."""
    jobs = []

    def make(script: str, *arguments: str, **patience: float) -> object:
        folder = tmp_path / "Erweiterung mit Leerzeichen 手"
        (folder / "inference").mkdir(parents=True, exist_ok=True)
        (folder / "inference" / "__main__.py").write_text(PREAMBLE + textwrap.dedent(script), encoding="utf-8")
        command = worker_process.worker_command(Path(sys.executable), arguments)
        jobs.append(Job(command, folder, Patience(**patience)))
        return jobs[-1]

    yield make
    for job in jobs:
        job.close()


def finish(job, within_s: float = 20.0):
    """Poll like Blender's timer does, and see that no poll blocks."""
    end = time.monotonic() + within_s
    slowest = 0.0
    while job.running:
        assert time.monotonic() < end, f"the job did not end: {job.state}, {job.log_text()}"
        start = time.monotonic()
        job.poll()
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.01)
    assert slowest < 2.0
    return job.state


def alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_good_run_reports_progress_warnings_and_result(fake):
    job = fake("hello(); progress(3); say(record='warning', code='gap', message='No left hand.', frame=4); result()")
    assert job.state is JobState.IDLE
    job.start()
    assert finish(job) is JobState.DONE
    assert job.progress.done == 3
    assert job.progress.share == pytest.approx(0.3)
    assert job.progress.text() == "Hands 3 of 10, 0:02 left"
    assert [warning["frame"] for warning in job.warnings] == [4]
    assert job.take_path == Path("/tmp/x.hands.npz")  # noqa: S108 a name in a record, never opened
    assert job.summary == {"complete": True}
    assert job.error is None
    assert not job.cancelled


def test_a_slow_worker_is_waited_for_and_seen_at_every_step(fake):
    job = fake("hello()\nfor i in range(1, 6):\n    time.sleep(0.15)\n    progress(i, 5)\nresult()")
    job.start()
    seen = set()
    while job.running:
        job.poll()
        seen.add(job.progress.done if job.progress else 0)
        time.sleep(0.01)
    assert job.state is JobState.DONE
    assert seen >= {0, 1, 2, 3, 4, 5}


def test_garbage_on_stdout_is_ignored(fake):
    job = fake(
        """
        sys.stdout.buffer.write(b"\\xff\\xfe not text\\n\\n{}\\n[1]\\n{\\"record\\": 5}\\n")
        sys.stdout.buffer.write(b"x" * 3_000_000 + b"\\n")
        sys.stdout.buffer.flush()
        hello()
        say(record="progress"); say(record="progress", stage="hands", done="many", total=1, eta_s=0)
        say(record="news_of_version_9", text="?"); say(record="result", take=5, summary=None)
        progress(2); result()
        """
    )
    job.start()
    assert finish(job) is JobState.DONE
    assert job.progress.done == 2
    assert "without sense" in job.log_text()


def test_a_worker_that_dies_half_way_is_lost_with_its_last_words(fake):
    job = fake("hello(); progress(5); print('the roof fell in', file=sys.stderr, flush=True); os._exit(3)")
    job.start()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.WORKER_LOST
    assert "exit code 3" in job.error.message
    assert "the roof fell in" in job.error.hint
    assert "the roof fell in" in job.log_text()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_killed_worker_points_at_the_memory(fake):
    job = fake("hello(); os.kill(os.getpid(), signal.SIGKILL)")
    job.start()
    assert finish(job) is JobState.FAILED
    assert "memory" in job.error.hint


def test_a_flood_neither_blocks_nor_grows_without_end(fake):
    job = fake(
        """
        hello()
        for i in range(200_000):
            print('{"record": "progress", "stage": "hands", "done": %d, "total": 200000, "eta_s": null}' % i)
        for i in range(20_000): print('{"record": "warning", "code": "x", "message": "y", "frame": null}')
        for i in range(20_000): print("chatter " * 20, i, file=sys.stderr)
        sys.stdout.flush(); result()
        """
    )
    job.start()
    time.sleep(0.5)  # nobody polls for a while: the worker must wait, not our memory fill up
    assert job._records.qsize() <= 4096
    assert finish(job, 60.0) is JobState.DONE
    assert job.progress.done == 199_999
    assert len(job.warnings) == 10_000
    assert len(job.log_text().splitlines()) == 400
    assert job.log_text().endswith("19999")


def test_an_error_record_keeps_code_sentence_and_hint(fake):
    job = fake("hello(); say(record='error', code='no_hands', message='No hands.', hint='Try another.'); sys.exit(4)")
    job.start()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.NO_HANDS
    assert str(job.error) == "No hands. Try another."


def test_cancel_keeps_what_is_done(fake):
    job = fake(
        """
        hello(); progress(4)
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            say(record="warning", code="ready", message="", frame=None)
            time.sleep(60)
        except KeyboardInterrupt:
            result(complete=False)
            sys.exit(130)
        """
    )
    job.start()
    while not job.warnings:
        job.poll()
        time.sleep(0.01)
    start = time.monotonic()
    job.cancel()
    assert job.state is JobState.CANCELLING
    assert finish(job) is JobState.DONE
    assert time.monotonic() - start < 2.0
    assert job.cancelled
    assert job.summary == {"complete": False}


def test_a_cancelled_worker_may_finish_what_it_has(fake):
    job = fake(
        """
        hello()
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            progress(4)
            time.sleep(60)
        except KeyboardInterrupt:
            say(record="progress", stage="refine", done=0, total=1, eta_s=None)
            time.sleep(1.5)
            result(complete=False)
        """,
        cancel_s=0.5,
    )
    job.start()
    while job.progress is None:
        job.poll()
        time.sleep(0.01)
    job.cancel()
    assert finish(job) is JobState.DONE
    assert job.summary == {"complete": False}


def test_cancel_without_anything_done_is_an_error_of_its_own(fake):
    job = fake("hello(); signal.signal(signal.SIGINT, lambda *_: os._exit(130)); progress(0); time.sleep(60)")
    job.start()
    while job.progress is None:
        job.poll()
        time.sleep(0.01)
    job.cancel()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.CANCELLED


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and process groups")
def test_a_worker_deaf_to_cancel_is_killed_with_its_children(fake, tmp_path):
    child_file = tmp_path / "child"
    job = fake(
        """
        import subprocess
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open(sys.argv[1], "w").write(str(child.pid))
        hello()
        while True:
            progress(1); time.sleep(0.01)
        """,
        str(child_file),
        cancel_s=0.5,
    )
    job.start()
    while job.progress is None:
        job.poll()
        time.sleep(0.01)
    job.cancel()
    assert finish(job, 5.0) is JobState.FAILED
    assert job.error.code is ErrorCode.CANCELLED
    child = int(child_file.read_text())
    end = time.monotonic() + 5
    while alive(child) and _state_of(child) != "Z" and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(child) or _state_of(child) == "Z"  # a zombie waits for init to collect it


def _state_of(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


@pytest.mark.parametrize(
    ("script", "said"), [("time.sleep(60)", "after its start"), ("hello(); time.sleep(60)", "stopped")]
)
def test_a_silent_worker_is_ended(fake, script, said):
    job = fake(script, hello_s=1.5, silence_s=0.5)
    job.start()
    assert finish(job, 10.0) is JobState.FAILED
    assert job.error.code is ErrorCode.WORKER_LOST
    assert said in job.error.message


def test_a_worker_that_hangs_after_its_result_still_counts(fake):
    job = fake("hello(); result(); sys.stdout.flush(); time.sleep(60)", exit_s=0.3)
    job.start()
    assert finish(job, 10.0) is JobState.DONE


def test_an_interpreter_that_is_not_there(tmp_path):
    job = Job(worker_process.worker_command(tmp_path / "no python", ["doctor"]), tmp_path)
    with pytest.raises(contract.HandsError) as caught:
        job.start()
    assert caught.value.code is ErrorCode.RUNTIME_MISSING
    assert "no python" in caught.value.message
    assert job.state is JobState.FAILED


def test_an_interpreter_without_our_packages_is_named(fake):
    job = fake("import package_nobody_has")
    job.start()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.RUNTIME_MISSING
    assert "package_nobody_has" in job.error.message


def test_another_protocol_is_refused(fake):
    job = fake("say(record='hello', protocol=99, version='?'); time.sleep(60)")
    job.start()
    assert finish(job, 10.0) is JobState.FAILED
    assert "99" in job.error.message


def test_the_worker_ends_with_its_parent(fake):
    """The worker's standard input ends when the job is closed, and closing ends the worker."""
    job = fake("hello(); progress(1); sys.stdin.read(); result()")
    job.start()
    while job.progress is None:
        job.poll()
        time.sleep(0.01)
    process_id = job.process_id
    job.close()
    assert job.state is JobState.FAILED
    assert not alive(process_id)
    job.close()  # again is harmless


def test_waiting_blocks_until_the_end(fake):
    job = fake("hello(); progress(1); time.sleep(0.2); result()")
    job.start()
    seen = []
    assert job.wait(lambda running: seen.append(running.state), 0.02) is JobState.DONE
    assert JobState.RUNNING in seen


def test_the_environment_misleads_no_other_python():
    base = {"PATH": "/bin", "PYTHONHOME": "/blender", "pythonpath": "/x", "VIRTUAL_ENV": "/v", "LANG": "C"}
    kept = worker_process.worker_environment(base)
    assert kept == {"PATH": "/bin", "LANG": "C", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
    assert base["PYTHONHOME"] == "/blender"
