"""A window that holds components with some margin gives the labels of the whole plane."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wnet.core.clustering import cluster, find_seeds, foreground_mask, smoothed_distance
from napari_wnet.core.components import Components, cluster_components, context_px, unclaimed_parts, with_rivals
from napari_wnet.core.labels import connected_parts
from napari_wnet.core.maps import Maps
from napari_wnet.core.seams import block_parts
from napari_wnet.core.windows import Place, widened
from napari_wnet.params import ClusteringParams
from scenes import maps_of
from slide_scenes import clusters


def crop(maps: Maps, window) -> Maps:
    embedding = np.moveaxis(np.moveaxis(maps.embedding, 0, -1)[window].copy(), -1, 0)
    return Maps(distance=maps.distance[window].copy(), embedding=embedding)


@pytest.mark.parametrize("method", ["combined", "angular", "watershed"])
@pytest.mark.parametrize("fill", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_each_component_alone_is_what_it_is_in_the_plane(method, fill, seed):
    maps = maps_of(clusters(160, 14, 0.5, seed), 0.25, seed=seed)
    params = ClusteringParams(method=method, fill=fill, min_area=10)
    mask = foreground_mask(maps, params)
    seeds = find_seeds(smoothed_distance(maps, params), mask, params)
    parts = connected_parts(mask)
    found = block_parts(mask, seeds > 0, Place.whole(mask.shape))[1]
    homes = np.zeros(int(seeds.max()) + 1, int)
    homes[seeds] = parts
    n_seeds = np.bincount(homes[1:], minlength=int(parts.max()) + 1)
    boxes = np.concatenate([found.inner_boxes, found.seed_boxes])
    wanted = cluster(maps, params)
    total = np.zeros(mask.shape, bool)
    for number in np.flatnonzero(n_seeds > 0):
        rows, columns = np.nonzero(parts == number)
        window = slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)
        if method == "combined":
            window = with_rivals(window, boxes)
        window = widened(window, context_px(params), mask.shape)
        own = np.arange(len(n_seeds)) == number
        components = Components(labels=parts[window], n_seeds=n_seeds, own=own)
        place = Place(corner=(window[0].start, window[1].start), frame=mask.shape)
        labels = cluster_components(crop(maps, window), components, params, place)
        mine = labels > 0
        assert not total[window][mine].any()
        total[window] |= mine
        # Same objects, in the same order.
        numbers = wanted[window][mine]
        np.testing.assert_array_equal(np.unique(numbers, return_inverse=True)[1] + 1, labels[mine])
    np.testing.assert_array_equal(total, wanted > 0)


def test_rivals_are_those_whose_reach_meets_the_window():
    window = slice(100, 150), slice(100, 150)
    near, far = [90, 60, 110, 80], [10, 10, 20, 20]  # the near one's side is 20, so that it reaches 13 px further
    assert with_rivals(window, np.array([near, far])) == window
    near = [90, 68, 110, 88]
    assert with_rivals(window, np.array([near, far])) == (slice(90, 150), slice(68, 150))
    assert with_rivals(window, np.zeros((0, 4), np.int64)) == window


def test_what_no_seed_has_claimed_is_told_apart():
    labels = np.zeros((4, 9), np.int32)
    labels[:, :3], labels[:, 4:6], labels[:, 7:] = 1, 2, 3
    components = Components(labels=labels, n_seeds=np.array([0, 2, 2, 0]), own=np.array([False, True, True, True]))
    claimed = np.where(labels == 1, 7, 0).astype(np.int32)
    np.testing.assert_array_equal(unclaimed_parts(claimed, components), (labels == 2).astype(np.int32))
