"""Edits do what a click means, to the clicked object and to nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_wnet.core import edits
from napari_wnet.core.adding import FAR_FROM_USUAL, LEAST_LIKELY, RELATIVE_LEVEL
from napari_wnet.core.clustering import BACKGROUND_DISTANCE
from napari_wnet.core.cutting import END_PART, END_PX, LEAST_PART_PX, MOST_PART
from napari_wnet.core.maps import Maps
from napari_wnet.core.parting import part
from napari_wnet.core.seeding import seed_points
from napari_wnet.errors import EditError
from napari_wnet.params import EditParams
from scenes import cells, maps_of

steady = settings(deadline=None, derandomize=True, max_examples=40)


@st.composite
def scene(draw: st.DrawFn, least: int = 2):
    labels = cells(draw(st.sampled_from([32, 48])), draw(st.integers(least, 9)), seed=draw(st.integers(0, 10**6)))
    maps = maps_of(labels, draw(st.sampled_from([0.0, 0.15])), seed=draw(st.integers(0, 10**6)))
    return labels, maps


def centre(labels, number):
    return tuple(int(place) for place in seed_points(np.where(labels == number, 1, 0))[0])


def iou(a, b) -> float:
    return (a & b).sum() / (a | b).sum()


def pieces(mask) -> int:
    return ndimage.label(mask, np.ones((3, 3)))[1]


# Every edit


@given(scene(), st.data())
@steady
def test_a_change_touches_what_it_says_and_can_be_taken_back(scene, data):
    labels, maps = scene
    numbers = sorted(set(labels.ravel().tolist()) - {0})
    number = data.draw(st.sampled_from(numbers))
    made = [
        edits.delete(labels, number),
        edits.merge(labels, numbers[:2]),
        edits.add(np.where(labels == number, 0, labels), maps, centre(labels, number)),
    ]
    starts = [labels, labels, np.where(labels == number, 0, labels)]
    for change, start in zip(made, starts, strict=True):
        before = start.copy()
        after = change.applied(start)
        assert (start == before).all()  # nothing is changed in place
        differ = np.argwhere(after != start)
        assert len(differ) == change.n_pixels
        assert {tuple(place) for place in differ.tolist()} == set(zip(change.rows, change.columns, strict=True))
        after[change.rows, change.columns] = start[change.rows, change.columns]
        assert (after == start).all()


# Add


@given(scene(), st.data())
@steady
def test_a_missing_object_grows_from_a_click_in_it(scene, data):
    labels, maps = scene
    number = data.draw(st.sampled_from(sorted(set(labels.ravel().tolist()) - {0})))
    missing = np.where(labels == number, 0, labels)
    change = edits.add(missing, maps, centre(labels, number))
    after = change.applied(missing)
    (new,) = change.objects
    assert new not in missing
    assert iou(after == new, labels == number) > 0.8
    assert (after[missing > 0] == missing[missing > 0]).all()  # nobody else loses a pixel
    assert pieces(after == new) == 1


def test_the_same_object_grows_whatever_surrounds_the_window():
    labels = np.zeros((200, 220), np.int32)
    labels[10:190, 20:200] = 1  # larger than the first window by far
    maps = maps_of(labels)
    change = edits.add(np.zeros_like(labels), maps, (100, 100))
    assert iou(change.applied(np.zeros_like(labels)) > 0, labels > 0) > 0.95


def test_growing_over_other_objects_only_where_it_is_meant():
    truth = np.zeros((40, 40), np.int32)
    truth[8:32, 8:32] = 1
    maps = maps_of(truth, 0.0)
    taken = np.zeros_like(truth)
    taken[8:32, 8:20] = 5
    with pytest.raises(EditError, match="Shift"):
        edits.add(taken, maps, (20, 12))
    beside = edits.add(taken, maps, (20, 26)).applied(taken)
    assert (beside[8:32, 8:20] == 5).all()
    over = edits.add(taken, maps, (20, 12), over=True).applied(taken)
    assert (over[truth == 1] == 6).all()
    assert 5 not in over


def test_the_angle_bounds_a_new_object():
    truth = np.ones((30, 60), np.int32)
    vectors = np.zeros((30, 60, 4))
    turn = np.radians(np.linspace(0, 90, 60))  # slowly from one direction to another
    vectors[..., 0], vectors[..., 1] = np.cos(turn), np.sin(turn)
    maps = Maps.from_floats(np.full(truth.shape, 0.5), np.moveaxis(vectors, -1, 0), np.ones(truth.shape))
    empty = np.zeros_like(truth)
    areas = [edits.add(empty, maps, (15, 2), EditParams(angle=angle)).n_pixels for angle in (10, 30, 60)]
    assert areas[0] < areas[1] < areas[2]


def test_where_the_network_doubts_an_object_it_still_grows_but_not_from_nothing():
    truth = np.zeros((40, 40), np.int32)
    truth[10:30, 10:30] = 1
    sure = maps_of(truth, 0.0)
    faint = Maps(
        distance=sure.distance, embedding=sure.embedding, foreground=(sure.foreground * 0.3).astype(np.float16)
    )
    empty = np.zeros_like(truth)
    assert iou(edits.add(empty, faint, (20, 20)).applied(empty) > 0, truth > 0) > 0.8
    with pytest.raises(EditError, match="brush"):
        edits.add(empty, faint, (3, 3))


def test_a_model_without_a_foreground_head_grows_too():
    truth = cells(40, 4, seed=3)
    maps = maps_of(truth, 0.0, foreground=False)
    empty = np.zeros_like(truth)
    number = int(truth.max())
    grown = edits.add(empty, maps, centre(truth, number)).applied(empty) > 0
    assert iou(grown, truth == number) > 0.7


# Split and merge


@given(scene(), st.data())
@steady
def test_splitting_what_was_merged_gives_it_back(scene, data):
    labels, maps = scene
    a = data.draw(st.sampled_from(sorted(set(labels.ravel().tolist()) - {0})))
    near = ndimage.binary_dilation(labels == a, iterations=2)
    beside = sorted(set(labels[near].tolist()) - {0, a})
    if not beside:
        return
    b = beside[0]
    merged = edits.merge(labels, (a, b)).applied(labels)
    assert b not in merged
    change = edits.split(merged, maps, [centre(labels, a), centre(labels, b)])
    after = change.applied(merged)
    assert change.objects[0] == a  # the part clicked first keeps its number
    assert iou(after == a, labels == a) > 0.75
    assert iou(after == change.objects[1], labels == b) > 0.75
    others = ~np.isin(labels, (a, b))
    assert (after[others] == labels[others]).all()


def test_a_split_needs_no_maps():
    labels = np.zeros((30, 60), np.int32)
    y, x = np.mgrid[:30, :60]
    for column in (16, 42):
        labels[(y - 15) ** 2 + (x - column) ** 2 < 196] = 3
    after = edits.split(labels, None, [(15, 16), (15, 42)]).applied(labels)
    assert iou(after == 3, (x < 29) & (labels > 0)) > 0.9
    assert iou(after == 4, (x >= 29) & (labels > 0)) > 0.9


def test_parts_hang_together_and_cover_the_object():
    rng = np.random.default_rng(0)
    mask = ndimage.binary_opening(rng.random((40, 40)) < 0.9, iterations=1)
    mask = ndimage.label(mask)[0] == 1
    vectors = rng.standard_normal((40, 40, 4)).astype(np.float32) * 2048
    points = [tuple(place) for place in np.argwhere(mask)[[5, 300, 900]].tolist()]
    parts = part(mask, (rng.random((40, 40)), vectors), points)
    assert ((parts > 0) == mask).all()
    assert [parts[point] for point in points] == [1, 2, 3]
    assert all(pieces(parts == number) == 1 for number in (1, 2, 3))


def test_a_piece_that_no_click_can_reach_goes_to_the_nearest_part():
    mask = np.zeros((10, 40), bool)
    mask[2:8, 2:20] = True
    mask[2:8, 30:38] = True  # torn off
    parts = part(mask, None, [(5, 4), (5, 17)])
    assert (parts[2:8, 30:38] == 2).all()


@pytest.mark.parametrize("points", [[(5, 5)], [(5, 5), (5, 5)], [(5, 5), (5, 25)], [(5, 5), (0, 0)], [(5, 5), (99, 5)]])
def test_clicks_that_split_nothing_are_explained(points):
    labels = np.zeros((12, 40), np.int32)
    labels[2:10, 2:12], labels[2:10, 20:30] = 1, 2
    with pytest.raises(EditError):
        edits.split(labels, None, points)


def test_clicks_that_merge_or_delete_nothing_are_explained():
    labels = np.zeros((12, 12), np.int32)
    labels[2:5, 2:5] = 7
    for numbers in ([], [7], [7, 7]):
        with pytest.raises(EditError, match="two of them"):
            edits.merge(labels, numbers)
    with pytest.raises(EditError, match="There is no object 3"):
        edits.delete(labels, 3)
    with pytest.raises(EditError, match="click on one"):
        edits.object_at(labels, (0, 0))
    with pytest.raises(EditError, match="outside"):
        edits.object_at(labels, (-1, 4))


def test_a_drag_meets_objects_in_their_order():
    labels = np.zeros((10, 60), np.int32)
    labels[:, 5:15], labels[:, 20:30], labels[:, 40:50] = 4, 9, 2
    assert edits.objects_along(labels, (5, 1), (2, 58)) == (4, 9, 2)
    assert edits.objects_along(labels, (2, 58), (5, 1)) == (2, 9, 4)
    assert edits.objects_along(labels, (5, 25), (5, 25)) == (9,)
    assert edits.objects_along(labels, (5, 45), (300, 45)) == (2,)  # the end is outside


# Angle here


def test_turning_the_angle_to_and_fro_ends_where_it_began():
    truth = np.zeros((60, 60), np.int32)
    truth[10:50, 10:50] = 1
    maps = maps_of(truth, 0.3, seed=4)
    empty = np.zeros_like(truth)
    labels = edits.add(empty, maps, (30, 30), EditParams(angle=60)).applied(empty)
    core = edits.core_of(labels, maps, 1)
    small = edits.regrow(labels, maps, core, EditParams(angle=12)).applied(labels)
    large = edits.regrow(small, maps, core, EditParams(angle=80)).applied(small)
    again = edits.regrow(large, maps, core, EditParams(angle=12)).applied(large)
    assert 0 < (small == 1).sum() < (large == 1).sum()
    assert (small == again).all()


def test_growing_again_takes_nothing_from_others():
    labels = cells(48, 6, seed=2)
    maps = maps_of(labels, 0.2, seed=1)
    number = int(labels.max())
    core = edits.core_of(labels, maps, number)
    after = edits.regrow(labels, maps, core, EditParams(angle=90, foreground_threshold=0)).applied(labels)
    others = (labels > 0) & (labels != number)
    assert (after[others] == labels[others]).all()


# Cut


@given(scene(), st.integers(0, 40), st.integers(0, 40))
@steady
def test_a_cut_parts_what_it_crosses_and_nothing_else(scene, top, bottom):
    labels, _ = scene
    path = [(-1, min(top, labels.shape[1])), (labels.shape[0], min(bottom, labels.shape[1]))]
    try:
        change = edits.cut(labels, path)
    except EditError:
        return
    after = change.applied(labels)
    assert ((after > 0) == (labels > 0)).all()
    made = set(change.objects)
    assert len(made) >= 2
    assert all(pieces(after == number) == 1 for number in made - set(np.unique(labels)))
    for number in set(labels.ravel().tolist()) - made - {0}:
        assert ((after == number) == (labels == number)).all()


def test_a_cut_follows_the_line_and_may_stop_short():
    labels = np.zeros((40, 40), np.int32)
    labels[5:35, 5:35] = 4
    after = edits.cut(labels, [(7, 15), (20, 15), (33, 25)]).applied(labels)
    assert set(np.unique(after)) == {0, 4, 5}
    assert (after[6:20, 5:14] == after[6, 6]).all()
    assert (after[6:20, 17:35] == after[6, 30]).all()
    assert after[6, 6] != after[6, 30]
    areas = np.bincount(after.ravel())
    assert areas[4] >= areas[5]  # the larger part keeps its number


def test_a_cut_goes_on_to_an_edge_that_is_near():
    labels = np.zeros((40, 40), np.int32)
    labels[5:35, 5:35] = 4
    after = edits.cut(labels, [(12, 20), (28, 20)]).applied(labels)  # 7 px short at both ends, of 16
    assert after[6, 6] != after[6, 34]
    assert np.bincount(after.ravel())[4:].min() > 400
    with pytest.raises(EditError, match="edge to edge"):
        edits.cut(labels, [(16, 20), (24, 20)])


def test_a_line_that_cuts_nothing_is_explained():
    labels = np.zeros((40, 40), np.int32)
    labels[5:35, 5:35] = 4
    with pytest.raises(EditError, match="edge to edge"):
        edits.cut(labels, [(15, 15), (20, 20)])
    with pytest.raises(EditError, match="no object"):
        edits.cut(labels, [(1, 1), (1, 30)])


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("beyond", [6, 7])
def test_how_far_a_cut_goes_on_is_a_part_of_its_length(turned, backwards, beyond):
    """A line of 12 px goes on over 6 more pixels of the object; a seventh holds its sides together."""
    assert MOST_PART * 12 == 6
    labels = np.zeros((60, 30), np.int32)
    labels[10 : 10 + 13 + 2 * beyond, 4:26] = 4
    path = [(10 + beyond, 15), (10 + beyond + 12, 15)]
    if backwards:
        path.reverse()
    if turned:
        labels, path = labels.T, [(column, row) for row, column in path]
    if beyond == 7:
        with pytest.raises(EditError, match="edge to edge"):
            edits.cut(labels, path)
        return
    after = edits.cut(labels, path).applied(labels)
    assert sorted(np.unique(after).tolist()) == [0, 4, 5]
    assert after[(20, 5) if not turned else (5, 20)] != after[(20, 25) if not turned else (25, 20)]


@pytest.mark.parametrize("gap", [3, 4, 5, 6])
def test_a_line_that_ends_on_the_ground_goes_on_by_a_little(gap):
    """Of 20 px, beyond each end by 5 more: what begins there is cut too, up to its far side if it is that near."""
    reach = END_PX + END_PART * 20
    assert reach == 5
    labels = np.zeros((50, 31), np.int32)
    labels[4:20, 5:26] = 1  # crossed
    labels[25 + gap, 5:26] = 2  # one row
    path = [(5, 15), (25, 15)]
    after = edits.cut(labels, path).applied(labels)
    assert after[10, 5] != after[10, 25]
    assert (after[25 + gap, 5] != after[25 + gap, 25]) == (gap <= reach)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_line_that_has_reached_the_edge_cuts_nothing_beyond(backwards):
    """The edge is 3 px beyond, which the little by which any line goes on covers; half its length is not needed."""
    labels = np.zeros((60, 31), np.int32)
    labels[16:44, 5:26] = 1
    labels[10:12, 5:26], labels[48:50, 5:26] = 2, 3
    path = [(20, 15), (40, 15)]
    after = edits.cut(labels, path[::-1] if backwards else path).applied(labels)
    assert set(np.unique(after[labels == 1])) == {1, 4}
    assert (after[labels > 1] == labels[labels > 1]).all()


def test_a_line_without_length_goes_nowhere():
    labels = np.zeros((9, 9), np.int32)
    labels[3:6, 4] = 1
    with pytest.raises(EditError, match="edge to edge"):
        edits.cut(labels, [(4, 4), (4, 4)])
    labels[4, 0:9] = 1
    labels[3], labels[5] = 0, 0
    with pytest.raises(EditError, match="edge to edge"):
        edits.cut(labels, [(4, 2), (4, 2)])  # what is left of it is too small to be a part


@pytest.mark.parametrize("rows", [1, 2])
def test_crumbs_beside_a_cut_are_no_parts(rows):
    labels = np.zeros((30, 30), np.int32)
    labels[10:20, 10:20] = 3
    labels[10 : 10 + rows, 20:23] = 3
    assert 1 * 3 < LEAST_PART_PX < 2 * 3
    cut = [(4, 20), (26, 20)]
    if rows == 1:
        with pytest.raises(EditError, match="edge to edge"):
            edits.cut(labels, cut)
    else:
        labels[10:12, 20:24] = 3
        after = edits.cut(labels, cut).applied(labels)
        assert set(after[10:12, 21:24].ravel().tolist()) == {4}


def test_a_cut_gives_new_numbers_in_the_order_of_sizes_and_objects():
    labels = np.zeros((30, 60), np.int32)
    labels[5:25, 5:25], labels[5:25, 30:50] = 8, 2
    change = edits.cut(labels, [(15, 0), (15, 57)])
    assert change.objects == (8, 9, 2, 10)
    after = change.applied(labels)
    for number, new in ((8, 9), (2, 10)):
        assert sorted(np.unique(after[labels == number]).tolist()) == sorted([number, new])
        areas = np.bincount(after[labels == number], minlength=new + 1)
        assert areas[number] >= areas[new] > 150


# What counts as an object's pixel


def flat_maps(foreground, distance=None) -> Maps:
    """Return maps of one direction everywhere."""
    vectors = np.zeros((4, *foreground.shape))
    vectors[0] = 1
    return Maps.from_floats(np.ones(foreground.shape) if distance is None else distance, vectors, foreground)


@pytest.mark.parametrize(("likely", "threshold", "grows"), [
    (LEAST_LIKELY + 0.01, 0.5, True),
    (LEAST_LIKELY - 0.01, 0.5, False),
    (LEAST_LIKELY - 0.01, 0.02, True),  # whoever lowers the threshold means it
    (0.01, 0.02, False),
])  # fmt: skip
def test_from_how_little_an_object_grows(likely, threshold, grows):
    empty = np.zeros((20, 20), np.int32)
    maps = flat_maps(np.full(empty.shape, likely))
    params = EditParams(foreground_threshold=threshold)
    if grows:
        assert edits.add(empty, maps, (10, 10), params).n_pixels == 400
    else:
        with pytest.raises(EditError, match="brush"):
            edits.add(empty, maps, (10, 10), params)


@pytest.mark.parametrize("clicked", [1.0, 0.5])
def test_an_object_ends_where_the_foreground_falls_to_the_threshold_or_a_part_of_what_it_is_at_the_click(clicked):
    limit = min(0.5, RELATIVE_LEVEL * clicked)  # exact in half precision
    foreground = np.full((9, 30), clicked)
    foreground[:, 20] = limit + 0.01
    foreground[:, 21:] = limit
    empty = np.zeros(foreground.shape, np.int32)
    maps = flat_maps(foreground)
    after = edits.add(empty, maps, (4, 4), EditParams(foreground_threshold=0.5)).applied(empty)
    assert (after[:, :21] == 1).all()
    assert not after[:, 21:].any()
    core = edits.core_of(after, maps, 1)
    again = edits.regrow(after, maps, core, EditParams(foreground_threshold=0.5))
    assert again.n_pixels == 0


def test_without_a_foreground_head_an_object_ends_where_the_distance_does():
    distance = np.full((9, 30), 1.0)
    distance[:, 20] = BACKGROUND_DISTANCE + 0.01
    distance[:, 21:] = BACKGROUND_DISTANCE - 0.01
    vectors = np.zeros((4, 9, 30))
    vectors[0] = 1
    empty = np.zeros((9, 30), np.int32)
    after = edits.add(empty, Maps.from_floats(distance, vectors), (4, 4)).applied(empty)
    assert (after[:, :21] == 1).all()
    assert not after[:, 21:].any()


def test_what_grows_encloses_no_ground_and_leaves_others_their_place():
    foreground = np.ones((30, 30))
    foreground[10:14, 10:14] = 0  # a hole
    labels = np.zeros((30, 30), np.int32)
    labels[20:24, 20:24] = 7
    change = edits.add(labels, flat_maps(foreground), (2, 2))
    after = change.applied(labels)
    assert change.objects == (8,)
    assert (after == np.where(labels == 7, 7, 8)).all()
    over = edits.add(labels, flat_maps(foreground), (2, 2), over=True).applied(labels)
    assert (over == np.where(foreground > 0, 8, 0)).all()


@pytest.mark.parametrize("off", [19, 21])
def test_the_angle_is_that_to_the_objects_direction(off):
    vectors = np.zeros((2, 9, 40))
    vectors[0] = 1
    vectors[:, :, 20:] = np.array([np.cos(np.radians(off)), np.sin(np.radians(off))])[:, np.newaxis, np.newaxis]
    maps = Maps.from_floats(np.ones((9, 40)), vectors, np.ones((9, 40)))
    labels = np.zeros((9, 40), np.int32)
    labels[:, :20] = 3
    core = edits.core_of(labels, maps, 3)
    assert core.number == 3
    np.testing.assert_allclose(core.direction, [1, 0], atol=1e-3)
    after = edits.regrow(labels, maps, core, EditParams(angle=20)).applied(labels)
    assert (after == np.where(off < 20, 3, labels)).all()


def test_the_core_of_an_object_is_its_innermost_pixel():
    labels = np.zeros((30, 40), np.int32)
    labels[4:9, 6:11] = 2
    labels[6, 6:31] = 2  # a whisker
    assert edits.core_of(labels, maps_of(labels), 2).point == (6, 8)
    labels[:] = 0
    labels[0:7, 33:40] = 2  # the frame is a rim
    assert edits.core_of(labels, maps_of(labels), 2).point == (3, 36)


def test_an_object_that_grows_anew_loses_what_is_not_connected_any_more():
    labels = np.zeros((20, 60), np.int32)
    labels[5:15, 5:25], labels[5:15, 40:50], labels[5:15, 25:30] = 1, 1, 2
    maps = flat_maps((labels > 0).astype(float))
    core = edits.core_of(labels, maps, 1)
    change = edits.regrow(labels, maps, core, EditParams())
    assert change.objects == (1,)
    after = change.applied(labels)
    assert (after[:, :35] == labels[:, :35]).all()
    assert not after[:, 35:].any()


def test_lengths_far_from_the_usual_are_not_believed():
    foreground = np.zeros((40, 60))
    foreground[5:17, 10:40] = 1
    maps, empty = flat_maps(foreground), np.zeros((40, 60), np.int32)
    for usual, expected in ((30, 30), (11, 30), (9, 9 * FAR_FROM_USUAL), (80, 30), (120, 120 / FAR_FROM_USUAL)):
        assert edits.expected_length(empty, maps, (10, 20), usual) == expected
    assert edits.expected_length(empty, maps, (30, 50), 17.0) == 17
