"""Tiny wheels, a lock over them, and a program whose ``doctor`` wants them: a set up without network in a second."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCTOR = """
import json, sys
if sys.argv[1:] == ["doctor", "--json"]:
    findings = []
    for name in WANTED:
        try:
            __import__(name)
            findings.append({"subject": name, "status": "ok", "detail": "there", "remedy": ""})
        except ImportError as error:
            findings.append({"subject": name, "status": "problem", "detail": str(error), "remedy": ""})
    print(json.dumps({"ready": all(item["status"] == "ok" for item in findings), "findings": findings}))
"""


def make_wheel(folder: Path, name: str, version: str = "1.0", files: Mapping[str, bytes] | None = None) -> Path:
    """A wheel with a package of this name, and a RECORD as the format wants it."""
    contents = dict(files if files is not None else {f"{name}/__init__.py": f"NAME = {name!r}\n".encode()})
    dist_info = f"{name}-{version}.dist-info"
    contents[f"{dist_info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    contents[f"{dist_info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows = [f"{path},sha256={_hash(content)},{len(content)}" for path, content in contents.items()]
    record = "\n".join([*rows, f"{dist_info}/RECORD,,"]) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, content in contents.items():
            archive.writestr(place, content)
        archive.writestr(f"{dist_info}/RECORD", record)
    return path


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def lock_entry(path: Path, address: str) -> dict[str, Any]:
    """What a lock says of a wheel that is served at an address."""
    name, version = path.name.split("-")[:2]
    with zipfile.ZipFile(path) as archive:
        record = archive.read(f"{name}-{version}.dist-info/RECORD")
        unpacked = sum(item.file_size for item in archive.infolist())
    content = path.read_bytes()
    return {
        "name": name,
        "version": version,
        "url": f"{address}/{path.name}",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "unpacked_bytes": unpacked,
        "record_sha256": hashlib.sha256(record).hexdigest(),
    }


def write_lock(path: Path, target: str, variants: Mapping[str, list[Path]], address: str) -> Path:
    """A lock file with these variants for one target."""
    wheels = {wheel.name: lock_entry(wheel, address) for files in variants.values() for wheel in files}
    targets = {target: {variant: [wheel.name for wheel in files] for variant, files in variants.items()}}
    path.write_text(json.dumps({"format": 1, "targets": targets, "wheels": wheels}), encoding="utf-8")
    return path


def write_program(folder: Path, wanted: list[str]) -> Path:
    """A folder whose ``python -m inference doctor --json`` tells whether these packages can be imported."""
    (folder / "inference").mkdir(parents=True, exist_ok=True)
    (folder / "inference" / "__main__.py").write_text(f"WANTED = {wanted!r}\n{DOCTOR}", encoding="utf-8")
    return folder
