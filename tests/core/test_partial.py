"""Labels that hold in a part of an image: what is known, what is beside it, what is scored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_wnet.core.metrics import evaluate_image
from napari_wnet.core.partial import countable, n_known, nearest_object, supervision
from napari_wnet.errors import ImageError
from scenes import cells

LABELS = cells(80, 9, seed=2)
TOP = np.zeros((80, 80), bool)
TOP[:40] = True


def test_with_neither_region_nor_ticks_everything_is_known():
    found = supervision(LABELS)
    assert found.known is None
    assert found.ring is None
    assert found.labels is LABELS


def test_within_a_region_labels_and_background_are_known_and_objects_stay_whole():
    found = supervision(LABELS, TOP)
    assert np.array_equal(found.known, TOP)
    assert found.ring is None
    touched = np.unique(LABELS[:40])
    assert np.array_equal(found.labels, np.where(np.isin(LABELS, touched), LABELS, 0))
    assert found.labels[40:].any()


def test_of_ticked_objects_only_their_own_pixels_are_known_and_the_ring_is_none_of_them():
    found = supervision(LABELS, done=[2, 5, 77], ring_px=3)
    ticked = np.isin(LABELS, [2, 5])
    assert np.array_equal(found.known, ticked)
    assert np.array_equal(found.labels, np.where(ticked, LABELS, 0))
    assert not (found.ring & ticked).any()
    rows, columns = np.nonzero(found.ring)
    own = np.argwhere(ticked)
    nearest = [np.hypot(*(own - place).T).min() for place in zip(rows, columns, strict=True)]
    assert 0 < min(nearest) <= max(nearest) <= 3
    assert (LABELS[found.ring] > 0).any()  # other objects' pixels too: beside is not background
    assert (LABELS[found.ring] == 0).any()


def test_a_region_and_ticks_add_up():
    ticked = int(LABELS[60:].max())
    found = supervision(LABELS, TOP, [ticked])
    assert np.array_equal(found.known, TOP | (ticked == LABELS))
    assert not (found.ring & found.known).any()


def test_nothing_ticked_is_nothing_known():
    found = supervision(LABELS, done=[])
    assert not found.known.any()
    assert not found.labels.any()
    assert found.ring is None


def test_a_region_of_another_size_is_refused():
    with pytest.raises(ImageError, match=r"region has shape \(3, 3\).*draw it on that image"):
        supervision(LABELS, np.ones((3, 3), bool))


def test_each_pixel_beside_is_given_the_nearest_object():
    labels = np.array([[1, 1, 0, 0, 0, 0, 2]])
    where = np.array([[False, False, True, True, False, True, False]])
    assert nearest_object(labels, where).tolist() == [[0, 0, 1, 1, 0, 2, 0]]
    assert not nearest_object(labels * 0, where).any()
    assert not nearest_object(labels, where & False).any()


@given(
    labels=arrays(np.int32, (5, 6), elements=st.integers(0, 4)), known=arrays(np.bool_, (5, 6), elements=st.booleans())
)
def test_objects_count_if_half_of_them_is_known(labels, known):
    counted = countable(labels, known)
    for number in range(1, 5):
        own = labels == number
        keeps = own.any() and known[own].mean() >= 0.5
        assert np.array_equal(counted == number, own & keeps)
    assert n_known(labels, known) == len(set(np.unique(counted)) - {0})


def test_where_all_is_known_all_counts():
    assert countable(LABELS, None) is LABELS
    assert np.array_equal(countable(LABELS, np.ones(LABELS.shape, bool)), LABELS)
    assert n_known(LABELS, None) == 9


def test_what_is_found_where_nobody_labelled_is_no_mistake():
    known = LABELS == 4
    right = evaluate_image(countable(np.where(known, LABELS, 0), known), countable(LABELS, known))
    assert (right.n_true, right.n_predicted, right.symmetric_best_dice) == (1, 1, 1.0)
    halves = np.where(known, 40 + (np.cumsum(known).reshape(known.shape) > known.sum() / 2), LABELS)
    split = evaluate_image(countable(np.where(known, LABELS, 0), known), countable(halves, known))
    assert split.n_predicted == 2  # within what is known a mistake counts
