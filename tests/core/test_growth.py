"""How seeds claim pixels: the rule, stated pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_wnet.core.growth import Seeds, canonical, clear_claims, direction, grow, merged
from napari_wnet.core.maps import UNIT, to_fixed, to_float
from napari_wnet.core.windows import Place


def at_angles(degrees) -> np.ndarray:
    """Return the (Y, X, 2) embedding with these angles from the first axis."""
    turns = np.radians(np.asarray(degrees, float))
    return to_fixed(np.stack([np.cos(turns), np.sin(turns)], axis=-1))


def seeds_at(shape, *places: tuple[slice, slice], angles) -> Seeds:
    """Return seeds in these places whose directions have these angles."""
    labels = np.zeros(shape, np.int32)
    for number, place in enumerate(places, start=1):
        labels[place] = number
    return Seeds(
        labels=labels,
        windows=list(places),
        directions=to_float(at_angles(angles)),
        areas=np.bincount(labels.ravel())[1:],
    )


def test_a_direction_has_unit_length_and_that_of_nothing_is_nothing():
    sums = np.array([[3.0, 4.0], [0, 0], [-2, 0], [1e-9, 0]])
    np.testing.assert_allclose(direction(sums), [[0.6, 0.8], [0, 0], [-1, 0], [1, 0]], atol=1 / UNIT)
    assert direction(sums).dtype == np.float32


def test_only_seeds_in_one_anothers_claims_are_one_and_the_first_lends_its_number():
    assert merged([], 3).tolist() == [0, 1, 2, 3]
    assert merged([(1, 2), (2, 3)], 3).tolist() == [0, 1, 2, 3]
    assert merged([(2, 3), (3, 2), (1, 2)], 4).tolist() == [0, 1, 2, 2, 4]
    assert merged([(4, 1), (1, 4), (4, 3), (3, 4)], 4).tolist() == [0, 1, 2, 1, 1]


def test_a_claim_is_clear_within_the_angle_with_a_lead_on_the_foreground():
    degrees = np.array([[0, 29, 31, 44, 46, 61, 90, 121]], float)
    everywhere = slice(0, 1), slice(0, 8)
    seeds = seeds_at((1, 8), everywhere, everywhere, angles=[0, 90])
    mask = np.ones((1, 8), bool)
    found = clear_claims(at_angles(degrees), seeds, mask, angle=30, lead=0.0)
    assert found.tolist() == [[1, 1, 0, 0, 0, 2, 2, 0]]
    found = clear_claims(at_angles(degrees), seeds, mask, angle=50, lead=0.1)
    assert found.tolist() == [[1, 1, 1, 0, 0, 2, 2, 2]]
    mask[0, 1] = False
    assert clear_claims(at_angles(degrees), seeds, mask, angle=30, lead=0.0).tolist() == [[1, 0, 0, 0, 0, 2, 2, 0]]


def test_a_lead_is_met_by_just_as_much():
    embedding = np.array([[[UNIT, UNIT // 2]]], np.int16)  # cosines of 1 and of one half with the axes
    seeds = seeds_at((1, 1), (slice(0, 1), slice(0, 1)), (slice(0, 1), slice(0, 1)), angles=[0, 90])
    for lead, label in ((0.5, 1), (0.51, 0)):
        assert clear_claims(embedding, seeds, np.ones((1, 1), bool), angle=45, lead=lead).tolist() == [[label]]


def test_rivals_far_away_have_no_say():
    shape = (5, 60)
    near, far = (slice(2, 3), slice(2, 3)), (slice(2, 3), slice(57, 58))
    seeds = seeds_at(shape, near, far, angles=[0, 0])
    found = clear_claims(at_angles(np.zeros(shape)), seeds, np.ones(shape, bool), angle=30, lead=0.1)
    assert (found[:, :6] == 1).all()
    assert (found[:, -6:] == 2).all()
    assert not found[:, 7:-7].any()


@st.composite
def scenes(draw: st.DrawFn):
    shape = draw(st.integers(1, 9)), draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    degrees = np.repeat(rng.choice([0.0, 20, 45, 90, 110], (shape[0], shape[1] // 3 + 1)), 3, axis=1)[:, : shape[1]]
    mask = rng.random(shape) < draw(st.sampled_from([0.6, 0.9, 1.0]))
    seeds = np.asarray(ndimage.label(mask & (rng.random(shape) < 0.15))[0], np.int32)
    return at_angles(degrees), seeds, mask, draw(st.sampled_from([10, 30, 50]))


@given(scenes())
def test_growing_is_the_best_claim_on_each_pixel(scene):
    embedding, numbers, mask, angle = scene
    if not numbers.any():
        return
    seeds = canonical(embedding, numbers.copy())
    vectors = embedding.astype(np.float32)
    claims = []
    for number, towards in enumerate(seeds.directions, start=1):
        own = seeds.labels == number
        cosines = vectors @ towards
        parts, _ = ndimage.label((cosines > UNIT * np.cos(np.radians(angle))) & mask | own, np.ones((3, 3)))
        claims.append(np.where(np.isin(parts, np.unique(parts[own])), cosines, -np.inf))
    stack = np.stack(claims)
    expected = np.where(np.isfinite(stack).any(axis=0), stack.argmax(axis=0) + 1, 0)
    labels, groups = grow(embedding, seeds, mask, angle)
    np.testing.assert_array_equal(labels, expected)
    held = {
        (a, b)
        for a in range(1, len(stack) + 1)
        for b in range(1, len(stack) + 1)
        if a != b and np.isfinite(stack[a - 1][seeds.labels == b]).mean() > 0.5
    }
    np.testing.assert_array_equal(groups, merged(sorted(held), len(stack)))
    alone = np.arange(1, len(stack) + 1)[::2]
    apart = [pair for pair in sorted(held) if not set(pair) & set(alone.tolist())]
    same, groups = grow(embedding, seeds, mask, angle, alone)
    np.testing.assert_array_equal(same, expected)
    np.testing.assert_array_equal(groups, merged(apart, len(stack)))


@given(st.integers(0, 10**6), st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_seeds_are_ordered_by_direction_area_and_distance_from_the_middle(seed, top, left, side_by_side):
    rng = np.random.default_rng(seed)
    parts = rng.integers(0, 5, (7, 11)) if side_by_side else ndimage.label(rng.random((7, 11)) < 0.4)[0]
    numbers = np.asarray(np.unique(parts, return_inverse=True)[1].reshape(7, 11), np.int32) * 2  # with gaps
    embedding = at_angles(rng.choice([0.0, 90], (7, 11)))
    place = Place(corner=(top, left), frame=(13, 17))
    keys, found = [], canonical(embedding, numbers.copy(), place)
    for number in range(2, int(numbers.max()) + 1, 2):
        rows, columns = np.nonzero(numbers == number)
        towards = direction(embedding[rows, columns].astype(np.int64).sum(axis=0))
        away = np.hypot(rows.mean() + top - 6, columns.mean() + left - 8)
        keys.append((*towards.tolist(), len(rows), round(away, 9), number))
    assert len(found.windows) == len(keys)
    for number, key in enumerate(sorted(keys), start=1):
        own = found.labels == number
        assert (*found.directions[number - 1].tolist(), int(found.areas[number - 1])) == pytest.approx(key[:-2])
        rows, columns = np.nonzero(own)
        assert len(rows) == key[-3]
        assert np.hypot(rows.mean() + top - 6, columns.mean() + left - 8) == pytest.approx(key[-2], abs=1e-6)
        box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        assert found.windows[number - 1] == box
        assert len(np.unique(numbers[own])) == 1
    assert ((found.labels > 0) == (numbers > 0)).all()
