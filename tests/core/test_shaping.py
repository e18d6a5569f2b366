"""Outlines are changed by a pixel, smoothed or filled, and no other object notices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_wnet.core import shaping
from napari_wnet.errors import EditError
from scenes import cells

EDITS = (shaping.fill_object, shaping.smooth_object, shaping.grow_object, shaping.shrink_object)


@given(st.integers(1, 8), st.integers(0, 10**6), st.sampled_from(EDITS))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_no_other_object_gives_or_gets_a_pixel(count, seed, edit):
    labels = cells(32, count, seed=seed)
    number = int(labels.max())
    try:
        after = edit(labels, number).applied(labels)
    except EditError:
        return
    assert (after != labels).any()
    for other in set(labels.ravel().tolist()) - {0, number}:
        assert ((after == other) == (labels == other)).all()


def test_growing_and_shrinking_are_one_pixel():
    labels = np.zeros((20, 20), np.int32)
    labels[5:12, 6:14] = 2
    grown = shaping.grow_object(labels, 2).applied(labels)
    assert ((grown == 2) == ndimage.binary_dilation(labels == 2)).all()
    shrunk = shaping.shrink_object(labels, 2).applied(labels)
    assert ((shrunk == 2) == ndimage.binary_erosion(labels == 2)).all()


def test_the_frame_is_no_rim():
    labels = np.zeros((20, 20), np.int32)
    labels[:8, :] = 1
    shrunk = shaping.shrink_object(labels, 1).applied(labels)
    assert (shrunk[:7] == 1).all()
    assert not shrunk[7:].any()


def test_nothing_is_left_without_being_asked():
    labels = np.zeros((9, 9), np.int32)
    labels[3:5, 3:5] = 1
    with pytest.raises(EditError, match="delete"):
        shaping.shrink_object(labels, 1)
    labels[:] = 2
    with pytest.raises(EditError, match="free"):
        shaping.grow_object(labels, 2)
    with pytest.raises(EditError, match="hole"):
        shaping.fill_object(labels, 2)
    with pytest.raises(EditError, match="smooth"):
        shaping.smooth_object(labels, 2)
    with pytest.raises(EditError, match="no object 5"):
        shaping.grow_object(labels, 5)


def test_holes_are_filled_around_what_lives_in_them():
    labels = np.zeros((20, 20), np.int32)
    labels[3:17, 3:17] = 1
    labels[6:14, 6:14] = 0
    labels[9:11, 9:11] = 2
    after = shaping.fill_object(labels, 1).applied(labels)
    assert (after[9:11, 9:11] == 2).all()
    assert (after[3:17, 3:17] > 0).all()


def test_smoothing_takes_whiskers_and_keeps_the_bulk():
    y, x = np.mgrid[:60, :60]
    disc = (y - 30) ** 2 + (x - 30) ** 2 < 15**2
    labels = disc.astype(np.int32)
    labels[30, 45:58] = 1
    labels[20:22, 28:30] = 0
    after = shaping.smooth_object(labels, 1).applied(labels) == 1
    assert not after[30, 50:].any()
    assert after[20:22, 28:30].all()
    assert (after ^ disc).sum() < 0.05 * disc.sum()
