"""Reading the users' MANO pickles without running anything in them (reference/mano.md, "Official file").

The official files are Python-2 pickles that name chumpy classes; chumpy itself no longer imports. The few names that a
hand model needs (numpy arrays, scipy's compressed matrices, chumpy's arrays) are known here, every other one is
refused; what calling them would have made is worked out from the arguments, and nothing is called (`pickle_machine`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .pickle_machine import Call, ForeignNameError, Name, PickleMachine, RefusedPickleError, TruncatedPickleError

__all__ = [
    "LARGEST_FILE_BYTES",
    "ForeignNameError",
    "RefusedPickleError",
    "TruncatedPickleError",
    "as_array",
    "read_pickled_mapping",
]

LARGEST_FILE_BYTES: Final = 1 << 26
"""A hand model has four million bytes."""
_MOST_DENSE_ELEMENTS: Final = 1 << 20
_DEEPEST_CHUMPY: Final = 8
_LATIN1: Final = ("latin1", "latin-1", "iso-8859-1")

_ARRAY_MODULES: Final = frozenset({"numpy", "numpy.core.multiarray", "numpy._core.multiarray"})
_BUFFER_MODULES: Final = frozenset({"numpy.core.numeric", "numpy._core.numeric"})
_SPARSE_NAMES: Final = frozenset({"csc_matrix", "csr_matrix", "csc_array", "csr_array"})
_OTHER_NAMES: Final = frozenset(
    {("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor"), ("_codecs", "encode")}
    | {("collections", "OrderedDict"), ("collections", "defaultdict")}
    | {(module, name) for module in ("__builtin__", "builtins")
       for name in ("object", "bytes", "set", "frozenset", "dict", "list", "tuple", "bytearray")}
)  # fmt: skip
"""chumpy's objects carry sets and the like; they are passed over."""


def read_pickled_mapping(content: bytes) -> dict[str, Any]:
    """The dictionary in a pickle, text keys only; `as_array` makes arrays of its values.

    Raises
    ------
    RefusedPickleError
        for anything but a dictionary, a `ForeignNameError` or `TruncatedPickleError` where it is that
    """
    if len(content) > LARGEST_FILE_BYTES:
        raise RefusedPickleError("it is far larger than a hand model")
    value = PickleMachine(content, _is_known).run()
    if not isinstance(value, dict):
        raise RefusedPickleError("it does not hold a dictionary")
    return value


def as_array(value: Any) -> NDArray[Any]:
    """Numbers from what stands for an array, a chumpy array or a sparse matrix in a pickle.

    Raises
    ------
    RefusedPickleError
        where it is none of these, or holds Python objects, or its parts contradict each other
    """
    try:
        return _array(value, 0)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError, AttributeError) as error:
        if isinstance(error, RefusedPickleError):
            raise
        raise RefusedPickleError(f"an array in it is damaged ({error})") from error


def _is_known(name: Name) -> bool:
    module, attribute = name
    return (
        (module in _ARRAY_MODULES and attribute in ("_reconstruct", "ndarray", "dtype", "scalar"))
        or (module in _BUFFER_MODULES and attribute == "_frombuffer")
        or (_inside(module, "scipy.sparse") and attribute in _SPARSE_NAMES)
        or _inside(module, "chumpy")
        or name in _OTHER_NAMES
    )


def _inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _array(value: Any, depth: int) -> NDArray[Any]:  # noqa: PLR0911 - a table of what an array may be
    if isinstance(value, bool | int | float):
        return _number_array(np.asarray(value))
    if isinstance(value, list | tuple) and all(isinstance(item, int | float) for item in value):
        return _number_array(np.asarray(value))
    if not isinstance(value, Call):
        raise RefusedPickleError(f"a {type(value).__name__} stands where an array is expected")
    function, state = _class_of(value), value.state
    if function.name == "_reconstruct":
        _version, shape, dtype, by_columns, data = state
        return _raw_array(data, dtype, shape, "F" if by_columns else "C")
    if function.name == "_frombuffer":
        data, dtype, shape, order = value.arguments
        return _raw_array(data, dtype, shape, order)
    if function.name == "scalar":
        dtype, data = value.arguments
        return _raw_array(data, dtype, (), "C")
    if function.name in _SPARSE_NAMES:
        return _dense(state, by_rows=function.name.startswith("csr"), depth=depth)
    if _inside(function.module, "chumpy"):
        return _chumpy_array(state, depth)
    raise RefusedPickleError(f"a {function.name} stands where an array is expected")


