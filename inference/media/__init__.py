"""Reading pictures, sequences and movies: `open_source` and what it returns."""

from __future__ import annotations

from .open_source import open_source
from .read_ahead import read_ahead
from .source import Frame, FrameSelection, Source, SourceInfo, SourceKind

__all__ = ["Frame", "FrameSelection", "Source", "SourceInfo", "SourceKind", "open_source", "read_ahead"]
