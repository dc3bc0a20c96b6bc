"""Reading the user's MANO pickles without running anything in them (reference/mano.md, "Official file").

The official files are Python-2 pickles that name chumpy classes; chumpy itself no longer imports. An allow-list of
array constructors is honoured, chumpy objects become inert stand-ins that only hold their state, and every other name
is refused before it is looked up.
"""

from __future__ import annotations

import pickle  # noqa: S403 - only through the restricted unpickler below
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_ARRAY_NAMES: Final = frozenset({"_reconstruct", "ndarray", "dtype", "scalar"})
_NUMPY_MODULES: Final = frozenset({"numpy", "numpy.core.multiarray", "numpy._core.multiarray"})
_SPARSE_NAMES: Final = frozenset({"csc_matrix", "csr_matrix", "csc_array", "csr_array"})
_LARGEST_FILE_BYTES: Final = 1 << 30


class RefusedPickleError(ValueError):
    """The pickle names something that no hand model needs, or is no pickle at all."""


class _Inert:
    """An object of a class that is not there: keeps the state, does nothing."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {"state": state}


class _ChumpyValue(_Inert):
    """chumpy's `Ch` (an array in `x`) or `Select` (elements `idxs` of `a`, in `preferred_shape`)."""

    def evaluate(self) -> NDArray[Any]:
        if "x" in self.state:
            return as_array(self.state["x"])
        if "a" in self.state and "idxs" in self.state:
            chosen = as_array(self.state["a"]).ravel()[as_array(self.state["idxs"]).astype(np.int64).ravel()]
            shape = self.state.get("preferred_shape")
            return chosen if shape is None else chosen.reshape([int(size) for size in as_array(shape).ravel()])
        raise RefusedPickleError(f"a chumpy object holds {sorted(self.state)} instead of an array")


class _SparseMatrix(_Inert):
    """scipy's compressed matrix, made dense from its own three arrays so that scipy is not needed."""

    by_rows = False

    def evaluate(self) -> NDArray[Any]:
        rows, columns = (int(size) for size in self.state.get("_shape", self.state.get("shape")))
        starts = as_array(self.state["indptr"]).astype(np.int64)
        within = as_array(self.state["indices"]).astype(np.int64)
        data = as_array(self.state["data"])
        lines, line_length = (rows, columns) if self.by_rows else (columns, rows)
        if lines * line_length > 1 << 26 or len(starts) != lines + 1 or starts[0] != 0 or np.any(np.diff(starts) < 0):
            raise RefusedPickleError("a sparse matrix has impossible sizes")
        dense = np.zeros((lines, line_length), dtype=data.dtype)
        np.add.at(dense, (np.repeat(np.arange(lines), np.diff(starts)), within), data)
        return dense if self.by_rows else dense.T


class _SparseRows(_SparseMatrix):
    by_rows = True


def as_array(value: Any) -> NDArray[Any]:
    """A numpy array from an array, a number, a chumpy stand-in or a sparse matrix stand-in; never of dtype object."""
    array = value.evaluate() if isinstance(value, _ChumpyValue | _SparseMatrix) else np.asarray(value)
    if array.dtype.hasobject:
        raise RefusedPickleError("an array holds Python objects")
    return array


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        if module_name in _NUMPY_MODULES and global_name in _ARRAY_NAMES:
            return _numpy_global(global_name)
        if module_name == "scipy.sparse" or module_name.startswith("scipy.sparse."):
            if global_name in _SPARSE_NAMES:
                return _SparseRows if global_name.startswith("csr") else _SparseMatrix
        elif module_name == "chumpy" or module_name.startswith("chumpy."):
            return _ChumpyValue
        elif (module_name, global_name) in _PLAIN:
            return _PLAIN[module_name, global_name]
        raise RefusedPickleError(f"it asks for '{module_name}.{global_name}'")

    def persistent_load(self, pid: Any) -> Any:
        raise RefusedPickleError("it refers to objects outside of the file")


def _numpy_global(name: str) -> Any:
    if name in ("ndarray", "dtype"):
        return getattr(np, name)
    multiarray = getattr(np, "_core", None) or np.core
    return getattr(multiarray.multiarray, name)


def _reconstruct_object(cls: type, *_: Any) -> Any:
    """copyreg._reconstructor for the stand-ins alone: makes an empty one."""
    if not (isinstance(cls, type) and issubclass(cls, _Inert)):
        raise RefusedPickleError("it builds an object of an unexpected class")
    return cls()


def _encode(text: str, encoding: str) -> bytes:
    """Python 2's byte strings in protocol 2 come as latin1 text."""
    if encoding not in ("latin1", "latin-1"):
        raise RefusedPickleError("it encodes text in an unexpected way")
    return text.encode("latin1")


_PLAIN: Final[Mapping[tuple[str, str], Callable[..., Any] | type]] = {
    ("copy_reg", "_reconstructor"): _reconstruct_object,
    ("copyreg", "_reconstructor"): _reconstruct_object,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
}


def read_pickled_mapping(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle file, text keys only.

    Raises
    ------
    RefusedPickleError
        for anything but a dictionary of plain values, arrays, sparse matrices and chumpy arrays
    """
    if path.stat().st_size > _LARGEST_FILE_BYTES:
        raise RefusedPickleError("it is far larger than a hand model")
    try:
        with path.open("rb") as file:
            content = _RestrictedUnpickler(file, encoding="latin1").load()
    except RefusedPickleError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise RefusedPickleError(f"it is damaged ({type(error).__name__}: {error})") from error
    if not isinstance(content, dict):
        raise RefusedPickleError(f"it holds a {type(content).__name__} instead of a dictionary")
    return {str(key): value for key, value in content.items()}
