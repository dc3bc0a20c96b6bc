"""Scores: the authors' own numbers, what no error gives, and what each error does."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from inference.contract import ErrorCode, HandsError
from inference.datasets import InterHandDataset, SampleFilter, open_interhand
from inference.evaluation.evaluate import Evaluation, evaluate
from inference.evaluation.html_report import html_report
from inference.evaluation.prediction_file import PredictionFile
from inference.evaluation.protocol import AUTHORS, CORRECTED, PROTOCOLS, Protocol
from inference.evaluation.scores import JOINT_LABELS
from inference.evaluation.table import format_scores
from tests.inference.evaluation.made_predictions import made_dataset, perfect_arrays, silent
from tests.made_interhand import MODELS

MINI = Path(__file__).resolve().parents[4] / "shared" / "fixtures" / "interhand_mini"


def scored(
    dataset: InterHandDataset, tmp_path: Path, arrays: dict[str, Any], protocol: Protocol = CORRECTED, **options: Any
) -> Evaluation:
    path = tmp_path / "predictions.npz"
    np.savez(path, **arrays)
    return evaluate(dataset, PredictionFile(path), protocol, report=silent, **options)


@pytest.mark.skipif(not MINI.is_dir(), reason="the fixtures are not beside this copy of the project")
@pytest.mark.parametrize("variant", ["all_valid", "some_invalid"])
def test_the_authors_numbers_to_the_printed_digit(variant: str, tmp_path: Path) -> None:
    folder = MINI / variant
    mini = open_interhand(
        folder / "dataset",
        "test",
        MODELS,
        wanted=SampleFilter("interacting"),
        report=silent,
        index_base=tmp_path,
    )
    printed = json.loads((folder / "authors_metrics.json").read_text())
    group = evaluate(mini, PredictionFile(folder / "predictions.npz"), AUTHORS, report=silent).scores.groups["all"]
    assert group.samples == 10
    assert group.mpjpe_mm is not None
    assert group.mpvpe_mm is not None
    assert group.auc is not None
    assert (round(group.mpjpe_mm, 2), round(group.mpvpe_mm, 2), round(group.auc, 3)) == (
        printed["mpjpe"],
        printed["mpvpe"],
        printed["auc"],
    )
    assert [round(value or 0.0, 2) for value in group.per_joint_mm] == printed["per_joint"]


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_no_error_is_nothing_wherever_the_hands_lie(dataset: InterHandDataset, tmp_path: Path, name: str) -> None:
    scores = scored(dataset, tmp_path, perfect_arrays(dataset), PROTOCOLS[name]).scores
    assert scores.protocol == name
    assert scores.notes == []
    assert scores.missed_hands == 0
    for group in scores.groups.values():
        assert group.mpjpe_mm == pytest.approx(0, abs=1e-3)
        assert group.mpvpe_mm == pytest.approx(0, abs=1e-3)
        # Rounding to single precision leaves a little above nothing, so that the first threshold, zero, is missed.
        assert group.auc == pytest.approx(1, abs=0.003)
        if name == "corrected":
            assert group.pa_mpjpe_mm == pytest.approx(0, abs=1e-3)
            assert group.pa_mpvpe_mm == pytest.approx(0, abs=1e-3)


def test_the_relation_between_the_hands(dataset: InterHandDataset, tmp_path: Path) -> None:
    arrays = perfect_arrays(dataset)
    samples = np.arange(len(dataset))
    points = dataset.truth(samples).points_mm
    offset = points[:, 1, 0] - points[:, 0, 0]
    of_true_size = arrays | {"joints": points.reshape(-1, 42, 3)}
    trans = scored(dataset, tmp_path, of_true_size).scores.groups
    assert trans["all"].mrrpe_mm == pytest.approx(0, abs=1e-6)
    assert trans["interacting"].mrrpe_mm is not None
    assert trans["single"].mrrpe_mm is None
    # A hand of another size lies elsewhere: the error is metric, not scaled to the truth.
    scaled = scored(dataset, tmp_path, arrays).scores.groups["all"]
    assert scaled.mrrpe_mm is not None
    assert scaled.mrrpe_mm > 5
    del arrays["trans"]
    given = scored(dataset, tmp_path, arrays | {"wrist_offset": offset + np.array([3.0, 0.0, 4.0])}).scores.groups[
        "all"
    ]
    assert given.mrrpe_mm == pytest.approx(5)
    without = scored(dataset, tmp_path, arrays).scores
    assert without.groups["all"].mrrpe_mm is None
    assert "MRRPE is left out" in without.notes[-1]
    # Of single hands nobody asks for it.
    single = dataset.kinds != 2
    alone = scored(dataset, tmp_path, {name: array[single] for name, array in arrays.items()}).scores
    assert "MRRPE" not in " ".join(alone.notes)


def test_the_corrected_protocol_leaves_the_roots_out(dataset: InterHandDataset, tmp_path: Path) -> None:
    arrays = perfect_arrays(dataset)
    true_size = arrays["joints"].reshape(-1, 2, 21, 3) / np.array([1.3, 0.8])[:, None, None]
    moves = ~np.isin(np.arange(21), [0, 4])[:, None]
    arrays["joints"] = (true_size + moves * [0.0, 6.0, 8.0]).reshape(-1, 42, 3)
    # 19 of 21 joints of a hand are off by 10 mm; wrist and middle MCP joint, which align, are not.
    authors = scored(dataset, tmp_path, arrays, AUTHORS).scores.groups["all"]
    corrected = scored(dataset, tmp_path, arrays).scores.groups["all"]
    assert authors.mpjpe_mm == pytest.approx(10 * 19 / 21, rel=1e-4)
    assert corrected.mpjpe_mm == pytest.approx(10 * 19 / 20, rel=1e-4)
    assert corrected.per_joint_mm[4] == pytest.approx(0, abs=1e-4)
    assert JOINT_LABELS[4] == "right middle1"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("protocol", list(PROTOCOLS.values()), ids=list(PROTOCOLS))
@pytest.mark.parametrize("placeholder", [np.nan, 0.0, np.inf, "random numbers of 300 digits"])
def test_hands_that_were_not_found_are_counted_and_in_no_mean(
    dataset: InterHandDataset, tmp_path: Path, placeholder: float | str, protocol: Protocol
) -> None:
    arrays = perfect_arrays(dataset)
    arrays["joints"] = arrays["joints"].astype(np.float64)
    is_huge = isinstance(placeholder, str)
    arrays["joints"][0, :21] = 1e300 * np.random.default_rng(0).normal(size=(21, 3)) if is_huge else placeholder
    scores = scored(dataset, tmp_path, arrays, protocol, keep_worst=2).scores
    assert scores.missed_hands == 1
    assert "1 annotated hands were not predicted" in " ".join(scores.notes)
    assert scores.groups["all"].mpjpe_mm == pytest.approx(0, abs=1e-3)
    assert scores.groups["all"].pa_mpjpe_mm == (pytest.approx(0, abs=1e-3) if protocol.is_extended else None)


@pytest.mark.filterwarnings("error")
def test_where_no_hand_was_found_nothing_is_measured(dataset: InterHandDataset, tmp_path: Path) -> None:
    arrays = {name: np.full_like(array, 0) for name, array in perfect_arrays(dataset).items()}
    arrays["ids"] = np.array(dataset.ids(np.arange(len(dataset))))
    scores = scored(dataset, tmp_path, arrays, keep_worst=2).scores
    assert [group.mpjpe_mm for group in scores.groups.values()] == [None] * 3
    assert scores.groups["all"].auc is None
    html_report(scores, [])


def test_vertices_that_are_not_numbers_leave_the_joints_their_means(dataset: InterHandDataset, tmp_path: Path) -> None:
    arrays = perfect_arrays(dataset)
    arrays["vertices"][0] = np.nan
    scores = scored(dataset, tmp_path, arrays).scores
    assert scores.groups["all"].mpjpe_mm == pytest.approx(0, abs=1e-3)
    assert scores.groups["all"].pa_mpvpe_mm == pytest.approx(0, abs=1e-3)


def test_another_mesh_has_no_vertex_error(dataset: InterHandDataset, tmp_path: Path) -> None:
    arrays = perfect_arrays(dataset)
    arrays["vertices"] = arrays["vertices"][:, :-5]
    scores = scored(dataset, tmp_path, arrays).scores
    assert scores.groups["all"].mpvpe_mm is None
    assert "another" in scores.notes[0]


def test_samples_without_prediction_are_an_error_or_a_note(dataset: InterHandDataset, tmp_path: Path) -> None:
    arrays = perfect_arrays(dataset)
    short = {name: array[1:] for name, array in arrays.items()}
    with pytest.raises(HandsError) as caught:
        scored(dataset, tmp_path, short)
    assert caught.value.code is ErrorCode.USAGE
    assert arrays["ids"][0] in caught.value.message
    notes = scored(dataset, tmp_path, short, allow_missing=True).scores.notes
    assert notes == ["1 of 12 samples have no prediction and are in no mean."]
    # A method that never answers for single hands is evaluated on the rest.
    both = dataset.kinds == 2
    scores = scored(dataset, tmp_path, {name: array[both] for name, array in arrays.items()}).scores
    assert scores.groups["all"].samples == 8
    assert "single" not in scores.groups
    assert scores.notes[0] == "No picture of single right hands has a prediction."


def test_groups_sequences_and_the_worst(tmp_path: Path) -> None:
    dataset = made_dataset(tmp_path)
    arrays = perfect_arrays(dataset)
    bad = int(np.flatnonzero(dataset.kinds != 2)[0])
    arrays["joints"][bad, :, 0] *= 1.5
    evaluation = scored(dataset, tmp_path, arrays, keep_worst=3)
    groups = evaluation.scores.groups
    assert groups["interacting"].mpjpe_mm == pytest.approx(0, abs=1e-3)
    assert (groups["single"].mpjpe_mm or 0) > 1
    assert evaluation.worst[0].sample == bad
    assert len(evaluation.worst) == 3
    assert evaluation.worst[0].shown.tolist() == [True, False]
    by_name = {sequence.name: sequence for sequence in evaluation.scores.sequences}
    assert len(by_name) == 4
    worst_sequence = dataset.sequence_name(int(dataset.sequences[bad]))
    for name, sequence in by_name.items():
        assert sequence.samples == 3
        assert ((sequence.mpjpe_mm or 0) > 0.01) == (name == worst_sequence)


def test_the_protocol_stands_with_every_table_and_object(dataset: InterHandDataset, tmp_path: Path) -> None:
    scores = scored(dataset, tmp_path, perfect_arrays(dataset)).scores
    content = json.loads(json.dumps(scores.as_dict(), allow_nan=False))
    assert content["protocol"] == "corrected"
    assert content["groups"]["all"]["motion_mm_per_frame2"]["triples"] > 0
    assert len(content["groups"]["all"]["pck"]) == len(content["pck_thresholds_mm"]) == 200
    table = format_scores(scores)
    assert table.startswith("Protocol 'corrected'")
    for label in ("MPJPE mm", "MRRPE mm", "PA-MPVPE mm", "jitter mm/frame²", "single"):
        assert label in table


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda arrays: arrays.pop("joints"), "joints"),
        (lambda arrays: arrays.update(joints=arrays["joints"][:, :40]), "expected"),
        (lambda arrays: arrays.update(joints=arrays["joints"][:3]), "12 ids"),
        (lambda arrays: arrays.update(joints=arrays["joints"].astype(int)), "real numbers"),
        (lambda arrays: arrays["ids"].__setitem__(1, arrays["ids"][0]), "two predictions"),
        (lambda arrays: arrays.update(trans=arrays["trans"][:, :3]), "trans"),
        (lambda arrays: arrays.update(ids=[zeros_before(arrays["ids"][1]), *arrays["ids"][1:]]), "are one picture"),
        (lambda arrays: arrays.update(ids=np.arange(12)), "no texts"),
        (lambda arrays: arrays.update(ids=arrays["ids"][:, None]), "ids has shape"),
        (lambda arrays: arrays.update(ids=np.full(12, b"\xff")), "utf-8"),
    ],
)
def test_files_that_are_not_as_expected(dataset: InterHandDataset, tmp_path: Path, change: Any, word: str) -> None:
    arrays = perfect_arrays(dataset)
    change(arrays)
    with pytest.raises(HandsError) as caught:
        scored(dataset, tmp_path, arrays)
    assert caught.value.code is ErrorCode.INPUT_UNREADABLE
    assert word in caught.value.message


@pytest.mark.parametrize(
    "header", [b"(" * 90, b"-" * 9000, b"\t\n  x\n y", b"{'descr': '<U9', 'fortran_order': False, 'shape': (10**9,)}"]
)
def test_a_damaged_header(dataset: InterHandDataset, tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "damaged.npz"
    with ZipFile(path, "w") as archive:
        archive.writestr("ids.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(HandsError) as caught:
        evaluate(dataset, PredictionFile(path), CORRECTED, report=silent)
    assert caught.value.code is ErrorCode.INPUT_UNREADABLE


def test_an_encrypted_file(dataset: InterHandDataset, tmp_path: Path) -> None:
    path = tmp_path / "encrypted.npz"
    np.savez(path, **perfect_arrays(dataset))
    content = bytearray(path.read_bytes())
    with ZipFile(path) as archive:
        starts = [member.header_offset for member in archive.infolist()]
    entry = content.find(b"PK\x01\x02")
    for start in starts:  # one bit in each of a member's two headers says it
        content[start + 6] |= 1
        content[entry + 8] |= 1
        entry = content.find(b"PK\x01\x02", entry + 1)
    path.write_bytes(content)
    with pytest.raises(HandsError, match="is encrypted") as caught:
        evaluate(dataset, PredictionFile(path), CORRECTED, report=silent)
    assert caught.value.code is ErrorCode.INPUT_UNREADABLE


def test_ids_as_other_programs_write_them(dataset: InterHandDataset, tmp_path: Path) -> None:
    arrays = perfect_arrays(dataset)
    expected = scored(dataset, tmp_path, arrays).scores
    for ids in (arrays["ids"].astype("S"), np.array([zeros_before(name) for name in arrays["ids"]])):
        assert scored(dataset, tmp_path, arrays | {"ids": ids}).scores == expected


def zeros_before(name: str) -> str:
    """The same id with the frame's number padded."""
    folder, _, frame = name.rpartition("/")
    return f"{folder}/{frame:0>7}"


