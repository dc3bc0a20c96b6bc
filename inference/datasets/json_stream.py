"""Reading huge JSON files piece by piece: annotation files of hundreds of MB in a few MB of memory.

The standard library's own decoder (in C) reads the single pieces; only the outer brackets are followed here, which is
faster than an event parser and needs no further package.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

_CHUNK_BYTES: Final = 1 << 20
_WHITESPACE: Final = " \t\n\r"
_SAFE_CHARACTERS: Final = 1 << 14
"""A value is decoded only with this much text behind its start: a number at the end of a chunk may go on in the next,
and no number is as long."""


class JsonStreamError(ValueError):
    """The file is no valid JSON, or not built as expected; the message says where."""


class JsonStream:
    """A cursor in a JSON file that takes values, members of objects and elements of arrays, one after the other.

    Parameters
    ----------
    file : opened in binary mode, UTF-8
    on_progress : called with the number of bytes read so far, once a chunk; may raise to stop
    """

    def __init__(self, file: IO[bytes], on_progress: Callable[[int], None] = lambda _bytes: None) -> None:
        self._file = file
        self._on_progress = on_progress
        self._decoder = json.JSONDecoder()
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at = "", 0
        self._bytes_read, self._dropped = 0, 0
        self._ended = False

    def value(self) -> Any:
        """Decode the whole value at the cursor."""
        self._skip_space()
        while True:
            if len(self._text) - self._at < _SAFE_CHARACTERS and not self._ended:
                self._read_more()
                continue
            try:
                value, self._at = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    raise self._error(f"it ends too early or is damaged ({error.msg})") from error
                self._read_more()  # the value goes on beyond what has been read
                continue
            return value

    def members(self) -> Iterator[str]:
        """Keys of the object at the cursor; its value must be taken before the next key is asked for."""
        for _ in self._items("{", "}"):
            key = self.value()
            if not isinstance(key, str):
                raise self._error("the key of an object is no text")
            self._expect(":")
            yield key

    def elements(self) -> Iterator[Any]:
        """Decoded elements of the array at the cursor."""
        for _ in self._items("[", "]"):
            yield self.value()

    def _items(self, opening: str, closing: str) -> Iterator[None]:
        self._expect(opening)
        if self._peek() == closing:
            self._at += 1
            return
        while True:
            yield
            mark = self._peek()
            self._at += 1
            if mark == closing:
                return
            if mark != ",":
                raise self._error(f"'{closing}' or ',' is missing")

    def _expect(self, mark: str) -> None:
        if self._peek() != mark:
            raise self._error(f"'{mark}' is missing")
        self._at += 1

    def _peek(self) -> str:
        self._skip_space()
        return self._text[self._at]

    def _skip_space(self) -> None:
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _WHITESPACE:
                    return
                self._at += 1
            if self._ended:
                raise self._error("it ends too early")
            self._read_more()

    def _read_more(self) -> None:
        # As much again as is kept: a long value is decoded anew only a few times, not once a chunk.
        chunk = self._file.read(max(_CHUNK_BYTES, len(self._text) - self._at))
        self._ended = not chunk
        self._bytes_read += len(chunk)
        try:
            text = self._utf8.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            raise self._error("it is not UTF-8 text") from error
        self._dropped += self._at
        self._text, self._at = self._text[self._at :] + text, 0
        self._on_progress(self._bytes_read)

    def _error(self, detail: str) -> JsonStreamError:
        return JsonStreamError(f"{detail}, near character {self._dropped + self._at}")
