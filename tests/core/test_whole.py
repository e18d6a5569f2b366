"""What holds of every clustering that looks at the whole image at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label as connected_parts

from napari_wnet.clustering_params import BY_PEAKS
from napari_wnet.core.clustering import cluster, foreground_mask
from napari_wnet.core.keeping import Kept
from napari_wnet.core.labels import in_raster_order
from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.metrics import symmetric_best_dice
from napari_wnet.core.whole import RULES, mean_directions
from napari_wnet.params import ClusteringParams
from scenes import cells, maps_of

for package in ("bioimage_cpp", "sklearn"):
    pytest.importorskip(package)
METHODS = tuple(RULES)
OWN = {"authors": {"peak_sigma": 1.0, "peak_distance": 3}, "hdbscan": {"min_cluster_size": 20, "n_sampled": 600}}


def params_of(method: str, **changes) -> ClusteringParams:
    return ClusteringParams(method=method, **{**OWN.get(method, {}), **changes})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("foreground", [True, False])
@pytest.mark.parametrize("n_objects", [1, 4, 9])
def test_perfect_maps_give_the_labels_back(method, foreground, n_objects):
    labels = in_raster_order(cells(80, n_objects, seed=n_objects))
    np.testing.assert_array_equal(cluster(maps_of(labels, foreground=foreground), params_of(method)), labels)


@pytest.mark.parametrize("method", METHODS)
def test_noise_is_tolerated(method):
    for seed in range(3):
        labels = cells(80, 12, seed)
        noise = 0.1 if method in BY_PEAKS else 0.2  # a seed is a single pixel there, with all its noise
        assert symmetric_best_dice(labels, cluster(maps_of(labels, noise, seed=seed), params_of(method))) > 0.9


@given(st.sampled_from(METHODS), st.booleans(), st.booleans(), st.sampled_from([0, 9, 40]), st.integers(0, 10**6))
@settings(deadline=None, derandomize=True, max_examples=80)
def test_objects_are_connected_in_the_foreground_numbered_in_order_and_not_too_small(
    method, fill, masked, min_area, seed
):
    maps = maps_of(cells(40, 7, seed), 0.4, seed=seed)
    params = params_of(method, fill=fill, min_area=min_area)
    mask = np.kron(np.indices((4, 4)).sum(axis=0) % 3 > 0, np.ones((10, 10), bool)) if masked else None
    labels = cluster(maps, params, mask)
    assert labels.dtype == np.int32
    assert connected_parts(labels, background=0, connectivity=2).max() == labels.max()
    assert np.unique(labels[labels > 0]).size == labels.max()
    assert (np.bincount(labels.ravel())[1:] >= min_area).all()
    np.testing.assert_array_equal(in_raster_order(labels), labels)
    if masked or not fill:  # else holes in the foreground are filled
        assert not labels[~foreground_mask(maps, params, mask)].any()


@pytest.mark.parametrize("method", METHODS)
def test_like_objects_that_do_not_touch_are_not_joined(method):
    labels = np.zeros((40, 40), np.int32)
    labels[2:18, 2:18], labels[2:18, 20:38], labels[22:38, 2:38] = 1, 2, 3
    vectors = np.zeros((3, 40, 40))
    vectors[0], vectors[1, labels == 0] = labels > 0, 1
    maps = Maps.from_floats(maps_of(labels).distance, vectors, labels > 0)
    np.testing.assert_array_equal(cluster(maps, params_of(method)), labels)


@pytest.mark.parametrize("method", METHODS)
def test_leftovers_and_holes_are_filled_if_asked(method):
    labels = np.zeros((40, 60), np.int32)
    labels[5:35, 5:30], labels[5:35, 30:55] = 1, 2
    maps = maps_of(labels)
    embedding, foreground = maps.embedding.copy(), maps.foreground.copy()
    strange = np.zeros(labels.shape, bool)
    strange[12:14, 8:11] = True  # a highlight that looks like nothing known
    embedding[:, strange] = np.array([0, 0, 0, 0, UNIT, 0, 0, 0], np.int16)[:, None]
    foreground[20:22, 15:17] = 0
    maps = Maps(distance=maps.distance, embedding=embedding, foreground=foreground)
    params = params_of(method)
    np.testing.assert_array_equal(cluster(maps, params), labels)
    assert not cluster(maps, params, foreground > 0.5)[20:22, 15:17].any()
    bare = labels.copy()
    bare[20:22, 15:17] = 0
    found = cluster(maps, params.replace(fill=False))
    np.testing.assert_array_equal(found[~strange], bare[~strange])
    assert not found[strange].any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fill", [True, False])
def test_what_stays_keeps_number_and_pixels_and_is_not_crept_into(method, fill):
    truth = np.zeros((40, 60), np.int32)
    truth[5:35, 5:30], truth[5:35, 30:55] = 1, 2
    maps, params = maps_of(truth, 0.02), params_of(method, fill=fill, min_area=30)
    smaller = np.where((truth == 1) & (np.arange(40)[:, None] >= 6), 7, 0)
    cleared = np.zeros(truth.shape, bool)
    cleared[30:, 50:] = True
    found = cluster(maps, params, kept=Kept.of(smaller, [7], cleared))
    np.testing.assert_array_equal(found == 7, smaller == 7)
    np.testing.assert_array_equal(found == 1, (truth == 2) & ~cleared)
    assert set(np.unique(found)) == {0, 1, 7}


@pytest.mark.parametrize("method", METHODS)
def test_keeping_everything_that_was_found_changes_nothing(method):
    maps, params = maps_of(cells(48, 8, seed=1), 0.15), params_of(method)
    found = cluster(maps, params)
    assert found.max() == 8
    for numbers in ([], np.unique(found)):
        np.testing.assert_array_equal(cluster(maps, params, kept=Kept.of(found, numbers)), found)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("foreground", [True, False])
def test_empty_maps_have_no_objects(method, foreground):
    for maps in (
        Maps.empty((12, 15), 8, foreground=foreground),
        maps_of(np.zeros((12, 15), np.int32), foreground=foreground),
    ):
        assert not cluster(maps, params_of(method)).any()


def test_directions_are_those_of_means():
    maps, labels = maps_of(cells(40, 5, seed=1), 0.3), cells(40, 5, seed=1)
    embedding = np.moveaxis(maps.embedding, 0, -1)
    for number, found in enumerate(mean_directions(embedding, labels), start=1):
        mean = embedding[labels == number].mean(axis=0)
        np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1 / UNIT)
