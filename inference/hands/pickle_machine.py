"""The instructions of Python's pickles, interpreted without ever calling anything.

A pickle is a program for a small stack machine whose instructions call Python functions by name. Restricting the names
(``pickle.Unpickler.find_class``) still leaves real functions to be called with whatever arguments the file likes, and
an unpickler in C that a few bytes can bring to reserve gigabytes. Here a call becomes a `Call` that remembers name and
arguments; what it stands for is the reader's business (`restricted_pickle`). Memory and time stay in proportion to the
file: nothing is reserved for a size that it only claims.
"""

from __future__ import annotations

import codecs
import pickletools
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Final, NamedTuple

_MOST_INSTRUCTIONS: Final = 100_000


class RefusedPickleError(ValueError):
    """The file is no pickle that a hand model can be read from; the message says why, without the file's name."""


class ForeignNameError(RefusedPickleError):
    """The pickle wants something called that no hand model needs: it tries to run code."""


class TruncatedPickleError(RefusedPickleError):
    """The pickle ends before its end.

    Parameters
    ----------
    expected_bytes : how many bytes the file must have at least
    """

    def __init__(self, expected_bytes: int) -> None:
        super().__init__(f"it ends too early, at least {expected_bytes:,} bytes are expected")
        self.expected_bytes = expected_bytes


class Name(NamedTuple):
    """Something by its module and name, not looked up."""

    module: str
    name: str


