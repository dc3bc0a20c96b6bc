# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""The extension that is built installs, from its zip and from its repository, works and goes away again."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import pytest
from take_factory import ROOT
from twohand_extension.twohand_blender import registration

CLIP = ROOT / "demo" / "clip.mp4"
WORKER_PYTHON = os.environ.get("TWOHAND_WORKER_PYTHON", sys.executable if sys.version_info[:2] == (3, 11) else "")


@pytest.fixture(scope="module")
def extension_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension and its repository, built by this Blender's own tool."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "make_extension.py"), "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid" in done.stdout
    return out


@pytest.fixture(scope="module")
def extension_zip(extension_folder: Path) -> Path:
    return next(extension_folder.glob("*.zip"))


def test_the_zip_holds_what_is_needed_and_nothing_else(extension_zip: Path) -> None:
    with zipfile.ZipFile(extension_zip) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert manifest["id"] == "twohand"
    assert manifest["blender_version_min"] == "4.5.0"
    assert {name.split("/")[0] for name in names} == {
        "LICENSE", "__init__.py", "blender_manifest.toml", "inference", "twohand_blender", "weights",
    }  # fmt: skip
    assert {"twohand_blender/registration.py", "inference/__main__.py", "weights/open_hand.npz"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".blend"))]


def test_install_enable_disable_enable_work_remove(extension_zip: Path, tmp_path: Path) -> None:
    found = session(tmp_path, "zip", str(extension_zip), str(CLIP), WORKER_PYTHON, str(tmp_path))
    before = found["before"]
    assert before["classes"] == before["registered"] == before["addons"] == []
    assert found["installed"]["addons"] == ["bl_ext.user_default.twohand"]
    assert "Scene.twohand" in found["installed"]["properties"]
    listed = (bpy.types.Operator, bpy.types.Panel, bpy.types.Menu)  # of other classes `bpy.types` has no list
    own = sorted(item.__name__ for item in registration.CLASSES if issubclass(item, listed))
    assert set(own) <= set(found["installed"]["classes"])
    assert "TWOHAND_AP_preferences" in found["installed"]["registered"]
    assert found["enabled"] == found["installed"]
    for state in ("disabled", "used", "removed"):
        for what in before:
            assert found[state][what] == before[what], f"{state}: {what}"
    assert found["left"] == []
    if WORKER_PYTHON:
        assert found["hands"] == ["HandArmature_L", "HandArmature_R", "HandCamera", "HandMesh_L", "HandMesh_R"]
        assert found["frames"] == [1.0, 84.0]
        assert [path for path in found["files"] if path.endswith(".hands.npz")], "the take is in the add-on's folder"
        assert (tmp_path / "hands.fbx").read_bytes().startswith(b"Kaydara FBX Binary")


def test_install_from_the_repository(extension_folder: Path, tmp_path: Path) -> None:
    with served(extension_folder) as address:
        found = session(tmp_path, "index", f"{address}/index.json")
    assert found["addons"] == ["bl_ext.two_hands.twohand"]
    assert "Scene.twohand" in found["properties"]


def test_the_repository_lists_the_zip_beside_it(extension_folder: Path, extension_zip: Path) -> None:
    index = json.loads((extension_folder / "index.json").read_text(encoding="utf-8"))
    (entry,) = index["data"]
    assert entry["archive_url"] == f"./{extension_zip.name}"
    assert entry["archive_size"] == extension_zip.stat().st_size
    page = (extension_folder / "index.html").read_text(encoding="utf-8")
    assert f'href="./{extension_zip.name}?repository=.%2Findex.json' in page  # can be dragged into Blender


def test_the_checks_of_the_build_can_fail(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import make_extension
    finally:
        sys.path.pop(0)
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert make_extension.manifest_complaint(manifest) == ""
    assert "tagline" in make_extension.manifest_complaint(manifest | {"tagline": "Ends with a stop."})
    assert "licence" in make_extension.manifest_complaint(manifest | {"license": ["SPDX:MIT"]})
    assert "version" in make_extension.manifest_complaint(manifest | {"version": "99.0.0"})
    archive = tmp_path / "x.zip"
    for names, complaint in (
        (make_extension.REQUIRED[:-1], "lacks weights"),
        ((*make_extension.REQUIRED, "tests/test_x.py"), "does not belong"),
        ((*make_extension.REQUIRED, "inference/__pycache__/a.pyc"), "does not belong"),
        ((*make_extension.REQUIRED, "weights/draft.bin"), "does not belong"),
        (make_extension.REQUIRED, "licence of the weights"),
    ):
        with zipfile.ZipFile(archive, "w") as file:
            for name in names:
                file.writestr(name, "x")
        assert complaint in make_extension.content_complaint(archive)


def session(folder: Path, *arguments: str) -> dict[str, Any]:
    """What `install_session.py` told: a Blender with an empty user folder, which nothing else of this run can help."""
    user = folder / "user folder ü"
    user.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TWOHAND"))}
    environment["BLENDER_USER_RESOURCES"] = str(user)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("install_session.py")), *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout[-500:] + done.stderr[-3000:]
    return json.loads(lines[0].removeprefix("RESULT "))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder on a web server of this machine; its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Tests print nothing."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
