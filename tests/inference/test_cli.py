"""The command line as other programs and people meet it: records, streams, exit codes, signals, requests."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import pytest
from PIL import Image

from inference.__main__ import COMMANDS, build_parser, main
from inference.commands import output
from inference.commands.reconstruct import result_sentences, take_path_of
from inference.contract import ErrorCode, HandsError, parse_record, progress_record, read_take
from inference.outcome import Outcome
from tests.pictures import save
from tests.stand_in_take import stand_in_take

ROOT = Path(__file__).resolve().parents[2]
HANDS = Path(__file__).parent / "detect" / "data" / "two_apart.jpg"


def worker(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "inference", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        **options,
    )


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts workers; none outlives its test."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
        processes.append(worker(*arguments, **options))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def next_record(stream: IO[str] | None) -> dict[str, Any]:
    assert stream is not None
    line = stream.readline()
    assert line, "the worker ended"
    record = parse_record(line)
    assert record is not None, f"not a record: {line!r}"
    return record


def records_until(stream: IO[str] | None, *kinds: str) -> list[dict[str, Any]]:
    found = [next_record(stream)]
    while found[-1]["record"] not in kinds:
        found.append(next_record(stream))
    return found


def hand_movie(path: Path, frame_count: int) -> Path:
    """Both hands, drifting slowly."""
    picture = cv2.imread(str(HANDS))
    assert picture is not None
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 24.0, (480, 480))
    for index in range(frame_count):
        shift = np.array([[1, 0, 12 * np.sin(index / 5)], [0, 1, 8 * np.sin(index / 7)]])
        writer.write(cv2.warpAffine(picture, shift, (480, 480), borderMode=cv2.BORDER_REPLICATE))
    writer.release()
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# --- a plain start --------------------------------------------------------------------------------------------------


def test_asking_for_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from inference.__main__ import build_parser; build_parser().format_help();"
        "print([name for name in ('cv2', 'onnxruntime', 'torch', 'scipy', 'PIL', 'tqdm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_python_without_numpy_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'numpy'\")")
    process = worker("reconstruct", "a.png", "--records", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    out, err = process.communicate(timeout=60)
    assert process.returncode == ErrorCode.RUNTIME_MISSING.exit_code
    assert json.loads(out)["code"] == "runtime_missing"
    assert "pip install numpy" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("module", ["cv2", "onnxruntime", "PIL"])
def test_a_missing_package_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    code, _, err = run(capsys, "reconstruct", HANDS, "--out", tmp_path / "a.hands.npz")
    assert code == ErrorCode.RUNTIME_MISSING.exit_code
    assert "pip install" in err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "COMMAND"),
        (["dance"], "dance"),
        (["reconstruct"], "INPUT"),
        (["reconstruct", "a.png", "--fov", "190"], "190"),
        (["reconstruct", "a.png", "--focal-mm", "-3"], "--focal-mm"),
        (["reconstruct", "a.png", "--focal-mm", "0.001"], "0.001"),
        (["reconstruct", "a.png", "--focal-mm", "1e8"], "1e8"),
        (["reconstruct", "a.png", "--focal-mm", "30", "--fov", "60"], "not allowed"),
        (["reconstruct", "a.png", "--right-box", "1,2,3"], "1,2,3"),
        (["reconstruct", "a.png", "--left-box", "1,2,0,4"], "1,2,0,4"),
        (["reconstruct", "a.png", "--left-box", "x:1,2,3,4"], "x:1,2,3,4"),
        (["reconstruct", "a.png", "--step", "0"], "'0'"),
        (["reconstruct", str(HANDS), "--start", "5", "--end", "3"], "(3) comes before"),
        (["reconstruct", str(HANDS), "--engine", "magic"], "magic"),
        (["preview", "a.hands.npz", "--smooth", "1.5"], "'1.5'"),
        (["preview", "a.hands.npz", "--smooth", "much"], "'much'"),
    ],
)
def test_wrong_words_get_one_sentence(capsys: pytest.CaptureFixture[str], words: list[str], part: str) -> None:
    code, out, err = run(capsys, *words)
    assert code == ErrorCode.USAGE.exit_code
    assert out == ""
    assert part in err
    assert len(err.strip().splitlines()) == 1


def test_an_unexpected_error_is_a_sentence_and_a_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr("inference.media.open_source", fail)
    code, _, err = run(capsys, "reconstruct", HANDS)
    assert code == ErrorCode.INTERNAL.exit_code
    assert "ZeroDivisionError: by chance" in err
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("source", "out", "expected"),
    [
        ("a/shot.mp4", None, "a/shot.hands.npz"),
        ("a/shot.v2.png", None, "a/shot.v2.hands.npz"),
        ("a/shot.####.png", None, "a/shot.hands.npz"),
        ("a/shot_%04d.png", None, "a/shot.hands.npz"),
        ("a/####.png", None, "a/a.hands.npz"),
        ("shot.mp4", "b/x", "b/x.hands.npz"),
        ("shot.mp4", "b/x.npz", "b/x.hands.npz"),
        ("shot.mp4", "b/x.hands.npz", "b/x.hands.npz"),
    ],
)
def test_where_the_take_goes(source: str, out: str | None, expected: str) -> None:
    assert take_path_of(Path(source), None if out is None else Path(out)) == Path(expected)


def test_a_folder_as_output_takes_the_input_s_name(tmp_path: Path) -> None:
    assert take_path_of(Path("a/shot.mp4"), tmp_path) == tmp_path / "shot.hands.npz"
    assert take_path_of(tmp_path, None) == tmp_path.with_name(f"{tmp_path.name}.hands.npz")


def test_a_folder_without_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shots = tmp_path / "shots"
    (shots / "inner").mkdir(parents=True)
    monkeypatch.chdir(shots)
    assert take_path_of(Path(), None) == tmp_path.resolve() / "shots.hands.npz"
    assert take_path_of(Path(), shots) == shots / "shots.hands.npz"
    monkeypatch.chdir(shots / "inner")
    assert take_path_of(Path(".."), None) == tmp_path.resolve() / "shots.hands.npz"
    root = Path(tmp_path.anchor)
    assert take_path_of(root, None) == root / "hands.hands.npz"


# --- streams --------------------------------------------------------------------------------------------------------


def test_records_alone_on_stdout(tmp_path: Path, started: Callable[..., subprocess.Popen[str]]) -> None:
    process = started("reconstruct", HANDS, "--out", tmp_path / "a.hands.npz", "--records")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    records = [parse_record(line) for line in out.splitlines()]
    kinds = [record["record"] for record in records if record is not None]
    assert None not in records
    assert kinds[0] == "hello"
    assert kinds[-1] == "result"
    assert kinds.count("result") == 1
    assert "progress" in kinds
    last = records[-1]
    assert last is not None
    assert Path(last["take"]) == tmp_path / "a.hands.npz"
    assert last["summary"]["peak_memory_mb"] is None or 50 < last["summary"]["peak_memory_mb"] < 1500


def test_nobody_reading_ends_the_worker_quietly(tmp_path: Path, started: Callable[..., subprocess.Popen[str]]) -> None:
    process = started("reconstruct", hand_movie(tmp_path / "a.mp4", 200), "--records")
    assert next_record(process.stdout)["record"] == "hello"
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == ErrorCode.WORKER_LOST.exit_code
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stdout = None


def test_a_console_that_cannot_show_a_path_is_no_failure(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    process = started("reconstruct", HANDS, "--out", tmp_path / "両手.hands.npz", env=environment)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert (tmp_path / "両手.hands.npz").exists()


def test_a_person_gets_sentences_and_the_path(tmp_path: Path, started: Callable[..., subprocess.Popen[str]]) -> None:
    process = started("reconstruct", HANDS, "--out", tmp_path / "a.hands.npz")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert out.strip() == str(tmp_path / "a.hands.npz")
    assert "Right hand: 1 frame, reprojection error" in err


def test_a_person_is_told_where_hands_are_missing() -> None:
    take = stand_in_take(12)
    take.present[0, 4:7] = False
    take.present[1] = False
    lines = result_sentences(Outcome(take, Path("a.hands.npz"), 0, 1.0))
    assert lines[1].startswith("Right hand: 9 of 12 frames, reprojection error")
    assert "Left hand: not found. If it is there, say where: --left-box X,Y,W,H." in lines
    assert any(str(take.frames[4]) in line and str(take.frames[6]) in line for line in lines[3:])


def test_progress_is_thinned_out_but_never_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    records = output.RecordOutput()
    for done in range(1001):
        records(progress_record("track", done, 1000, None))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) < 100
    assert lines[-1]["done"] == 1000


def test_a_bar_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, expected in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with output.PersonOutput() as person:
            for done in range(6):
                person(progress_record("track", done, 5, None))
        assert ("Reconstructing" in stream.getvalue()) == expected


# --- cancelling -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows cancels by CTRL_BREAK")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_is_done_and_a_second_run_resumes(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]], number: signal.Signals
) -> None:
    movie = hand_movie(tmp_path / "a.mp4", 40)
    words = ("reconstruct", movie, "--records", "--fov", "42")
    process = started(*words)
    while True:
        record = next_record(process.stdout)
        if record["record"] == "progress" and record["done"] >= 3:
            break
    process.send_signal(number)
    last = records_until(process.stdout, "result", "error")[-1]
    assert process.wait(30) == ErrorCode.CANCELLED.exit_code
    assert last["record"] == "result"
    done = last["summary"]["frames"]
    assert 3 <= done < 40
    assert not last["summary"]["complete"]
    assert not read_take(tmp_path / "a.hands.npz").complete
    process = started(*words)
    last = records_until(process.stdout, "result", "error")[-1]
    assert process.wait(30) == 0
    assert last["summary"]["resumed_frames"] == done
    parts = read_take(tmp_path / "a.hands.npz")
    process = started(*words, "--out", tmp_path / "whole.hands.npz")
    process.communicate(timeout=120)
    whole = read_take(tmp_path / "whole.hands.npz")
    assert parts.complete
    np.testing.assert_allclose(parts.joints_m, whole.joints_m, atol=1e-6)  # bit for bit on one machine
    np.testing.assert_array_equal(parts.present, whole.present)


@pytest.mark.skipif(os.name == "nt", reason="there the parent's handle is watched")
def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    movie = hand_movie(tmp_path / "a.mp4", 400)
    code = (
        "import subprocess, sys;"
        "worker = subprocess.Popen([sys.executable, '-m', 'inference', 'reconstruct', sys.argv[1], '--records'],"
        " stdout=subprocess.PIPE, text=True);"
        "print(worker.pid, flush=True);"
        "lines = iter(worker.stdout.readline, '');"
        "next(line for line in lines if '\"progress\"' in line);"
        "import os; os._exit(0)"
    )
    parent = subprocess.run(
        [sys.executable, "-c", code, str(movie)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pid = int(parent.stdout)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and _runs(pid):
        time.sleep(0.2)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    """Whether a process is there and has not ended (an orphan stays as a zombie where nobody waits for it)."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        return stat.exists() and stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- serve ----------------------------------------------------------------------------------------------------------


