"""Distance maps and neighbours: the method authors' numbers, brute force, and turning with the image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_wnet.core.targets import all_pairs, distance_map, drop_small, neighbours
from scenes import cells, loss_scene, turned

AUTHORS = json.loads((Path(__file__).parents[1] / "data" / "loss_and_distmap_authors.json").read_text())
Labels = npt.NDArray[Any]
Kind = Literal["edt", "ring"]
KINDS: tuple[Kind, ...] = ("edt", "ring")
steady = settings(deadline=None, derandomize=True, max_examples=100)
small = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.int32, shape, elements=st.integers(0, 3))
)


def points(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    return np.argwhere(mask)


def slow_distance_map(labels: Labels, kind: Kind) -> npt.NDArray[np.float64]:
    """Straight from the definition: every pixel against every other."""
    distance = np.zeros(labels.shape)
    boundary = np.zeros(labels.shape, bool)
    for y, x in np.ndindex(labels.shape):
        around = labels[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        boundary[y, x] = (around != labels[y, x]).any()
    for label in range(1, labels.max(initial=0) + 1):
        outside = points(labels != label if kind == "edt" else (boundary | (labels == 0)))
        inside = points(labels == label)
        if not len(inside):
            continue
        if len(outside):
            nearest = np.linalg.norm(inside[:, None] - outside, axis=-1).min(axis=1)
        else:
            nearest = np.ones(len(inside))
        if nearest.max() > 0:
            distance[tuple(inside.T)] = nearest / nearest.max()
    return distance


def slow_neighbours(labels: Labels, distance: float) -> set[tuple[int, int]]:
    objects = [points(labels == label) for label in range(labels.max(initial=0) + 1)]
    return {
        (a, b)
        for a in range(1, len(objects))
        for b in range(1, len(objects))
        if a != b
        and len(objects[a])
        and len(objects[b])
        and np.linalg.norm(objects[a][:, None] - objects[b], axis=-1).min() <= distance
    }


def test_ring_distance_equals_the_authors() -> None:
    labels = loss_scene()[0]
    ring = distance_map(labels, "ring")
    expected = AUTHORS["distmap"]
    for label in range(1, 6):
        own = ring[labels == label]
        assert own.sum(dtype=float) == pytest.approx(expected["sum_per_label"][label - 1], abs=1e-4)
        assert own.max() == expected["max_per_label"][label - 1]
        assert np.count_nonzero(own == 0) == expected["n_zero_in_objects"][label - 1]
    np.testing.assert_allclose(ring[9], expected["row9"], atol=1e-6)
    assert (ring[labels == 0] == 0).all()


@pytest.mark.parametrize("distance", [2, 4, 8])
def test_neighbours_equal_the_authors(distance: int) -> None:
    found = neighbours(loss_scene()[0], distance)
    expected = AUTHORS["neighbors"][str(distance)]
    assert found.tolist() == [[int(a), b] for a, others in expected.items() for b in others]


@pytest.mark.parametrize("kind", KINDS)
@steady
@given(labels=small)
def test_distance_map_equals_its_definition(kind: Kind, labels: Labels) -> None:
    np.testing.assert_allclose(distance_map(labels, kind), slow_distance_map(labels, kind), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_distance_map_of_larger_objects_equals_its_definition(kind: Kind) -> None:
    labels = cells(40, 7, seed=3)
    labels[labels == 2] = 0
    np.testing.assert_allclose(distance_map(labels, kind), slow_distance_map(labels, kind), atol=1e-6)


@steady
@given(small)
def test_distance_is_highest_within_each_object_and_nought_outside(labels: Labels) -> None:
    distance = distance_map(labels)
    assert distance.dtype == np.float32
    np.testing.assert_array_equal(distance > 0, labels > 0)
    for label in np.unique(labels[labels > 0]):
        assert distance[labels == label].max() == 1


def test_the_frame_is_no_boundary() -> None:
    labels = np.zeros((9, 20), np.int32)
    labels[:, :10] = 1
    np.testing.assert_allclose(distance_map(labels), np.tile([*np.arange(10, 0, -1) / 10, *[0] * 10], (9, 1)))


@pytest.mark.parametrize("kind", KINDS)
def test_one_object_everywhere(kind: Kind) -> None:
    assert (distance_map(np.ones((5, 6), np.int32), kind) == 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_no_object(kind: Kind) -> None:
    assert (distance_map(np.zeros((5, 6), np.int32), kind) == 0).all()
    assert neighbours(np.zeros((5, 6), np.int32), 5).shape == (0, 2)


@steady
@given(small, st.sampled_from([1, 1.5, 2, 3.7, 8, 20]))
def test_neighbours_equal_brute_force(labels: Labels, distance: float) -> None:
    found = neighbours(labels, distance)
    assert found.dtype == np.int64
    pairs = [tuple(pair) for pair in found.tolist()]
    assert pairs == sorted(slow_neighbours(labels, distance))


@steady
@given(small)
def test_globally_each_object_is_every_others_neighbour(labels: Labels) -> None:
    present = [int(number) for number in np.unique(labels) if number > 0]
    wanted = [[one, other] for one in present for other in present if one != other]
    assert all_pairs(labels).tolist() == wanted


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_neighbours_do_not_depend_on_the_type_of_numbers(kind: type[np.integer]) -> None:
    labels = cells(48, 9, seed=1) + 100  # products of numbers would not fit into a byte
    np.testing.assert_array_equal(neighbours(labels.astype(kind), 3), neighbours(labels.astype(np.int32), 3))


def test_numbers_too_large_for_a_table_are_sorted() -> None:
    labels = cells(48, 9, seed=1)
    far = np.where(labels > 0, labels + 5000, 0)
    np.testing.assert_array_equal(neighbours(far, 3), neighbours(labels, 3) + 5000)


@pytest.mark.parametrize("distance", [1, 4, 9.5])
def test_neighbours_of_larger_objects_equal_brute_force(distance: float) -> None:
    labels = cells(48, 9, seed=1)
    labels[(labels % 3 == 0) | (np.indices(labels.shape)[0] % 16 == 0)] = 0
    assert {tuple(pair) for pair in neighbours(labels, distance).tolist()} == slow_neighbours(labels, distance)


@steady
@given(small, st.integers(0, 3), st.booleans(), st.sampled_from(KINDS))
def test_targets_turn_with_the_image(labels: Labels, quarters: int, mirrored: bool, kind: Kind) -> None:
    other = np.ascontiguousarray(turned(labels, quarters, mirrored))
    np.testing.assert_array_equal(distance_map(other, kind), turned(distance_map(labels, kind), quarters, mirrored))
    np.testing.assert_array_equal(neighbours(other, 3), neighbours(labels, 3))


@steady
@given(small, st.permutations([4, 9, 2]))
def test_numbers_of_objects_do_not_matter(labels: Labels, numbers: list[int]) -> None:
    renumber = np.array([0, *numbers], np.int32)
    other = renumber[labels]
    for kind in KINDS:
        np.testing.assert_array_equal(distance_map(other, kind), distance_map(labels, kind))
    expected = {(int(renumber[a]), int(renumber[b])) for a, b in neighbours(labels, 2)}
    assert {tuple(pair) for pair in neighbours(other, 2).tolist()} == expected


@steady
@given(small, st.integers(0, 20))
def test_small_objects_are_dropped_and_the_rest_numbered_on(labels: Labels, least: int) -> None:
    kept = drop_small(labels, least)
    assert kept.dtype == np.int32
    sizes = np.bincount(labels.ravel(), minlength=4)
    expected = [label for label in (1, 2, 3) if sizes[label] >= max(least, 1)]
    assert np.unique(kept[kept > 0]).tolist() == list(range(1, len(expected) + 1))
    for number, label in enumerate(expected, start=1):
        np.testing.assert_array_equal(kept == number, labels == label)


@pytest.mark.parametrize("offset", [3_000_000_000, 2**62])
def test_large_numbers_take_no_memory_and_change_nothing(offset):
    labels = cells(48, 8, seed=1)
    far = np.where(labels > 0, labels.astype(np.int64) + offset, 0)
    for kind in KINDS:
        np.testing.assert_array_equal(distance_map(far, kind), distance_map(labels, kind))
    np.testing.assert_array_equal(neighbours(far, 5.0), neighbours(labels, 5.0) + offset)
    np.testing.assert_array_equal(drop_small(far, 30), drop_small(labels, 30))
    full = np.full((6, 6), offset)
    assert distance_map(full).all()
    assert drop_small(full, 30).all()
    assert not len(neighbours(full, 5.0))
