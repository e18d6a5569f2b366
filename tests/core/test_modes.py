"""Mean shift and HDBSCAN against scikit-learn's, and against a statement of each rule one point at a time."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.modes import hdbscan_labels, meanshift_labels, modes
from napari_wnet.errors import ParamsError
from napari_wnet.params import ClusteringParams
from same import same_partition
from scenes import cells, maps_of

cluster = pytest.importorskip("sklearn.cluster")
BANDWIDTH = 2 * np.sin(np.radians(22.5))


def points_of(seed: int, spread: float, count: int = 300) -> np.ndarray:
    """Unit vectors about some directions."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((5, 6))[rng.integers(0, 5, count)] + spread * rng.standard_normal((count, 6))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def slow_modes(points: np.ndarray, bandwidth: float) -> list[np.ndarray]:
    """Move one mean at a time, then take the fullest, and the next that is none of its neighbours."""
    points = points.astype(float)
    ends = {}
    for start in {tuple(bin_) for bin_ in np.round(points / bandwidth).tolist()}:
        mean = np.array(start) * bandwidth
        for _ in range(301):
            near = points[np.linalg.norm(points - mean, axis=1) <= bandwidth]
            if not len(near):
                break
            before, mean = mean, near.mean(axis=0)
            if np.linalg.norm(mean - before) <= 1e-3 * bandwidth:
                break
        if len(near):
            ends[tuple(mean)] = len(near)
    chosen: list[np.ndarray] = []
    for end in sorted(ends, key=lambda end: (ends[end], end), reverse=True):
        if all(np.linalg.norm(np.array(end) - other) > bandwidth for other in chosen):
            chosen.append(np.array(end))
    return chosen


def vectors_of(maps: Maps, mask: np.ndarray) -> np.ndarray:
    return np.moveaxis(maps.embedding, 0, -1)[mask].astype(np.float32) / UNIT


def scene(seed: int, noise: float = 0.3) -> tuple[Maps, np.ndarray]:
    labels = cells(40, 6, seed)
    return maps_of(labels, noise, seed=seed), labels > 0


@given(st.integers(0, 10**6), st.floats(0.05, 1.5), st.sampled_from([0.3, 0.5, BANDWIDTH, 1.2]))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_modes_are_where_single_means_come_to_rest(seed, spread, bandwidth):
    points = points_of(seed, spread)
    np.testing.assert_allclose(modes(points, bandwidth), slow_modes(points, bandwidth), atol=1e-9)


@pytest.mark.parametrize("noise", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_mean_shift_is_that_of_scikit_learn(seed, noise):
    maps, mask = scene(seed, noise)
    theirs = cluster.MeanShift(bandwidth=BANDWIDTH, bin_seeding=True).fit_predict(vectors_of(maps, mask))
    ours = meanshift_labels(maps, mask, ClusteringParams(method="meanshift"))
    np.testing.assert_array_equal(ours > 0, mask)
    assert same_partition(ours[mask], theirs + 1)


def test_a_sample_has_the_modes_of_the_whole(monkeypatch):
    maps, mask = scene(2, 0.2)
    whole = meanshift_labels(maps, mask, ClusteringParams())
    monkeypatch.setattr("napari_wnet.core.modes.MOST_SHIFTED", 200)
    sampled = meanshift_labels(maps, mask, ClusteringParams())
    assert (whole != 0).sum() == (sampled != 0).sum()
    assert len(np.unique(whole)) == len(np.unique(sampled)) > 3


@pytest.mark.parametrize(("seed", "size", "n_sampled"), [(0, 20, 10_000), (1, 50, 10_000), (2, 20, 400), (3, 30, 400)])
def test_hdbscan_takes_what_is_in_no_cluster_to_the_nearest_one(seed, size, n_sampled):
    maps, mask = scene(seed)
    points = vectors_of(maps, mask)
    drawn = np.arange(len(points))
    if n_sampled < len(points):
        drawn = np.sort(np.random.default_rng(0).choice(len(points), n_sampled, replace=False))
    own = cluster.HDBSCAN(min_cluster_size=size, copy=True).fit_predict(points[drawn])
    means = [points[drawn][own == number].mean(axis=0) for number in range(own.max() + 1)]
    assert len(means) > 1
    expected = np.zeros(len(points), int)
    for place, point in enumerate(points):
        cosines = [point @ mean / np.linalg.norm(mean) for mean in means]
        if max(cosines) > np.cos(np.radians(40)):
            expected[place] = np.argmax(cosines) + 1
    expected[drawn[own >= 0]] = own[own >= 0] + 1
    params = ClusteringParams(method="hdbscan", min_cluster_size=size, n_sampled=n_sampled, angle=40)
    found = hdbscan_labels(maps, mask, params)
    assert same_partition(found[mask], expected)
    assert not found[~mask].any()


def test_one_object_is_one_cluster():
    maps = maps_of(np.ones((30, 30), np.int32), 0.1)
    for count in (0, 1, 30, 900):
        mask = np.zeros(900, bool)
        mask[:count] = True
        mask = mask.reshape(30, 30)
        for rule in (hdbscan_labels, meanshift_labels):
            np.testing.assert_array_equal(rule(maps, mask, ClusteringParams()), mask)


def test_the_same_comes_out_each_time():
    maps, mask = scene(1, 0.5)
    params = ClusteringParams(n_sampled=300)
    np.testing.assert_array_equal(hdbscan_labels(maps, mask, params), hdbscan_labels(maps, mask, params))


def test_without_its_package_the_message_names_the_remedy(monkeypatch):
    maps, mask = scene(0)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ParamsError, match=r"scikit-learn.*pip install \"napari-wnet\[clusterings\]\""):
        hdbscan_labels(maps, mask, ClusteringParams())
    assert meanshift_labels(maps, mask, ClusteringParams()).any()
