"""Objects are ranked by how little there is to trust in them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_wnet.core.doubt import doubts
from napari_wnet.core.maps import Maps
from scenes import cells, maps_of


def squares() -> np.ndarray:
    labels = np.zeros((40, 100), np.int32)
    for number, column in enumerate((10, 35, 60), start=1):
        labels[10:30, column : column + 20] = number * 3
    return labels


def test_motley_faint_and_cut_objects_come_first():
    labels = squares()
    clean = maps_of(labels, 0.0)
    vectors = np.moveaxis(clean.embedding, 0, -1).astype(float)
    rng = np.random.default_rng(0)
    vectors[labels == 6] += 2048 * rng.standard_normal(((labels == 6).sum(), vectors.shape[-1]))
    foreground = np.where(labels == 9, 0.5, clean.foreground)
    found = doubts(labels, Maps.from_floats(clean.distance, np.moveaxis(vectors, -1, 0), foreground))
    assert found.labels.tolist()[-1] == 3
    by_label = dict(zip(found.labels.tolist(), range(3), strict=True))
    assert found.cohesion[by_label[6]] < 0.9 < found.cohesion[by_label[3]]
    assert found.certainty[by_label[9]] < found.certainty[by_label[3]]
    assert (np.diff(found.doubt) <= 0).all()


def test_neighbours_alike_cast_doubt_and_distant_ones_do_not():
    labels = np.zeros((30, 90), np.int32)
    labels[5:25, 5:25], labels[5:25, 25:45], labels[5:25, 65:85] = 1, 2, 3
    vectors = np.zeros((30, 90, 3))
    vectors[..., 0] = 1
    maps = Maps.from_floats(np.ones(labels.shape), np.moveaxis(vectors, -1, 0), np.ones(labels.shape))
    found = doubts(labels, maps)
    margins = dict(zip(found.labels.tolist(), found.margin.round(3), strict=True))
    assert margins == {1: 0, 2: 0, 3: 1}
    assert found.labels.tolist()[-1] == 3


def test_without_maps_only_the_frame_counts():
    labels = np.zeros((20, 20), np.int32)
    labels[:5, :5], labels[10:15, 10:15] = 1, 2
    found = doubts(labels, None)
    assert found.labels.tolist() == [1, 2]
    assert found.at_border.tolist() == [True, False]
    assert found.doubt[1] == 0


def test_the_places_are_the_centroids():
    labels = cells(48, 7, seed=5)
    found = doubts(labels, None)
    expected = ndimage.center_of_mass(labels > 0, labels, found.labels)
    np.testing.assert_allclose(np.stack([found.rows, found.columns], 1), expected)


def test_an_empty_plane_has_no_doubts():
    labels = np.zeros((8, 8), np.int32)
    assert len(doubts(labels, maps_of(labels)).labels) == 0
