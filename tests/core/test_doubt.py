"""Objects are ranked by how little there is to trust in them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_wnet.core.doubt import BORDER_DOUBT, MARGIN_DOUBT, doubts
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


def test_doubt_is_what_is_left_of_trust():
    """Three squares: one of two directions, one at the frame, one beside a neighbour 60 degrees off and faint."""
    labels = np.zeros((30, 70), np.int32)
    labels[10:20, 10:20], labels[0:10, 40:50], labels[10:20, 22:32] = 4, 2, 9
    vectors = np.zeros((30, 70, 4))
    vectors[..., 3] = 1
    vectors[labels == 4] = (1, 0, 0, 0)
    vectors[10:20, 15:20] = (0, 1, 0, 0)  # the other half: the mean direction is 45 degrees off both
    vectors[labels == 9] = (0.5 * np.sqrt(0.5), 0.5 * np.sqrt(0.5), np.sqrt(0.75), 0)
    vectors[labels == 2] = (0, 0, 1, 0)
    distance, foreground = np.zeros(labels.shape), np.zeros(labels.shape)
    distance[15, 15], distance[5, 45], distance[12, 25] = 1, 0.5, 0.75
    foreground[labels > 0] = 1
    foreground[10:20, 22:27] = 0.5
    found = doubts(labels, Maps.from_floats(distance, np.moveaxis(vectors, -1, 0), foreground))
    cohesion = {4: np.cos(np.radians(45)), 2: 1, 9: 1}
    margin = {4: 0.5, 2: 1, 9: 0.5}
    certainty = {4: 1, 2: 0.5, 9: 0.75 * 0.75}
    at_border = {4: False, 2: True, 9: False}
    trust = {
        number: cohesion[number]
        * certainty[number]
        * (1 - MARGIN_DOUBT * (1 - margin[number]))
        * (1 - BORDER_DOUBT * at_border[number])
        for number in (2, 4, 9)
    }
    numbers = sorted(trust, key=trust.__getitem__)
    assert found.labels.tolist() == numbers
    for column, expected in ((found.cohesion, cohesion), (found.margin, margin), (found.certainty, certainty)):
        np.testing.assert_allclose(column, [expected[number] for number in numbers], atol=2e-3)
    np.testing.assert_allclose(found.doubt, [1 - trust[number] for number in numbers], atol=2e-3)
    assert found.at_border.tolist() == [at_border[number] for number in numbers]


def test_without_a_foreground_head_the_distance_alone_says_how_sure():
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:15], labels[5:15, 25:35] = 1, 2
    distance = np.where(labels == 1, 0.25, 0.75)
    vectors = np.ones((2, 20, 40))
    found = doubts(labels, Maps.from_floats(distance, vectors))
    assert found.labels.tolist() == [1, 2]
    np.testing.assert_allclose(found.certainty, [0.25, 0.75])
    np.testing.assert_allclose(found.doubt, [0.75, 0.25], atol=1e-3)


def test_each_side_of_the_frame_is_a_border():
    labels = np.zeros((30, 30), np.int32)
    labels[0, 14], labels[29, 14], labels[14, 0], labels[14, 29], labels[1:29:27, 14] = 1, 2, 3, 4, 5
    found = doubts(labels, None)
    assert dict(zip(found.labels.tolist(), found.at_border.tolist(), strict=True)) == {
        1: True, 2: True, 3: True, 4: True, 5: False,
    }  # fmt: skip
    np.testing.assert_allclose(found.doubt, [BORDER_DOUBT] * 4 + [0])
    assert found.labels.tolist() == [1, 2, 3, 4, 5]  # of equal doubt, in the order of their numbers
    assert len(doubts(np.zeros((0, 5), np.int32), None).labels) == 0


def test_distances_beyond_one_make_nothing_surer():
    labels = np.ones((6, 6), np.int32)
    vectors, distance = np.ones((2, 6, 6)), np.full((6, 6), 1.25)
    for foreground in (None, np.ones((6, 6))):
        assert doubts(labels, Maps.from_floats(distance, vectors, foreground)).certainty.tolist() == [1]
