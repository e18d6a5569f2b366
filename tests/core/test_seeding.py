"""Seeds that move re-cluster what is around them, and leave the rest alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_wnet.core.seeding import reseed, seed_points
from napari_wnet.params import EditParams
from scenes import cells, maps_of

PARAMS = EditParams()


def scene(count=6, seed=0, size=48):
    labels = cells(size, count, seed=seed)
    return labels, maps_of(labels, 0.1, seed=seed), [tuple(place) for place in seed_points(labels).tolist()]


def iou(a, b) -> float:
    return (a & b).sum() / (a | b).sum()


@given(st.integers(1, 9), st.integers(0, 10**6))
@settings(deadline=None, derandomize=True, max_examples=30)
def test_each_object_has_one_innermost_seed(count, seed):
    labels, maps, points = scene(count, seed)
    numbers = sorted(set(labels.ravel().tolist()) - {0})
    assert [labels[point] for point in points] == numbers
    for number, point in zip(numbers, points, strict=True):
        depth = ndimage.distance_transform_edt(labels == number)
        assert depth[point] >= 0.9 * depth.max()
    assert reseed(labels, maps, (points, points), PARAMS).n_pixels == 0


@given(st.integers(2, 9), st.integers(0, 10**6), st.data())
@settings(deadline=None, derandomize=True, max_examples=30)
def test_only_the_surroundings_change(count, seed, data):
    labels, maps, points = scene(count, seed)
    place = data.draw(st.integers(0, len(points) - 1))
    number = int(labels[points[place]])
    near = ndimage.binary_dilation(labels == number, np.ones((3, 3)))
    allowed = np.isin(labels, np.unique(labels[near]))
    nudged = (points[place][0], min(points[place][1] + 1, labels.shape[1] - 1))
    kinds = {
        "removed": points[:place] + points[place + 1 :],
        "moved": [*points[:place], nudged, *points[place + 1 :]] if labels[nudged] == number else points,
    }
    for after in kinds.values():
        changed = reseed(labels, maps, (points, after), PARAMS).applied(labels) != labels
        assert not (changed & ~allowed).any()


def test_a_seed_taken_away_gives_its_object_to_those_that_touch_it():
    labels = np.zeros((30, 60), np.int32)
    labels[5:25, 5:25], labels[5:25, 25:40], labels[5:25, 48:58] = 1, 2, 3
    maps = maps_of(labels, 0.0)
    points = [tuple(place) for place in seed_points(labels).tolist()]
    joined = reseed(labels, maps, (points, [points[0], points[2]]), PARAMS)
    after = joined.applied(labels)
    assert (after[5:25, 5:40] == 1).all()
    assert joined.objects == (1,)
    alone = reseed(labels, maps, (points, points[:2]), PARAMS).applied(labels)
    assert 3 not in alone
    assert (alone[labels != 3] == labels[labels != 3]).all()


def test_a_second_seed_parts_an_object_and_takes_nothing_from_others():
    labels, maps, points = scene(6, 3)
    big = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    rows, columns = np.nonzero(labels == big)
    after = reseed(labels, maps, (points, [*points, (int(rows[0]), int(columns[0]))]), PARAMS)
    made = after.applied(labels)
    assert len(after.objects) >= 1
    assert set(np.unique(made[labels == big])) == {big, labels.max() + 1}
    assert (made[labels != big] == labels[labels != big]).all()


def test_a_seed_on_the_background_grows_what_was_missed():
    labels, maps, points = scene(5, 1)
    number = int(labels[points[2]])
    missing = np.where(labels == number, 0, labels)
    left = points[:2] + points[3:]
    change = reseed(missing, maps, (left, [*left, points[2]]), PARAMS)
    assert iou(change.applied(missing) == change.objects[0], labels == number) > 0.8


def test_a_seed_that_is_moved_takes_its_number_along():
    labels, maps, points = scene(5, 1)
    number = int(labels[points[2]])
    inside = tuple(np.argwhere(labels == number)[3].tolist())
    moved = [*points[:2], inside, *points[3:]]
    after = reseed(labels, maps, (points, moved), PARAMS).applied(labels)
    assert after[inside] == number
    assert set(np.unique(after)) == set(np.unique(labels))


def test_all_seeds_gone_leaves_nothing_and_places_outside_do_not_matter():
    labels, maps, points = scene(5, 2)
    assert not reseed(labels, maps, (points, []), PARAMS).applied(labels).any()
    assert reseed(labels, maps, (points, [*points, (-3, 5), (99, 99)]), PARAMS).n_pixels == 0


def test_what_is_done_stays_whatever_the_seeds_do():
    labels = np.zeros((30, 60), np.int32)
    labels[5:25, 5:25], labels[5:25, 25:40], labels[5:25, 40:58] = 1, 2, 3
    maps = maps_of(labels, 0.0)
    points = [tuple(place) for place in seed_points(labels).tolist()]
    moved = [points[0], (points[1][0], points[1][1] + 5), points[2]]
    for after in (moved, [points[0], points[2]], [points[1]], [*points, (8, 8)]):
        made = reseed(labels, maps, (points, after), PARAMS, kept={1}).applied(labels)
        assert ((made == 1) == (labels == 1)).all()
    assert reseed(labels, maps, (points, moved), PARAMS, kept={2}).n_pixels == 0
