"""Objects keep their number over time: linked by overlap or by distance, over gaps, at divisions."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_wnet.core.tracking import Tracks, link
from napari_wnet.errors import ImageError, ParamsError
from napari_wnet.track_params import TrackParams

pytest.importorskip("laptrack")
SIDE = 64


def frames(*objects: dict[int, tuple[int, int, int]], shuffle: int = 0) -> np.ndarray:
    """Return a stack of squares, given as {number: (row, column, half side)} for each frame."""
    stack = np.zeros((len(objects), SIDE, SIDE), np.int32)
    for frame, found in enumerate(objects):
        for number, (row, column, half) in found.items():
            stack[frame, row - half : row + half, column - half : column + half] = number + shuffle * frame
    return stack


def tracks_at(tracks: Tracks, *places: tuple[int, int, int]) -> list[int]:
    return [int(tracks.labels[place]) for place in places]


def test_numbers_stay_with_objects_whatever_they_were():
    stack = frames(
        {1: (10, 10, 5), 2: (40, 40, 6)}, {9: (12, 11, 5), 4: (42, 40, 7)}, {3: (13, 13, 6), 70_000: (44, 41, 8)}
    )
    found = link(stack)
    assert found.n_tracks == 2
    assert tracks_at(found, (0, 10, 10), (1, 12, 11), (2, 13, 13)) == [1, 1, 1]
    assert tracks_at(found, (0, 40, 40), (1, 42, 40), (2, 44, 41)) == [2, 2, 2]
    np.testing.assert_array_equal(found.labels > 0, stack > 0)
    assert found.points.tolist() == sorted(found.points.tolist())
    table = found.table()
    assert list(table.columns) == ["track", "t", "centroid_y_px", "centroid_x_px", "parent"]
    assert table.loc[(table.track == 2) & (table.t == 2), ["centroid_y_px", "centroid_x_px"]].to_numpy().tolist() == [
        [43.5, 40.5]
    ]


def test_an_object_that_is_missing_for_a_frame_is_bridged_if_asked():
    stack = frames({1: (20, 20, 6)}, {}, {1: (21, 20, 6)})
    assert link(stack, TrackParams(gap=1)).n_tracks == 1
    assert link(stack, TrackParams(gap=0)).n_tracks == 2
    assert link(stack, TrackParams(by="distance", largest_distance=3, gap=1)).n_tracks == 1


def test_what_moves_further_than_its_size_is_linked_by_distance():
    stack = frames({1: (10, 10, 3), 2: (50, 10, 3)}, {1: (10, 20, 3), 2: (50, 20, 3)}, {1: (10, 30, 3), 2: (50, 30, 3)})
    assert link(stack).n_tracks == 6
    by_distance = link(stack, TrackParams(by="distance", largest_distance=12))
    assert by_distance.n_tracks == 2
    assert link(stack, TrackParams(by="distance", largest_distance=9)).n_tracks == 6


@pytest.mark.parametrize("by", ["overlap", "distance"])
def test_a_division_gives_new_tracks_with_their_parent(by):
    stack = frames(
        {1: (30, 30, 8)}, {1: (30, 30, 8)}, {1: (25, 30, 4), 2: (35, 30, 4)}, {1: (24, 30, 4), 2: (36, 30, 4)}
    )
    found = link(stack, TrackParams(by=by, divisions=True))
    assert found.n_tracks == 3
    assert found.parents == {2: (1,), 3: (1,)}
    assert set(found.table().loc[lambda t: t.track > 1, "parent"]) == {1}
    assert link(stack, TrackParams(by=by)).parents == {}


def test_nothing_in_sight_is_no_error():
    found = link(np.zeros((3, 8, 8), np.uint8))
    assert found.n_tracks == 0
    assert found.points.shape == (0, 4)
    assert len(found.table()) == 0


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (2, 2, 8, 8)])
def test_what_is_no_time_series_is_refused(shape):
    with pytest.raises(ImageError, match="two frames or more"):
        link(np.zeros(shape, np.int32))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(["overlap", "distance"]))
def test_every_object_is_in_one_track_and_a_track_has_one_object_a_frame(seed, by):
    rng = np.random.default_rng(seed)
    stack = np.zeros((4, 40, 40), np.int32)
    for plane in stack:
        for number in rng.permutation(12)[: rng.integers(0, 7)] + 1:
            row, column = rng.integers(0, 34, 2)
            plane[row : row + 6, column : column + 6] = number
    found = link(stack, TrackParams(by=by, divisions=bool(seed % 2)))
    for before, after in zip(stack, found.labels, strict=True):
        pairs = np.unique(np.stack([before.ravel(), after.ravel()]), axis=1)
        assert pairs.shape[1] == len(np.unique(before)) == len(np.unique(after))
    assert len(found.points) == sum(len(np.unique(plane[plane > 0])) for plane in stack)
    numbers = np.unique(found.labels[found.labels > 0])
    assert numbers.tolist() == list(range(1, len(numbers) + 1))
    starts = [int(found.points[found.points[:, 0] == number, 1].min()) for number in numbers]
    assert starts == sorted(starts)


def test_the_order_of_numbers_in_a_frame_does_not_matter():
    rng = np.random.default_rng(1)
    stack = frames({1: (10, 10, 5), 2: (40, 40, 6), 3: (10, 50, 5)}, {1: (12, 11, 5), 2: (42, 40, 7), 3: (11, 51, 4)})
    swapped = np.concatenate([[0], rng.permutation(3) + 1])[stack]
    swapped[0] = stack[0]
    np.testing.assert_array_equal(link(swapped).labels, link(stack).labels)


@pytest.mark.parametrize(("least", "n_tracks"), [(0.5, 1), (0.51, 2)])
def test_just_as_much_overlap_as_is_asked_for_links(least, n_tracks):
    """Half of the smaller of two objects is in the other: six of twelve rows; of the larger it is less."""
    stack = np.zeros((2, 40, 40), np.int32)
    stack[0, 4:34, 10:20], stack[1, 28:40, 10:20] = 1, 5
    assert link(stack, TrackParams(least_overlap=least)).n_tracks == n_tracks


@pytest.mark.parametrize("by", ["overlap", "distance"])
@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_gap_is_bridged_that_is_no_longer_than_asked(by, missing):
    stack = frames({1: (20, 20, 6)}, *[{}] * missing, {4: (20, 20, 6)})
    found = link(stack, TrackParams(by=by, gap=2))
    assert found.n_tracks == (1 if missing <= 2 else 2)
    assert found.points[:, 1].tolist() == [0, missing + 1]


def test_overlap_links_by_what_is_shared_not_by_nearness():
    """The large object's centre is far from its half, which lies beside the centre of another."""
    stack = np.zeros((2, 60, 60), np.int32)
    stack[0, 2:50, 2:12], stack[0, 20:30, 14:24] = 1, 2
    stack[1, 2:14, 2:12], stack[1, 20:30, 15:25] = 7, 6
    found = link(stack)
    assert tracks_at(found, (0, 5, 5), (1, 5, 5)) == [1, 1]
    assert tracks_at(found, (0, 25, 20), (1, 25, 20)) == [2, 2]


