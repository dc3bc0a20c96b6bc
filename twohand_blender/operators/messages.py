"""How operators tell of errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ...inference.contract import HandsError


@contextmanager
def errors_reported(operator: bpy.types.Operator) -> Iterator[None]:
    """Report a typed error as Blender reports errors; a script gets it as RuntimeError with the same sentence."""
    try:
        yield
    except HandsError as error:
        operator.report({"ERROR"}, str(error))
