"""Scores against the official evaluation, stardist and brute force; and what must hold of any labels."""

from __future__ import annotations

import csv
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_wnet.core import metrics
from napari_wnet.core.metrics import DatasetScores, evaluate, evaluate_image
from napari_wnet.core.overlaps import THRESHOLDS, overlap_table
from napari_wnet.errors import ImageError, ParamsError
from scenes import label_pair, named_pair

DATA = Path(__file__).parents[1] / "data"
LOOSE = (0.1, 0.3, 0.5, 0.6, 1.0)
Labels = npt.NDArray[Any]


def rows_of(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="") as file:
        return list(csv.DictReader(file))


@st.composite
def pairs(draw: st.DrawFn, n_labels: int = 4) -> tuple[Labels, Labels]:
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    labels = arrays(np.int32, shape, elements=st.integers(0, n_labels))
    return draw(labels), draw(labels)


def values(labels: Labels) -> list[int]:
    return [int(value) for value in np.unique(labels) if value]


def slow_best_dice(ones: Labels, others: Labels) -> float:
    """Straight from the definition."""

    def dice(one: Labels, other: Labels) -> float:
        return float(2 * np.sum(one & other) / (np.sum(one) + np.sum(other)))

    best = [max((dice(ones == a, others == b) for b in values(others)), default=0.0) for a in values(ones)]
    return float(np.mean(best)) if best else 0.0


def slow_true_positives(true: Labels, predicted: Labels, threshold: float) -> int:
    """Try every way to pair the objects."""
    few, many = sorted((values(true), values(predicted)), key=len)
    swapped = few != values(true)

    def matches(a: int, b: int) -> bool:
        one, other = (true == b, predicted == a) if swapped else (true == a, predicted == b)
        return bool(np.sum(one & other) / np.sum(one | other) >= threshold)

    return max(sum(matches(a, b) for a, b in zip(few, order, strict=False)) for order in permutations(many, len(few)))


@pytest.mark.parametrize("row", rows_of("sbd_official_synthetic.csv"), ids=lambda row: row["name"])
def test_scores_equal_the_official_evaluation(row: dict[str, str]) -> None:
    scores = evaluate_image(*named_pair(row["name"]))
    assert scores.symmetric_best_dice == pytest.approx(float(row["SBD"]), abs=1e-9)
    assert scores.best_dice_predicted == pytest.approx(float(row["BD_pred_gt"]), abs=1e-9)
    assert scores.best_dice_true == pytest.approx(float(row["BD_gt_pred"]), abs=1e-9)
    assert scores.foreground_dice == pytest.approx(float(row["FGBG"]), abs=1e-9)
    assert scores.count_difference == int(row["DiffFG"])
    assert scores.row()["abs_count_difference"] == int(row["AbsDiffFG"])


def test_average_precision_equals_stardist() -> None:
    for row in rows_of("average_precision_stardist.csv"):
        counts = overlap_table(*named_pair(row["name"])).count(float(row["threshold"]))
        found = (counts.true_positives, counts.false_positives, counts.false_negatives)
        assert found == (int(row["tp"]), int(row["fp"]), int(row["fn"])), row
        assert counts.average_precision == pytest.approx(float(row["accuracy"]), abs=1e-12), row


@given(pairs())
def test_best_dice_equals_its_definition(pair: tuple[Labels, Labels]) -> None:
    true, predicted = pair
    assert metrics.best_dice(true, predicted) == pytest.approx(slow_best_dice(true, predicted), abs=1e-12)
    assert metrics.best_dice(predicted, true) == overlap_table(true, predicted).best_dice_predicted


@given(pairs(), st.sampled_from(LOOSE))
def test_as_many_objects_as_possible_are_matched(pair: tuple[Labels, Labels], threshold: float) -> None:
    counts = overlap_table(*pair).count(threshold)
    assert counts.true_positives == slow_true_positives(*pair, threshold)
    assert counts.true_positives + counts.false_negatives == len(values(pair[0]))
    assert counts.true_positives + counts.false_positives == len(values(pair[1]))


@given(pairs(n_labels=7), st.sampled_from(LOOSE))
def test_matches_are_one_to_one_and_above_the_threshold(pair: tuple[Labels, Labels], threshold: float) -> None:
    table = overlap_table(*pair)
    chosen = table.match(threshold)
    assert np.unique(table.rows[chosen]).size == np.unique(table.columns[chosen]).size == chosen.size
    assert (table.iou[chosen] >= threshold).all()


