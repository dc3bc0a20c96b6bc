"""The architecture holds: who imports whom, what a plain import costs, what may lie in the repository."""

from __future__ import annotations

import configparser
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "twohand_extension"
CONFIG = ROOT / ".importlinter"
CODE_FOLDERS = ("inference", "twohand_blender", "tools", "tests")
LONGEST_FILE_LINES = 450
LARGEST_FILE_MB = 30  # what the open two-hand network may have
BLENDER_MODULES = {"bpy", "bmesh", "mathutils", "bpy_extras", "gpu", "gpu_extras", "blf", "bl_ui", "bl_operators"}
NUMPY_ONLY = ["contract", "camera", "hands", "motion"]


def copy_extension(folder: Path) -> Path:
    """The packages as Blender sees them: the repository's root is a package, so that imports beyond it resolve."""
    extension = folder / PACKAGE
    extension.mkdir()
    shutil.copy(ROOT / "__init__.py", extension)
    for name in ("inference", "twohand_blender"):
        shutil.copytree(ROOT / name, extension / name, ignore=shutil.ignore_patterns("__pycache__"))
    return extension


def lint(folder: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    run = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    only = ["--contract", contract] if contract else []
    return subprocess.run(
        [sys.executable, "-c", run, "--config", str(CONFIG), "--no-cache", "--no-logo", *only],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


# --- imports --------------------------------------------------------------------------------------------------------


def test_every_import_contract_is_kept(tmp_path: Path) -> None:
    copy_extension(tmp_path)
    result = lint(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


VIOLATIONS = {
    "blender-needs-no-runtime": [
        ("twohand_blender/scene/wrong.py", "import torch"),
        ("twohand_blender/job.py", "import scipy.optimize"),
        ("twohand_blender/scene/wrong.py", "from ...inference.hands import torch_layer"),
        ("twohand_blender/scene/wrong.py", "def late():\n    from ...inference import pipeline"),
    ],
    "inference-needs-no-blender": [
        ("inference/hands/wrong.py", "import bpy"),
        ("inference/motion/wrong.py", "from mathutils import Quaternion"),
        ("inference/commands/wrong.py", "def late():\n    from ...twohand_blender import job"),
    ],
    "no-reference-layer": [("inference/hands/wrong.py", "import smplx")],
    "inference-layers": [
        ("inference/contract.py", "from . import camera"),
        ("inference/hands/wrong.py", "from ..detect import observation"),
        ("inference/camera.py", "from .hands import joints"),
        ("inference/fit/wrong.py", "from ..engines import engine"),
        ("inference/detect/wrong.py", "from ..media import source"),
        ("inference/unplaced.py", ""),
    ],
    "fit-is-arithmetic": [("inference/fit/wrong.py", "from ..detect import crops")],
    "blender-layers": [("twohand_blender/scene/wrong.py", "from .. import job")],
    "job-without-blender": [
        ("twohand_blender/job.py", "import bpy"),
        ("twohand_blender/runtime/plan.py", "import bpy"),
    ],
}


def test_every_contract_has_a_violation_to_prove_it() -> None:
    config = configparser.ConfigParser()
    config.read(CONFIG, encoding="utf-8")
    prefix = "importlinter:contract:"
    assert {name.removeprefix(prefix) for name in config.sections() if name.startswith(prefix)} == set(VIOLATIONS)


@pytest.mark.parametrize(
    ("contract", "file", "code"),
    [(contract, file, code) for contract, cases in VIOLATIONS.items() for file, code in cases],
)
def test_a_violation_breaks_its_contract(tmp_path: Path, contract: str, file: str, code: str) -> None:
    path = copy_extension(tmp_path) / file
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"\n{code}\n")
    result = lint(tmp_path, contract)
    assert result.returncode == 1
    assert "0 kept, 1 broken" in result.stdout, result.stdout + result.stderr
    assert Path(file).stem in result.stdout


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Every import of both packages, those of outside packages included."""
    folder = tmp_path_factory.mktemp("graph")
    copy_extension(folder)
    path_before, modules_before = list(sys.path), dict(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]  # another test may have loaded the repository under this name
        return grimp.build_graph(PACKAGE, include_external_packages=True, cache_dir=None)
    finally:
        sys.path[:] = path_before
        sys.modules.update(modules_before)


def outside(graph: Any, modules: set[str]) -> set[str]:
    """Packages that are neither ours nor Python's own, among `modules` and all that they import."""
    reached = modules.union(*(graph.find_upstream_modules(module) for module in modules))
    names = {module.partition(".")[0] for module in reached}
    return names - {PACKAGE} - set(sys.stdlib_module_names)


def test_the_contract_imports_the_standard_library_and_numpy_alone(graph: Any) -> None:
    contract = f"{PACKAGE}.inference.contract"
    assert outside(graph, {contract}) == {"numpy"}
    assert not [name for name in graph.find_upstream_modules(contract) if name.startswith(PACKAGE)]


def test_blender_s_side_needs_blender_and_numpy_alone(graph: Any) -> None:
    modules = {name for name in graph.modules if name.startswith(f"{PACKAGE}.twohand_blender")}
    assert "bpy" in outside(graph, modules)
    assert outside(graph, modules) <= {"numpy", *BLENDER_MODULES}


def test_every_package_that_the_worker_imports_is_declared(graph: Any) -> None:
    modules = {name for name in graph.modules if name.startswith(f"{PACKAGE}.inference")}
    declared = {"numpy", "cv2", "PIL", "onnxruntime", "tqdm", "torch", "safetensors", "onnx"}
    assert {"numpy", "cv2", "onnxruntime", "torch"} <= outside(graph, modules) <= declared


def numpy_only_modules() -> list[str]:
    found: list[str] = []
    for name in NUMPY_ONLY:
        path = ROOT / "inference" / name
        files = sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        found += [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in found if not name.endswith(".torch_layer")]


def test_importing_the_numpy_only_modules_loads_nothing_heavy() -> None:
    heavy = ["torch", "cv2", "scipy", "onnxruntime", "PIL", "tqdm", "bpy"]
    modules = numpy_only_modules()
    assert {"inference.contract", "inference.hands.skinning"} <= set(modules)
    code = f"import sys, {', '.join(modules)}; print([name for name in {heavy!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# --- files ----------------------------------------------------------------------------------------------------------


def python_files() -> list[Path]:
    files = [path for folder in CODE_FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 50
    return files


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils.py", "util.py", "helpers.py", "misc.py", "common.py"}
    assert not [path for path in python_files() if path.name in drawers]


def test_files_stay_short_enough_to_be_read() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert not {str(path.relative_to(ROOT)): count for path, count in lengths.items() if count > LONGEST_FILE_LINES}


FORBIDDEN_NAMES = re.compile(
    r"""
    ^(mano|smpl|smplh|smplx)[_-].*\.(pkl|zip|npz|npy|h5|json|safetensors)$   # the licensed hand and body models
    | interhand .* \.(jpg|jpeg|png|json|npz|zip)$                # pictures and annotations of the data set
    | intershape .* \.(tar|zip)$ | snapshot.*\.tar$              # the authors' checkpoint
    | \.(pkl|pickle|pth|pt|ckpt|pth\.tar)$                       # pickles: they can run code
    """,
    re.VERBOSE | re.IGNORECASE,
)


@pytest.mark.parametrize(
    ("name", "forbidden"),
    [
        ("MANO_RIGHT.pkl", True),
        ("mano_v1_2.zip", True),
        ("mano_right.safetensors", True),
        ("InterShape.pth.tar", True),
        ("snapshot_20.pth.tar", True),
        ("interhand_image20817.jpg", True),
        ("InterHand2.6M_test_camera.json", True),
        ("network.pt", True),
        ("open_hand.npz", False),
        ("hand_landmark.onnx", False),
        ("mano_file.py", False),
        ("interhand.md", False),
        ("demo.jpg", False),
    ],
)
def test_forbidden_names_are_told_from_allowed_ones(name: str, forbidden: bool) -> None:
    assert bool(FORBIDDEN_NAMES.search(name)) == forbidden


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    command = ["git", "ls-files", "-z"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.skip("this copy of the project is no git repository")
    return [ROOT / name for name in result.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_nothing_licensed_and_no_pickle_is_tracked(tracked: list[Path]) -> None:
    assert ROOT / "pyproject.toml" in tracked
    assert not [str(path) for path in tracked if FORBIDDEN_NAMES.search(path.name)]


def test_no_file_is_too_large_for_a_repository(tracked: list[Path]) -> None:
    assert not {str(path): size for path in tracked if (size := path.stat().st_size) > LARGEST_FILE_MB * 1e6}


def test_no_picture_of_the_test_material_is_tracked_under_another_name(tracked: list[Path]) -> None:
    photos = ROOT.parent / "shared" / "fixtures"
    pictures = [path for kind in ("*.jpg", "*.mp4") for path in photos.rglob(kind)]
    if not pictures:
        pytest.skip("the test material is not beside this copy of the project")
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in pictures}
    assert not [str(path) for path in tracked if hashlib.sha256(path.read_bytes()).hexdigest() in hashes]
