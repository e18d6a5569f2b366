"""An outline becomes an object, and takes from others only what it was asked to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_wnet.core import edits
from napari_wnet.core.outlining import OTHERS, REPLACED_PART
from napari_wnet.core.prompts import Frame, Outline
from napari_wnet.errors import EditError
from scenes import cells, maps_of


def outline_of(mask, margin=5, sure=4.0) -> Outline:
    """Return the outline that somebody makes who knows the object."""
    rows, columns = np.nonzero(mask)
    side = int(max(np.ptp(rows), np.ptp(columns))) + 1 + 2 * margin
    frame = Frame(top=int(rows.min()) - margin, left=int(columns.min()) - margin, side=side)
    places = frame.places(mask.shape)
    own = mask[places[0][:, np.newaxis], places[1]] & frame.inside(mask.shape)
    return Outline(frame=frame, log_odds=np.where(own, sure, -sure).astype(np.float32))


def inner(mask):
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return int(row), int(column)


@pytest.fixture(scope="module")
def truth():
    return cells(64, 9, seed=4)


@pytest.mark.parametrize("number", range(1, 10))
def test_a_missed_object_is_made_as_it_is(truth, number):
    own = truth == number
    if not own.any():
        return
    labels = np.where(own, 0, truth)
    change = edits.outline_at(labels, outline_of(own), [inner(own)])
    after = change.applied(labels)
    np.testing.assert_array_equal(after == change.objects[0], ndimage.binary_fill_holes(own))
    np.testing.assert_array_equal(after[truth != number], truth[truth != number])


def test_without_leave_an_object_takes_nothing_from_others(truth):
    own = ndimage.binary_dilation(truth == 5, iterations=3)
    labels = np.where(truth == 5, 0, truth)
    change = edits.outline_at(labels, outline_of(own), [inner(truth == 5)])
    after = change.applied(labels)
    np.testing.assert_array_equal(after[labels > 0], labels[labels > 0])


def test_an_object_in_pieces_is_made_whole_and_keeps_a_number(truth):
    own = truth == 5
    labels = truth.copy()
    rows = np.nonzero(own)[0]
    half = own & (np.arange(64)[:, np.newaxis] > np.median(rows))
    labels[half] = 77
    change = edits.outline_at(labels, outline_of(own), [inner(own)], over=True)
    after = change.applied(labels)
    assert change.objects[0] in (5, 77)
    assert set(np.unique(after[own])) == {change.objects[0]}
    np.testing.assert_array_equal(after[~own], truth[~own])


def test_one_of_two_that_were_taken_for_one_is_parted_from_the_other(truth):
    near = ndimage.binary_dilation(truth == 5)
    other = next(n for n in np.unique(truth[near]).tolist() if n not in (0, 5))
    labels = np.where(truth == other, 5, truth)
    change = edits.outline_at(labels, outline_of(truth == other), [inner(truth == other)], over=True)
    after = change.applied(labels)
    np.testing.assert_array_equal(after == change.objects[0], truth == other)
    assert (after[truth == 5] == 5).all()


def test_what_is_done_gives_nothing_away(truth):
    own = ndimage.binary_dilation(truth == 5, iterations=3)
    labels = np.where(truth == 5, 0, truth)
    kept = [n for n in np.unique(labels).tolist() if n]
    after = edits.outline_at(labels, outline_of(own), [inner(truth == 5)], over=True, kept=kept).applied(labels)
    np.testing.assert_array_equal(after[labels > 0], labels[labels > 0])


def test_more_pixels_add_parts_that_do_not_hang_together():
    mask = np.zeros((30, 30), bool)
    mask[5:10, 5:10] = mask[20:25, 20:25] = True
    labels = np.zeros((30, 30), np.int32)
    outline = outline_of(mask)
    assert edits.outline_at(labels, outline, [(7, 7)]).n_pixels == 25
    assert edits.outline_at(labels, outline, [(7, 7), (22, 22)]).n_pixels == 50


def test_what_cannot_be_made_is_refused_with_a_remedy(truth):
    own = truth == 5
    outline = outline_of(own)
    with pytest.raises(EditError, match="Shift"):
        edits.outline_at(truth, outline, [inner(own)])
    with pytest.raises(EditError, match="done"):
        edits.outline_at(truth, outline, [inner(own)], over=True, kept=[5])
    with pytest.raises(EditError, match="outside"):
        edits.outline_at(truth, outline, [(99, 1)])
    nothing = Outline(frame=outline.frame, log_odds=np.full_like(outline.log_odds, -3))
    with pytest.raises(EditError, match="box"):
        edits.outline_at(np.zeros_like(truth), nothing, [inner(own)])


def test_a_box_is_filled_by_its_outline_rather_than_by_the_maps(truth):
    own = truth == 5
    rows, columns = np.nonzero(own)
    box = (int(rows.min()), int(columns.min())), (int(rows.max()), int(columns.max()))
    labels = np.where(own, 0, truth)
    change = edits.enclose(labels, None, box, outline=outline_of(own, margin=12))
    np.testing.assert_array_equal(change.applied(labels) == change.objects[0], ndimage.binary_fill_holes(own))


def test_clicks_in_each_part_split_by_what_speaks_for_each(truth):
    near = ndimage.binary_dilation(truth == 5)
    other = next(n for n in np.unique(truth[near]).tolist() if n not in (0, 5))
    labels = np.where(truth == other, 5, truth)
    outlines = [outline_of(truth == n, margin=20) for n in (5, other)]
    change = edits.split(labels, None, [inner(truth == 5), inner(truth == other)], outlines)
    after = change.applied(labels)
    np.testing.assert_array_equal(after == change.objects[0], truth == 5)
    np.testing.assert_array_equal(after == change.objects[1], truth == other)


def test_a_part_that_nobody_looked_at_goes_to_what_it_touches():
    labels = np.ones((10, 40), np.int32)
    odds = np.full((10, 10), 2.0, np.float32)
    outlines = [Outline(frame=Frame(top=0, left=left, side=10), log_odds=odds) for left in (0, 10)]
    change = edits.split(labels, None, [(5, 5), (5, 15)], outlines)
    after = change.applied(labels)
    assert (after > 0).all()
    assert (after[:, 20:] == change.objects[1]).all()


def test_what_grows_from_a_click_says_how_long_the_object_is(truth):
    own = truth == 5
    labels = np.where(own, 0, truth)
    maps = maps_of(truth, 0.05, seed=1, foreground=True)
    length = 1 + max(np.ptp(places) for places in np.nonzero(own))
    assert edits.expected_length(labels, maps, inner(own), 20.0) == pytest.approx(length, abs=2)
    assert edits.expected_length(labels, maps, inner(own), 2.0) == 6
    assert edits.expected_length(labels, None, inner(own), 7.0) == 7
    background = tuple(int(place) for place in np.argwhere(ndimage.distance_transform_edt(truth == 0) > 3)[0])
    assert edits.expected_length(labels, maps, background, 20.0) == 20


def test_a_box_around_one_of_two_leaves_the_other(truth):
    near = ndimage.binary_dilation(truth == 5)
    other = next(n for n in np.unique(truth[near]).tolist() if n not in (0, 5))
    labels = np.where(truth == other, 5, truth)
    own = truth == 5  # the larger: most of what was taken for one lies in its box
    rows, columns = np.nonzero(own)
    box = (int(rows.min()), int(columns.min())), (int(rows.max()), int(columns.max()))
    after = edits.enclose(labels, None, box, outline=outline_of(own, margin=20)).applied(labels)
    left = after[truth == other]
    assert (left == np.bincount(left).argmax()).mean() > 0.8
    assert np.bincount(left).argmax() not in (0, after[inner(own)])


def seen(odds) -> Outline:
    """Return the outline of a square image that was looked at as a whole."""
    return Outline(frame=Frame(top=0, left=0, side=len(odds)), log_odds=np.asarray(odds, np.float32))


def test_neighbours_keep_what_is_not_clearly_the_objects_and_pieces_within_it_do_not():
    odds = np.full((40, 40), -4.0)
    odds[5:25, 5:25] = 4
    labels = np.zeros((40, 40), np.int32)
    labels[5:9, 5:9] = 7  # wholly within, at a corner: no hole that is filled anyway
    labels[5:15, 19:39] = 8  # less than half within
    labels[15:25, 5:12] = 9  # what was clicked
    odds[5:25, 5:25][labels[5:25, 5:25] > 0] = OTHERS / 2
    odds[20:25, 5:12] = 4
    change = edits.outline_at(labels, seen(odds), [(22, 8)], over=True)
    after = change.applied(labels)
    expected = np.zeros((40, 40), bool)
    expected[5:25, 5:25] = True
    np.testing.assert_array_equal(after == change.objects[0], expected & (labels != 8))
    assert change.objects == (9,)
    assert ((after == 8) == (labels == 8)).all()
    assert 7 not in after


@pytest.mark.parametrize(("columns", "replaced"), [(10, True), (9, False)])
def test_an_object_is_replaced_if_half_of_it_is_the_new_ones_and_the_rest_a_rim(columns, replaced):
    """A strip of two rows, 20 px long, whose rest is too thin to be an object of its own."""
    assert REPLACED_PART * 20 == 10
    odds = np.full((40, 40), -4.0)
    odds[10:30, 5:20] = 4
    labels = np.zeros((40, 40), np.int32)
    labels[19:21, 20 - columns : 40 - columns] = 3
    change = edits.outline_at(labels, seen(odds), [(12, 7)], over=True)
    after = change.applied(labels)
    assert (after == change.objects[0]).sum() == 300
    assert change.objects == ((3,) if replaced else (4,))
    assert (after[19:21, 20 : 40 - columns] == (0 if replaced else 3)).all()


@pytest.mark.parametrize("away", [1, 2])
@pytest.mark.parametrize("way", [(-1, 0), (1, 0), (0, -1), (0, 1)])
def test_a_click_just_beside_the_outline_means_it_and_one_further_off_does_not(away, way):
    odds = np.full((30, 30), -4.0)
    odds[10:20, 10:20] = 4
    at = tuple(place + side * away for place, side in zip(
        [(10 if side < 0 else 19) if side else 14 for side in way], way, strict=True
    ))  # fmt: skip
    empty = np.zeros((30, 30), np.int32)
    if away == 1:
        assert edits.outline_at(empty, seen(odds), [at]).n_pixels == 100
    else:
        with pytest.raises(EditError, match="box"):
            edits.outline_at(empty, seen(odds), [at])


def test_a_click_on_what_was_not_looked_at_means_nothing():
    odds = np.full((10, 10), 4.0, np.float32)
    outline = Outline(frame=Frame(top=0, left=0, side=10), log_odds=odds)
    empty = np.zeros((30, 30), np.int32)
    for place in ((20, 5), (5, 20), (20, 20)):
        with pytest.raises(EditError, match="box"):
            edits.outline_at(empty, outline, [place])
    assert edits.outline_at(empty, outline, [(5, 5), (20, 5)]).n_pixels == 100
    with pytest.raises(EditError, match="outside"):
        edits.outline_at(empty, outline, [(5, 5), (5, 99)])


def test_pixels_of_no_odds_are_none_of_the_objects_and_holes_are():
    odds = np.full((20, 20), -4.0)
    odds[4:16, 4:16] = 3
    odds[15, 4:16], odds[8:10, 8:10] = 0, -2
    change = edits.outline_at(np.zeros((20, 20), np.int32), seen(odds), [(6, 6)])
    assert change.n_pixels == 11 * 12
