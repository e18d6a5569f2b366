"""The object that fills a box appears, whatever was there, and objects beside it keep what is theirs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_wnet.core import edits
from napari_wnet.core.clustering import BACKGROUND_DISTANCE
from napari_wnet.core.enclosing import (
    BEYOND,
    CONTRAST,
    GUESS,
    HIDDEN_PART,
    LEAST_CONTRAST,
    LIKE_INSIDE,
    LIKE_OUTSIDE,
    MARGIN_PART,
    MARGIN_PX,
    OFFSET,
    OTHERS,
    ROUND,
)
from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.prompts import Frame, Outline
from napari_wnet.errors import EditError
from scenes import cells, maps_of

steady = settings(deadline=None, derandomize=True, max_examples=40)


def box_of(mask):
    rows, columns = np.nonzero(mask)
    return (int(rows.min()), int(columns.min())), (int(rows.max()), int(columns.max()))


def iou(a, b) -> float:
    return (a & b).sum() / (a | b).sum()


def pieces(mask) -> int:
    return ndimage.label(mask, np.ones((3, 3)))[1]


@pytest.fixture(scope="module")
def truth():
    return cells(64, 9, seed=4)


@pytest.fixture(scope="module")
def pair(truth):
    """Two objects that touch, the first in the middle of the image."""
    near = ndimage.binary_dilation(truth == 5)
    return 5, next(n for n in np.unique(truth[near]).tolist() if n not in (0, 5))


# Any box, any scene


@st.composite
def drawn(draw: st.DrawFn):
    labels = cells(48, draw(st.integers(1, 9)), seed=draw(st.integers(0, 10**6)))
    maps = maps_of(labels, 0.15, seed=draw(st.integers(0, 10**6)), foreground=draw(st.booleans()))
    start = np.where(labels == draw(st.integers(0, 9)), 0, labels)
    (top, bottom), (left, right) = (
        sorted(draw(st.lists(st.integers(0, 47), min_size=2, max_size=2, unique=True))) for _ in range(2)
    )
    assume(bottom - top >= 2 and right - left >= 2)
    return start, maps, ((top, left), (bottom, right))


@given(drawn())
@steady
def test_one_connected_object_within_the_box_and_its_margin(scene):
    labels, maps, ((top, left), (bottom, right)) = scene
    before = labels.copy()
    change = edits.enclose(labels, maps, ((top, left), (bottom, right)))
    after = change.applied(labels)
    assert (labels == before).all()
    (number,) = change.objects
    assert pieces(after == number) == 1
    margin = max(MARGIN_PX, round(MARGIN_PART * max(bottom - top + 1, right - left + 1)))
    (first_row, first_column), (last_row, last_column) = box_of(after == number)
    assert first_row >= top - margin
    assert last_row <= bottom + margin
    assert first_column >= left - margin
    assert last_column <= right + margin


@given(drawn())
@steady
def test_objects_that_are_not_touched_stay_and_others_give_only(scene):
    labels, maps, box = scene
    change = edits.enclose(labels, maps, box)
    after = change.applied(labels)
    own = after == change.objects[0]
    touched = set(labels[after != labels].tolist()) - {0}
    for number in set(labels.ravel().tolist()) - {0, *change.objects}:
        assert not ((after == number) & (labels != number)).any()
        if number not in touched:
            assert ((after == number) == (labels == number)).all()
        elif (own & (labels == number)).any() and (after == number).any():
            assert pieces(after == number) == pieces(labels == number) == 1
    # Background turns into nothing but the new object.
    assert own[(labels == 0) & (after != 0)].all()


@given(drawn(), st.data())
@steady
def test_kept_objects_give_nothing(scene, data):
    labels, maps, box = scene
    numbers = sorted(set(labels.ravel().tolist()) - {0})
    kept = data.draw(st.lists(st.sampled_from(numbers), unique=True)) if numbers else []
    try:
        after = edits.enclose(labels, maps, box, kept=kept).applied(labels)
    except EditError as error:
        assert "done" in str(error)
        return
    for number in kept:
        assert ((after == number) == (labels == number)).all()


@given(drawn())
@steady
def test_the_corners_order_does_not_matter_nor_what_lies_far_away(scene):
    labels, maps, ((top, left), (bottom, right)) = scene
    first = edits.enclose(labels, maps, ((top, left), (bottom, right))).applied(labels)
    assert (edits.enclose(labels, maps, ((bottom, left), (top, right))).applied(labels) == first).all()
    padding = ((0, 90), (0, 120))
    assume(bottom < 40 and right < 40)  # what the frame cuts is not the same as what ends there
    wide = Maps(
        distance=np.pad(maps.distance, padding),
        embedding=np.moveaxis(np.pad(np.moveaxis(maps.embedding, 0, -1), (*padding, (0, 0))), -1, 0),
        foreground=None if maps.foreground is None else np.pad(maps.foreground, padding),
    )
    padded = np.pad(labels, padding)
    after = edits.enclose(padded, wide, ((top, left), (bottom, right))).applied(padded)
    assert (after[:48, :48] == first).all()
    assert not after[48:].any()


# What it is for


@pytest.mark.parametrize("foreground", [True, False])
@pytest.mark.parametrize("number", range(1, 10))
def test_a_missed_object_appears(truth, number, foreground):
    missing = np.where(truth == number, 0, truth)
    change = edits.enclose(missing, maps_of(truth, 0.1, foreground=foreground), box_of(truth == number))
    after = change.applied(missing)
    assert iou(after == change.objects[0], truth == number) > 0.85
    for other in set(range(1, 10)) - {number}:
        assert iou(after == other, truth == other) > 0.9


def test_a_faint_object_appears(truth):
    sure = maps_of(truth, 0.0)
    faint = Maps(
        distance=sure.distance, embedding=sure.embedding, foreground=(sure.foreground * 0.1).astype(np.float16)
    )
    empty = np.zeros_like(truth)
    assert iou(edits.enclose(empty, faint, box_of(truth == 5)).applied(empty) > 0, truth == 5) > 0.85


def test_where_the_maps_say_nothing_an_ellipse_appears():
    empty = np.zeros((60, 80), np.int32)
    maps = Maps.from_floats(np.zeros(empty.shape), np.ones((4, *empty.shape)), np.zeros(empty.shape))
    after = edits.enclose(empty, maps, ((20, 20), (39, 59))).applied(empty)
    rows, columns = np.mgrid[:60, :80]
    ellipse = ((rows - 29.5) / 10) ** 2 + ((columns - 39.5) / 20) ** 2 <= 1
    assert iou(after > 0, ellipse) > 0.85


def test_what_is_seen_elsewhere_in_the_box_is_not_taken_for_its_object():
    empty = np.zeros((60, 60), np.int32)
    other = np.zeros_like(empty)
    other[8:22, 8:22] = 1
    after = edits.enclose(empty, maps_of(other, 0.0), ((10, 10), (49, 49))).applied(empty)
    (top, left), (bottom, right) = box_of(after > 0)
    assert bottom - top > 25
    assert right - left > 25


def test_torn_pieces_become_the_largest(truth):
    rows = np.arange(64)[:, np.newaxis]
    (top, _), (bottom, _) = box_of(truth == 5)
    torn = np.where((truth == 5) & (rows < top + 0.3 * (bottom - top)), 20, truth)
    change = edits.enclose(torn, maps_of(truth, 0.1), box_of(truth == 5))
    after = change.applied(torn)
    assert change.objects == (5,)
    assert 20 not in after
    assert iou(after == 5, truth == 5) > 0.85


@pytest.mark.parametrize("grow", [True, False])
def test_an_outline_that_is_too_large_or_too_small_is_put_right(truth, grow):
    free = np.where(truth == 5, truth, 0)
    mask = truth == 5
    poor = ndimage.binary_dilation(mask, iterations=3) if grow else ndimage.binary_erosion(mask, iterations=3)
    change = edits.enclose(np.where(poor, 5, 0).astype(np.int32), maps_of(free, 0.1), box_of(mask))
    assert change.objects == (5,)
    assert iou(change.applied(np.where(poor, 5, 0)) == 5, mask) > 0.85


def test_a_merged_neighbour_keeps_the_rest(truth, pair):
    one, other = pair
    third = next(n for n in range(1, 10) if n not in pair and pieces(np.isin(truth, [*pair, n])) == 1)
    merged = edits.merge(truth, [other, one, third]).applied(truth)
    change = edits.enclose(merged, maps_of(truth, 0.1), box_of(truth == one))
    after = change.applied(merged)
    assert iou(after == change.objects[0], truth == one) > 0.85
    rest = np.isin(truth, [other, third])
    assert iou((after == other) | (after > truth.max()) & (after != change.objects[0]), rest) > 0.85
    assert pieces(after == other) == 1


def test_a_border_in_the_wrong_place_moves(truth, pair):
    one, other = pair
    wrong = np.where(ndimage.binary_dilation(truth == other, iterations=4) & (truth == one), other, truth)
    assert iou(wrong == one, truth == one) < 0.88
    change = edits.enclose(wrong, maps_of(truth, 0.0), box_of(truth == one))
    after = change.applied(wrong)
    assert change.objects == (one,)
    assert iou(after == one, truth == one) > 0.9
    assert iou(after == other, truth == other) > iou(wrong == other, truth == other)


def test_what_is_cut_off_becomes_an_object_and_crumbs_go():
    bar = np.zeros((40, 120), np.int32)
    bar[12:28, 5:115] = 3
    truth = bar.copy()
    truth[12:28, 50:70] = 4
    maps = maps_of(truth, 0.0)
    after = edits.enclose(bar, maps, ((12, 50), (27, 69))).applied(bar)
    numbers = [after[20, place] for place in (20, 60, 100)]
    assert 3 in (numbers[0], numbers[2])
    assert len(set(numbers)) == 3
    assert 0 not in numbers
    short = bar.copy()
    short[:, 72:] = 0  # two columns are left beyond the new object
    truth[:, 72:] = 0
    crumbs = edits.enclose(short, maps_of(truth, 0.0), ((12, 50), (27, 69))).applied(short)
    assert len(np.unique(crumbs)) == 3


# What is refused


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (((70, 70), (90, 90)), "outside"),
        (((-9, 3), (-2, 30)), "outside"),
        (((5, 5), (6, 30)), "larger box"),
        (((-10, 5), (1, 30)), "larger box"),
    ],
)
def test_boxes_that_hold_nothing_are_refused(truth, box, message):
    with pytest.raises(EditError, match=message):
        edits.enclose(truth, maps_of(truth), box)


def test_a_box_may_go_beyond_the_frame(truth):
    maps = maps_of(truth)
    first = edits.enclose(truth, maps, ((0, 0), (15, 15))).applied(truth)
    assert (edits.enclose(truth, maps, ((-4, -9), (15, 15))).applied(truth) == first).all()


def test_where_all_is_done_nothing_is_left_to_take():
    full = np.ones((20, 20), np.int32)
    with pytest.raises(EditError, match="done"):
        edits.enclose(full, maps_of(full), ((5, 5), (14, 14)), kept={1})


def test_without_maps_the_ellipse_appears_and_neighbours_keep_their_pixels():
    labels = np.zeros((60, 60), np.int32)
    labels[10:50, 30:55] = 3
    made = edits.enclose(labels, None, ((15, 8), (44, 33))).applied(labels)
    rows, columns = np.mgrid[:60, :60]
    ellipse = ((rows - 29.5) / 15) ** 2 + ((columns - 20.5) / 13) ** 2 <= 1
    assert (made[labels == 3] == 3).mean() > 0.95
    assert iou(made == 4, ellipse & (labels == 0)) > 0.85


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_labels_of_any_integer_type_and_number_are_taken(truth, dtype):
    large = np.where(truth == 1, np.iinfo(dtype).max if dtype == np.uint8 else 30_000, truth).astype(dtype)
    box = box_of(truth == 2)
    change = edits.enclose(np.where(truth == 2, 0, large).astype(dtype), maps_of(truth), box)
    assert change.objects[0] == int(large.max()) + 1


# The rule without maps, pixel by pixel


def ellipse_of(box, shape):
    """Return how far pixels lie from the middle of the ellipse in a box, 1 on it; at the frame it goes on beyond."""
    across = []
    for axis, length in enumerate(shape):
        low, high = box[0][axis], box[1][axis] + 1
        hidden = HIDDEN_PART * (high - low)
        low, high = low - hidden * (low == 0), high + hidden * (high == length)
        across.append((2 * (np.arange(length) + 0.5) - low - high) / (high - low))
    return np.hypot(across[0][:, np.newaxis], across[1])


@pytest.mark.parametrize(
    "box",
    [((10, 8), (29, 39)), ((5, 20), (24, 25)), ((0, 10), (14, 30)), ((20, 0), (40, 11)), ((30, 10), (49, 35)),
     ((12, 40), (30, 59)), ((0, 0), (20, 17))],
)  # fmt: skip
def test_without_maps_the_object_is_exactly_the_ellipse_in_the_box(box):
    empty = np.zeros((50, 60), np.int32)
    radius = ellipse_of(box, empty.shape)
    rows, columns = np.mgrid[:50, :60]
    beyond = np.maximum.reduce(
        [box[0][0] - rows, rows - box[1][0], box[0][1] - columns, columns - box[1][1], np.zeros_like(rows)]
    )
    expected = ROUND * (1 - radius) > BEYOND * beyond
    change = edits.enclose(empty, None, box)
    assert change.objects == (1,)
    np.testing.assert_array_equal(change.applied(empty) == 1, expected)


def test_a_neighbour_gives_only_what_is_far_inside():
    labels = np.zeros((40, 60), np.int32)
    labels[:, 30:] = 7
    box = ((8, 12), (31, 35))
    radius = ellipse_of(box, labels.shape)
    after = edits.enclose(labels, None, box).applied(labels)
    inside = ROUND * (1 - radius) - OTHERS * (labels == 7) > 0
    assert (inside & (labels == 7)).any()
    np.testing.assert_array_equal(after == 8, inside)


@pytest.mark.parametrize("n_columns", [10, 11])
def test_what_lies_mostly_in_the_box_is_no_neighbour(n_columns):
    """Of twenty columns, ten in the box are not most of it; the middle of the box is somewhere else."""
    labels = np.zeros((41, 70), np.int32)
    labels[8:33, 30:50] = 3
    box = ((8, 9), (32, 29 + n_columns))
    radius = ellipse_of(box, labels.shape)
    change = edits.enclose(labels, None, box)
    inside = ROUND * (1 - radius) - OTHERS * (labels == 3) * (n_columns == 10) > 0
    assert change.objects == ((4,) if n_columns == 10 else (3,))
    np.testing.assert_array_equal(change.applied(labels) == change.objects[0], inside)


@pytest.mark.parametrize("side", [2, 3])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_box_has_three_pixels_a_side_at_least(side, axis):
    empty = np.zeros((30, 30), np.int32)
    end = [24, 24]
    end[axis] = 10 + side - 1
    if side < 3:
        with pytest.raises(EditError, match="larger box"):
            edits.enclose(empty, None, ((10, 10), tuple(end)))
    else:
        assert edits.enclose(empty, None, ((10, 10), tuple(end))).n_pixels > 20


@pytest.mark.parametrize(("box", "refused"), [
    (((5, -6), (15, -1)), True), (((5, -6), (15, 0)), False), (((30, 5), (40, 15)), True), (((5, 30), (15, 40)), True),
])  # fmt: skip
def test_a_box_beside_the_image_is_refused_as_outside(box, refused):
    empty = np.zeros((30, 30), np.int32)
    with pytest.raises(EditError, match="outside" if refused else "too small"):
        edits.enclose(empty, None, box)


@pytest.mark.parametrize("foreground", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_with_maps_the_log_odds_are_those_that_were_fitted(seed, foreground):
    """Pixel by pixel: the place in the box, and what the maps say, compared with both sides of the ellipse."""
    labels = cells(48, 9, seed=seed)
    maps = maps_of(labels, 0.1, seed=seed, foreground=foreground)
    number = int(labels[24, 24]) or 5
    box = box_of(labels == number)
    (top, left), (bottom, right) = box
    margin = max(MARGIN_PX, round(MARGIN_PART * max(bottom - top + 1, right - left + 1)))
    rows, columns = (slice(max(0, a - margin), min(48, b + 1 + margin)) for a, b in ((top, bottom), (left, right)))
    radius = ellipse_of(box, labels.shape)
    inside = 1 / (1 + np.exp(-GUESS * (1 - radius)))
    presence = np.clip(maps.distance.astype(float) / (2 * BACKGROUND_DISTANCE), 0, 1)
    if foreground:
        presence = maps.foreground.astype(float)
    vectors = np.moveaxis(maps.embedding, 0, -1).astype(float) / UNIT
    means, likeness = [], []
    for weight in (inside[rows, columns], 1 - inside[rows, columns]):
        means.append((weight * presence[rows, columns]).sum() / weight.sum())
        towards = (weight[..., np.newaxis] * vectors[rows, columns]).sum(axis=(0, 1))
        likeness.append(vectors @ (towards / np.linalg.norm(towards)))
    contrast = (presence - (means[0] + means[1]) / 2) / (abs(means[0] - means[1]) + LEAST_CONTRAST)
    y, x = np.mgrid[:48, :48]
    beyond = np.maximum.reduce([top - y, y - bottom, left - x, x - right, np.zeros_like(y)])
    odds = ROUND * (1 - radius) - BEYOND * beyond + OFFSET
    odds += CONTRAST * contrast + LIKE_INSIDE * likeness[0] + LIKE_OUTSIDE * likeness[1]
    seen = np.zeros(labels.shape, bool)
    seen[rows, columns] = True
    parts, _ = ndimage.label((odds > 0) & seen, np.ones((3, 3)))
    expected = ndimage.binary_fill_holes(parts == np.bincount(parts.ravel())[1:].argmax() + 1)
    empty = np.zeros_like(labels)
    made = edits.enclose(empty, maps, box).applied(empty) == 1
    sure = ~ndimage.binary_dilation(np.abs(odds) < 0.02, iterations=1)
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(made[sure], expected[sure])


def test_what_is_in_the_middle_of_the_box_is_no_neighbour_however_much_there_is_of_another():
    labels = np.zeros((70, 70), np.int32)
    labels[2:68, 30:39], labels[2:68, 41:60] = 4, 6
    box = ((23, 23), (46, 46))
    after = edits.enclose(labels, None, box).applied(labels)
    radius = ellipse_of(box, labels.shape)
    np.testing.assert_array_equal(after == 7, ROUND * (1 - radius) - OTHERS * (labels == 6) > 0)


def test_of_several_parts_the_one_in_the_middle_is_the_object_not_the_largest_at_the_rim():
    odds = np.full((40, 40), -3, np.float32)
    odds[19:22, 19:22] = 2
    odds[10:30, 29] = odds[10:30, 30] = 2  # beside the ellipse, and four times as large
    outline = Outline(frame=Frame(top=0, left=0, side=40), log_odds=odds)
    empty = np.zeros((40, 40), np.int32)
    after = edits.enclose(empty, None, ((10, 10), (30, 30)), outline=outline).applied(empty)
    assert (after[19:22, 19:22] == 1).all()
    assert (after == 1).sum() == 9


def test_an_outline_in_which_there_is_nothing_leaves_the_ellipse_and_what_is_kept_cuts_it():
    outline = Outline(frame=Frame(top=0, left=0, side=40), log_odds=np.full((40, 40), -3, np.float32))
    labels = np.zeros((40, 40), np.int32)
    labels[:, 25:] = 2
    box = ((10, 10), (29, 29))
    after = edits.enclose(labels, None, box, kept=[2], outline=outline).applied(labels)
    np.testing.assert_array_equal(after == 3, (ellipse_of(box, labels.shape) <= 1) & (labels == 0))
    assert (after[labels == 2] == 2).all()