@given(pairs(n_labels=7))
def test_table_sums_to_the_pixels(pair: tuple[Labels, Labels]) -> None:
    true, predicted = pair
    table = overlap_table(true, predicted)
    np.testing.assert_array_equal(table.true_labels, values(true))
    np.testing.assert_array_equal(table.predicted_labels, values(predicted))
    np.testing.assert_array_equal(table.true_areas, [np.sum(true == label) for label in values(true)])
    np.testing.assert_array_equal(table.predicted_areas, [np.sum(predicted == label) for label in values(predicted)])
    for row, column, shared in zip(table.rows, table.columns, table.intersections, strict=True):
        both = (true == table.true_labels[row]) & (predicted == table.predicted_labels[column])
        assert shared == both.sum() > 0
    assert table.intersections.sum() == np.sum((true > 0) & (predicted > 0))


@given(pairs())
def test_scores_are_bounded_and_symmetric(pair: tuple[Labels, Labels]) -> None:
    forth, back = evaluate_image(*pair).row(), evaluate_image(*pair[::-1]).row()
    for name in forth:
        if name.startswith(("symmetric", "foreground", "mean_average", "average")):
            assert 0 <= forth[name] <= 1
            assert forth[name] == pytest.approx(back[name])
    assert forth["count_difference"] == -back["count_difference"]
    assert forth["best_dice_true"] == pytest.approx(back["best_dice_predicted"])
    precisions = [forth[f"average_precision_{threshold:g}"] for threshold in THRESHOLDS]
    assert precisions == sorted(precisions, reverse=True)


@given(pairs(), st.permutations([3, 70_000, 2**40, 2**62]), st.permutations([1, 2, 2**33, 2**63 - 1]))
def test_renumbering_changes_no_score(
    pair: tuple[Labels, Labels], new_true: list[int], new_predicted: list[int]
) -> None:
    true, predicted = np.array([0, *new_true])[pair[0]], np.array([0, *new_predicted])[pair[1]]
    before, after = evaluate_image(*pair, LOOSE).row(), evaluate_image(true, predicted, LOOSE).row()
    assert after == pytest.approx(before, abs=1e-12)


@given(pairs())
def test_labels_agree_with_themselves(pair: tuple[Labels, Labels]) -> None:
    labels = pair[0]
    row = evaluate_image(labels, labels).row()
    expected = float(labels.any())
    assert {row[name] for name in row if "dice" in name or "iou" in name or "precision" in name} == {expected}
    assert row["count_difference"] == 0


def test_short_functions_read_the_table() -> None:
    true, predicted = label_pair(4)
    table = overlap_table(true, predicted)
    assert metrics.symmetric_best_dice(true, predicted) == table.symmetric_best_dice
    assert metrics.foreground_dice(true, predicted) == table.foreground_dice
    assert metrics.average_precision(true, predicted, (0.3, 0.7)) == (
        table.count(0.3).average_precision,
        table.count(0.7).average_precision,
    )
    assert metrics.average_precision(true, predicted)[0] == table.count(0.5).average_precision


def test_dice_and_iou_of_one_overlap() -> None:
    table = overlap_table(np.array([[1, 1, 1, 1, 0]]), np.array([[0, 5, 5, 5, 5]]))
    assert table.dice.tolist() == [0.75]
    assert table.iou.tolist() == [0.6]
    assert table.foreground_dice == 0.75
    assert table.foreground_iou == 0.6
    # 3/5 is found at the threshold 0.6, which a threshold summed up from steps of 0.05 would miss.
    assert table.count(THRESHOLDS[2]).true_positives == 1


def test_halves_of_an_object_match_it_once() -> None:
    whole, halves = np.array([[1, 1, 1, 1]]), np.array([[1, 1, 2, 2]])
    counts = overlap_table(whole, halves).count(0.5)
    assert (counts.true_positives, counts.false_positives, counts.false_negatives) == (1, 1, 0)
    assert (counts.precision, counts.recall) == (0.5, 1)
    assert counts.f1 == pytest.approx(2 / 3)


def test_more_matches_go_before_better_ones() -> None:
    """One good pair (IoU 7/9) would leave the others without a partner: two poor pairs (1/8) go before it."""
    true = np.array([[1] * 8 + [2]])
    predicted = np.array([[1] * 7 + [2] + [1]])
    table = overlap_table(true, predicted)
    matched = table.match(0.1)
    assert set(zip(table.rows[matched].tolist(), table.columns[matched].tolist(), strict=True)) == {(0, 1), (1, 0)}
    assert table.iou[table.match(0.5)].tolist() == [7 / 9]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_any_integer_type_and_dimension(dtype: type[np.integer[Any]]) -> None:
    true, predicted = label_pair(2)
    expected = evaluate_image(true, predicted)
    assert evaluate_image(true.astype(dtype), predicted) == expected
    assert evaluate_image(true.ravel().astype(dtype), predicted.ravel().astype(dtype)) == expected
    assert evaluate_image(true[None].astype(dtype), predicted[None]) == expected
    assert evaluate_image(true.T.astype(dtype), predicted.T) == expected


