"""Scores by the size of the true objects."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_wnet.core.metrics import evaluate
from napari_wnet.core.size_classes import by_size
from napari_wnet.errors import ImageError, ParamsError

Labels = npt.NDArray[np.int32]


def squares(*sides: int) -> Labels:
    """Return labels of squares beside one another, a pixel apart."""
    labels = np.zeros((max(sides), sum(sides) + len(sides)), np.int32)
    left = 0
    for label, side in enumerate(sides, 1):
        labels[:side, left : left + side] = label
        left += side + 1
    return labels


def test_each_object_counts_in_the_class_of_its_diameter() -> None:
    true = squares(4, 10, 10, 40)
    predicted = np.where(true == 3, 0, true)
    predicted[:20, true[0] == 4] = 0  # half of the largest is left, an IoU of .5
    small, middle, large = by_size([(true, predicted)])
    assert (small.n_true, small.n_found, small.best_dice, small.label) == (1, 1, 1.0, "below 8 px")
    assert (middle.n_true, middle.n_found, middle.recall, middle.label) == (2, 1, 0.5, "8 to 16 px")
    assert (large.n_true, large.n_found, large.label) == (1, 1, "32 to 64 px")
    assert large.best_dice == pytest.approx(2 / 3)


def test_images_are_pooled_and_the_last_class_is_open() -> None:
    giant = np.ones((200, 200), np.int32)
    (only,) = by_size([(giant, giant), (giant, np.zeros_like(giant))])
    assert (only.n_true, only.n_found, only.best_dice, only.label) == (2, 1, 0.5, "128 px and more")
    assert by_size([]) == ()
    assert by_size([(np.zeros((3, 3), int), np.ones((3, 3), int))]) == ()


@given(
    hnp.arrays(np.int32, (12, 12), elements=st.integers(0, 4)),
    hnp.arrays(np.int32, (12, 12), elements=st.integers(0, 4)),
)
def test_classes_add_up_to_the_scores_of_all(true: Labels, predicted: Labels) -> None:
    classes = by_size([(true, predicted)], (0, 2, 4, 6, math.inf))
    scores = evaluate([("one", true, predicted)]).images[0]
    assert sum(one.n_true for one in classes) == scores.n_true
    assert sum(one.n_found for one in classes) == scores.matches[0].true_positives
    if classes:
        mean = sum(one.n_true * one.best_dice for one in classes) / scores.n_true
        assert mean == pytest.approx(scores.best_dice_true)


def test_limits_must_ascend_and_labels_fit() -> None:
    for limits in ((8.0,), (0.0, 8.0, 8.0)):
        with pytest.raises(ParamsError, match="ascend"):
            by_size([], limits)
    with pytest.raises(ImageError):
        by_size([(squares(3), squares(4))])
