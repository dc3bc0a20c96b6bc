"""The contract between Blender's side and the worker: errors, exit codes, records, and the page that documents them."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import contract
from inference.contract import ErrorCode, HandsError, Take, parse_record, write_take
from tests.stand_in_take import stand_in_take

ROOT = Path(__file__).resolve().parents[2]
CONTRACT_PAGE = ROOT / "docs" / "contract.md"


# --- errors and records ---------------------------------------------------------------------------------------------


def test_every_error_has_a_label_of_its_own_and_is_found_by_it() -> None:
    assert len({code.label for code in ErrorCode}) == len(ErrorCode)
    assert all(ErrorCode.from_label(code.label) is code for code in ErrorCode)
    assert ErrorCode.from_label("of_a_newer_worker") is ErrorCode.INTERNAL


def test_exit_codes_tell_failures_from_success_and_from_a_crash() -> None:
    codes = [code.exit_code for code in ErrorCode]
    assert 0 not in codes  # success
    assert 1 not in codes  # a Python that ended with a traceback
    assert all(0 < code < 256 for code in codes)
    assert ErrorCode.USAGE.exit_code == 2  # argparse's own
    assert ErrorCode.CANCELLED.exit_code == 130  # 128 + SIGINT
    for alone in (ErrorCode.USAGE, ErrorCode.NO_HANDS, ErrorCode.INTERNAL, ErrorCode.CANCELLED):
        assert codes.count(alone.exit_code) == 1


def test_an_error_reads_as_sentence_and_hint() -> None:
    assert str(HandsError(ErrorCode.NO_HANDS, "No hand was found.", "Draw a box.")) == "No hand was found. Draw a box."
    assert str(HandsError(ErrorCode.NO_HANDS, "No hand was found.")) == "No hand was found."


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (contract.hello_record("1.2.3"), "hello"),
        (contract.progress_record("frames", 3, 10, 1.5), "progress"),
        (contract.progress_record("models", 0, None, None), "progress"),
        (contract.warning_record("unreadable_frame", "Frame 7 is damaged.", 7), "warning"),
        (contract.result_record(Path("手/a b.hands.npz"), {"frames": 3, "complete": False}), "result"),
        (contract.error_record(HandsError(ErrorCode.NO_HANDS, "No hand.", "Draw a box.")), "error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_record_survives_its_line(record: dict[str, Any], kind: str) -> None:
    line = json.dumps(record)
    assert "\n" not in line
    assert parse_record(line + "\n") == record
    assert record["record"] == kind


def test_records_carry_what_the_reader_needs() -> None:
    assert contract.hello_record("1.2.3")["protocol"] == contract.PROTOCOL_VERSION
    error = HandsError(ErrorCode.DISK_FULL, "Full.", "Free some.")
    assert contract.error_record(error) == {
        "record": "error",
        "code": "disk_full",
        "message": "Full.",
        "hint": "Free some.",
    }


@given(st.text())
def test_any_text_is_a_record_or_none(text: str) -> None:
    record = parse_record(text)
    assert record is None or isinstance(record["record"], str)


@pytest.mark.parametrize(
    "line", ["", "42", "null", "[]", '"record"', "{}", '{"record": 1}', "INFO: loaded", "[" * 100_000, '{"record": "x"']
)
def test_a_library_s_chatter_is_no_record(line: str) -> None:
    assert parse_record(line) is None


# --- the page that documents it -------------------------------------------------------------------------------------


def test_the_page_names_every_field_error_and_version() -> None:
    page = CONTRACT_PAGE.read_text(encoding="utf-8")
    missing = [item.name for item in fields(Take) if f"`{item.name}`" not in page]
    assert not missing
    for code in ErrorCode:
        assert f"| `{code.label}` | {code.exit_code} |" in page
    assert f"Protocol version {contract.PROTOCOL_VERSION}" in page
    assert f"Take version {contract.TAKE_VERSION}" in page


def test_the_page_s_records_are_those_of_the_program() -> None:
    page = CONTRACT_PAGE.read_text(encoding="utf-8")
    shown = [record for line in page.splitlines() if (record := parse_record(line))]
    made = [
        contract.hello_record("0.1.0"),
        contract.progress_record("frames", 12, 48, 3.5),
        contract.warning_record("unreadable_frame", "text", 7),
        contract.result_record(Path("out.hands.npz"), {}),
        contract.error_record(HandsError(ErrorCode.NO_HANDS, "text", "text")),
    ]
    keys = {record["record"]: set(record) for record in made}
    assert {record["record"]: set(record) for record in shown} == keys


def test_the_page_s_shapes_and_types_are_those_of_the_file(tmp_path: Path) -> None:
    page = CONTRACT_PAGE.read_text(encoding="utf-8")
    write_take(stand_in_take(frame_count=7), tmp_path / "a.hands.npz")
    with np.load(tmp_path / "a.hands.npz") as file:
        arrays = {name: file[name] for name in file.files if name != "header"}
    for name, array in arrays.items():
        shape = str(array.shape).replace("7", "F")
        shape = shape.replace("10", "S") if name == "betas" else shape
        assert f"| `{name}` | {array.dtype} | {shape} |" in page


def test_the_page_names_every_warning_that_the_program_gives() -> None:
    page = CONTRACT_PAGE.read_text(encoding="utf-8")
    calls = re.compile(r"\bwarning_record\(\s*([^\s,]+)")
    given = [
        code
        for folder in ("inference", "twohand_blender")
        for path in (ROOT / folder).rglob("*.py")
        for code in calls.findall(path.read_text(encoding="utf-8"))
        if path.name != "contract.py"
    ]
    assert given
    for code in given:
        assert code.startswith('"'), "write the code of a warning where it is given"
        label = code.strip('"')
        assert f"`{label}`" in page
