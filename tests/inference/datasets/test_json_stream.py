"""Reading JSON piece by piece gives what reading it whole gives, wherever the pieces happen to be cut."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.datasets import json_stream
from inference.datasets.json_stream import JsonStream, JsonStreamError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@pytest.fixture
def tiny_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts fall everywhere: within names, numbers, characters of several bytes."""
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", 3)
    monkeypatch.setattr(json_stream, "_SAFE_CHARACTERS", 40)


@pytest.mark.usefixtures("tiny_chunks")
def test_small_pieces_give_the_whole() -> None:
    @settings(max_examples=60, deadline=None)
    @given(
        st.dictionaries(st.text(max_size=4), st.lists(VALUES, max_size=5), max_size=3),
        st.sampled_from([None, 1]),
        st.booleans(),
    )
    def check(content: dict[str, list[Any]], indent: int | None, ascii_only: bool) -> None:
        text = json.dumps(content, indent=indent, ensure_ascii=ascii_only)
        stream = JsonStream(io.BytesIO(text.encode("utf-8", "surrogatepass")))
        assert {key: list(stream.elements()) for key in stream.members()} == content

    check()


@pytest.mark.usefixtures("tiny_chunks")
def test_progress_tells_the_bytes_and_may_stop() -> None:
    seen: list[int] = []

    def stop(count: int) -> None:
        seen.append(count)
        if count > 30:
            raise KeyboardInterrupt

    text = json.dumps(list(range(200)))
    with pytest.raises(KeyboardInterrupt):
        list(JsonStream(io.BytesIO(text.encode()), stop).elements())
    assert seen == sorted(seen)
    assert 30 < seen[-1] < len(text)


@pytest.mark.parametrize(
    "text",
    ["", "[1, 2", "[1 2]", "[1,]", '["a\xff]', "{1: 2}", '{"a" 1}', "nonsense", '{"a": tru}', '[{"x": [1, 2}]'],
)
def test_damage_is_told_with_its_place(text: str) -> None:
    stream = JsonStream(io.BytesIO(text.encode("latin-1")))
    with pytest.raises(JsonStreamError, match="near character"):
        if text.startswith("{"):
            for _ in stream.members():
                stream.value()
        else:
            list(stream.elements())