class Call:
    """What calling `function` would have made: only remembered."""

    def __init__(self, function: Name, arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.state: Any = None


class _Tape(BytesIO):
    """The pickle's bytes; knows how far a read that came up short would have gone."""

    demanded = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > 0:
            self.demanded = max(self.demanded, self.tell() + size)
        return super().read(size)


_INSTRUCTIONS: Final = {info.code.encode("latin1"): info for info in pickletools.opcodes}
_ESCAPED: Final = re.compile(rb"(?:[^\\]+|\\(?:[\\'\"nrt]|x[0-9a-fA-F]{2}))*+")
"""The escapes that Python 2 wrote into quoted strings."""
_CONSTANTS: Final[Mapping[str, Any]] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS: Final = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
    | {"STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
    | {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
)
_TUPLE_SIZES: Final = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class PickleMachine:
    """One run over a pickle: what is not data becomes `Name` and `Call`.

    Parameters
    ----------
    content : the pickle
    is_known : whether a name is among those that the file may mention
    """

    def __init__(self, content: bytes, is_known: Callable[[Name], bool]) -> None:
        self._is_known = is_known
        self._tape = _Tape(content)
        self._length = len(content)
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """What the pickle holds.

        Raises
        ------
        RefusedPickleError
            a `ForeignNameError` where it mentions another name, a `TruncatedPickleError` where it is cut off
        """
        for _ in range(_MOST_INSTRUCTIONS):
            code = self._tape.read(1)
            info = _INSTRUCTIONS.get(code)
            if info is None:
                raise self._damaged("an unknown instruction") if code else TruncatedPickleError(self._length + 1)
            if info.name == "STOP":
                return self._pop()
            try:
                self._step(info.name, self._argument(info))
            except RefusedPickleError:
                raise
            except (IndexError, KeyError) as error:
                raise self._damaged("nothing where something is expected") from error
        raise RefusedPickleError("it has more parts than it should")

    def _argument(self, info: pickletools.OpcodeInfo) -> Any:
        if info.arg is None:
            return None
        try:
            if info.name == "STRING":
                return self._quoted_string()
            return info.arg.reader(self._tape)
        except (ValueError, OverflowError) as error:
            if self._tape.demanded > self._length:
                raise TruncatedPickleError(self._tape.demanded) from error
            if self._tape.tell() >= self._length:
                raise TruncatedPickleError(self._length + 1) from error
            raise self._damaged("a value that cannot be read") from error

    def _quoted_string(self) -> str:
        """Python 2's text form of a byte string, a line of its own."""
        line = self._tape.readline()
        if not line.endswith(b"\n"):
            raise ValueError("no end of line")
        text = line.strip()
        if len(text) < 2 or text[:1] not in b"'\"" or text[:1] != text[-1:] or not _ESCAPED.fullmatch(text):
            raise ValueError("no quoted text")
        return codecs.escape_decode(text[1:-1])[0].decode("latin1")  # type: ignore[attr-defined]  # not in the stubs

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLE_SIZES:
            size = _TUPLE_SIZES[name]
            stack.append(tuple(self._pop() for _ in range(size))[::-1])
        elif handler := _HANDLERS.get(name):
            handler(self, argument)
        elif name in ("PROTO", "FRAME"):
            pass
        else:
            raise ForeignNameError(f"it uses the instruction {name}, which no hand model needs")

    def _pop(self) -> Any:
        if not self._stack or (self._marks and len(self._stack) <= self._marks[-1]):
            raise self._damaged("nothing where something is expected")
        return self._stack.pop()

    def _pop_mark(self) -> list[Any]:
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _known(self, name: Name) -> Name:
        if not self._is_known(name):
            text = "".join(letter if letter.isprintable() else "?" for letter in f"{name.module}.{name.name}"[:100])
            raise ForeignNameError(f"it asks for '{text}'")
        return name

    def _damaged(self, what: str) -> RefusedPickleError:
        return RefusedPickleError(f"it is damaged: {what} at byte {self._tape.tell():,}")

    # Each handler is one instruction; `argument` is what follows it in the file.

    def _mark(self, _argument: Any) -> None:
        self._marks.append(len(self._stack))

    def _discard(self, _argument: Any) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._pop()

    def _discard_to_mark(self, _argument: Any) -> None:
        self._pop_mark()

    def _duplicate(self, _argument: Any) -> None:
        self._stack.append(self._stack[-1])

    def _empty_list(self, _argument: Any) -> None:
        self._stack.append([])

    def _list(self, _argument: Any) -> None:
        self._stack.append(self._pop_mark())

    def _tuple(self, _argument: Any) -> None:
        self._stack.append(tuple(self._pop_mark()))

    def _append(self, _argument: Any) -> None:
        self._extend([self._pop()])

    def _appends(self, _argument: Any) -> None:
        self._extend(self._pop_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target += items
        elif not isinstance(target, Call):
            raise self._damaged("a list is expected")

    def _empty_dict(self, _argument: Any) -> None:
        self._stack.append({})

    def _dict(self, _argument: Any) -> None:
        items = self._pop_mark()
        self._stack.append({})
        self._set_items(items)

    def _set_item(self, _argument: Any) -> None:
        value = self._pop()
        self._set_items([self._pop(), value])

    def _set_items_to_mark(self, _argument: Any) -> None:
        self._set_items(self._pop_mark())

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Call):  # an OrderedDict, say: passed over
            return
        if not isinstance(target, dict) or len(items) % 2:
            raise self._damaged("a dictionary is expected")
        # Text keys alone: Python mixes their hashes with a secret, so that a file cannot choose keys that collide,
        # and never has to walk down a nest of tuples.
        target.update({key: value for key, value in zip(items[::2], items[1::2], strict=True) if isinstance(key, str)})

    def _empty_set(self, _argument: Any) -> None:
        self._stack.append(Call(Name("builtins", "set"), ()))

    def _frozen_set(self, _argument: Any) -> None:
        self._pop_mark()
        self._empty_set(None)

    def _name(self, argument: Any) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(self._known(Name(module, name)))

    def _stack_name(self, _argument: Any) -> None:
        name = self._pop()
        module = self._pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise self._damaged("a name is expected")
        self._stack.append(self._known(Name(module, name)))

    def _call(self, _argument: Any) -> None:
        arguments = self._pop()
        function = self._pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise ForeignNameError("it calls something that is no name")
        self._stack.append(Call(function, arguments))

    def _new_with_keywords(self, _argument: Any) -> None:
        self._pop()
        self._call(None)

    def _build(self, _argument: Any) -> None:
        state = self._pop()
        target = self._stack[-1]
        if not isinstance(target, Call):
            raise self._damaged("an object is expected")
        target.state = state

    def _put(self, argument: Any) -> None:
        self._memo[argument] = self._stack[-1]

    def _memoize(self, _argument: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, argument: Any) -> None:
        self._stack.append(self._memo[argument])


_HANDLERS: Final[Mapping[str, Callable[[PickleMachine, Any], None]]] = {
    "MARK": PickleMachine._mark,
    "POP": PickleMachine._discard,
    "POP_MARK": PickleMachine._discard_to_mark,
    "DUP": PickleMachine._duplicate,
    "EMPTY_LIST": PickleMachine._empty_list,
    "LIST": PickleMachine._list,
    "TUPLE": PickleMachine._tuple,
    "APPEND": PickleMachine._append,
    "APPENDS": PickleMachine._appends,
    "EMPTY_DICT": PickleMachine._empty_dict,
    "DICT": PickleMachine._dict,
    "SETITEM": PickleMachine._set_item,
    "SETITEMS": PickleMachine._set_items_to_mark,
    "EMPTY_SET": PickleMachine._empty_set,
    "ADDITEMS": PickleMachine._discard_to_mark,
    "FROZENSET": PickleMachine._frozen_set,
    "GLOBAL": PickleMachine._name,
    "STACK_GLOBAL": PickleMachine._stack_name,
    "REDUCE": PickleMachine._call,
    "NEWOBJ": PickleMachine._call,
    "NEWOBJ_EX": PickleMachine._new_with_keywords,
    "BUILD": PickleMachine._build,
    "PUT": PickleMachine._put,
    "BINPUT": PickleMachine._put,
    "LONG_BINPUT": PickleMachine._put,
    "MEMOIZE": PickleMachine._memoize,
    "GET": PickleMachine._get,
    "BINGET": PickleMachine._get,
    "LONG_BINGET": PickleMachine._get,
}