def _class_of(call: Call) -> Name:
    """What was made: Python 2 makes an object of a class by a call that takes the class."""
    if call.function.name == "_reconstructor" and isinstance(call.arguments[0], Name):
        return call.arguments[0]
    return call.function


def _raw_array(data: Any, dtype: Any, shape: Any, order: str) -> NDArray[Any]:
    kind = _dtype(dtype)
    content = _bytes(data)
    sizes = tuple(int(size) for size in shape)
    if min(sizes, default=0) < 0 or len(sizes) > 8:
        raise RefusedPickleError("an array has an impossible shape")
    # Reshaping checks that the sizes agree with the bytes that are there; nothing is reserved for a size that lies.
    array = np.frombuffer(content, dtype=kind).reshape(sizes, order="F" if order == "F" else "C")
    return _number_array(array.astype(kind.newbyteorder("=")))


def _dtype(value: Any) -> np.dtype[Any]:
    if not isinstance(value, Call) or value.function.name != "dtype":
        raise RefusedPickleError("an array is of no type")
    code = _bytes(value.arguments[0]).decode("latin1")
    order = "<" if value.state is None else str(value.state[1])
    if len(code) != 2 or code[0] not in "biuf" or code[1] not in "1248" or order not in "<>|=":
        raise RefusedPickleError(f"an array is of the type '{code}', which is no type of number"[:120])
    return np.dtype(("|" if code[1] == "1" else "<" if order in "|=" else order) + code)


def _bytes(value: Any) -> bytes:
    """Python 2's byte strings: latin1 text, or in newer files of protocol 2 a call that encodes such text."""
    if isinstance(value, str):
        return value.encode("latin1")
    if isinstance(value, Call) and value.function.name in ("encode", "bytes", "bytearray"):
        text, *encoding = value.arguments or (b"",)
        if isinstance(text, str) and (not encoding or encoding[0] in _LATIN1):
            return text.encode("latin1")
        value = text
    if not isinstance(value, bytes | bytearray):
        raise RefusedPickleError("an array has no data")
    return bytes(value)


def _number_array(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "biuf":
        raise RefusedPickleError("an array holds something else than numbers")
    return array


def _dense(state: Any, *, by_rows: bool, depth: int) -> NDArray[Any]:
    """scipy's compressed matrix, made dense from its own three arrays so that scipy is not needed."""
    shape = state["_shape"] if "_shape" in state else state["shape"]
    rows, columns = (int(size) for size in shape)
    starts = _array(state["indptr"], depth + 1).astype(np.int64)
    within = _array(state["indices"], depth + 1).astype(np.int64)
    data = _array(state["data"], depth + 1)
    lines, length = (rows, columns) if by_rows else (columns, rows)
    if min(rows, columns) < 1 or rows * columns > _MOST_DENSE_ELEMENTS:
        raise RefusedPickleError("a sparse matrix has impossible sizes")
    if starts.shape != (lines + 1,) or starts[0] != 0 or np.any(np.diff(starts) < 0):
        raise RefusedPickleError("a sparse matrix has impossible starts of lines")
    if within.shape != (starts[-1],) or data.shape != within.shape or np.any((within < 0) | (within >= length)):
        raise RefusedPickleError("a sparse matrix has impossible indices")
    dense = np.zeros((lines, length), dtype=data.dtype)
    np.add.at(dense, (np.repeat(np.arange(lines), np.diff(starts)), within), data)
    return dense if by_rows else dense.T


def _chumpy_array(state: Any, depth: int) -> NDArray[Any]:
    """chumpy's `Ch` (array `x`), `Reshape` (of `a`) or `Select` (elements `idxs` of `a`, in `preferred_shape`)."""
    if depth >= _DEEPEST_CHUMPY:
        raise RefusedPickleError("its chumpy objects are nested too deeply")
    if not isinstance(state, dict):
        raise RefusedPickleError("a chumpy object is empty")
    if "x" in state:
        return _array(state["x"], depth + 1)
    if "a" in state and "idxs" in state:
        chosen = _array(state["a"], depth + 1).ravel()[_array(state["idxs"], depth + 1).astype(np.int64).ravel()]
        shape = state.get("preferred_shape")
        return chosen if shape is None else chosen.reshape(_array(shape, depth + 1).astype(np.int64).ravel())
    if "a" in state and "newshape" in state:
        return _array(state["a"], depth + 1).reshape(_array(state["newshape"], depth + 1).astype(np.int64).ravel())
    raise RefusedPickleError(f"a chumpy object holds {', '.join(sorted(state))[:100]} instead of an array")
