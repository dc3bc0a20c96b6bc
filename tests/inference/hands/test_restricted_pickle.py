"""Pickles of hand models are read; what wants anything else is refused, runs nothing and reserves nothing."""

from __future__ import annotations

import pickle
import pickletools
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_matrix, csr_matrix

from inference.hands.restricted_pickle import (
    LARGEST_FILE_BYTES,
    ForeignNameError,
    RefusedPickleError,
    TruncatedPickleError,
    as_array,
    read_pickled_mapping,
)
from tests.python2_pickle import Ch, Reshape, Select, python2_dumps

RNG = np.random.default_rng(3)


def stored(value: Any, protocol: int = 2) -> Any:
    """The value back through an ordinary pickle."""
    return read_pickled_mapping(pickle.dumps({"value": value}, protocol))["value"]


def op(code: str, rest: bytes = b"") -> bytes:
    return {info.name: info.code.encode("latin1") for info in pickletools.opcodes}[code] + rest


def text(value: str) -> bytes:
    return op("BINUNICODE", struct.pack("<I", len(value)) + value.encode())


# --- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [
        RNG.random((3, 4, 5)),
        np.asfortranarray(RNG.random((3, 4))),
        RNG.random(6).astype(">f4"),
        np.arange(7, dtype=np.uint32),
        np.arange(7, dtype=">i8"),
        np.array([True, False]),
        np.zeros((0, 3)),
        np.float64(3.5),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)
def test_numpy_arrays_come_back_equal(array: np.ndarray[Any, Any], protocol: int) -> None:
    found = as_array(stored(array, protocol))
    assert np.array_equal(found, array)
    assert found.shape == array.shape
    assert found.dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("make", [csc_matrix, csr_matrix])
def test_sparse_matrices_become_dense(make: type, protocol: int) -> None:
    dense = RNG.random((5, 9)) * (RNG.random((5, 9)) < 0.3)
    assert np.array_equal(as_array(stored(make(dense), protocol)), dense)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_python_2_strings_and_chumpy_objects_are_understood(protocol: int) -> None:
    array = RNG.random((4, 3))
    nasty = "quote ' backslash \\ line \n latin \xe9\xff"
    picked = Select(Ch(array), np.array([5, 0, 11, 2]), (2, 2))
    content = python2_dumps(
        {"whole": Ch(array), "chosen": picked, "turned": Reshape(Ch(array), (3, -1)), "text": nasty, "same": picked},
        protocol,
    )
    mapping = read_pickled_mapping(content)
    assert np.array_equal(as_array(mapping["whole"]), array)
    assert np.array_equal(as_array(mapping["chosen"]), array.ravel()[[5, 0, 11, 2]].reshape(2, 2))
    assert np.array_equal(as_array(mapping["turned"]), array.reshape(3, 4))
    assert mapping["text"] == nasty
    assert mapping["same"] is mapping["chosen"]


def test_keys_that_are_no_text_are_passed_over() -> None:
    assert read_pickled_mapping(pickle.dumps({"a": 1, 2: 3, ("x",): 4})) == {"a": 1}


# --- what is refused ------------------------------------------------------------------------------------------------


