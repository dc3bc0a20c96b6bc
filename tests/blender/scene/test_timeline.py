# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""Frame numbers and rates of a take in the scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scene_access import current_scene
from take_factory import make_take
from twohand_extension.twohand_blender.scene.timeline import set_frame_range, set_frame_rate, timeline_of


@pytest.mark.parametrize(
    ("source_frames", "scene_frames"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([1001, 1002, 1004], [1001, 1002, 1004]),
        ([0, 1], [0, 1]),
        ([-2, -1, 3], [1, 2, 6]),
        ([20260101120000, 20260101120003], [1, 4]),
    ],
)
def test_a_frame_bears_its_own_number_where_a_scene_can_have_it(
    empty_file: None, source_frames: list[int], scene_frames: list[int]
) -> None:
    take = replace(make_take(len(source_frames)), frames=np.array(source_frames, dtype=np.int64))
    timeline = timeline_of(take)
    np.testing.assert_array_equal(timeline.scene_frames, scene_frames)
    scene = current_scene()
    set_frame_range(scene, timeline)
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (
        scene_frames[0],
        scene_frames[-1],
        scene_frames[0],
    )


@pytest.mark.parametrize("fps", [24.0, 25.0, 30000 / 1001, 24000 / 1001, 60000 / 1001, 12.5, 0.5, 240.0, 119.88])
def test_every_rate_is_met_exactly(empty_file: None, fps: float) -> None:
    scene = current_scene()
    set_frame_rate(scene, fps)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(fps, rel=1e-6)


def test_an_unknown_rate_leaves_the_scene_alone(empty_file: None) -> None:
    scene = current_scene()
    scene.render.fps, scene.render.fps_base = 48, 1.5
    set_frame_rate(scene, 0.0)
    assert (scene.render.fps, scene.render.fps_base) == (48, 1.5)
