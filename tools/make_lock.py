"""Write `twohand_blender/runtime/lock.json`: the exact wheels that *Set Up* installs, asked of PyPI.

    .venv/bin/python tools/make_lock.py [--torch-wheel FILE]

Of each wheel the lock holds name, address, SHA-256 and size, as PyPI tells them, and the SHA-256 of its RECORD (the
list of its files with their hashes) and its size unpacked. For those two only a wheel's table of contents is read, by
HTTP ranges, so that the whole takes some 20 MB and not 2 GB.

`--torch-wheel`: the CPU build of torch for Linux lies on PyTorch's own server alone; give a copy from there to have it
in the lock.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import urllib.request
import zipfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = ROOT / "twohand_blender" / "runtime" / "lock.json"
INDEX: Final = "https://pypi.org/simple/{name}/"
INDEX_TYPE: Final = "application/vnd.pypi.simple.v1+json"
TORCH_SERVER: Final = "https://download.pytorch.org/whl/cpu/"

# Where an official Blender 4.5 to 5.2 runs (Python 3.11, from 5.1 on 3.13; Intel Macs ended with 4.5), and the Pythons
# of Linux distributions that build Blender themselves.
_SYSTEMS_OF_PYTHON: Final = {
    "311": ("linux-x86_64", "linux-arm64", "windows-x86_64", "macos-arm64", "macos-x86_64"),
    "312": ("linux-x86_64", "linux-arm64"),
    "313": ("linux-x86_64", "linux-arm64", "windows-x86_64", "macos-arm64"),
    "314": ("linux-x86_64", "linux-arm64"),
}
_PLATFORM_TAGS: Final = {
    "linux-x86_64": ("manylinux", "_x86_64"),
    "linux-arm64": ("manylinux", "_aarch64"),
    "windows-x86_64": ("win", "_amd64"),
    "macos-arm64": ("macosx", "_arm64"),
    "macos-x86_64": ("macosx", "_x86_64"),
}
# The first version of a list that has a wheel is taken. What a package says it depends on and the worker never imports
# is left out: of onnxruntime flatbuffers, protobuf, packaging, sympy, coloredlogs (`tests/test_runtime_lock.py` says
# which packages the worker needs).
_CPU: Final = {
    "numpy": ("2.4.6",),
    "onnxruntime": ("1.23.2", "1.32.0"),  # the older is 10 MB smaller, runs on macOS 13, and still knows Intel Macs
    "opencv-python-headless": ("4.11.0.86",),
    "pillow": ("13.0.0",),
}
# Of what torch depends on, the worker meets these three (sympy in `torch.broadcast_shapes`); it compiles and exports
# nothing, which is what filelock, networkx, jinja2 and fsspec are for.
_TORCH: Final = {
    "torch": ("2.13.0",),
    "safetensors": ("0.8.0",),
    "typing-extensions": ("4.16.0",),
    "sympy": ("1.14.0",),
    "mpmath": ("1.3.0",),
}
_RESEARCH_TARGETS: Final = ("windows-x86_64", "macos-arm64")  # there PyPI's torch is a CPU (on Macs: Metal) build


class RemoteFile(io.RawIOBase):
    """A file on a web server, of which only what is asked for is read."""

    def __init__(self, url: str, size: int) -> None:
        self._url, self._size, self._place = url, size, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, buffer: Any) -> int:
        end = min(self._place + len(buffer), self._size)
        if end <= self._place:
            return 0
        request = urllib.request.Request(self._url, headers={"Range": f"bytes={self._place}-{end - 1}"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - https, from the index
            content = answer.read()
            assert answer.status == 206, "the server sends no ranges"
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)


def index_of(name: str) -> list[dict[str, Any]]:
    """All files of a package."""
    request = urllib.request.Request(INDEX.format(name=name), headers={"Accept": INDEX_TYPE})  # noqa: S310 - https
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
        return json.load(answer)["files"]


def chosen(files: list[dict[str, Any]], version: str, python: str, system: str) -> dict[str, Any] | None:
    """The wheel of a version for a target; of several the one that runs on the oldest system, then the smallest."""
    found = []
    for file in files:
        parts = file["filename"].removesuffix(".whl").split("-")
        if not file["filename"].endswith(".whl") or len(parts) != 5 or parts[1] != version or file.get("yanked"):
            continue
        _, _, interpreter, abi, platform = parts
        fits_python = (
            (interpreter == f"cp{python}" and abi in (f"cp{python}", "none"))
            or (abi == "abi3" and int(interpreter.removeprefix("cp")[1:]) <= int(python[1:]))
            or interpreter in ("py3", "py2.py3")
        )
        begins, ends = _PLATFORM_TAGS[system]
        tags = [tag for tag in platform.split(".") if tag == "any" or (tag.startswith(begins) and tag.endswith(ends))]
        if fits_python and tags:
            found.append((min(map(_system_age, tags)), file["size"], file))
    return min(found, key=lambda item: item[:2])[2] if found else None


def _system_age(tag: str) -> tuple[int, ...]:
    """Sorts platform tags by the oldest system they run on."""
    known = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
    words = tag.split("_")
    return known.get(words[0]) or tuple(int(word) for word in words[1:3] if word.isdigit())


def contents(wheel: Any) -> tuple[str, int]:
    """SHA-256 of a wheel's RECORD, and how many bytes its files have."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        record = archive.read(name)
    rows = csv.reader(io.StringIO(record.decode("utf-8")))
    return hashlib.sha256(record).hexdigest(), sum(int(row[2] or 0) for row in rows if row) + len(record)


