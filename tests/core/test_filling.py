"""Filling after clustering, against slow versions written from what the functions promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_wnet.core.filling import claim_rest, fill_holes, keep_seeded, lone_objects
from napari_wnet.core.maps import UNIT, to_fixed, to_float

Labels = npt.NDArray[Any]
steady = settings(deadline=None, derandomize=True, max_examples=150)
SQUARE = np.ones((3, 3), bool)
shapes = st.tuples(st.integers(1, 8), st.integers(1, 8))


def labels_of(shape: tuple[int, int], n_labels: int = 3) -> st.SearchStrategy[Labels]:
    return arrays(np.int32, shape, elements=st.integers(0, n_labels))


def pieces(labels: Labels, label: int) -> list[npt.NDArray[np.bool_]]:
    parts, count = ndimage.label(labels == label, SQUARE)
    return [parts == part for part in range(1, count + 1)]


@steady
@given(shapes.flatmap(lambda shape: st.tuples(labels_of(shape), labels_of(shape))))
def test_pieces_without_their_seed_are_dropped(pair: tuple[Labels, Labels]) -> None:
    labels, seeds = pair
    expected = np.zeros_like(labels)
    for label in (1, 2, 3):
        for piece in pieces(labels, label):
            if (seeds[piece] == label).any():
                expected[piece] = label
    keep_seeded(labels, seeds)
    np.testing.assert_array_equal(labels, expected)


@steady
@given(shapes.flatmap(lambda shape: st.tuples(labels_of(shape, 4), arrays(np.bool_, shape))))
def test_a_seed_alone_in_its_part_of_the_foreground_gets_it_all(pair: tuple[Labels, npt.NDArray[np.bool_]]) -> None:
    mask = pair[1]
    seeds = np.asarray(ndimage.label((pair[0] > 2) & mask)[0], np.int32)
    objects, crowded = lone_objects(seeds, mask)
    parts, count = ndimage.label(mask, SQUARE)
    expected, shared = np.zeros_like(seeds), np.zeros_like(mask)
    for part in range(1, count + 1):
        own = set(seeds[parts == part].tolist()) - {0}
        if len(own) == 1:
            expected[parts == part] = own.pop()
        else:
            shared |= parts == part
    np.testing.assert_array_equal(objects, expected)
    np.testing.assert_array_equal(crowded, shared)


def slow_fill_holes(labels: Labels, mask: npt.NDArray[np.bool_] | None) -> Labels:
    filled = labels.copy()
    parts, count = ndimage.label(labels == 0)
    for part in range(1, count + 1):
        hole = parts == part
        if np.pad(hole, 1)[1:-1, 1:-1][[0, -1]].any() or hole[:, [0, -1]].any():
            continue
        around = labels[ndimage.binary_dilation(hole) & ~hole]
        if len(set(around.tolist())) == 1:
            filled[hole if mask is None else hole & mask] = around[0]
    return filled


@steady
@given(shapes.flatmap(lambda shape: st.tuples(labels_of(shape, 2), st.none() | arrays(np.bool_, shape))))
def test_holes_are_what_one_object_encloses(pair: tuple[Labels, npt.NDArray[np.bool_] | None]) -> None:
    labels, mask = pair
    before = labels.copy()
    np.testing.assert_array_equal(fill_holes(labels, mask), slow_fill_holes(labels, mask))
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["11111", "10001", "10101", "11111"], ["11111", "11111", "11111", "11111"]),
        (["11111", "10001", "10201", "11111"], ["11111", "10001", "10201", "11111"]),
        (["11122", "10002", "11122", "....."], ["11122", "10002", "11122", "....."]),
        (["11111", "10001", "11.11", "....."], ["11111", "10001", "11.11", "....."]),
    ],
    ids=["with an island", "around another object", "between two objects", "with a way out"],
)
def test_holes_by_example(rows: list[str], expected: list[str]) -> None:
    def read(lines: list[str]) -> Labels:
        return np.array([[int(sign.replace(".", "0")) for sign in line] for line in lines], np.int32)

    np.testing.assert_array_equal(fill_holes(read(rows)), read(expected))


N_LEVELS = 4


def slow_claim_rest(
    labels: Labels, mask: npt.NDArray[np.bool_], vectors: tuple[Labels, Labels], levels: Labels | None
) -> Labels:
    """Pixel by pixel: level after level, and in it layer after layer, all of a layer at once."""
    embedding, directions = vectors
    labels = labels.copy()
    ranks = np.zeros(labels.shape, int) if levels is None else levels
    for level in sorted(set(ranks[mask & (labels == 0)].tolist()), reverse=True):
        while True:
            given_away = {}
            for y, x in np.argwhere(mask & (labels == 0) & (ranks >= level)):
                around = {int(label) for label in labels[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].flat} - {0}
                if around:
                    cosines = {label: float(embedding[y, x] @ directions[label - 1]) for label in around}
                    given_away[y, x] = max(sorted(around), key=lambda label: cosines[label])
            if not given_away:
                break
            for place, label in given_away.items():
                labels[place] = label
    return labels


@st.composite
def leftovers(draw: st.DrawFn) -> tuple[Labels, npt.NDArray[np.bool_], tuple[Labels, Labels], Labels | None]:
    shape = draw(shapes)
    labels = draw(labels_of(shape))
    mask = draw(arrays(np.bool_, shape)) | (labels > 0)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    vectors = rng.standard_normal((shape[0] * shape[1] + 3, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if draw(st.booleans()):  # objects as like to the pixels as one another
        vectors[1:3] = vectors[0]
    embedding = to_fixed(vectors[3:]).reshape(*shape, 3)
    levels = draw(st.none() | arrays(np.int16, shape, elements=st.integers(0, N_LEVELS)))
    return labels, mask, (embedding, to_float(to_fixed(vectors[:3]))), levels


@steady
@given(leftovers())
def test_leftover_foreground_goes_to_the_likest_object_beside_it(
    case: tuple[Labels, npt.NDArray[np.bool_], tuple[Labels, Labels], Labels | None],
) -> None:
    labels, mask, vectors, levels = case
    expected = slow_claim_rest(*case)
    height = None if levels is None else ((levels + 0.5) / N_LEVELS).astype(np.float32)
    claim_rest(labels, mask, vectors, height, N_LEVELS)
    np.testing.assert_array_equal(labels, expected)


def test_leftovers_reach_round_corners_but_not_over_gaps() -> None:
    labels = np.zeros((3, 40), np.int32)
    labels[1, 0] = 1
    mask = np.zeros((3, 40), bool)
    mask[1, :20] = mask[0, 20] = mask[1, 25:] = True
    embedding = np.zeros((3, 40, 2), np.int16)
    embedding[..., 1] = -UNIT  # as unlike the object as can be: there is no other
    claim_rest(labels, mask, (embedding, np.array([[0, 1]], np.float32)))
    assert labels[mask].tolist() == [1] * 21 + [0] * 15
    assert not labels[~mask].any()
