"""Cancelling a job of a scripted worker that hears of it, hears late, or is deaf."""

from __future__ import annotations

from tests.worker.fake_worker import POSIX_ONLY, ErrorCode, JobState, alive, finish, poll_until, run_to_end


def test_cancel_keeps_what_is_done_and_the_worker(fake):
    job = fake(
        """
        hello(); progress(4)
        assert next_request() == {"request": "cancel"}
        result(complete=False)
        next_request(); progress(5); result()
        """
    )
    job.start()
    poll_until(job, lambda: job.progress)
    job.cancel()
    assert job.state is JobState.CANCELLING
    assert job.text() == "Stopping"
    assert finish(job) is JobState.DONE
    assert job.cancelled
    assert job.summary == {"complete": False}
    again = run_to_end(fake("", worker=job._worker))
    assert again.summary == {"complete": True}
    assert again.process_id == job.process_id


def test_a_cancelled_worker_may_finish_what_it_has(fake):
    job = fake(
        """
        hello(); progress(4); next_request()
        progress(0, 1, "refine"); time.sleep(1.5); result(complete=False)
        """,
        cancel_s=0.5,
    )
    job.start()
    poll_until(job, lambda: job.progress)
    job.cancel()
    poll_until(job, lambda: job.progress.stage == "refine")
    assert job.text() == "Stopping: keeping what is done"
    assert finish(job) is JobState.DONE
    assert job.summary == {"complete": False}


def test_a_long_frame_is_told(fake):
    job = fake("hello(); progress(4); time.sleep(60)", cancel_s=30)
    job.start()
    poll_until(job, lambda: job.progress)
    job.cancel()
    poll_until(job, lambda: job.text() == "Stopping after this frame")


def test_an_answer_after_the_cancel_counts(fake):
    """The last frame was ready before the worker heard of it."""
    job = fake("hello(); progress(10); next_request(); time.sleep(0.3); result(complete=True)")
    job.start()
    poll_until(job, lambda: job.progress)
    job.cancel()
    assert finish(job) is JobState.DONE
    assert job.cancelled
    assert job.summary == {"complete": True}


def test_cancel_before_the_first_frame_waits_for_no_model(fake):
    job = fake("hello(); time.sleep(60)", cancel_nothing_s=0.1, cancel_s=1000)
    job.start()
    poll_until(job, lambda: job.text() == "Loading models")
    job.cancel()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.CANCELLED
    assert not alive(job.process_id)


def test_a_first_frame_after_the_cancel_gets_its_time(fake):
    job = fake(
        "hello(); next_request(); progress(0); time.sleep(4); result(complete=False)", cancel_nothing_s=2, cancel_s=60
    )
    job.start()
    poll_until(job, lambda: job.text() == "Loading models")
    job.cancel()
    assert finish(job) is JobState.DONE


@POSIX_ONLY
def test_a_worker_deaf_to_the_request_is_interrupted(fake):
    job = fake(
        """
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
        try:
            hello(); progress(4); time.sleep(60)
        except KeyboardInterrupt:
            result(complete=False); sys.exit(130)
        """,
        cancel_s=0.3,
    )
    job.start()
    poll_until(job, lambda: job.progress)
    job.cancel()
    assert finish(job) is JobState.DONE
    assert job.summary == {"complete": False}
    assert job._worker.spent, "it ends, so the next job needs another one"


@POSIX_ONLY
def test_a_worker_deaf_to_everything_is_killed_with_its_children(fake, tmp_path):
    child_file = tmp_path / "child"
    job = fake(
        """
        import subprocess
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open(sys.argv[2], "w").write(str(child.pid))
        hello()
        while True:
            progress(1); time.sleep(0.01)
        """,
        str(child_file),
        cancel_s=0.3,
    )
    job.start()
    poll_until(job, lambda: job.progress)
    job.cancel()
    assert finish(job) is JobState.FAILED
    assert job.error.code is ErrorCode.CANCELLED
    child = int(child_file.read_text())
    poll_until(job, lambda: not alive(child))
