"""The measure of finding hands: right answers count, wrong sides, wrong places and invented hands do not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from inference.detect.region import Region  # noqa: E402 - torch first, or the tests are skipped
from inference.engines.engine import WEIGHTS_DIR  # noqa: E402
from inference.evaluation.finding import LEAST_VISIBLE, measure_finding, overlap  # noqa: E402
from inference.hands.joints import SIDES, Side  # noqa: E402
from inference.synthesis.sample import Generator, Settings  # noqa: E402
from inference.synthesis.truth import Samples  # noqa: E402

Found = Mapping[Side, Region]


@pytest.fixture(scope="module")
def samples() -> Samples:
    generator = Generator.from_weights(WEIGHTS_DIR, Settings(size_px=64, framing="mixed", use="test"))
    return generator.make(-5, torch.arange(24))


class Truth:
    """Answers with the truth of one picture after another, changed by `change`."""

    def __init__(self, samples: Samples) -> None:
        self.samples, self.place = samples, -1

    def hands(self) -> dict[Side, Region]:
        self.place += 1
        joints = self.samples.joints_px[self.place].numpy()
        present = self.samples.present[self.place]
        return {side: Region.from_joints(joints[hand]) for hand, side in enumerate(SIDES) if present[hand]}

    def right(self, _: NDArray[np.uint8]) -> Found:
        return self.hands()

    def swapped(self, _: NDArray[np.uint8]) -> Found:
        other: dict[Side, Side] = {"right": "left", "left": "right"}
        return {other[side]: region for side, region in self.hands().items()}

    def shifted(self, _: NDArray[np.uint8]) -> Found:
        moved: dict[Side, Region] = {}
        for side, region in self.hands().items():
            x, y = region.center_px
            moved[side] = Region((x + 0.6 * region.side_px, y), region.side_px, region.angle_rad)
        return moved

    def invented(self, _: NDArray[np.uint8]) -> Found:
        somewhere = Region((10.0, 10.0), 20.0)
        return {"right": somewhere, "left": somewhere, **self.hands()}

    def none(self, _: NDArray[np.uint8]) -> Found:
        return {}


def test_the_truth_is_right(samples: Samples) -> None:
    found = measure_finding(Truth(samples).right, [samples])
    whole = found["all"]
    assert (whole.both, whole.hands, whole.anywhere, whole.sides, whole.close, whole.overlap) == pytest.approx((1,) * 6)
    assert whole.invented == 0
    assert whole.center_palms == pytest.approx(0)
    assert whole.pictures == 24
    kinds = [found[name].pictures for name in ("interacting", "apart", "single", "none") if name in found]
    assert sum(kinds) == 24


def test_wrong_sides_are_seen_as_such(samples: Samples) -> None:
    found = measure_finding(Truth(samples).swapped, [samples])["single"]
    assert (found.anywhere, found.hands, found.sides) == (1, 0, 0)
    assert found.invented == 1


def test_wrong_places_do_not_count(samples: Samples) -> None:
    found = measure_finding(Truth(samples).shifted, [samples])["apart"]
    assert (found.both, found.hands, found.close) == (0, 0, 0)
    assert found.center_palms > 0.5


def test_invented_hands_are_counted_among_the_sides_without_one(samples: Samples) -> None:
    found = measure_finding(Truth(samples).invented, [samples])
    assert found["all"].invented == 1
    assert found["all"].hands == 1
    assert math.isnan(found["apart"].invented)


def test_finding_nothing_has_no_errors_and_no_hands(samples: Samples) -> None:
    found = measure_finding(Truth(samples).none, [samples])["all"]
    seen = (samples.visible.sum(-1) >= LEAST_VISIBLE) & samples.present
    assert seen.any()
    assert (found.both, found.hands, found.invented) == (0, 0, 0)
    assert math.isnan(found.sides)
    assert math.isnan(found.center_palms)


def test_overlap_of_turned_squares() -> None:
    square = Region((10.0, 10.0), 4.0)
    assert overlap(square, square.turned(math.pi / 2)) == pytest.approx(1)
    assert overlap(square, Region((12.0, 10.0), 4.0)) == pytest.approx(1 / 3)
    assert overlap(square, Region((30.0, 10.0), 4.0)) == 0
    # A square and itself turned by 45 degrees share a regular octagon.
    octagon = 2 * (math.sqrt(2) - 1) * 16
    assert overlap(square, square.turned(math.pi / 4)) == pytest.approx(octagon / (32 - octagon), rel=1e-4)


def test_the_tool_measures_both_ways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    measure = pytest.importorskip("tools.measure_finding")
    measure.main(["landmarks", "--count", "2", "--size", "96"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("pictures of | pictures | both")
    assert lines[1].startswith("all | 2")
