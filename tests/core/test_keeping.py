"""What was settled by hand stays through every clustering, and its surroundings do not creep in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_wnet.core.clustering import cluster
from napari_wnet.core.keeping import Kept
from napari_wnet.errors import ImageError
from napari_wnet.params import ClusteringParams
from scenes import cells, maps_of

METHODS = ("angular", "combined", "watershed")


@given(st.integers(1, 9), st.integers(0, 10**6), st.sampled_from(METHODS), st.booleans(), st.data())
@settings(deadline=None, derandomize=True, max_examples=60)
def test_kept_objects_keep_number_and_pixels(count, seed, method, fill, data):
    truth = cells(40, count, seed=seed)
    maps = maps_of(truth, 0.2, seed=seed)
    params = ClusteringParams(method=method, fill=fill, min_area=data.draw(st.sampled_from([0, 9])))
    edited = np.roll(cells(40, 5, seed=seed + 1), 3, axis=0) * 3  # any labels of a person's
    numbers = data.draw(st.sets(st.sampled_from(sorted(set(edited.ravel().tolist())))))
    cleared = np.zeros(truth.shape, bool)
    cleared[:12] = True
    kept = Kept.of(edited, sorted(numbers), cleared)
    found = cluster(maps, params, kept=kept)
    for number in numbers - {0}:
        assert ((found == number) == (edited == number)).all()
    assert not found[cleared & (edited == 0)].any()
    others = set(found.ravel().tolist()) - {0} - numbers
    assert all((found == number).sum() >= params.min_area for number in others)


@pytest.mark.parametrize("method", METHODS)
def test_keeping_nothing_or_everything_that_was_found_changes_nothing(method):
    truth = cells(48, 8, seed=1)
    maps, params = maps_of(truth, 0.15), ClusteringParams(method=method)
    found = cluster(maps, params)
    assert (cluster(maps, params, kept=Kept.of(found, [])) == found).all()
    assert (cluster(maps, params, kept=Kept.of(found, np.unique(found))) == found).all()


@pytest.mark.parametrize("method", METHODS)
def test_neighbours_do_not_creep_along_the_rim_of_what_was_made_smaller(method):
    truth = np.zeros((40, 60), np.int32)
    truth[5:35, 5:30], truth[5:35, 30:55] = 1, 2
    maps = maps_of(truth, 0.0)
    found = cluster(maps, ClusteringParams(method=method))
    one = int(found[20, 10])
    smaller = np.where((found == one) & (np.arange(40)[:, None] < 8), 0, found)
    again = cluster(maps, ClusteringParams(method=method), kept=Kept.of(smaller, [one]))
    assert ((again == one) == (smaller == one)).all()
    assert set(np.unique(again)) == {0, 1, 2}
    other = 3 - one
    assert ((again == other) & (truth == 1)).sum() < 30  # its own border, not a strip along the top


def test_a_kept_object_that_grew_into_a_neighbour_leaves_it_alive():
    truth = np.zeros((40, 60), np.int32)
    truth[5:35, 5:30], truth[5:35, 30:55] = 1, 2
    maps = maps_of(truth, 0.0)
    grown = np.where((truth == 0) | (np.arange(60) >= 38), 0, 7)
    found = cluster(maps, ClusteringParams(method="combined"), kept=Kept.of(grown, [7]))
    assert (found[5:35, 40:54] > 0).all()
    assert (found[grown == 7] == 7).all()


def test_labels_of_another_plane_are_refused():
    truth = cells(24, 3, seed=0)
    with pytest.raises(ImageError, match="shape"):
        cluster(maps_of(truth), ClusteringParams(), kept=Kept.of(np.zeros((5, 5), np.int32), []))


def test_a_large_number_among_the_others_takes_no_memory():
    labels = np.array([[0, 5, 7], [3_000_000_000, 5, 0]])
    np.testing.assert_array_equal(Kept.of(labels, [0, 5, 6, 2**40]).labels, np.where(labels == 5, 5, 0))