def test_tracks_are_numbered_as_they_appear_and_the_table_tells_their_parents():
    stack = frames({5: (50, 50, 4)}, {5: (50, 50, 4), 2: (10, 10, 8)}, {1: (6, 10, 4), 2: (14, 10, 4)})
    found = link(stack, TrackParams(divisions=True))
    assert tracks_at(found, (0, 50, 50), (1, 50, 50), (1, 10, 10)) == [1, 1, 2]
    assert found.parents == {3: (2,), 4: (2,)}
    assert found.labels.dtype == np.int32
    table = found.table()
    assert table.parent.tolist() == [0, 0, 0, 2, 2]
    assert table.track.tolist() == [1, 1, 2, 3, 4]
    assert table.t.tolist() == [0, 1, 1, 2, 2]
    assert [str(kind) for kind in table.dtypes] == ["int64", "int64", "float64", "float64", "int64"]
    assert table.centroid_y_px.tolist() == [49.5, 49.5, 9.5, 5.5, 13.5]


def test_frames_without_background_are_linked_too():
    stack = np.ones((2, 8, 8), np.int32)
    stack[:, 4:] = 2
    found = link(stack)
    assert found.n_tracks == 2
    np.testing.assert_array_equal(found.labels, stack)


def test_without_its_package_the_message_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "laptrack", None)
    with pytest.raises(ParamsError, match=r"laptrack.*napari-wnet\[tracks\]"):
        link(frames({1: (10, 10, 3)}, {1: (10, 10, 3)}))
