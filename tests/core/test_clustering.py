"""Clustering made-up maps: the labels come back, whatever the order, the side up or the noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_wnet.core.clustering import cluster, foreground_mask, in_raster_order
from napari_wnet.core.maps import Maps
from napari_wnet.core.metrics import symmetric_best_dice
from napari_wnet.core.targets import distance_map
from napari_wnet.errors import ImageError
from napari_wnet.params import ClusteringParams

METHODS = ("combined", "angular", "watershed")
SQUARE = np.ones((3, 3), bool)


def touching_cells(seed: int, side: int = 72, per_side: int = 3) -> np.ndarray:
    """Return labels of a jittered grid of rounded, touching cells."""
    rng = np.random.default_rng(seed)
    spacing = side / per_side
    grid = (np.indices((per_side, per_side)).reshape(2, -1).T + 0.5) * spacing
    centres = grid + rng.uniform(-0.15, 0.15, grid.shape) * spacing
    at = np.indices((side, side)).transpose(1, 2, 0)[:, :, None]
    gaps = np.sqrt(((at - centres) ** 2).sum(axis=-1))
    return np.where(gaps.min(axis=-1) < 0.6 * spacing, gaps.argmin(axis=-1) + 1, 0).astype(np.int32)


def maps_of(labels: np.ndarray, noise: float = 0.0, seed: int = 0, colours: np.ndarray | None = None) -> Maps:
    """Return maps of labels: one axis an object (or `colours`), the last one for background, with noise."""
    rng = np.random.default_rng(seed)
    axes = np.arange(labels.max() + 1) - 1 if colours is None else colours
    dimensions = int(axes.max()) + 2
    axes = np.where(np.arange(len(axes)) == 0, dimensions - 1, axes)
    embedding = np.eye(dimensions)[axes][labels] + noise * rng.standard_normal((*labels.shape, dimensions))
    distance = np.clip(distance_map(labels) + 0.3 * noise * rng.standard_normal(labels.shape), 0, 1)
    return Maps.from_floats(distance, np.moveaxis(embedding, -1, 0), (labels > 0) * 0.9 + 0.05)


def turned(maps: Maps, turns: int, mirrored: bool) -> Maps:
    def turn(plane: np.ndarray) -> np.ndarray:
        plane = np.rot90(plane, turns)
        return np.ascontiguousarray(plane[:, ::-1] if mirrored else plane)

    embedding = np.moveaxis(turn(np.moveaxis(maps.embedding, 0, -1)), -1, 0)
    return Maps(distance=turn(maps.distance), embedding=embedding, foreground=turn(maps.foreground))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_the_labels_behind_the_maps_come_back(method, noise):
    labels = touching_cells(1)
    found = cluster(maps_of(labels, noise), ClusteringParams(method=method))
    assert found.max() == labels.max()
    assert symmetric_best_dice(labels, found) > (0.999 if noise == 0 and method != "watershed" else 0.93)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1000),
    noise=st.sampled_from([0.1, 0.3, 0.5]),
    turns=st.integers(0, 3),
    mirrored=st.booleans(),
    method=st.sampled_from(["combined", "angular"]),
)
def test_labels_turn_with_the_image_exactly(seed, noise, turns, mirrored, method):
    maps = maps_of(touching_cells(seed), noise, seed)
    params = ClusteringParams(method=method, min_area=0)
    again = cluster(turned(maps, turns, mirrored), params)
    labels = np.rot90(cluster(maps, params), turns)
    labels = np.ascontiguousarray(labels[:, ::-1] if mirrored else labels)
    assert np.array_equal(in_raster_order(labels), again)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), noise=st.sampled_from([0.2, 0.5]), method=st.sampled_from(METHODS))
def test_objects_are_whole_numbered_in_raster_order_and_in_the_foreground(seed, noise, method):
    maps = maps_of(touching_cells(seed), noise, seed)
    params = ClusteringParams(method=method, min_area=12, fill=False)
    labels = cluster(maps, params)
    assert labels.dtype == np.int32
    assert not labels[~foreground_mask(maps, params)].any()
    present = labels[labels > 0]
    first = [int(np.flatnonzero(labels.ravel() == label)[0]) for label in range(1, labels.max() + 1)]
    assert first == sorted(first)
    assert not present.size or np.bincount(present)[1:].min() >= 12
    for label in range(1, labels.max() + 1):
        assert ndimage.label(labels == label, SQUARE)[1] == 1


def two_seeds(same: bool) -> tuple[np.ndarray, Maps]:
    """Return a bar of two halves, each with a middle of its own, with one direction or two."""
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 4:20], labels[5:15, 20:36] = 1, 2
    colours = np.array([0, 0, 0]) if same else None
    return labels, maps_of(labels, colours=colours)


def test_seeds_of_one_direction_are_one_object_and_of_two_are_two():
    labels, maps = two_seeds(same=True)
    assert cluster(maps, ClusteringParams(method="angular")).max() == 1
    labels, maps = two_seeds(same=False)
    assert np.array_equal(cluster(maps, ClusteringParams(method="angular")), labels)


def test_where_directions_are_alike_the_combined_rule_follows_the_distance():
    labels, maps = two_seeds(same=True)
    found = cluster(maps, ClusteringParams(method="combined"))
    assert found.max() == 2
    assert symmetric_best_dice(labels, found) > 0.97


def test_where_the_distance_misleads_the_combined_rule_follows_directions():
    labels = np.zeros((24, 40), np.int32)
    labels[4:20, 4:14], labels[4:20, 14:36] = 1, 2
    maps = maps_of(labels)
    # A ridge of distance that reaches from the large object far into the small one.
    distance = maps.distance.copy()
    distance[10:13, 8:20] = 0.45
    misleading = Maps(distance=distance, embedding=maps.embedding, foreground=maps.foreground)
    combined = cluster(misleading, ClusteringParams(method="combined"))
    flooded = cluster(misleading, ClusteringParams(method="watershed"))
    assert symmetric_best_dice(labels, combined) > 0.99
    assert symmetric_best_dice(labels, combined) > symmetric_best_dice(labels, flooded)


@pytest.mark.parametrize("method", METHODS)
def test_the_users_foreground_takes_the_place_of_the_networks(method):
    labels = touching_cells(2)
    mask = np.zeros(labels.shape, bool)
    mask[:, :40] = True
    found = cluster(maps_of(labels), ClusteringParams(method=method), mask)
    assert found[:, :40].any()
    assert not found[:, 40:].any()
    with pytest.raises(ImageError, match="must agree"):
        cluster(maps_of(labels), ClusteringParams(method=method), mask[1:])


def test_without_a_foreground_head_what_is_unlike_the_background_is_foreground():
    labels = touching_cells(3)
    maps = maps_of(labels, noise=0.05)
    headless = Maps(distance=maps.distance, embedding=maps.embedding)
    assert symmetric_best_dice(labels, cluster(headless, ClusteringParams())) > 0.97


@pytest.mark.parametrize("method", METHODS)
def test_no_seed_no_object(method):
    assert not cluster(Maps.empty((30, 20), 8, foreground=True), ClusteringParams(method=method)).any()
    labels = touching_cells(1)
    assert not cluster(maps_of(labels), ClusteringParams(method=method, seed_threshold=1.0)).any()


@pytest.mark.parametrize("method", METHODS)
def test_an_image_that_is_all_one_object(method):
    labels = np.ones((24, 24), np.int32)
    assert (cluster(maps_of(labels), ClusteringParams(method=method)) == 1).all()


@pytest.mark.parametrize("method", METHODS)
def test_holes_are_closed_only_where_asked(method):
    labels = np.zeros((30, 30), np.int32)
    labels[5:25, 5:25] = 1
    maps = maps_of(labels)
    maps.foreground[14:16, 14:16] = 0
    closed = cluster(maps, ClusteringParams(method=method, fill=True))
    assert np.array_equal(closed > 0, labels > 0)
    assert not cluster(maps, ClusteringParams(method=method, fill=False))[14:16, 14:16].any()


def test_small_objects_are_dropped():
    labels = touching_cells(4)
    labels[labels == 5] = 0
    labels[34:37, 34:37] = 5
    maps = maps_of(labels)
    assert cluster(maps, ClusteringParams(min_area=0, seed_sigma=0)).max() == 9
    assert cluster(maps, ClusteringParams(min_area=10, seed_sigma=0)).max() == 8


def test_a_wider_angle_gives_no_smaller_an_object():
    labels = touching_cells(5)
    maps = maps_of(labels, noise=0.4)
    areas = [
        np.count_nonzero(cluster(maps, ClusteringParams(method="angular", angle=angle, fill=False)))
        for angle in (15, 30, 45, 60)
    ]
    assert areas == sorted(areas)
    assert areas[0] < areas[-1]
