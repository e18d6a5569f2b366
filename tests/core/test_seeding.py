"""Seeds that move re-cluster what is around them, and leave the rest alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_wnet.core.maps import Maps
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


def test_where_seeds_are_does_not_depend_on_numbers():
    labels, _, points = scene()
    far = np.where(labels > 0, labels.astype(np.int64) + 3_000_000_000, 0)
    np.testing.assert_array_equal(seed_points(far), points)
    assert len(seed_points(np.full((5, 5), 3_000_000_000))) == 1


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


def bars(*widths: int, gap: int = 0):
    """Return objects 1, 2, ... of 20 rows side by side, their clean maps and their seeds."""
    labels = np.zeros((30, sum(widths) + gap * len(widths) + 10), np.int32)
    left = 5
    for number, width in enumerate(widths, start=1):
        labels[5:25, left : left + width] = number
        left += width + gap
    return labels, maps_of(labels), [tuple(place) for place in seed_points(labels).tolist()]


def test_of_equally_deep_pixels_the_first_is_the_seed():
    labels = np.zeros((9, 12), np.int32)
    labels[2:4, 3:7], labels[5:8, 1:4] = 9, 4
    assert seed_points(labels).tolist() == [[6, 2], [2, 3]]
    assert seed_points(np.zeros((4, 4), np.int32)).shape == (0, 2)


def test_a_second_seed_has_the_first_number_that_nobody_has():
    labels, maps, points = bars(30, 30)
    change = reseed(labels, maps, (points, [*points, (10, 8), (20, 8)]), PARAMS)
    assert change.objects == (1, 3, 4)
    made = change.applied(labels)
    assert (made[10, 8], made[20, 8]) == (3, 4)
    assert (made[labels == 2] == 2).all()


def test_several_seeds_on_the_ground_grow_objects_of_their_own():
    labels, maps, points = bars(16, 16, 16, gap=4)
    missing = np.where(labels == 2, 2, 0)
    change = reseed(missing, maps, ([points[1]], [points[1], points[0], points[2]]), PARAMS)
    assert change.objects == (3, 4)
    made = change.applied(missing)
    assert iou(made == 3, labels == 1) > 0.9
    assert iou(made == 4, labels == 3) > 0.9
    assert (made[labels == 2] == 2).all()


def test_without_maps_nothing_grows_on_the_ground():
    labels, _, points = bars(16, 16, gap=6)
    missing = np.where(labels == 2, 2, 0)
    assert reseed(missing, None, ([points[1]], [points[1], points[0]]), PARAMS).n_pixels == 0
    parted = reseed(labels, None, (points, [*points, (6, 6)]), PARAMS).applied(labels)
    assert set(np.unique(parted)) == {0, 1, 2, 3}


def test_a_seed_moved_to_the_ground_takes_its_number_to_what_grows_there():
    labels, maps, points = bars(16, 16, gap=6)
    start = np.where(labels == 1, 1, 0).astype(np.int32)
    change = reseed(start, maps, ([points[0]], [points[1]]), PARAMS)
    made = change.applied(start)
    assert iou(made == 1, labels == 2) > 0.9
    assert set(np.unique(made)) == {0, 1}


def test_a_seed_moved_into_another_object_parts_that_and_gives_its_own_away():
    labels, maps, points = bars(20, 30)
    made = reseed(labels, maps, (points, [points[1], (10, 50)]), PARAMS).applied(labels)
    assert 1 not in made[:, 25:]
    assert made[points[1]] == 2
    assert made[10, 50] not in (0, 2)
    assert ((made > 0) == (labels > 0)).all()


def test_a_border_moves_with_its_seed_and_the_others_stay():
    labels, _, points = bars(20, 20, 20)
    labels[labels == 2] = 1  # far too large, and its seed far from its middle
    labels[5:25, 15:45] = 2
    points = [(15, 9), (15, 30), points[2]]
    made = reseed(labels, None, (points, [(15, 12), *points[1:]]), PARAMS).applied(labels)
    assert (made[labels == 3] == 3).all()
    assert ((made > 0) == (labels > 0)).all()
    assert not (made[labels == 1] != 1).any()


def test_the_region_holds_neighbours_however_far_they_reach():
    labels = np.zeros((30, 400), np.int32)
    labels[5:25, 5:25], labels[5:25, 25:390] = 1, 2
    maps, points = maps_of(labels), [tuple(place) for place in seed_points(labels).tolist()]
    made = reseed(labels, maps, (points, [points[1]]), PARAMS).applied(labels)
    assert (made == np.where(labels > 0, 2, 0)).all()


def test_where_in_a_large_plane_the_objects_lie_does_not_matter():
    labels = np.pad(cells(48, 6, seed=3), 3)  # at the frame there is no pixel beyond to compare with
    maps, points = maps_of(labels, 0.1, seed=3), [tuple(place) for place in seed_points(labels).tolist()]
    big = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    rows, columns = np.nonzero(labels == big)
    ways = (
        [*points, (int(rows[0]), int(columns[0]))],
        points[1:],
        [(int(rows[5]), int(columns[5])) if labels[point] == big else point for point in points],
    )
    shift, shape = (110, 60), ((110, 40), (60, 90))
    wide = np.pad(labels, shape)
    far = Maps(
        distance=np.pad(maps.distance, shape),
        embedding=np.moveaxis(np.pad(np.moveaxis(maps.embedding, 0, -1), (*shape, (0, 0))), -1, 0),
        foreground=np.pad(maps.foreground, shape),
    )
    for after in ways:
        here = reseed(labels, maps, (points, after), PARAMS)
        there = reseed(
            wide, far, tuple([(y + shift[0], x + shift[1]) for y, x in some] for some in (points, after)), PARAMS
        )
        np.testing.assert_array_equal(there.applied(wide), np.pad(here.applied(labels), shape))
        assert there.objects == here.objects
        assert there.values.dtype == np.int64


def test_seeds_on_each_side_of_the_frame_count():
    labels = np.zeros((20, 20), np.int32)
    labels[0, 4:8], labels[19, 4:8], labels[8:12, 0], labels[8:12, 19] = 1, 2, 3, 4
    points = [(0, 5), (19, 5), (9, 0), (9, 19)]
    for number, point in enumerate(points, start=1):
        left = [other for other in points if other != point]
        assert (
            reseed(labels, None, (points, left), PARAMS).applied(labels) == np.where(labels == number, 0, labels)
        ).all()
    assert not reseed(labels, None, (points, points[:1]), PARAMS).applied(labels)[1:].any()