class Runs:
    """Wants a function called when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_code_is_named_and_never_run(tmp_path: Path, protocol: int) -> None:
    import os
    import subprocess

    mark = tmp_path / "ran"
    for bad in (Runs(os.system, f"touch {mark}"), Runs(subprocess.call, ["touch", str(mark)]), Runs(eval, "1")):
        with pytest.raises(
            ForeignNameError, match=r"asks for '(posix|nt|subprocess|commands|builtins|__builtin__)\.\w+'"
        ):
            read_pickled_mapping(pickle.dumps({"v_template": bad}, protocol))
    assert not mark.exists()


@pytest.mark.parametrize(
    "name",
    [
        "numpy.core.multiarray fromfile",
        "numpy load",
        "numpy.lib.npyio load",
        "scipy.sparse load_npz",
        "scipy.sparse.linalg eigs",
        "chumpyfake Ch",
        "copy_reg __newobj__",
        "builtins getattr",
        "__builtin__ eval",
        "functools partial",
        "operator attrgetter",
        "inference.hands.model HandModel",
    ],
)
def test_only_the_names_of_hand_models_may_be_mentioned(name: str) -> None:
    module, attribute = name.split(" ")
    for content in (
        op("PROTO", b"\2") + op("GLOBAL", f"{module}\n{attribute}\n".encode()) + op("STOP"),
        op("PROTO", b"\4") + text(module) + text(attribute) + op("STACK_GLOBAL") + op("STOP"),
    ):
        with pytest.raises(ForeignNameError):
            read_pickled_mapping(content)


def test_a_name_that_would_colour_the_terminal_is_shown_without_its_codes() -> None:
    with pytest.raises(ForeignNameError) as caught:
        read_pickled_mapping(op("GLOBAL", b"os\x1b[31m\nsys\x07tem\n"))
    assert str(caught.value).isprintable()


def test_an_allowed_class_is_not_called_either() -> None:
    # numpy.ndarray((10**9,)) would reserve eight gigabytes; here it is a note that nobody understands.
    content = (
        op("EMPTY_DICT") + text("value") + op("GLOBAL", b"numpy\nndarray\n") + op("BININT", struct.pack("<i", 10**9))
        + op("TUPLE1") + op("REDUCE") + op("SETITEM") + op("STOP")
    )  # fmt: skip
    with pytest.raises(RefusedPickleError, match="ndarray stands where an array is expected"):
        as_array(read_pickled_mapping(content)["value"])


@pytest.mark.parametrize(
    "instruction",
    [
        op("INST", b"os\nsystem\n"),
        op("OBJ"),
        op("EXT1", b"\1"),
        op("EXT4", b"\1\0\0\0"),
        op("PERSID", b"x\n"),
        op("BINPERSID"),
        op("NEXT_BUFFER"),
    ],
)
def test_instructions_that_no_hand_model_needs_are_refused(instruction: bytes) -> None:
    with pytest.raises(ForeignNameError, match="instruction"):
        read_pickled_mapping(op("MARK") + op("NONE") + instruction + op("STOP"))


def test_calling_what_a_call_made_is_refused() -> None:
    content = op("GLOBAL", b"chumpy.ch\nCh\n") + op("EMPTY_TUPLE") + op("REDUCE") + op("EMPTY_TUPLE") + op("REDUCE")
    with pytest.raises(ForeignNameError, match="no name"):
        read_pickled_mapping(content + op("STOP"))


def array_call(shape: tuple[Any, ...], code: str, data: bytes, protocol: int = 4) -> Any:
    """An array whose parts need not agree."""

    class Liar:
        def __reduce__(self) -> tuple[Any, ...]:
            reconstruct, arguments, _ = np.zeros(1).__reduce__()  # type: ignore[misc]  # numpy's stubs say str
            return reconstruct, arguments, (1, shape, np.dtype(code), False, data)

    return stored(Liar(), protocol)


@pytest.mark.parametrize(
    ("shape", "code", "data"),
    [
        ((10**9, 10**9), "f8", b"12345678"),
        ((2**62, 4), "u1", b""),
        ((-1,), "f8", bytes(16)),
        ((3,), "f8", bytes(16)),
        ((1,) * 40, "f8", bytes(8)),
        (("2",), "O", b"12345678"),
        ((1,), "O", bytes(8)),
        ((1,), "c16", bytes(16)),
        ((2,), "M8[s]", bytes(16)),
        ((1,), "V8", bytes(8)),
        ((1,), [("a", "f8")], bytes(8)),
        ((float("inf"),), "f8", bytes(8)),
        ((None,), "f8", bytes(8)),
        ((1,), "f8", None),
    ],
)
def test_arrays_that_lie_are_refused_and_reserve_nothing(shape: Any, code: Any, data: Any) -> None:
    value = array_call(shape, code, data)
    tracemalloc.start()
    with pytest.raises(RefusedPickleError):
        as_array(value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    "change",
    [
        {"_shape": (10**6, 10**6)},
        {"_shape": (0, 0)},
        {"_shape": (-5, 9)},
        {"_shape": None},
        {"indptr": np.array([0, 1, 2])},
        {"indptr": np.array([0, 9, 1, 1, 1, 1, 1, 1, 1, 1])},
        {"indices": np.array([-1] * 9)},
        {"indices": np.array([5] * 9)},
        {"data": np.zeros(3)},
    ],
)
def test_sparse_matrices_that_lie_are_refused(change: dict[str, Any]) -> None:
    matrix = csc_matrix(np.eye(5, 9))
    value = stored(matrix)
    value.state = {**value.state, **{key: stored(part) for key, part in change.items()}}
    with pytest.raises(RefusedPickleError):
        as_array(value)


def test_a_chumpy_object_inside_itself_ends() -> None:
    value = read_pickled_mapping(python2_dumps({"value": Ch(np.zeros(2))}))["value"]
    value.state = {"x": value}
    with pytest.raises(RefusedPickleError, match="too deeply"):
        as_array(value)


def test_lists_of_lists_are_not_multiplied_out() -> None:
    nested: Any = [1.0]
    for _ in range(30):
        nested = [nested] * 10
    with pytest.raises(RefusedPickleError):
        as_array(stored(nested))


def within_means(content: bytes) -> RefusedPickleError:
    """Refused within a second or two and without much memory."""
    start_s = time.monotonic()
    tracemalloc.start()
    with pytest.raises(RefusedPickleError) as caught:
        read_pickled_mapping(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - start_s < 20
    assert peak < 400 * len(content) + 4_000_000
    return caught.value


def test_nothing_is_reserved_for_sizes_that_are_only_claimed() -> None:
    within_means(op("LONG_BINPUT", b"\xff\xff\xff\x7f"))  # C's unpickler makes room for two thousand million notes
    within_means(op("BINBYTES8", struct.pack("<Q", 1 << 40)))
    within_means(op("BINSTRING", struct.pack("<i", 2**31 - 1)))
    within_means(op("LONG4", struct.pack("<i", 2**31 - 1)))
    within_means(op("FRAME", struct.pack("<Q", 1 << 60)))
    within_means(op("INT", b"9" * 100_000 + b"\n"))


def test_deep_nests_and_endless_programs_end() -> None:
    nest = op("EMPTY_TUPLE") + op("TUPLE1") * 90_000
    # As a key, C's unpickler would walk down the nest to hash it, past the end of its stack.
    within_means(op("EMPTY_DICT") + nest + op("NONE") + op("SETITEM") + op("NONE") + op("STOP"))
    within_means(op("NONE") + op("DUP") * 100_001)
    within_means(op("MARK") * 10_000)


def test_a_file_that_is_far_too_large_is_not_read() -> None:
    with pytest.raises(RefusedPickleError, match="larger"):
        read_pickled_mapping(bytes(LARGEST_FILE_BYTES + 1))


# --- what is damaged ------------------------------------------------------------------------------------------------

SMALL = {
    "v": np.arange(12.0).reshape(3, 4),
    "f": np.arange(6, dtype=np.uint32),
    "s": csc_matrix(np.eye(3)),
    "c": Ch(np.zeros(3)),
    "n": 2**40,
    "t": "lbs",
}


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_every_cut_is_told_with_the_size_that_is_expected_at_least(protocol: int) -> None:
    content = python2_dumps(SMALL, protocol)
    for length in range(len(content)):
        with pytest.raises(TruncatedPickleError) as caught:
            read_pickled_mapping(content[:length])
        assert length < caught.value.expected_bytes <= len(content)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), protocol=st.integers(0, 2))
def test_damage_anywhere_is_refused_or_harmless(data: st.DataObject, protocol: int) -> None:
    content = bytearray(python2_dumps(SMALL, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        for value in read_pickled_mapping(bytes(content)).values():
            as_array(value)
    except RefusedPickleError as error:
        assert str(error)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_noise_is_refused(content: bytes) -> None:
    try:
        assert isinstance(read_pickled_mapping(content), dict)
    except RefusedPickleError as error:
        assert str(error).isprintable()
