"""The leaf challenge's means, against hand-computed values and the official evaluation's scores of single images."""

from __future__ import annotations

import csv
import statistics
from pathlib import Path

import numpy as np
import pytest

from napari_wnet.core.leaf_challenge import MEASURES, challenge_scores, plant_of, subset_of
from napari_wnet.core.metrics import DatasetScores, evaluate
from napari_wnet.errors import ImageError
from scenes import label_pair, named_pair

OFFICIAL = Path(__file__).parents[1] / "data" / "sbd_official_synthetic.csv"
COLUMNS = dict(zip(MEASURES, ("SBD", "AbsDiffFG", "DiffFG", "FGBG"), strict=True))
BY_HAND = {"A1_plant001": (10, 10), "A1_plant002": (6, 10), "A2_plant001": (10, 5), "A3_plant001": (9, 3)}
"""Rows of the one true leaf, ten wide, and rows found of it; the row past the middle belongs to a second leaf."""


def by_hand() -> DatasetScores:
    """Return scores of leaves that are rectangles of equal width: Dice is twice the shared rows over all rows."""

    def leaf(rows: int) -> np.ndarray:
        labels = np.zeros((12, 10), int)
        labels[:rows] = 1
        return labels

    return evaluate([(name, leaf(true), leaf(found)) for name, (true, found) in BY_HAND.items()])


def scores_of(names: list[str]) -> DatasetScores:
    """Return scores of pairs of the official table, under names that tell subsets."""
    return evaluate([(name, *named_pair(f"s{number:02d}")) for number, name in enumerate(names)])


def test_means_by_hand() -> None:
    groups = {group.name: group for group in challenge_scores(by_hand())}
    assert list(groups) == ["A1", "A2", "A3", "all images", "A1-3"]
    # Dice: 1, 12/16, 10/15, 6/12.
    sbd = {name: group.mean["symmetric_best_dice"] for name, group in groups.items()}
    assert sbd == pytest.approx(
        {
            "A1": 7 / 8,
            "A2": 2 / 3,
            "A3": 1 / 2,
            "all images": (1 + 3 / 4 + 2 / 3 + 1 / 2) / 4,
            "A1-3": (7 / 8 + 2 / 3 + 1 / 2) / 3,
        }
    )
    assert groups["A1"].std["symmetric_best_dice"] == pytest.approx(1 / 4 / 2**0.5)
    assert groups["A2"].std["symmetric_best_dice"] == 0
    assert [(group.of, group.n) for group in groups.values()] == [
        ("images", 2),
        ("images", 1),
        ("images", 1),
        ("images", 4),
        ("subsets", 3),
    ]


def test_pooled_and_subset_means_differ_where_subsets_do() -> None:
    names = [*(f"A1_plant{n:03d}" for n in range(2)), "A2_plant001", *(f"A4_plant{n:04d}" for n in range(9))]
    groups = {group.name: group for group in challenge_scores(scores_of(names))}
    assert list(groups) == ["A1", "A2", "A4", "all images", "Arabidopsis"]
    with OFFICIAL.open(newline="") as file:
        official = {row["name"].removesuffix(".mat"): row for row in csv.DictReader(file)}
    rows = [official[f"s{number:02d}"] for number in range(len(names))]
    for measure, column in COLUMNS.items():
        values = [float(row[column]) for row in rows]
        means = [statistics.mean(values[:2]), values[2], statistics.mean(values[3:])]
        assert groups["all images"].mean[measure] == pytest.approx(statistics.mean(values), abs=1e-9)
        assert groups["all images"].std[measure] == pytest.approx(statistics.stdev(values), abs=1e-9)
        assert groups["Arabidopsis"].mean[measure] == pytest.approx(statistics.mean(means), abs=1e-9)
        assert groups["Arabidopsis"].std[measure] == pytest.approx(statistics.stdev(means), abs=1e-9)
    assert groups["all images"].mean["symmetric_best_dice"] != pytest.approx(
        groups["Arabidopsis"].mean["symmetric_best_dice"], abs=1e-4
    )


def test_every_mean_of_subsets_needs_all_of_them() -> None:
    names = [f"A{1 + number % 5}_plant{number:03d}" for number in range(10)]
    told = [group.name for group in challenge_scores(scores_of(names))]
    assert told == ["A1", "A2", "A3", "A4", "A5", "all images", "A1-3", "A1-4", "A1-5", "Arabidopsis"]
    assert challenge_scores(scores_of(["a", "b"])) == ()


def test_subsets_can_be_given_and_images_of_none_count_among_all() -> None:
    scores = scores_of(["a", "b", "c"])
    first, whole = challenge_scores(scores, ["A2", "A2", ""])
    assert (first.name, first.n, whole.n) == ("A2", 2, 3)
    assert whole.mean["symmetric_best_dice"] == pytest.approx(scores.mean["symmetric_best_dice"])
    with pytest.raises(ImageError, match="one for each"):
        challenge_scores(scores, ["A1"])


def test_a_row_has_mean_and_spread_of_each_measure() -> None:
    group = challenge_scores(evaluate([("A1_plant001", *label_pair(1))]))[0]
    row = group.row()
    assert list(row)[:3] == ["group", "mean_of", "n"]
    assert [row[measure] for measure in MEASURES] == list(group.mean.values())
    assert len(row) == 3 + 2 * len(MEASURES)


@pytest.mark.parametrize("name", ["plant001", "A6_plant001", "B1_plant001", "A1", "a1_plant001"])
def test_other_names_tell_no_subset(name: str) -> None:
    assert subset_of(name) == ""
    with pytest.raises(ImageError, match="like A1_plant001"):
        plant_of(name)
    assert plant_of("A1_plant001") == ("A1", "plant001")
    assert subset_of("A4_plant0001") == "A4"
