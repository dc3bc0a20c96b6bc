"""Build and validate the Blender extension and its repository: ``python tools/make_extension.py [--out dist]``.

Blender's own tool does it all; it comes with bpy and runs without Blender. What goes in stands in
``blender_manifest.toml``; this script adds the checks that the tool leaves out and prints what was made. The output
folder is a repository as it is: put it on any web server and give Blender the address of its ``index.json``.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LARGEST_MB: Final = 40.0
REQUIRED: Final = (
    "__init__.py",
    "blender_manifest.toml",
    "LICENSE",
    "twohand_blender/__init__.py",
    "twohand_blender/job.py",
    "twohand_blender/runtime/lock.json",
    "inference/__main__.py",
    "inference/contract.py",
    "weights/open_hand.npz",
    "weights/open_hand_poses.npz",
    "weights/SHA256SUMS",
    "weights/palm_detection.onnx",
    "weights/hand_landmark.onnx",
    "weights/open_twohand.safetensors",
    "weights/open_finder.onnx",
    "weights/open_pair.onnx",
)
TOP_LEVEL: Final = frozenset(
    {"__init__.py", "blender_manifest.toml", "LICENSE", "twohand_blender", "inference", "weights"}
)
SUFFIXES: Final = {
    "twohand_blender": (".py", ".json"),
    "inference": (".py", ".toml"),
    "weights": (".npz", ".onnx", ".safetensors", ".md", ".txt", "SHA256SUMS", "NOTICE"),
}
"""What may lie in the folders of the extension; anything else got there by mistake."""
UNWANTED: Final = ("__pycache__", "/test_")


def blender_tool() -> Path:
    """Blender's extension tool inside the installed bpy module (not imported: it takes seconds)."""
    found = importlib.util.find_spec("bpy")
    if found is None or found.origin is None:
        raise SystemExit("bpy is not installed in this Python; run `make setup` first.")
    tools = sorted(Path(found.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not tools:
        raise SystemExit(f"Blender's extension tool is not beside '{found.origin}'.")
    return tools[-1]


def build(out: Path, source: Path = ROOT) -> Path:
    """Build, validate and check the extension; the path of the zip file."""
    manifest = tomllib.loads((source / "blender_manifest.toml").read_text(encoding="utf-8"))
    complaint = manifest_complaint(manifest)
    if complaint:
        raise SystemExit(f"blender_manifest.toml: {complaint}")
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{manifest['id']}-{manifest['version']}.zip"
    _run("build", "--source-dir", str(source), "--output-filepath", str(path), "--valid-tags=")
    _run("validate", "--valid-tags=", str(path))
    complaint = content_complaint(path)
    if complaint:
        path.unlink()
        raise SystemExit(f"{path.name}: {complaint}")
    return path


def manifest_complaint(manifest: dict[str, object]) -> str:
    """What Blender's validation lets pass and its users would see, empty where all is well."""
    tagline = str(manifest["tagline"])
    if len(tagline) > 64 or tagline.endswith("."):
        return "the tagline is longer than 64 characters or ends with a full stop"
    if manifest["license"] != ["SPDX:GPL-3.0-or-later"]:
        return "the licence is not GPL-3.0-or-later"
    namespace: dict[str, str] = {}
    exec((ROOT / "inference" / "__init__.py").read_text(encoding="utf-8"), namespace)  # noqa: S102 - our own two lines
    if manifest["version"] != namespace["__version__"]:
        return f"version {manifest['version']} is not the program's {namespace['__version__']}"
    return ""


def content_complaint(path: Path) -> str:
    """What is wrong with the files in a built extension, empty where nothing is."""
    with zipfile.ZipFile(path) as archive:
        names = [item.filename for item in archive.infolist() if not item.is_dir()]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        return f"it lacks {', '.join(missing)}"
    foreign = [name for name in names if _is_foreign(name)]
    if foreign:
        return f"it holds what does not belong there: {', '.join(foreign[:5])}"
    if not any(name.startswith("weights/") and "LICEN" in name.upper() for name in names):
        return "the licence of the weights is missing"
    size_mb = path.stat().st_size / 1e6
    if size_mb > LARGEST_MB:
        return f"it is {size_mb:.1f} MB large, more than {LARGEST_MB:g} MB"
    return ""


def build_index(folder: Path) -> None:
    """Make a folder with built extensions a repository: ``index.json`` for Blender, ``index.html`` to drag from."""
    _run("server-generate", "--repo-dir", str(folder), "--html")


def _is_foreign(name: str) -> bool:
    top, _, rest = name.partition("/")
    if any(part in name for part in UNWANTED) or top not in TOP_LEVEL:
        return True
    return bool(rest) and not name.endswith(SUFFIXES[top])


def _run(*arguments: str) -> None:
    command = [sys.executable, str(blender_tool()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"Blender's extension tool: {(done.stdout + done.stderr).strip()}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Build and validate the Blender extension.")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "dist", help="folder of the zip file and the index (default: dist)"
    )
    path = build(parser.parse_args().out)
    build_index(path.parent)
    with zipfile.ZipFile(path) as archive:
        count = len(archive.namelist())
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {count} files, valid")
    print(f"{path.with_name('index.json')}: the repository, its folder can be put on any web server as it is")


if __name__ == "__main__":
    main()
