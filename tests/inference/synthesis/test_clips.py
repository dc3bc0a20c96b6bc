"""Clips: one person who moves smoothly, hands that meet without entering each other, and takes of it on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.__main__ import main
from inference.contract import TAKE_SUFFIX, read_take
from inference.datasets.take_folder import TakeFolder
from inference.engines.engine import WEIGHTS_DIR as WEIGHTS
from inference.hands.open_hand import load_hand_models
from inference.synthesis.arrangement import KINDS, Arrangement, ArrangementShares
from inference.synthesis.clip_motion import draw_clip
from inference.synthesis.contact_search import PairPose, pair_vertices, penetration_m
from inference.synthesis.draws import Draws
from inference.synthesis.hand_surface import HandSurface
from inference.synthesis.interactions import InteractionLibrary
from inference.synthesis.sample import Generator, Samples

NONE = ArrangementShares(contact=0, near=0, apart=0, single=0, none=0)
TIMES_S = torch.arange(75) / 30
FASTEST_M_S = 2.0
DEEPEST_M = 0.003


def relative(arrangement: Arrangement) -> PairPose:
    """As poses of the library: the left hand in the right one's frame."""
    back = arrangement.rotation[:, 0].transpose(1, 2)
    apart = arrangement.wrist_m[:, 1] - arrangement.wrist_m[:, 0]
    turned = back @ arrangement.rotation[:, 1]
    return PairPose(arrangement.angles_rad, arrangement.betas, turned, (back @ apart[..., None])[..., 0])


@pytest.mark.parametrize("kind", ["contact", "apart", "single"])
def test_hands_move_smoothly_and_stay_out_of_each_other(
    kind: str, surface: HandSurface, library: InteractionLibrary
) -> None:
    shares = replace(NONE, **{kind: 1.0})
    gaps = []
    for number in range(2):
        clip = draw_clip(Draws(2, torch.tensor([number])), surface, library, shares, TIMES_S)
        assert (clip.kind == KINDS.index(kind)).all()
        assert (clip.present.sum(1) == (1 if kind == "single" else 2)).all()
        assert (clip.betas == clip.betas[0]).all()
        pose = relative(clip)
        vertices, _ = pair_vertices(surface, pose)
        every = pose.select(torch.arange(0, len(TIMES_S), 6))
        assert float(penetration_m(surface, every, thinning=2).max()) < DEEPEST_M
        points = surface.pose(clip.angles_rad, clip.betas).points_m @ clip.rotation.transpose(2, 3)
        points = points + clip.wrist_m[:, :, None]
        speed = points.diff(dim=0).norm(dim=-1) * 30
        assert 0.05 < float(speed.max()) < FASTEST_M_S
        # A jump would show as a step that its neighbours lack.
        assert float(points.diff(n=2, dim=0).norm(dim=-1).max()) < 0.02
        gaps.append(torch.cdist(vertices[::6, 0, ::4], vertices[::6, 1, ::4]).amin((1, 2)))
    gap = torch.stack(gaps)
    if kind == "contact":
        assert float(gap.amin(1).max()) < 0.02 and float(gap.max()) > 0.05
    else:
        assert float(gap.min()) > 0.003


def test_a_clip_is_the_same_again_and_another_one_another(generator: Generator) -> None:
    def drawn(number: int, batch: int) -> Samples:
        parts = list(generator.make_clip(3, number, torch.arange(4) / 10, batch))
        return Samples(**{name: torch.cat([vars(part)[name] for part in parts]) for name in vars(parts[0])})

    first, again, other = drawn(1, 4), drawn(1, 3), drawn(2, 4)
    assert first.index.tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(first.joints_m, again.joints_m, atol=1e-5, rtol=0)
    assert (first.picture.int() - again.picture.int()).abs().float().mean() < 0.5
    assert (first.picture.int() - other.picture.int()).abs().float().mean() > 5
    # One camera and person; noise is another in every frame.
    assert (first.focal_px == first.focal_px[0]).all() and (first.principal_px == first.principal_px[0]).all()
    assert (first.betas == first.betas[0]).all()
    change = (first.picture[1:].int() - first.picture[:-1].int()).abs().float().mean((1, 2, 3))
    assert float(change.min()) > 0.1


def test_takes_are_read_back_with_the_truth_of_their_pictures(
    tmp_path: Path, generator: Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["synthesize", "--layout", "takes", "--out", str(tmp_path), "--count", "2", "--frames", "5", "--fps", "10"]
    assert main([*words, "--size", "128", "--seed", "4", "--batch", "5"]) == 0
    paths = sorted(tmp_path.glob(f"*{TAKE_SUFFIX}"))
    assert [path.name for path in paths] == [f"synthetic_4_000{number}{TAKE_SUFFIX}" for number in (0, 1)]
    dataset = TakeFolder(paths, load_hand_models(WEIGHTS))
    take = read_take(paths[0])
    assert take.fps == 10 and take.model_licence == "CC0-1.0" and take.picture_size_px == (128, 128)
    (made,) = generator.make_clip(4, 0, torch.arange(5) / 10)
    shown = take.present.T
    np.testing.assert_array_equal(shown <= made.present.numpy(), True)
    rows = dataset.find([f"synthetic_4_0000/0/{frame}" for frame in range(5) if shown[frame].any()])
    frames = np.flatnonzero(shown.any(1))
    truth = dataset.truth(rows)
    np.testing.assert_array_equal(truth.fit_valid, shown[frames])
    expected = 1000 * made.joints_m.numpy()[frames]
    np.testing.assert_allclose(truth.points_mm[truth.fit_valid], expected[truth.fit_valid], atol=0.05)
    np.testing.assert_array_equal(dataset.picture(int(rows[0])), made.picture[frames[0]].permute(1, 2, 0).numpy())
    assert main([*words, "--seed", "5"]) == 2
    assert "holds another take" in capsys.readouterr().err
