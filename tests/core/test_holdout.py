"""What is held out: never a pixel that trains, about a quarter of the objects, always two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_wnet.core.holdout import CROSSED_COST, SHARE, ImageSplit, Rectangle, hold_out
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


def costs(labels: np.ndarray) -> dict[tuple[int, int, bool], float]:
    """Return what each line costs, by axis, place and whether what is after it is held out; no impossible ones."""
    numbers = [number for number in np.unique(labels) if number]
    found = {}
    for axis in (0, 1):
        places = [np.argwhere(labels == number)[:, axis] for number in numbers]
        for line in range(1, labels.shape[axis]):
            crossed = sum(place.min() < line <= place.max() for place in places)
            after = sum(place.mean() >= line for place in places)
            for held, is_after in ((after, True), (len(numbers) - after, False)):
                if 1 <= held < len(numbers):
                    share = held / len(numbers)
                    found[axis, line, is_after] = abs(share - SHARE) + CROSSED_COST * crossed / len(numbers)
    return found


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.sampled_from([8, 16]), st.integers(0, 10**6))  # numbers whose parts floats hold exactly
def test_the_line_costs_least_and_lies_in_the_middle_of_its_gap(count, seed):
    rng = np.random.default_rng(seed)
    grid = [(row, column) for row in range(1, 55, 9) for column in range(1, 75, 9)]
    labels = squares(*[grid[place] for place in rng.permutation(len(grid))[:count]])
    (split,) = hold_out([labels], [None])
    assert (uses(labels, split) == 1).all()
    held, other = split.held_out, split.train
    axis = 0 if held.left == other.left else 1
    line = max(held.top, other.top) if axis == 0 else max(held.left, other.left)
    is_after = (held.top, held.left) > (other.top, other.left)
    known = costs(labels)
    least = min(known.values())
    assert known[axis, line, is_after] == least
    assert (axis, is_after) == min(
        ((a, after) for (a, _, after), cost in known.items() if cost == least),
        key=lambda way: (way[0], not way[1]),
    )
    best = [place for (a, place, after), cost in known.items() if (a, after) == (axis, is_after) and cost == least]
    assert line == best[len(best) // 2]


def test_of_a_few_images_with_three_objects_one_each_is_held_out():
    images = [squares((2, 2), (2, 30), (40, 40)), squares((2, 2), (30, 30), (50, 70))]
    splits = hold_out(images, [None, None])
    assert [centres(labels, split.held_out) for labels, split in zip(images, splits, strict=True)] == [1, 1]


def test_where_one_each_is_too_few_the_fullest_image_gives_two():
    splits = hold_out([squares((2, 2)), squares((2, 2), (30, 2), (50, 2))], [None, None])
    assert splits[0] == ImageSplit(train=Rectangle(top=0, left=0, bottom=60, right=80), held_out=None)
    assert centres(squares((2, 2), (30, 2), (50, 2)), splits[1].held_out) == 2


def test_where_no_image_has_three_whole_images_are_held_out_from_the_last_on():
    images = [squares((2, 2)), squares((2, 2)), squares((2, 2)), np.zeros((60, 80), np.int32)]
    splits = hold_out(images, [None] * 4)
    whole = Rectangle(top=0, left=0, bottom=60, right=80)
    # The first is the fullest, as good as the others: it trains.
    assert [split.held_out for split in splits] == [None, whole, whole, None]
    assert [split.train for split in splits] == [whole, None, None, whole]


def test_of_many_images_those_are_held_out_that_are_like_the_others():
    places = [(2, 2), (2, 20), (2, 40), (30, 2), (30, 20), (30, 40), (50, 60)]
    counts = [1, 7, 3, 0, 6, 3, 2, 3, 4, 5, 7]  # ten with objects, their median 3.5
    images = [squares(*places[:count]) for count in counts]
    splits = hold_out(images, [None] * len(images))
    assert [counts[place] for place, split in enumerate(splits) if split.held_out is not None] == [3, 3]
    assert all(split.train == Rectangle(top=0, left=0, bottom=60, right=80) for split in splits if split.train)


def test_four_images_are_cut_and_five_are_not():
    images = [squares((2, 2), (30, 30)) for _ in range(5)]
    assert all(split.train and split.held_out for split in hold_out(images[:4], [None] * 4))
    assert not any(split.train and split.held_out for split in hold_out(images, [None] * 5))


def test_an_object_is_counted_where_its_centre_lies():
    labels = np.zeros((60, 80), np.int32)
    labels[10:20, 0:80], labels[30:40, 0:70], labels[50:55, 10:80] = 1, 2, 3
    (split,) = hold_out([labels], [None])
    held = centres(labels, split.held_out)
    assert held >= 2
    assert held + centres(labels, split.train) == 3


def test_where_a_line_has_one_object_after_it_the_two_before_may_be_held_out():
    (split,) = hold_out([squares((2, 2), (2, 30), (40, 15))], [None])
    assert split.held_out == Rectangle(top=0, left=0, bottom=24, right=80)
    assert split.train == Rectangle(top=24, left=0, bottom=60, right=80)
