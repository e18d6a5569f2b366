"""Which objects an edit is meant for, and which pixels it says that it changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_wnet.core.changes import (
    LARGEST,
    change_of,
    check_inside,
    object_at,
    objects_along,
    unused_number,
    window_of,
)
from napari_wnet.core.edits import cut, delete, merge, split
from napari_wnet.core.seeding import reseed
from napari_wnet.errors import EditError
from napari_wnet.params import EditParams

planes = arrays.arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3))


@given(planes, st.data())
def test_a_change_makes_the_window_what_is_wanted_and_leaves_the_rest(labels, data):
    window = tuple(
        slice(start, data.draw(st.integers(start + 1, length)))
        for length in labels.shape
        for start in [data.draw(st.integers(0, length - 1))]
    )
    wanted = data.draw(arrays.arrays(np.int64, labels[window].shape, elements=st.integers(0, 3)))
    expected = labels.copy()
    expected[window] = wanted
    change = change_of(labels, window, wanted, [np.int64(2), 3])
    np.testing.assert_array_equal(change.applied(labels), expected)
    assert change.n_pixels == np.count_nonzero(expected != labels)
    assert change.values.dtype == np.int64
    assert change.objects == (2, 3)
    assert change_of(labels, window, wanted).objects == ()


@given(planes, st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(0, 3))
def test_the_window_of_objects_is_their_bounding_box_and_a_margin(labels, numbers, margin):
    rows, columns = np.nonzero(np.isin(labels, numbers))
    if not len(rows):
        with pytest.raises(EditError, match="There is no object"):
            window_of(labels, *numbers, margin=margin)
        return
    assert window_of(labels, *numbers) == (
        slice(rows.min(), rows.max() + 1),
        slice(columns.min(), columns.max() + 1),
    )
    assert window_of(labels, *numbers, margin=margin) == (
        slice(max(0, rows.min() - margin), min(labels.shape[0], rows.max() + 1 + margin)),
        slice(max(0, columns.min() - margin), min(labels.shape[1], columns.max() + 1 + margin)),
    )


def test_an_unused_number_is_the_first_above_all():
    assert unused_number(np.array([[0, 7], [3, 0]])) == 8
    assert unused_number(np.zeros((0, 4), np.int32)) == 1
    assert unused_number(np.array([[2**31 - 1]], np.int32)) == 2**31
    with pytest.raises(EditError, match="fill it with a smaller number"):
        unused_number(np.array([[LARGEST]]))


@pytest.mark.parametrize("number", [3_000_000_000, 2**62])
@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_large_numbers_stay_what_they_are(number, dtype):
    labels = np.zeros((10, 18), dtype)
    labels[1:9, 1:8], labels[1:9, 8:16] = number, number + 1
    assert set(np.unique(merge(labels, (number, number + 1)).applied(labels)).tolist()) == {0, number}
    assert set(np.unique(delete(labels, number).applied(labels)).tolist()) == {0, number + 1}
    for change in (split(labels, None, [(4, 9), (4, 14)]), cut(labels, [(0, 12), (9, 12)])):
        assert set(np.unique(change.applied(labels)).tolist()) == {0, number, number + 1, number + 2}
        assert set(change.objects) == {number + 1, number + 2}
    points = [(4, 4), (4, 9)]
    moved = reseed(labels, None, (points, [*points, (4, 14)]), EditParams())
    assert set(np.unique(moved.applied(labels)).tolist()) == {0, number, number + 1, number + 2}


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_a_number_more_than_labels_can_hold_is_told_and_makes_them_wider(dtype):
    most = np.iinfo(dtype).max
    labels = np.zeros((10, 18), dtype)
    labels[1:9, 1:16] = most
    for change in (split(labels, None, [(4, 3), (4, 13)]), cut(labels, [(0, 8), (9, 8)])):
        assert set(change.values.tolist()) == {most + 1}
        assert set(np.unique(change.applied(labels)).tolist()) == {0, most, most + 1}


def test_numbers_beyond_those_of_64_bits_are_refused():
    labels = np.full((3, 3), 2**64 - 1, np.uint64)
    with pytest.raises(EditError, match="fill it with a smaller number"):
        delete(labels, 2**64 - 1)


@given(st.integers(-3, 8), st.integers(-3, 12))
def test_pixels_of_the_image_are_inside_and_no_others(row, column):
    labels = np.arange(1, 51).reshape(5, 10)
    if 0 <= row < 5 and 0 <= column < 10:
        check_inside(labels, (row, column))
        assert object_at(labels, (row, column)) == 1 + 10 * row + column
    else:
        with pytest.raises(EditError, match="outside"):
            object_at(labels, (row, column))


def test_a_line_meets_every_pixel_on_its_way():
    labels = np.arange(1, 121).reshape(10, 12)
    assert objects_along(labels, (4, 2), (4, 9)) == tuple(labels[4, 2:10].tolist())
    assert objects_along(labels, (8, 5), (1, 5)) == tuple(labels[8:0:-1, 5].tolist())
    assert objects_along(labels, (0, 9), (9, 9)) == tuple(labels[:, 9].tolist())
    assert objects_along(labels, (0, 0), (0, 11)) == tuple(labels[0].tolist())
    long = np.arange(1, 201).reshape(1, 200)
    assert objects_along(long, (0, 0), (0, 199)) == tuple(range(1, 201))
    # One row down on the way of eight columns: nothing is skipped, and nothing met that lies off the line.
    met = objects_along(labels, (3, 0), (4, 8))
    rows, columns = np.divmod(np.array(met) - 1, 12)
    assert sorted(set(columns.tolist())) == list(range(9))
    assert (np.diff(columns) >= 0).all()
    assert (np.abs(rows - (3 + columns / 8)) < 0.6).all()


def test_what_a_line_meets_outside_the_image_is_nothing():
    labels = np.arange(1, 26).reshape(5, 5)
    assert objects_along(labels, (-3, 2), (7, 2)) == tuple(labels[:, 2].tolist())
    assert objects_along(labels, (0, -4), (0, 9)) == tuple(labels[0].tolist())
    assert objects_along(labels, (-2, -2), (-2, 9)) == ()
