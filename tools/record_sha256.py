"""The table of hashes beside the weights, by which the program checks what it loads (`inference.detect.nets`)."""

from __future__ import annotations

import hashlib
from pathlib import Path

from inference.detect.nets import SUMS_FILE


def record_sha256(path: Path) -> str:
    """The hash of a file, written to the table beside it in place of an older one."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    table = path.with_name(SUMS_FILE)
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    lines = [line for line in lines if line.split()[-1] != path.name] + [f"{digest}  {path.name}"]
    table.write_text("\n".join(sorted(lines, key=lambda line: line.split()[-1])) + "\n", encoding="utf-8")
    return digest
