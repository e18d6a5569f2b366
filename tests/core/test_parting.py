"""An object is parted where the way from either point is as costly: against shortest paths in a graph."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from napari_wnet.core.maps import UNIT, to_fixed
from napari_wnet.core.parting import (
    EDGE_COST,
    NECK_COST,
    RIM_COST,
    RIVAL_COST,
    STEP_COST,
    mean_near,
    part,
    part_by_odds,
)


def costs_of(mask, maps, points) -> list[np.ndarray]:
    """Return what each pixel costs on the way from each point: what the costs' descriptions add up to."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    with np.errstate(divide="ignore"):
        common = STEP_COST + NECK_COST / depth
    if maps is None:
        return [common] * len(points)
    distance, vectors = maps[0].astype(float), maps[1] / UNIT
    common += RIM_COST * (1 - np.clip(distance, 0, 1)) ** 2
    height, width = mask.shape
    for y, x in np.ndindex(height, width):
        changes = [0.0]
        if 0 < y < height - 1:
            changes.append(1 - vectors[y - 1, x] @ vectors[y + 1, x])
        if 0 < x < width - 1:
            changes.append(1 - vectors[y, x - 1] @ vectors[y, x + 1])
        common[y, x] += EDGE_COST * max(changes)
    means = []
    for row, column in points:
        total = vectors[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].sum(axis=(0, 1))
        means.append(total / np.linalg.norm(total))
    likeness = [vectors @ mean for mean in means]
    return [
        common + RIVAL_COST * np.maximum(0, np.max([one for one in likeness if one is not own], axis=0) - own)
        for own in likeness
    ]


def ways(mask, cost, point) -> np.ndarray:
    """Return the cheapest way to each pixel: a step costs the mean of both pixels times its length."""
    height, width = mask.shape
    starts, ends, prices = [], [], []
    for y, x in np.argwhere(mask):
        for dy, dx in itertools.product((-1, 0, 1), repeat=2):
            row, column = y + dy, x + dx
            if (dy or dx) and 0 <= row < height and 0 <= column < width and mask[row, column]:
                starts.append(y * width + x)
                ends.append(row * width + column)
                prices.append(np.hypot(dy, dx) * (cost[y, x] + cost[row, column]) / 2)
    graph = coo_array((prices, (starts, ends)), shape=(mask.size, mask.size)).tocsr()
    return dijkstra(graph, indices=point[0] * width + point[1]).reshape(mask.shape)


@pytest.mark.parametrize("with_maps", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_each_pixel_goes_to_the_point_with_the_cheapest_way(seed, with_maps):
    rng = np.random.default_rng(seed)
    mask = ndimage.binary_opening(rng.random((18, 24)) < 0.95, np.ones((2, 2)))
    mask = ndimage.label(mask, np.ones((3, 3)))[0] == 1
    inside = np.argwhere(mask)
    points = [tuple(place) for place in inside[[3, len(inside) // 2, -4]].tolist()]
    maps = None
    if with_maps:
        towards = np.eye(4)[np.arange(24) * 3 // 24][np.newaxis] + 0.15 * rng.standard_normal((18, 24, 4))
        towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
        maps = rng.random((18, 24)).astype(np.float16) * 1.2, to_fixed(towards).astype(np.float32)
    found = part(mask, maps, points)
    reached = np.stack(
        [ways(mask, cost, point) for cost, point in zip(costs_of(mask, maps, points), points, strict=True)]
    )
    order = np.sort(reached, axis=0)
    clear = mask & (order[0] + 1e-3 < order[1])
    assert clear.sum() > 0.8 * mask.sum()
    np.testing.assert_array_equal(found[clear], reached.argmin(axis=0)[clear] + 1)
    assert not found[~mask].any()
    assert found.dtype == np.int32


def test_a_single_point_has_everything():
    mask = np.zeros((5, 6), bool)
    mask[1:4, 1:5] = True
    np.testing.assert_array_equal(part(mask, None, [(2, 2)]), mask.astype(np.int32))


def test_a_points_own_pixel_is_its_own_even_beside_another():
    mask = np.ones((5, 9), bool)
    odds = np.stack([np.full((5, 9), 3.0), np.full((5, 9), 1.0)]).astype(np.float32)
    found = part_by_odds(mask, odds, [(2, 4), (2, 5)])
    assert found[2, 5] == 2
    assert (found == 1).sum() == 44
    assert part(mask, None, [(2, 4), (2, 5)])[2, 4:6].tolist() == [1, 2]


def test_what_does_not_hang_with_its_point_goes_to_what_it_touches():
    """The second is likelier at the left end as well, but cut off from its point by the first."""
    mask = np.zeros((7, 30), bool)
    mask[1:6, 1:29] = True
    odds = np.zeros((2, 7, 30), np.float32)
    odds[0, :, 8:18] = 5
    odds[1, :, :8], odds[1, :, 18:] = 5, 5
    found = part_by_odds(mask, odds, [(3, 12), (3, 24)])
    assert (found[1:6, 1:18] == 1).all()
    assert (found[1:6, 18:29] == 2).all()
    assert not found[~mask].any()


def test_pieces_that_touch_at_a_corner_hang_together():
    mask = np.zeros((8, 12), bool)
    mask[0:4, 0:4], mask[4:8, 4:8], mask[4:8, 8:12] = True, True, True
    odds = np.zeros((2, 8, 12), np.float32)
    odds[0, :, :8], odds[1, :, 8:] = 5, 5
    found = part_by_odds(mask, odds, [(1, 1), (6, 10)])
    assert (found[mask] == np.where(np.nonzero(mask)[1] < 8, 1, 2)).all()


def test_where_nobody_looked_the_touching_part_has_it():
    mask = np.ones((3, 20), bool)
    odds = np.full((2, 3, 20), -np.inf, np.float32)
    odds[0, :, :5], odds[1, :, 5:9] = -4, -6  # little speaks for it, but more than for anything else
    found = part_by_odds(mask, odds, [(1, 1), (1, 7)])
    assert (found[:, :5] == 1).all()
    assert (found[:, 5:] == 2).all()


def test_the_mean_direction_is_that_of_the_nine_pixels_around_one():
    vectors = np.zeros((4, 5, 2), np.float32)
    vectors[..., 0] = 3
    vectors[0, 0], vectors[2, 3] = (0, 5), (0, 30)
    np.testing.assert_allclose(mean_near(vectors, (0, 0)), np.array([9, 5]) / np.hypot(9, 5), atol=1e-3)
    np.testing.assert_allclose(mean_near(vectors, (1, 2)), np.array([24, 30]) / np.hypot(24, 30), atol=1e-3)
    np.testing.assert_allclose(mean_near(vectors, (3, 4)), np.array([9, 30]) / np.hypot(9, 30), atol=1e-3)
    np.testing.assert_allclose(mean_near(vectors, (3, 1)), [1, 0], atol=1e-3)