def test_files_that_cannot_be_used(dataset: InterHandDataset, tmp_path: Path) -> None:
    arrays = perfect_arrays(dataset)
    arrays["ids"] = np.array([f"9/400262/{number}" for number in range(len(dataset))])
    with pytest.raises(HandsError, match="None of the predictions"):
        scored(dataset, tmp_path, arrays)
    path = tmp_path / "damaged.npz"
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(HandsError) as caught:
        evaluate(dataset, PredictionFile(path), CORRECTED, report=silent)
    assert caught.value.code is ErrorCode.INPUT_UNREADABLE
    with pytest.raises(HandsError) as caught:
        PredictionFile(tmp_path / "nowhere.npz")
    assert caught.value.code is ErrorCode.INPUT_MISSING


def test_order_and_packing_of_the_file_do_not_matter(dataset: InterHandDataset, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    arrays = perfect_arrays(dataset)
    arrays["joints"] += rng.normal(0, 5, arrays["joints"].shape)
    plain = scored(dataset, tmp_path, arrays).scores.groups["all"]
    order = rng.permutation(len(dataset))
    path = tmp_path / "packed.npz"
    np.savez_compressed(path, **{name: array[order] for name, array in arrays.items()})
    packed = evaluate(dataset, PredictionFile(path), CORRECTED, report=silent).scores.groups["all"]
    assert packed.mpjpe_mm == plain.mpjpe_mm
    assert packed.pck == plain.pck


def test_cancelling_ends_with_an_error(dataset: InterHandDataset, tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(HandsError) as caught:
        scored(dataset, tmp_path, perfect_arrays(dataset), cancelled=cancelled)
    assert caught.value.code is ErrorCode.CANCELLED