def test_no_pixels_at_all() -> None:
    nothing = np.zeros((0, 4), np.int32)
    assert set(evaluate_image(nothing, nothing).row().values()) == {0}


@pytest.mark.parametrize(
    ("predicted", "remedy"),
    [
        (np.zeros((4, 4)), "astype"),
        (np.zeros((4, 4), bool), "skimage.measure.label"),
        (np.full((4, 4), -1), "set negative pixels to 0"),
        (np.zeros((4, 5), int), "labels of that very image"),
    ],
)
def test_refuses_what_are_not_labels(predicted: Labels, remedy: str) -> None:
    with pytest.raises(ImageError, match=f"predicted.*{remedy}"):
        overlap_table(np.zeros((4, 4), int), predicted)
    with pytest.raises(ImageError, match="true"):
        overlap_table(np.zeros((4, 4)), np.zeros((4, 4), int))


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.01, float("nan")])
def test_refuses_thresholds_out_of_range(threshold: float) -> None:
    with pytest.raises(ParamsError, match="above 0 and at most 1"):
        metrics.average_precision(*label_pair(0), (threshold,))


def test_dataset_mean_counts_images_and_pooled_counts_objects() -> None:
    samples = [(f"s{seed:02d}", *label_pair(seed)) for seed in range(12)]
    scores = evaluate(iter(samples))
    one_by_one = [evaluate_image(true, predicted) for _, true, predicted in samples]
    assert scores.images == tuple(one_by_one)
    assert scores.names == tuple(name for name, _, _ in samples)
    assert scores.mean["symmetric_best_dice"] == pytest.approx(np.mean([s.symmetric_best_dice for s in one_by_one]))
    assert scores.mean["abs_count_difference"] == pytest.approx(7 / 12)
    assert scores.mean["count_difference"] == pytest.approx(-1 / 12)
    precisions = [s.mean_average_precision for s in one_by_one]
    assert scores.mean["mean_average_precision"] == pytest.approx(np.mean(precisions))
    # Beside one another in one large image, the objects of all images are the same objects.
    true = np.hstack([np.where(labels, labels + 100 * at, 0) for at, (_, labels, _) in enumerate(samples)])
    predicted = np.hstack([np.where(labels, labels + 100 * at, 0) for at, (_, _, labels) in enumerate(samples)])
    mosaic = evaluate_image(true, predicted)
    assert scores.pooled == mosaic.matches
    assert scores.pooled_mean_average_precision == pytest.approx(mosaic.mean_average_precision)


def test_dataset_table_has_a_row_an_image() -> None:
    scores = evaluate([("a", *label_pair(0)), ("b", *label_pair(1))], thresholds=(0.5,))
    table = scores.table()
    assert table["name"].tolist() == ["a", "b"]
    for place, image in enumerate(scores.images):
        assert {name: column[place] for name, column in table.items() if name != "name"} == image.row()
    assert table["average_precision_0.5"].tolist() == [image.matches[0].average_precision for image in scores.images]


def test_an_image_without_objects_is_pooled_without_trace() -> None:
    nothing = np.zeros((4, 4), int)
    alone, with_empty = evaluate([("a", *label_pair(3))]), evaluate([("a", *label_pair(3)), ("b", nothing, nothing)])
    assert with_empty.pooled == alone.pooled
    assert with_empty.mean["symmetric_best_dice"] == pytest.approx(alone.mean["symmetric_best_dice"] / 2)


def test_dataset_errors_name_the_image_and_the_remedy() -> None:
    with pytest.raises(ImageError, match="at least one pair"):
        evaluate([])
    with pytest.raises(ImageError, match=r"leaf 7: .*float64.*astype"):
        evaluate([("leaf 7", np.zeros((3, 3)), np.zeros((3, 3), int))])
    images = (evaluate_image(*label_pair(0)), evaluate_image(*label_pair(0), (0.5,)))
    with pytest.raises(ImageError, match="same ones"):
        DatasetScores(names=("a", "b"), images=images)
    with pytest.raises(ImageError, match="give each a name"):
        DatasetScores(names=("a",), images=images)
