"""What is held out: never a pixel that trains, about a quarter of the objects, always two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_wnet.core.holdout import ImageSplit, Rectangle, hold_out
from napari_wnet.errors import TrainingError
from scenes import cells


def squares(*places: tuple[int, int], shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    for number, (row, column) in enumerate(places, start=1):
        labels[row : row + 5, column : column + 5] = number
    return labels


def centres(labels: np.ndarray, part: Rectangle | None) -> int:
    """Count the objects with their middle pixel in a part."""
    if part is None:
        return 0
    middles = [np.argwhere(labels == number).mean(0) for number in np.unique(labels) if number]
    return sum(part.top <= row < part.bottom and part.left <= column < part.right for row, column in middles)


def uses(labels: np.ndarray, split: ImageSplit) -> np.ndarray:
    count = np.zeros(labels.shape, int)
    for part in (split.train, split.held_out):
        if part is not None:
            count[part.slices] += 1
    return count


def test_one_image_is_cut_by_a_line_that_holds_out_a_quarter():
    labels = cells(200, 36, seed=1)
    (split,) = hold_out([labels], [None])
    assert (uses(labels, split) == 1).all()
    assert 7 <= centres(labels, split.held_out) <= 12


def test_a_line_between_objects_is_preferred_to_one_through_them():
    labels = squares((2, 2), (2, 20), (2, 40), (30, 2), (30, 20), (30, 40), (50, 60), (40, 70))
    (split,) = hold_out([labels], [None])
    inside = labels[split.held_out.slices]
    for number in np.unique(inside[inside > 0]):
        assert (inside == number).sum() == 25


@settings(derandomize=True, max_examples=60)
@given(
    counts=st.lists(st.integers(0, 6), min_size=1, max_size=7),
    seed=st.integers(0, 1000),
)
def test_two_objects_or_more_are_held_out_one_or_more_train_and_no_pixel_does_both(counts, seed):
    assume(sum(counts) >= 3)
    rng = np.random.default_rng(seed)
    grid = [(row, column) for row in range(2, 50, 12) for column in range(2, 70, 12)]
    images = [squares(*[grid[place] for place in rng.permutation(len(grid))[:count]]) for count in counts]
    splits = hold_out(images, [None] * len(images))
    held = sum(centres(labels, split.held_out) for labels, split in zip(images, splits, strict=True))
    trains = sum(centres(labels, split.train) for labels, split in zip(images, splits, strict=True))
    assert held >= 2
    assert trains >= 1
    assert held + trains == sum(counts)
    for labels, split in zip(images, splits, strict=True):
        assert (uses(labels, split) == 1).all()
    if sum(count > 0 for count in counts) >= 5:
        assert all(split.train is None or split.held_out is None for split in splits)


def test_of_many_images_some_are_held_out_whole():
    images = [squares((2, 2), (20, 20), (40, 40)) for _ in range(10)]
    splits = hold_out(images, [None] * 10)
    assert sum(split.held_out is not None for split in splits) == 2


def test_only_objects_that_are_known_count():
    labels = squares((2, 2), (2, 30), (2, 60), (40, 2), (40, 30), (40, 60))
    known = np.zeros(labels.shape, bool)
    known[:10] = True
    (split,) = hold_out([labels], [known])
    top = np.where(known, labels, 0)
    assert centres(top, split.held_out) == 2
    assert centres(top, split.train) == 1


@pytest.mark.parametrize(
    ("places", "says"),
    [([], "No object is labelled"), ([(2, 2)], "Only one object"), ([(2, 2), (9, 9)], "Only two objects")],
)
def test_too_few_objects_are_refused_with_a_remedy(places, says):
    with pytest.raises(TrainingError, match=f"{says}.*at least three.*tick more of them as done"):
        hold_out([squares(*places)], [None])


def test_objects_within_one_another_cannot_be_held_out():
    labels = np.zeros((31, 31), np.int32)
    for number, margin in enumerate((0, 5, 10), start=1):
        labels[margin : 31 - margin, margin : 31 - margin] = number
    with pytest.raises(TrainingError, match="within one another"):
        hold_out([labels], [None])


def test_labels_without_background():
    labels = cells(60, 9) * 0 + 1 + (np.arange(60)[:, None] // 20) * 3 + np.arange(60)[None] // 20
    (split,) = hold_out([labels.astype(np.int32)], [None])
    assert centres(labels, split.held_out) == 3
