"""Pickles as Python 2 wrote them, made without Python 2, chumpy or old scipy: what an official MANO file looks like."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from scipy.sparse import csc_matrix

_OLD_MODULES: Final = {
    "copyreg": "copy_reg",
    "builtins": "__builtin__",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "scipy.sparse._csc": "scipy.sparse.csc",
}


class Ch:
    """chumpy's array, as far as a pickle shows it."""

    module: str = "chumpy.ch"

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.x = array
        self._dirty_vars: set[str] = {"x"}
        self._itr = None
        self._depends_on_deps: dict[tuple[str, ...], Any] = {("x",): None}


class Select:
    """chumpy's choice of elements."""

    module: str = "chumpy.reordering"

    def __init__(self, array: Ch, indices: np.ndarray[Any, Any], shape: tuple[int, ...]) -> None:
        self.a = array
        self.idxs = indices
        self.preferred_shape = shape
        self._dirty_vars: set[str] = set()


class Reshape:
    """chumpy's array in another shape."""

    module: str = "chumpy.reordering"

    def __init__(self, array: Ch, shape: tuple[int, ...]) -> None:
        self.a = array
        self.newshape = shape


_Pickler: Any = pickle._Pickler  # type: ignore[attr-defined]  # the one written in Python; the stubs know little of it


class _Python2Pickler(_Pickler):
    """Every string is a byte string, and names are those of Python 2 and its packages."""

    dispatch: ClassVar[dict[type, Any]] = dict(_Pickler.dispatch)

    def save_byte_string(self, value: str | bytes) -> None:
        content = value.encode("latin1") if isinstance(value, str) else value
        if self.proto == 0:
            text = "".join(
                chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in content
            )
            self.write(b"S'" + text.encode() + b"'\n")
        elif len(content) < 256:
            self.write(b"U" + bytes([len(content)]) + content)
        else:
            self.write(b"T" + len(content).to_bytes(4, "little") + content)
        self.memoize(value)

    def save_name(self, value: Any, name: str | None = None) -> None:
        module = getattr(value, "module", value.__module__)
        written = f"c{_OLD_MODULES.get(module, module)}\n{name or value.__qualname__}\n"
        self.write(written.encode())
        self.memoize(value)

    save_global = save_name
    dispatch[str] = dispatch[bytes] = save_byte_string
    dispatch[type] = dispatch[type(len)] = dispatch[type(save_name)] = save_name


def python2_dumps(value: Any, protocol: int = 2) -> bytes:
    """`value` as Python 2's pickle module would have written it."""
    content = io.BytesIO()
    _Python2Pickler(content, protocol).dump(value)
    return content.getvalue()


def official_mano_pickle(arrays: Mapping[str, Any], protocol: int = 2) -> bytes:
    """A MANO file like the original: Python 2, a chumpy object for the shapes, a sparse regressor."""
    shapes = arrays["shapedirs"]
    everything = Ch(np.concatenate([shapes.ravel(), np.full(30, np.nan)]))  # more than is selected
    return python2_dumps(
        {
            **arrays,
            "shapedirs": Select(everything, np.arange(shapes.size), shapes.shape),
            "J_regressor": csc_matrix(arrays["J_regressor"]),
            "J": Ch(arrays["J"]),
        },
        protocol,
    )
