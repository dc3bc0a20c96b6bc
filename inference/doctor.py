"""What is there to work with, and what to do about each thing that is missing."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from . import __version__
from .detect.nets import SUMS_FILE, expected_sha256
from .models import ModelFolder, default_models_dir
from .runtime import PACKAGES, Package

Status = Literal["ok", "note", "problem"]

OLDEST_PYTHON: Final = (3, 11)
_LEAST_FREE_BYTES: Final = 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    subject : what it is
    status : ``ok``; ``note`` where something optional is missing; ``problem`` where reconstructing will fail
    detail : what was found
    remedy : what to do about it, empty where nothing needs doing
    """

    subject: str
    status: Status
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def examine(weights_dir: Path, models_dir: Path | None = None) -> list[Finding]:
    """Look at everything; never raises, whatever is broken is a finding.

    Parameters
    ----------
    weights_dir : the program's own model files
    models_dir : the user's; None for where they are by default
    """
    findings = [_guarded("Program", lambda: Finding("Program", "ok", f"version {__version__}")), _python(), _machine()]
    findings += [_guarded(package.pip_name, lambda package=package: _package(package)) for package in PACKAGES]
    findings += [_guarded("Inference on", _providers), _guarded("Torch on", _torch_device)]
    findings += _guarded_list("Model files", lambda: _weights(weights_dir))
    findings.append(_guarded("Your model files", lambda: _model_folder(models_dir or default_models_dir())))
    findings.append(_guarded("Disk", lambda: _disk(Path.cwd())))
    return findings


def _guarded(subject: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except Exception as error:  # a broken package may raise anything; the others are still to be looked at
        return Finding(subject, "problem", f"{type(error).__name__}: {error}", "Install it again.")


def _guarded_list(subject: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except Exception as error:  # as above
        return [Finding(subject, "problem", f"{type(error).__name__}: {error}", "Install the program again.")]


def _python() -> Finding:
    detail = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return Finding("Python", "problem", detail, f"Install Python {wanted} or newer.")
    return Finding("Python", "ok", detail)


def _machine() -> Finding:
    import os

    return Finding("Machine", "ok", f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores")


def _package(package: Package) -> Finding:
    try:
        importlib.import_module(package.module)
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError)
        detail = "not installed" if absent else f"cannot be loaded ({error})"
        status: Status = "problem" if package.required else "note"
        return Finding(
            package.pip_name,
            status,
            f"{detail}; needed for {package.purpose}",
            f"python -m pip install {package.pip_name}",
        )
    return Finding(package.pip_name, "ok", _version(package))


def _version(package: Package) -> str:
    # Builds for other hardware are the same module under another name.
    for name in (package.pip_name, "onnxruntime-gpu", "onnxruntime-directml", "opencv-python", "opencv-contrib-python"):
        if name != package.pip_name and not name.startswith(package.pip_name.split("-")[0]):
            continue
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return str(getattr(importlib.import_module(package.module), "__version__", "version unknown"))


def _providers() -> Finding:
    try:
        import onnxruntime
    except ImportError:
        return Finding("Inference on", "note", "unknown, onnxruntime is missing")
    names = (name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
    # The wheel lists a client of Azure's services, which this program never asks for.
    return Finding("Inference on", "ok", ", ".join(name for name in names if name != "Azure"))


def _torch_device() -> Finding:
    try:
        import torch
    except ImportError:
        return Finding("GPU", "note", "not looked for, torch is not installed; the engine `landmarks` does without")
    if not torch.cuda.is_available():
        return Finding("GPU", "note", "no CUDA GPU is available to torch; everything runs on the CPU")
    free, total = torch.cuda.mem_get_info()
    name = torch.cuda.get_device_name()
    return Finding("GPU", "ok", f"{name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free")


def _weights(weights_dir: Path) -> list[Finding]:
    reinstall = "Install the program again; its 'weights' folder must be complete."
    expected = expected_sha256(weights_dir)
    if not expected:
        return [Finding("Model files", "problem", f"'{weights_dir / SUMS_FILE}' is missing or empty", reinstall)]
    findings = []
    for name, digest in expected.items():
        path = weights_dir / name
        if not path.is_file():
            findings.append(Finding(path.name, "problem", f"missing from '{weights_dir}'", reinstall))
            continue
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == digest:
            findings.append(Finding(path.name, "ok", f"{len(content) / 1e6:.1f} MB, checksum right"))
        else:
            findings.append(Finding(path.name, "problem", "damaged, its checksum is wrong", reinstall))
    return findings


def _model_folder(folder: Path) -> Finding:
    entries = ModelFolder(folder).entries()
    if damaged := [entry for entry in entries if entry.problem]:
        return Finding("Your model files", "note", damaged[0].problem, "Import the original file again.")
    if not entries:
        detail = f"none in '{folder}'; the engine `landmarks` does without"
        return Finding("Your model files", "note", detail, "`python -m inference models list` says what may be added.")
    return Finding("Your model files", "ok", f"{', '.join(entry.name for entry in entries)} in '{folder}'")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    detail = f"{free / 2**30:.1f} GiB free in '{folder}'"
    if free < _LEAST_FREE_BYTES:
        return Finding("Disk", "note", detail, "Free some space; long movies and their previews need some.")
    return Finding("Disk", "ok", detail)
