"""What a new object replaces, what it cuts in two, and what is left of others."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wnet.core.placing import CRUMB_PART, RIM_DEPTH, leaves_a_rim, placed


def test_a_new_object_takes_a_new_number_or_the_largest_that_it_replaces():
    labels = np.zeros((20, 30), np.int32)
    labels[2:6, 2:6], labels[2:8, 10:16], labels[12:18, 2:20] = 4, 9, 6
    window = slice(0, 10), slice(0, 20)
    claim = np.ones((10, 20), bool)
    new = placed(labels, window, claim, [])
    assert new.objects == (10,)
    after = new.applied(labels)
    assert (after[window] == 10).all()
    assert (after[10:] == labels[10:]).all()
    over = placed(labels, window, claim, [4, 9])
    assert over.objects == (9,)
    assert (over.applied(labels)[window] == 9).all()
    claim[:, 5:] = False  # the rest of the ninth goes all the same
    after = placed(labels, window, claim, [4, 9]).applied(labels)
    assert (after[:10] == np.where(np.arange(30) < 5, 9, 0)).all()


def bar(left: int, right: int):
    """Return a bar of ten rows, cut by a new object of 10 x 20 px, that leaves so many columns on its sides."""
    labels = np.zeros((14, left + 20 + right + 4), np.int32)
    labels[2:12, 2 : 2 + left + 20 + right] = 5
    window = slice(2, 12), slice(2 + left, 22 + left)
    return labels, window, np.ones((10, 20), bool)


@pytest.mark.parametrize(("right", "stays"), [(4, True), (3, False)])
def test_what_is_cut_off_is_an_object_if_it_is_large_enough(right, stays):
    assert CRUMB_PART * 200 == 40
    labels, window, claim = bar(6, right)
    change = placed(labels, window, claim, [])
    after = change.applied(labels)
    assert (after[2:12, 2:8] == 5).all()  # the larger part keeps the number
    assert (after[window] == 6).all()
    assert (after[2:12, 28 : 28 + right] == (7 if stays else 0)).all()
    assert change.objects == (6,)


def test_what_was_apart_before_stays():
    labels, window, claim = bar(6, 0)
    labels[2:5, 30:32] = 5
    labels = np.pad(labels, ((0, 0), (0, 4)))
    labels[2:5, 31:34] = 5
    after = placed(labels, window, claim, []).applied(labels)
    outside = np.ones(labels.shape, bool)
    outside[window] = False
    assert (after[outside] == labels[outside]).all()


@pytest.mark.parametrize(("left", "rim"), [(5, True), (7, False)])
def test_a_rim_is_less_deep_than_a_part_of_the_new_object(left, rim):
    """The new object is 20 px wide, 10 deep; a strip of 2 n - 1 columns is n deep."""
    labels = np.zeros((40, 60), np.int32)
    labels[5:25, 5 : 25 + 2 * left - 1] = 3
    window = slice(5, 25), slice(5, 25)
    assert RIM_DEPTH * 10 == 6
    assert leaves_a_rim(labels, 3, window, np.ones((20, 20), bool)) == rim


def test_numbers_beyond_their_type_are_found():
    labels = np.full((6, 6), 255, np.uint8)
    change = placed(labels, (slice(2, 4), slice(2, 4)), np.ones((2, 2), bool), [])
    assert change.objects == (256,)
    assert change.values.tolist() == [256] * 4
