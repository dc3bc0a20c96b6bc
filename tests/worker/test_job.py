"""One job with scripted fake workers: slow, silent, garbage on stdout, dying half-way, flooding."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.worker.fake_worker import (
    POSIX_ONLY,
    REQUEST,
    ErrorCode,
    Job,
    JobState,
    Worker,
    alive,
    contract,
    finish,
    poll_until,
    worker_process,
)


def test_a_good_run_reports_progress_warnings_and_result(fake):
    job = fake("hello(); progress(3); say(record='warning', code='gap', message='No left hand.', frame=4); result()")
    assert job.state is JobState.IDLE
    job.start()
    assert job.text() == "Starting"
    assert finish(job) is JobState.DONE
    assert job.progress.done == 3
    assert job.progress.share == pytest.approx(0.3)
    assert job.progress.text() == job.text() == "Hands 3 of 10, 0:02 left"
    assert [warning["frame"] for warning in job.warnings] == [4]
    assert job.take_path == Path("/tmp/x.hands.npz")  # noqa: S108 a name in a record, never opened
    assert job.summary == {"complete": True}
    assert job.error is None
    assert not job.cancelled


def test_a_request_arrives_as_it_was_sent(fake):
    job = fake("request = hello(); say(record='warning', code='it', message=request['input'], frame=None); result()")
    job.start()
    assert finish(job) is JobState.DONE
    assert job.warnings[0]["message"] == REQUEST["input"]


def test_a_slow_worker_is_waited_for_and_seen_at_every_step(fake):
    job = fake("hello()\nfor i in range(1, 6):\n    time.sleep(0.15)\n    progress(i, 5)\nresult()")
    job.start()
    seen = set()
    poll_until(job, lambda: seen.add(job.progress.done if job.progress else 0) or not job.running)
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


def test_a_worker_that_ends_without_a_word_is_lost_too(fake):
    job = fake("hello(); progress(5); sys.exit(0)")
    job.start()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.WORKER_LOST


def test_a_python_that_lacks_a_package_points_at_buttons_that_are_there(fake):
    job = fake("import a_package_that_is_not_there")
    job.start()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.RUNTIME_MISSING
    assert "lacks the package 'a_package_that_is_not_there'" in job.error.message
    for name in ("Repair", "'Own Python'", "Set Up"):
        assert name in job.error.hint


@POSIX_ONLY
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
            print('{"record": "progress", "stage": "hands", "done": %d, "total": 200000, "eta_s": 1, "id": %d}'
                % (i, number))
        for i in range(20_000):
            print('{"record": "warning", "code": "x", "message": "y", "frame": null, "id": %d}' % number)
        for i in range(20_000): print("chatter " * 20, i, file=sys.stderr)
        print("the last", file=sys.stderr)
        sys.stdout.flush(); sys.stderr.flush(); time.sleep(0.5); result()
        """
    )
    job.start()
    time.sleep(0.5)  # nobody polls for a while: the worker must wait, not our memory fill up
    assert job._worker._records.qsize() <= 4096
    assert finish(job) is JobState.DONE
    assert job.progress.done == 199_999
    assert len(job.warnings) == 10_000
    assert len(job.log_text().splitlines()) == 400
    assert "the last" in job.log_text()


def test_an_error_record_keeps_code_sentence_and_hint(fake):
    job = fake(
        "hello(); say(record='error', code='no_hands', message='No hands.', hint='Try another.'); time.sleep(60)"
    )
    job.start()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.NO_HANDS
    assert str(job.error) == "No hands. Try another."


@pytest.mark.parametrize(
    ("script", "said"), [("time.sleep(60)", "after its start"), ("hello(); time.sleep(60)", "stopped")]
)
def test_a_silent_worker_is_ended(fake, script, said):
    job = fake(script, hello_s=1.5, silence_s=0.5)
    job.start()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.WORKER_LOST
    assert said in job.error.message
    assert not job._worker.running


def test_a_worker_that_reads_nothing_holds_nobody_up(fake):
    """Far more than a pipe takes; were it written here, this would never return."""
    job = fake("say(record='hello', protocol=1, version='fake'); time.sleep(60)")
    job.request["options"] = {"words": "x" * 5_000_000}
    job.start()
    job.cancel()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.CANCELLED
    assert not alive(job.process_id)


def test_an_interpreter_that_is_not_there(tmp_path):
    job = Job(Worker(worker_process.worker_command(tmp_path / "no python", ["serve"]), tmp_path), REQUEST)
    with pytest.raises(contract.HandsError) as caught:
        job.start()
    assert caught.value.code is ErrorCode.RUNTIME_MISSING
    assert "no python" in caught.value.message
    assert job.state is JobState.FAILED
    assert "no python" in job.log_text()


def test_an_interpreter_without_our_packages_is_named(fake):
    job = fake("import package_nobody_has")
    job.start()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.RUNTIME_MISSING
    assert "package_nobody_has" in job.error.message


def test_a_worker_that_cannot_begin_says_why(fake):
    job = fake("say(record='error', code='runtime_missing', message='No numpy.', hint='Install it.'); sys.exit(7)")
    job.start()
    assert finish(job) is JobState.FAILED
    assert str(job.error) == "No numpy. Install it."


def test_another_protocol_is_refused(fake):
    job = fake("say(record='hello', protocol=99, version='?'); time.sleep(60)")
    job.start()
    assert finish(job) is JobState.FAILED
    assert "99" in job.error.message
    assert job._worker.spent


def test_waiting_blocks_until_the_end(fake):
    job = fake("hello(); progress(1); time.sleep(0.2); result()")
    job.start()
    seen = []
    assert job.wait(lambda running: seen.append(running.state), 0.02) is JobState.DONE
    assert JobState.RUNNING in seen


def test_waiting_may_have_a_limit(fake):
    job = fake("hello(); time.sleep(60)")
    job.start()
    assert job.wait(at_most_s=0.1) is JobState.RUNNING


def test_closing_ends_the_worker_that_works(fake):
    job = fake("hello(); progress(1); next_request()")
    job.start()
    poll_until(job, lambda: job.progress)
    job.close()
    assert job.state is JobState.FAILED
    assert not alive(job.process_id)
    job.close()  # again is harmless


# --- the environment ------------------------------------------------------------------------------------------------


def test_the_environment_misleads_no_other_python():
    base = {"PATH": "/bin", "PYTHONHOME": "/blender", "pythonpath": "/x", "VIRTUAL_ENV": "/v", "LANG": "C"}
    kept = worker_process.worker_environment(base)
    assert kept == {"PATH": "/bin", "LANG": "C", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
    assert base["PYTHONHOME"] == "/blender"