def entry_of(name: str, version: str, file: dict[str, Any]) -> dict[str, Any]:
    """What the lock says of a wheel on PyPI."""
    record_sha256, unpacked = contents(io.BufferedReader(RemoteFile(file["url"], file["size"]), 1 << 17))
    return {
        "name": name, "version": version, "url": file["url"], "sha256": file["hashes"]["sha256"],
        "bytes": file["size"], "unpacked_bytes": unpacked, "record_sha256": record_sha256,
    }  # fmt: skip


def local_entry(path: Path) -> dict[str, Any]:
    """What the lock says of the CPU build of torch."""
    record_sha256, unpacked = contents(path)
    return {
        "name": "torch", "version": path.name.split("-")[1], "url": TORCH_SERVER + quote(path.name),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size, "unpacked_bytes": unpacked, "record_sha256": record_sha256,
    }  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write the lock of the worker's packages.")
    parser.add_argument("--torch-wheel", type=Path, metavar="FILE", help="torch-*+cpu-*-linux wheel (see above)")
    torch_wheel: Path | None = parser.parse_args().torch_wheel
    indexes = {name: index_of(name) for name in {**_CPU, **_TORCH}}
    wheels: dict[str, Any] = {}
    targets: dict[str, dict[str, list[str]]] = {}

    def lock(packages: dict[str, tuple[str, ...]], python: str, system: str) -> list[str]:
        names = []
        for name, versions in packages.items():
            version, file = next(
                (version, file) for version in versions if (file := chosen(indexes[name], version, python, system))
            )
            if file["filename"] not in wheels:
                print(file["filename"])
                wheels[file["filename"]] = entry_of(name, version, file)
            names.append(file["filename"])
        return names

    for python, systems in _SYSTEMS_OF_PYTHON.items():
        for system in systems:
            cpu = lock(_CPU, python, system)
            targets[f"cp{python}-{system}"] = {"cpu": cpu}
            if system in _RESEARCH_TARGETS:
                targets[f"cp{python}-{system}"]["research"] = cpu + lock(_TORCH, python, system)
            elif torch_wheel and system == "linux-x86_64" and f"-cp{python}-" in torch_wheel.name:
                wheels[torch_wheel.name] = local_entry(torch_wheel)
                others = {name: versions for name, versions in _TORCH.items() if name != "torch"}
                research = [*cpu, torch_wheel.name, *lock(others, python, system)]
                targets[f"cp{python}-{system}"]["research"] = research
    LOCK.write_text(json.dumps({"format": 1, "targets": targets, "wheels": wheels}, indent=1) + "\n", encoding="utf-8")
    print(f"{LOCK}: {len(wheels)} wheels, {len(targets)} targets")


if __name__ == "__main__":
    main()
