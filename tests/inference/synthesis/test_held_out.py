"""Training and test sets share neither poses nor seeds, by construction and not by care."""

from __future__ import annotations

import pytest
import torch

from inference.contract import ErrorCode, HandsError
from inference.engines.engine import WEIGHTS_DIR as WEIGHTS
from inference.hands.open_hand import load_hand_models
from inference.synthesis.held_out import poses_for
from inference.synthesis.interactions import InteractionLibrary
from inference.synthesis.sample import Generator, Settings


def _keys(library: InteractionLibrary) -> set[bytes]:
    return {pose.numpy().tobytes() for pose in library.poses.angles_rad}


def test_every_pose_is_for_one_use_alone(library: InteractionLibrary) -> None:
    training, test = poses_for(library, "training"), poses_for(library, "test")
    assert len(training) + len(test) == len(library)
    assert 0.09 < len(test) / len(library) < 0.11
    assert not _keys(training) & _keys(test)
    assert len(poses_for(training, "test")) == 0 and len(poses_for(training, "training")) == len(training)
    assert int(test.gesture.bincount(minlength=len(library.gestures)).min()) >= 5


def test_a_generator_holds_the_poses_of_its_use(library: InteractionLibrary, generator: Generator) -> None:
    test = _keys(poses_for(library, "test"))
    assert not _keys(generator.library) & test
    held_out = Generator(load_hand_models(WEIGHTS)["right"], library, Settings(use="test"))
    assert _keys(held_out.library) == test


def test_a_seed_of_the_other_use_is_refused(library: InteractionLibrary, generator: Generator) -> None:
    with pytest.raises(HandsError, match="held-out ones below 0") as refused:
        generator.make(-1, torch.arange(1))
    assert refused.value.code is ErrorCode.USAGE
    held_out = Generator(generator.surface.model, library, Settings(size_px=48, use="test"))
    with pytest.raises(HandsError, match="cannot be drawn for test"):
        held_out.make(0, torch.arange(1))
    assert held_out.make(-1, torch.arange(1)).picture.shape == (1, 3, 48, 48)
