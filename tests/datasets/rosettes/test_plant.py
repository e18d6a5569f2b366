"""How plants grow, and which pixels their leaves cover."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_wnet.datasets.rosettes.leaf import make_patch
from napari_wnet.datasets.rosettes.plant import Leaf, Outline, grow, habit
from napari_wnet.datasets.rosettes.scene import KINDS, visible

OVAL = Outline(rise=0.5, fall=0.5, width=0.3, waves=0.0)
LEAF = Leaf(
    base=(60.0, 10.0),
    direction=0.0,
    bend=0.0,
    petiole=20.0,
    length=60.0,
    thickness=2.0,
    outline=OVAL,
    maturity=1.0,
    plant=0,
    seed=4,
)
SHAPE = (120, 120)


def mask(leaf: Leaf, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    found = np.zeros(shape, bool)
    patch = make_patch(leaf, shape)
    if patch is not None:
        found[patch.place] = patch.inside
    return found


def test_a_straight_oval_leaf_has_the_area_and_the_ends_of_an_ellipse_with_a_stalk():
    covered = mask(LEAF)
    rows, cols = np.nonzero(covered)
    assert abs(cols.min() - 10) <= 1 and abs(cols.max() - 90) <= 1
    expected = np.pi * 30 * 18 + 20 * 2 * 2.2
    assert abs(covered.sum() / expected - 1) < 0.12
    assert (rows[cols < 28].max() - rows[cols < 28].min()) <= 6


@pytest.mark.parametrize("direction", [0.4, 2.0, -2.5])
def test_turning_a_leaf_keeps_its_area(direction):
    middle = replace(LEAF, base=(100.0, 100.0), bend=0.4)
    turned = mask(replace(middle, direction=direction), (200, 200)).sum()
    assert abs(turned / mask(middle, (200, 200)).sum() - 1) < 0.03


@pytest.mark.parametrize("bend", [-0.9, -0.2, 1e-9, 0.2, 0.9])
def test_a_bent_leaf_ends_where_the_arc_does(bend):
    leaf = replace(LEAF, base=(60.0, 20.0), bend=bend)
    rows, cols = np.nonzero(mask(leaf))
    total = leaf.petiole + leaf.length
    curvature = bend / total
    end = np.array([(1 - np.cos(bend)) / curvature if abs(bend) > 1e-6 else 0, np.sin(bend) / curvature])
    tip = np.argmax(np.hypot(rows - 60, cols - 20))
    assert np.hypot(*(np.array([rows[tip], cols[tip]]) - (leaf.base + end))) < 6


def test_a_leaf_outside_the_picture_is_none():
    assert make_patch(replace(LEAF, base=(60.0, 400.0)), SHAPE) is None


def test_the_topmost_leaf_gets_the_pixel_and_a_hidden_one_is_left_out():
    below, above = LEAF, replace(LEAF, seed=5)
    patches, labels = visible([below, above], SHAPE, 25)
    assert len(patches) == 1 and labels.max() == 1
    np.testing.assert_array_equal(labels > 0, mask(above))
    aside = replace(LEAF, direction=0.5)
    patches, labels = visible([below, aside], SHAPE, 25)
    assert len(patches) == 2
    np.testing.assert_array_equal(labels == 2, mask(aside))
    np.testing.assert_array_equal(labels == 1, mask(below) & ~mask(aside))


@pytest.mark.parametrize("kind", KINDS)
def test_a_plant_reaches_just_as_far_as_it_should_and_its_young_leaves_are_smaller(kind, rng):
    for _ in range(10):
        leaves = grow(habit(kind, 14, rng), 2, rng)
        assert len(leaves) == 14
        assert max(leaf.petiole + leaf.length for leaf in leaves) == pytest.approx(1)
        assert {leaf.plant for leaf in leaves} == {2}
        by_age = sorted(leaves, key=lambda leaf: leaf.maturity)
        assert np.mean([leaf.length for leaf in by_age[:4]]) < np.mean([leaf.length for leaf in by_age[4:]])


def test_leaves_stand_all_around(rng):
    for _ in range(10):
        leaves = grow(habit("canopy", 30, rng), 0, rng)
        angles = np.sort(np.mod([leaf.direction for leaf in leaves], 2 * np.pi))
        assert np.diff(np.append(angles, angles[0] + 2 * np.pi)).max() < np.pi / 2


def test_the_young_lie_on_top(rng):
    ranks = []
    for _ in range(20):
        leaves = grow(habit("rosette", 16, rng), 0, rng)
        ages = np.array([leaf.maturity for leaf in leaves])
        ranks.append(np.corrcoef(np.arange(16), ages)[0, 1])
    assert np.mean(ranks) < -0.7