def ask(process: subprocess.Popen[str], **request: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()


def test_a_server_answers_request_after_request(tmp_path: Path, started: Callable[..., subprocess.Popen[str]]) -> None:
    server = started("serve")
    assert next_record(server.stdout)["record"] == "hello"
    ask(server, request="reconstruct", id=1, input=str(HANDS), out=str(tmp_path / "a.hands.npz"), options={"fov": 42})
    records = records_until(server.stdout, "result", "error")
    assert records[-1]["record"] == "result"
    assert {record["id"] for record in records} == {1}
    assert read_take(tmp_path / "a.hands.npz").focal_source == "given"
    ask(server, request="reconstruct", id="two", input=str(tmp_path / "none.png"))
    error = records_until(server.stdout, "result", "error")[-1]
    assert (error["id"], error["code"]) == ("two", "input_missing")
    for line in ("not json", "[1]", '{"request": "dance"}', '{"request": "reconstruct", "options": {"speed": 3}}'):
        assert server.stdin is not None
        server.stdin.write(line + "\n")
        server.stdin.flush()
        assert next_record(server.stdout)["code"] == "usage"
    options = {"right_box": [1.5, 2, 300, 400], "step": 1, "sequence": False}
    ask(server, request="reconstruct", id=3, input=str(HANDS), out=str(tmp_path), options=options)
    assert records_until(server.stdout, "result", "error")[-1]["record"] == "result"
    ask(server, request="quit")
    assert server.wait(20) == 0


def test_a_server_cancels_and_lives_on(tmp_path: Path, started: Callable[..., subprocess.Popen[str]]) -> None:
    movie = hand_movie(tmp_path / "a.mp4", 300)
    server = started("serve")
    ask(server, request="reconstruct", input=str(movie))
    ask(server, request="reconstruct", id="waits", input=str(HANDS))
    while next_record(server.stdout).get("done", 0) < 2:
        pass
    ask(server, request="cancel")
    endings = [records_until(server.stdout, "result", "error")[-1] for _ in range(2)]
    waiting = next(record for record in endings if record.get("id") == "waits")
    stopped = next(record for record in endings if record.get("id") != "waits")
    assert waiting["code"] == "cancelled"
    assert stopped["summary"]["complete"] is False
    ask(server, request="reconstruct", input=str(HANDS), out=str(tmp_path / "b.hands.npz"))
    assert records_until(server.stdout, "result", "error")[-1]["record"] == "result"


def test_a_server_ends_with_its_stdin(started: Callable[..., subprocess.Popen[str]]) -> None:
    server = started("serve")
    assert next_record(server.stdout)["record"] == "hello"
    assert server.stdin is not None
    server.stdin.close()
    server.stdin = None
    assert server.wait(20) == 0


# --- the page -------------------------------------------------------------------------------------------------------


def test_the_page_names_every_command_and_option() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    parser = build_parser()
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2].replace("_", "-")
        assert f"## {name}" in page
        subparsers = next(action for action in parser._actions if action.choices and name in action.choices)
        assert isinstance(subparsers.choices, dict)
        for action in subparsers.choices[name]._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or f"`{option}" in page, option
    for code in ErrorCode:
        assert f"| {code.exit_code} |" in page


def test_hands_errors_become_exit_codes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for code in ErrorCode:

        def fail(*_: object, code: ErrorCode = code, **__: object) -> None:
            raise HandsError(code, "It failed.", "Try again.")

        monkeypatch.setattr("inference.media.open_source", fail)
        assert run(capsys, "reconstruct", HANDS)[0] == code.exit_code


def test_an_existing_take_is_announced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    empty = save(tmp_path / "wall.png", np.asarray(Image.new("RGB", (200, 200), "white")))
    (tmp_path / "wall.hands.npz").write_bytes(b"old")
    code, _, err = run(capsys, "reconstruct", empty)
    assert code == ErrorCode.NO_HANDS.exit_code
    assert "is there already" in err
    assert (tmp_path / "wall.hands.npz").read_bytes() == b"old"
