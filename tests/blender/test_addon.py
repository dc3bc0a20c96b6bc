# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""Registering leaves nothing behind, and the extension that is built installs, works and goes away again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import bpy
import pytest
import twohand_extension
from addon_session import registered, script_worker
from take_factory import ROOT
from twohand_extension.inference.contract import HandsError
from twohand_extension.twohand_blender import registration
from twohand_extension.twohand_blender.operators import running

PICTURE = ROOT / "tests" / "inference" / "detect" / "data" / "two_apart.jpg"
WORKER_PYTHON = os.environ.get("TWOHAND_WORKER_PYTHON", sys.executable if sys.version_info[:2] == (3, 11) else "")


def what_blender_knows() -> dict[str, Any]:
    return {
        "classes": sorted(name for name in dir(bpy.types) if "twohand" in name.lower()),
        "registered": [item.__name__ for item in registration.CLASSES if getattr(item, "is_registered", False)],
        "scene": hasattr(bpy.types.Scene, "twohand"),
        "handlers": {
            name: list(handlers)
            for name in dir(bpy.app.handlers)
            if isinstance(handlers := getattr(bpy.app.handlers, name), list)
        },
        "timer": bpy.app.timers.is_registered(running._pump),
    }


def test_registering_twice_leaves_nothing_behind(empty_file: None) -> None:
    before = what_blender_knows()
    for _ in range(2):
        with registered():
            during = what_blender_knows()
            assert during["registered"] == [item.__name__ for item in registration.CLASSES]
            assert during["scene"]
        assert what_blender_knows() == before


def test_unregistering_ends_the_worker_and_the_timer(
    empty_file: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twohand_extension.twohand_blender import job, worker_process

    script_worker(tmp_path, monkeypatch, "time.sleep(60)")
    with registered():
        started = job.Job(worker_process.worker_command(Path(sys.executable), ["--out", "x"]), tmp_path)
        running.RUNNING.start(started, "Scene", lambda: None)
        process_id = started.process_id
        assert process_id is not None
        assert bpy.app.timers.is_registered(running._pump)
    assert not bpy.app.timers.is_registered(running._pump)
    assert running.RUNNING.job is None
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_a_class_that_cannot_be_registered_undoes_the_others(empty_file: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unfit(bpy.types.Panel):
        """Cannot be drawn, so Blender refuses it."""

    before = what_blender_knows()
    monkeypatch.setattr(registration, "CLASSES", (*registration.CLASSES, Unfit))
    with pytest.raises(AttributeError, match="draw"):
        twohand_extension.register()
    assert what_blender_knows() == before


def test_every_tooltip_is_there_and_every_name_is_in_title_case(empty_file: None) -> None:
    with registered():
        for item in registration.CLASSES:
            if issubclass(item, bpy.types.Operator):
                assert item.__doc__, item
                assert not item.__doc__.endswith("."), "Blender adds the full stop itself"
                for name, prop in item.bl_rna.properties.items():
                    if prop.is_runtime and not prop.is_hidden:
                        assert prop.name, (item, name)
        for name, prop in bpy.context.scene.twohand.bl_rna.properties.items():  # type: ignore[attr-defined]
            if name not in ("rna_type", "name"):
                assert prop.description, name
                assert not prop.description.endswith("."), name


@pytest.fixture(scope="module")
def extension_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension, built by this Blender's own tool."""
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
    return next(out.glob("*.zip"))


def test_the_zip_holds_what_is_needed_and_nothing_else(extension_zip: Path) -> None:
    with zipfile.ZipFile(extension_zip) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert manifest["id"] == "twohand"
    assert manifest["blender_version_min"] == "4.5.0"
    assert {name.split("/")[0] for name in names} == {
        "LICENSE", "__init__.py", "blender_manifest.toml", "inference", "twohand_blender", "weights",
    }  # fmt: skip
    assert {"twohand_blender/panels/reconstruct.py", "inference/__main__.py", "weights/open_hand.npz"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".blend"))]


_SESSION = """
import json, os, sys
import bpy

zip_path, picture, python, take = sys.argv[1:]
module = "bl_ext.user_default.twohand"

def known():
    return {
        "classes": sorted(name for name in dir(bpy.types) if "twohand" in name.lower()),
        "scene": hasattr(bpy.types.Scene, "twohand"),
        "handlers": {
            name: len(value) for name in dir(bpy.app.handlers)
            if isinstance(value := getattr(bpy.app.handlers, name), list)
        },
        "addon": module in bpy.context.preferences.addons,
    }

before = known()
bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)
installed = known()
bpy.ops.preferences.addon_disable(module=module)
disabled = known()
bpy.ops.preferences.addon_enable(module=module)
enabled = known()
hands = []
if python:
    bpy.context.preferences.addons[module].preferences.python_path = python
    bpy.ops.twohand.reconstruct(input_path=picture, take_path=take)
    hands = sorted(item.name for item in bpy.data.objects if item.name.startswith("Hand"))
bpy.ops.preferences.addon_disable(module=module)
repositories = bpy.context.preferences.extensions.repos
index = [item.module for item in repositories].index("user_default")
bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="twohand")
left = [
    os.path.join(folder, name) for folder, _, names in os.walk(os.environ["BLENDER_USER_RESOURCES"])
    for name in names if "twohand" in os.path.join(folder, name)
]
print("RESULT " + json.dumps({
    "before": before, "installed": installed, "disabled": disabled, "enabled": enabled, "removed": known(),
    "hands": hands, "left": left,
}), flush=True)
os._exit(0)  # with anything of bpy alive the interpreter may never end by itself
"""


def test_install_enable_disable_enable_work_remove(extension_zip: Path, tmp_path: Path) -> None:
    """In a Blender of its own with an empty user folder: nothing else of this test run can help or disturb."""
    script = tmp_path / "session.py"
    script.write_text(textwrap.dedent(_SESSION), encoding="utf-8")
    user = tmp_path / "user folder ü"
    user.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TWOHAND"))}
    environment["BLENDER_USER_RESOURCES"] = str(user)
    arguments = [str(extension_zip), str(PICTURE), WORKER_PYTHON, str(tmp_path / "two.hands.npz")]
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(lines[0].removeprefix("RESULT "))
    assert found["before"]["classes"] == []
    assert found["installed"]["addon"]
    assert found["installed"]["scene"]
    listed = (
        bpy.types.Operator,
        bpy.types.Panel,
        bpy.types.UIList,
        bpy.types.FileHandler,
    )  # of other classes `bpy.types` has no list
    assert found["installed"]["classes"] == sorted(c.__name__ for c in registration.CLASSES if issubclass(c, listed))
    assert found["enabled"] == found["installed"]
    assert found["disabled"] == found["before"]
    assert found["removed"] == found["before"]
    assert found["left"] == []
    if WORKER_PYTHON:
        assert found["hands"] == ["HandArmature_L", "HandArmature_R", "HandCamera", "HandMesh_L", "HandMesh_R"]


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
        (make_extension.REQUIRED, "licence of the weights"),
    ):
        with zipfile.ZipFile(archive, "w") as file:
            for name in names:
                file.writestr(name, "x")
        assert complaint in make_extension.content_complaint(archive)


def test_typed_errors_are_sentences() -> None:
    """What every message box rests on."""
    from twohand_extension.twohand_blender import locations

    with pytest.raises(HandsError) as caught:
        locations.worker_python("/nowhere/python")
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
