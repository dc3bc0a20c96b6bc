"""One worker, several jobs: what is kept, what is replaced, and whose records are whose."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.worker.fake_worker import JobState, alive, finish, poll_until, run_to_end, write_script

TWO_JOBS = """
hello(); progress(1); result()
old, number = number, None
next_request()
new, number = number, old
progress(9); say(record="warning", code="old", message="", frame=1)
say(record="error", code="internal", message="Of the first.", hint=""); result(complete=False)
number = new
progress(2); result(); next_request()
"""


def test_records_of_an_older_request_are_not_this_ones(fake):
    first = run_to_end(fake(TWO_JOBS))
    second = fake("", worker=first._worker)
    second.start()
    seen = set()
    poll_until(second, lambda: seen.add(second.progress and second.progress.done) or not second.running)
    assert second.state is JobState.DONE
    assert 9 not in seen
    assert not second.warnings
    assert second.summary == {"complete": True}
    assert (first.progress.done, first.summary) == (1, {"complete": True}), "what comes late changes nothing"


def test_a_warm_worker_is_kept_while_nothing_about_it_changes(fake, warm, folder, monkeypatch):
    write_script(folder, "hello()\nwhile True: result(); next_request()")
    python = Path(sys.executable)
    first, second = (run_to_end(fake("", worker=warm.worker(python, folder))) for _ in range(2))
    assert first.process_id == second.process_id
    assert second.log_text().count('"hello"') == 1
    monkeypatch.setenv("TWOHAND_MODELS", "/elsewhere")
    other = warm.worker(python, folder)
    assert other is not first._worker
    assert not alive(first.process_id), "the one before is ended"
    assert warm.worker(python.with_name("another python"), folder) is not other


def test_a_worker_that_died_while_idle_is_replaced(fake, warm, folder):
    write_script(folder, "hello(); result()")
    first = run_to_end(fake("", worker=warm.worker(Path(sys.executable), folder)))
    poll_until(first, lambda: not first._worker.running)
    second = run_to_end(fake("", worker=warm.worker(Path(sys.executable), folder)))
    assert second.process_id != first.process_id


def test_a_worker_after_a_crash_is_replaced(fake, warm, folder):
    write_script(folder, "hello(); os._exit(5)")
    crashed = fake("", worker=warm.worker(Path(sys.executable), folder))
    crashed.start()
    assert finish(crashed) is JobState.FAILED
    write_script(folder, "hello(); result()")
    run_to_end(fake("", worker=warm.worker(Path(sys.executable), folder)))


def test_an_idle_worker_is_ended_in_time(fake, warm, folder):
    write_script(folder, "hello(); result(); next_request()")
    job = run_to_end(fake("", worker=warm.worker(Path(sys.executable), folder)))
    warm.end_when_idle()
    assert warm.running
    warm.end_when_idle(limit_s=-1.0)
    assert not warm.running
    assert not alive(job.process_id)
