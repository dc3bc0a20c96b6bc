"""What a sample says is true of its picture, and the same sample comes out the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inference.engines.engine import WEIGHTS_DIR as WEIGHTS
from inference.hands.joints import JOINT_COUNT, MIDDLE_MCP, SIDES
from inference.hands.open_hand import load_hand_models
from inference.hands.torch_layer import HandLayer
from inference.synthesis.arrangement import KINDS, ArrangementShares
from inference.synthesis.sample import Generator, Samples, Settings


def test_a_sample_is_the_same_in_every_batch_and_another_seed_gives_another(
    generator: Generator, samples: Samples, set_seed: int
) -> None:
    again = generator.make(set_seed, torch.tensor([7, 40, 3]))
    for name, value in vars(again).items():
        expected = getattr(samples, name)[[7, 40, 3]]
        if value.dtype.is_floating_point:
            # Matrix products are summed in another order in another batch.
            torch.testing.assert_close(value, expected, atol=2e-3 if name.endswith("px") else 1e-5, rtol=1e-4, msg=name)
        elif name == "picture":
            assert (value.int() - expected.int()).abs().float().mean() < 0.5
        else:
            assert (value == expected).float().mean() > 0.999, name
    other = generator.make(set_seed + 1, torch.tensor([7]))
    assert (other.picture[0].int() - samples.picture[7].int()).abs().float().mean() > 5


def test_pose_shape_and_wrist_give_the_joints_and_vertices(samples: Samples) -> None:
    models = load_hand_models(WEIGHTS)
    for hand, side in enumerate(SIDES):
        layer = HandLayer(models[side])
        rotations = layer.rotations_from_rotvec(samples.pose_rotvec[:, hand], "mean")
        posed = layer(rotations, samples.betas[:, hand], samples.wrist_m[:, hand])
        torch.testing.assert_close(posed.points_m, samples.joints_m[:, hand], atol=2e-5, rtol=0)
        torch.testing.assert_close(posed.vertices_m, samples.vertices_m[:, hand], atol=2e-5, rtol=0)


def test_the_camera_projects_the_joints_to_their_pixels(samples: Samples) -> None:
    points = samples.joints_m
    focal, middle = samples.focal_px[:, None, None, None], samples.principal_px[:, None, None]
    pixels = points[..., :2] / points[..., 2:] * focal + middle
    shown = samples.present[..., None] & (points[..., 2] > 0.05)
    torch.testing.assert_close(pixels[shown], samples.joints_px[shown], atol=1e-2, rtol=1e-4)


def test_the_relation_leads_from_one_hand_to_the_other(samples: Samples) -> None:
    points = samples.joints_m
    palm = torch.linalg.norm(points[:, :, MIDDLE_MCP] - points[:, :, 0], dim=-1)
    local = (points - points[:, :, MIDDLE_MCP : MIDDLE_MCP + 1]) / palm[..., None, None]
    scale, shift = samples.relation[:, :1, None].exp(), samples.relation[:, None, 1:]
    left = (local[:, 1] + shift) * scale * palm[:, :1, None] + points[:, 0, MIDDLE_MCP, None]
    torch.testing.assert_close(left, points[:, 1], atol=1e-5, rtol=1e-4)


def test_visible_joints_lie_on_their_hand_and_hidden_hands_have_none(samples: Samples) -> None:
    assert not samples.visible[~samples.present].any()
    share = samples.visible[samples.present].float().mean()
    assert 0.35 < float(share) < 0.9
    size = samples.mask.shape[-1]
    inside = samples.joints_px[samples.visible]
    assert float(inside.min()) >= -0.5 and float(inside.max()) <= size - 0.5
    number, hand, joint = samples.visible.nonzero().unbind(1)
    place = inside.round().long().clamp(0, size - 1)
    found = samples.mask[number, place[:, 1], place[:, 0]]
    # A wrist may show its forearm, and a finger tip at the rim the pixel beside it.
    own = (found == hand + 1) | (found == 3)
    assert float(own[joint < JOINT_COUNT].float().mean()) > 0.96
    assert float(own[joint >= JOINT_COUNT].float().mean()) > 0.6


def test_masks_show_the_hands_that_are_there(samples: Samples) -> None:
    for hand in (0, 1):
        seen = (samples.mask == hand + 1).flatten(1).any(1)
        assert not seen[~samples.present[:, hand]].any()
        assert seen[samples.present[:, hand]].float().mean() > 0.9
    none = samples.kind == KINDS.index("none")
    assert not samples.mask[none].any()


def test_boxes_hold_the_joints_that_are_in_the_picture(samples: Samples) -> None:
    size = samples.mask.shape[-1]
    inside = ((samples.joints_px >= 0) & (samples.joints_px <= size - 1)).all(-1)
    low, high = samples.box_px[..., None, :2], samples.box_px[..., None, 2:]
    held = ((samples.joints_px >= low) & (samples.joints_px <= high)).all(-1)
    assert held[inside].all()
    assert ((samples.box_px >= 0) & (samples.box_px <= size - 1)).all()


def test_pictures_differ_and_hands_stand_out_from_what_is_behind(samples: Samples) -> None:
    pictures = samples.picture.float()
    assert float(pictures.mean((1, 2, 3)).std()) > 15
    contrasts = []
    for picture, mask in zip(pictures, samples.mask, strict=True):
        hands = (mask == 1) | (mask == 2)
        if hands.sum() > 100 and (mask == 0).sum() > 100:
            contrasts.append((picture[:, hands].mean(1) - picture[:, mask == 0].mean(1)).abs().max())
    assert float(torch.stack(contrasts).median()) > 20


def test_shares_of_kinds_and_framing_are_kept(generator: Generator) -> None:
    kinds = {"contact": 0.0, "near": 0.0, "apart": 0.0, "single": 0.0, "none": 0.0}
    for name in ("single", "none"):
        settings = Settings(size_px=48, shares=ArrangementShares(**{**kinds, name: 1.0}), framing="picture")
        made = Generator(generator.surface.model, generator.library, settings).make(1, torch.arange(8))
        assert (made.kind == KINDS.index(name)).all()
        assert (made.present.sum(1) == (1 if name == "single" else 0)).all()
    shares = ArrangementShares()
    assert shares.contact + shares.near >= 0.6
    assert sum(vars(shares).values()) == pytest.approx(1.0)


def test_both_sides_and_many_gestures_are_seen(samples: Samples) -> None:
    assert len(samples.gesture[samples.gesture >= 0].unique()) >= 10
    alone = samples.present[samples.kind == KINDS.index("single")]
    assert np.array_equal(np.unique(alone.sum(1).numpy()), [1])
    assert alone[:, 0].any() and alone[:, 1].any()


def test_skin_is_found_over_the_whole_range(generator: Generator) -> None:
    from inference.synthesis.draws import Draws

    tone = generator.skin.draw_tone(Draws(0, torch.arange(500)))
    light = tone.mean(1)
    assert float(light.min()) < 0.03 and float(light.max()) > 0.6
    assert (tone[:, 0] > tone[:, 2]).float().mean() > 0.97  # redder than blue
