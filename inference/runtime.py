"""Packages of the worker's runtime: what each is for, and the sentence for one that is missing."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Final

from .contract import ErrorCode, HandsError


@dataclass(frozen=True)
class Package:
    """A package by its import name, its name for pip, and what stops working without it."""

    module: str
    pip_name: str
    purpose: str
    required: bool = True


PACKAGES: Final = (
    Package("numpy", "numpy", "every computation"),
    Package("cv2", "opencv-python-headless", "movies, crops and previews"),
    Package("PIL", "pillow", "pictures and their EXIF data"),
    Package("onnxruntime", "onnxruntime", "finding hands"),
    Package("tqdm", "tqdm", "the progress bar on a terminal", required=False),
    Package("torch", "torch", "the paper's network (the engine `landmarks` does without)", required=False),
)


_MOST_THREADS: Final = 4
"""The nets are small: more threads wait for each other."""


def cpu_threads(wanted: int) -> int:
    """How many threads a net may use: as many as wanted; 0 takes what the machine has, at most four."""
    return wanted or min(os.cpu_count() or 1, _MOST_THREADS)


def require(*modules: str) -> None:
    """Import packages, or say in one sentence which is missing and what to do.

    Raises
    ------
    HandsError
        RUNTIME_MISSING
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise missing_package(module, error) from error


def missing_package(module: str, error: ImportError) -> HandsError:
    """The typed error for a package that is not there, or that is there and cannot be loaded."""
    package = next((item for item in PACKAGES if item.module == module), Package(module, module, "this step"))
    absent = isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == module
    detail = "is not installed" if absent else f"cannot be loaded ({error})"
    return HandsError(
        ErrorCode.RUNTIME_MISSING,
        f"The Python package '{package.pip_name}' {detail}; it is needed for {package.purpose}.",
        f"Install it with `python -m pip install {package.pip_name}`; `python -m inference doctor` shows the rest.",
    )
