"""Which hand an engine poses: `landmarks` the open one or the user's MANO, the others their own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.camera import Camera
from inference.contract import ErrorCode, HandsError
from inference.detect.nets import load_net
from inference.engines import EngineOptions, create_engine
from inference.engines.engine import ENGINE_NAMES, HAND_MODELS, HandModelName
from inference.hands.joints import PARENTS, SIDES, Side
from inference.hands.mano_file import FACE_COUNT, TIP_VERTICES, VERTEX_COUNT
from inference.hands.open_hand import load_hand_models
from inference.models.hand_files import FORMAT_VERSION, MANO_NAMES
from inference.models.tensor_file import write_tensor_file
from tests.inference.fit.made_hands import WEIGHTS

HANDS = Path(__file__).parents[1] / "detect" / "data" / "two_apart.jpg"


def write_stand_in(folder: Path, side: Side) -> None:
    """The open hand in MANO's layout: some of its vertices, its fingertips where MANO has them."""
    hand = load_hand_models(WEIGHTS)[side]
    chosen = np.linspace(0, len(hand.v_template) - 1, VERTEX_COUNT).astype(int)
    chosen[list(TIP_VERTICES)] = hand.tip_vertices
    # The smallest weights that give the joints from these vertices, their sums being one.
    known = np.column_stack([hand.v_template[chosen], np.ones(VERTEX_COUNT)])
    wanted = np.column_stack([hand.joint_template, np.ones(16)])
    arrays = {
        "v_template": hand.v_template[chosen],
        "shapedirs": hand.shapedirs[chosen],
        "posedirs": hand.posedirs[chosen],
        "joint_regressor": (np.linalg.pinv(known.T) @ wanted.T).T,
        "lbs_weights": hand.lbs_weights[chosen],
        "parents": np.array(PARENTS),
        "faces": np.tile([0, 1, 2], (FACE_COUNT, 1)),
        "mean_rotvec": np.zeros(45),
    }
    metadata = {"name": MANO_NAMES[side], "format_version": FORMAT_VERSION}
    write_tensor_file(folder / f"{MANO_NAMES[side]}.safetensors", arrays, metadata)


def test_landmarks_poses_the_users_mano(tmp_path: Path) -> None:
    for side in SIDES:
        write_stand_in(tmp_path, side)
    rgb = cv2.cvtColor(cv2.imread(str(HANDS)), cv2.COLOR_BGR2RGB).astype(np.uint8)
    camera = Camera.from_focal_mm(35.0, (rgb.shape[1], rgb.shape[0]), "given")
    engine = create_engine("landmarks", EngineOptions(threads=1, models_dir=tmp_path, hand_model="mano"))
    assert {model.name for model in engine.models.values()} == {"mano"}
    hands = engine.start(camera).reconstruct_frame(rgb)
    assert set(hands) == set(SIDES)
    for hand in hands.values():
        off_px = np.linalg.norm(camera.project(hand.joints_m) - hand.joints_px, axis=1)
        assert off_px.mean() < 0.05 * np.ptp(hand.joints_px, axis=0).max()


def test_a_hand_that_an_engine_cannot_pose_is_refused(tmp_path: Path) -> None:
    assert set(HAND_MODELS) == set(ENGINE_NAMES)
    refused: tuple[tuple[str, HandModelName], ...] = (("twohand", "mano"), ("intershape", "open"))
    for name, other in refused:
        with pytest.raises(HandsError, match=f"'{name}' cannot pose the hand model '{other}'") as caught:
            create_engine(name, EngineOptions(models_dir=tmp_path, hand_model=other))
        assert caught.value.code is ErrorCode.USAGE
    with pytest.raises(HandsError, match="MANO is missing") as caught:
        create_engine("landmarks", EngineOptions(models_dir=tmp_path, hand_model="mano"))
    assert caught.value.code is ErrorCode.MODEL_MISSING


def test_the_cpu_is_taken_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    wanted: list[object] = []

    class Session:
        def __init__(self, *_: object, providers: list[object], **__: object) -> None:
            wanted.append([item[0] if isinstance(item, tuple) else item for item in providers])

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    net = WEIGHTS / "palm_detection.onnx"
    load_net(net, 1, None)
    load_net(net, 1, ("CPUExecutionProvider",))
    assert wanted == [both, ["CPUExecutionProvider"]]
    with pytest.raises(HandsError, match="cannot run on CUDA") as caught:  # listed, and could not be started
        load_net(net, 1, both)
    assert caught.value.code is ErrorCode.RUNTIME_MISSING
