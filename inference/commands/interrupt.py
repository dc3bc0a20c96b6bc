"""Cancelling: by Ctrl-C, by the add-on's signal, or because the program that started us is gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from ..contract import ErrorCode

_SIGNAL_NAMES: Final = ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP")
"""SIGBREAK is what CTRL_BREAK raises on Windows; the others ask a program to end on the rest."""
_PARENT_POLL_S: Final = 1.0
_GRACE_S: Final = 20.0


@contextmanager
def cancel_on_signals() -> Iterator[threading.Event]:
    """An event that the first signal sets; the second one ends the program at once. Restores the handlers."""
    cancelled = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if cancelled.is_set():
            os._exit(ErrorCode.CANCELLED.exit_code)
        cancelled.set()

    numbers = [getattr(signal, name) for name in _SIGNAL_NAMES if hasattr(signal, name)]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield cancelled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent(cancelled: threading.Event) -> None:
    """Cancel when the parent process ends, and end for good where that takes long; watched by a thread."""
    wait = _windows_parent_wait() if sys.platform == "win32" else _posix_parent_wait()

    def watch() -> None:
        wait()
        cancelled.set()
        time.sleep(_GRACE_S)
        os._exit(ErrorCode.WORKER_LOST.exit_code)

    threading.Thread(target=watch, name="parent_watch", daemon=True).start()


def _posix_parent_wait() -> Callable[[], None]:
    """Orphans get another parent."""
    parent = os.getppid()

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_POLL_S)

    return wait


def _windows_parent_wait() -> Callable[[], None]:
    """The parent's number is never changed there; its handle becomes signalled when it ends."""
    import ctypes

    synchronize, infinite = 0x00100000, 0xFFFFFFFF
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]  # exists on Windows only
    kernel.OpenProcess.restype = ctypes.c_void_p
    kernel.WaitForSingleObject.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    handle = kernel.OpenProcess(synchronize, False, os.getppid())

    def wait() -> None:
        if handle:
            kernel.WaitForSingleObject(handle, infinite)
        else:  # not allowed to look: never ends by itself
            threading.Event().wait()

    return wait
