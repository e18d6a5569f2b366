from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_wnet.core.contours import bounds, outline_parts
from napari_wnet.errors import ImageError
from odd_labels import LARGE, ODD, drawn, filled


@pytest.mark.parametrize("name", ODD)
def test_polygons_fill_back_to_the_same_pixels(name):
    labels = ODD[name]
    parts = outline_parts(labels)
    np.testing.assert_array_equal(filled(parts, labels.shape), labels)
    assert list(parts) == [label for label in np.unique(labels).tolist() if label]


@given(arrays.arrays(np.int32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)))
def test_any_labels_fill_back_and_no_ring_meets_itself(labels):
    parts = outline_parts(labels)
    np.testing.assert_array_equal(filled(parts, labels.shape), labels)
    for label, pieces in parts.items():
        assert sum(part.area for part in pieces) == np.count_nonzero(labels == label)
        for ring in (ring for part in pieces for ring in (part.outer, *part.holes)):
            assert len(np.unique(ring, axis=0)) == len(ring)
            steps = np.diff(ring, axis=0, append=ring[:1])
            assert ((steps == 0).sum(axis=1) == 1).all()  # along a row or a column
            assert ((steps == 0) != (np.roll(steps, 1, axis=0) == 0)).all()  # and turning at each corner


def test_parts_and_holes_are_told_apart():
    parts = outline_parts(ODD["corners only"])[1]
    assert [len(part.outer) for part in parts] == [4] * 5
    (part,) = outline_parts(ODD["hole"])[1]
    assert len(part.holes) == 1
    (part,) = outline_parts(ODD["holes that meet at a corner"])[1]
    assert sorted(map(len, part.holes)) == [4, 4]
    (part,) = outline_parts(ODD["ring that meets itself"])[1]
    assert len(part.holes) == 1


def test_a_pixel_covers_one_unit_from_its_own_number_on():
    ((part,),) = outline_parts(drawn("....", "...1")).values()
    assert sorted(map(tuple, part.outer.tolist())) == [(3, 1), (3, 2), (4, 1), (4, 2)]
    assert bounds([part]) == (3, 1, 4, 2)
    assert part.area == 1


def test_all_types_of_integers_are_read():
    for dtype in (np.uint8, np.int64, np.uint64, ">u2"):
        assert list(outline_parts(drawn("1.2").astype(dtype))) == [1, 2]
    assert list(outline_parts(drawn("1.2", factor=LARGE))) == [LARGE, 2 * LARGE]
    assert list(outline_parts(np.array([[2**40, 0]]))) == [2**40]


@pytest.mark.parametrize("labels", [np.ones((2, 3, 4), int), np.ones((3, 4)), -np.ones((3, 4), int)])
def test_what_is_no_plane_of_labels_is_refused(labels):
    with pytest.raises(ImageError):
        outline_parts(labels)
