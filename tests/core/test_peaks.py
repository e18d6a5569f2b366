"""The published rules against a slow statement of each, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.segmentation import flood

from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.peaks import authors_labels, paper_labels, peaks
from napari_wnet.params import ClusteringParams
from scenes import cells, maps_of

SEEDS = range(6)


def noisy(seed: int) -> tuple[Maps, np.ndarray]:
    labels = cells(48, 9, seed)
    return maps_of(labels, 0.3, seed=seed), labels > 0


def vectors_of(maps: Maps) -> np.ndarray:
    return np.moveaxis(maps.embedding, 0, -1).astype(float) / UNIT


def maxima(distance: np.ndarray, mask: np.ndarray, part: float, apart: int) -> set[tuple[int, int]]:
    """Pixels of the foreground above the threshold that nothing in the foreground around them exceeds."""
    inside = np.where(mask, distance, -1)
    found = set()
    for y, x in np.argwhere(mask & (distance > part * distance.max())):
        around = inside[max(0, y - apart) : y + apart + 1, max(0, x - apart) : x + apart + 1]
        if inside[y, x] == around.max():
            found.add((int(y), int(x)))
    return found


@pytest.mark.parametrize("apart", [1, 4])
@pytest.mark.parametrize("part", [0.5, 0.7, 0.9])
def test_peaks_are_the_local_maxima_above_a_part_of_the_image_s_maximum(part, apart):
    for seed in SEEDS:
        mask = cells(48, 9, seed) > 0
        distance = ndimage.gaussian_filter(np.random.default_rng(seed).random((48, 48)), 1).astype(np.float32)
        found = peaks(distance, mask, part, apart)
        assert {tuple(place) for place in found.tolist()} == maxima(distance, mask, part, apart)
        heights = distance[found[:, 0], found[:, 1]]
        assert (np.diff(heights) <= 0).all()


def test_of_a_plateau_no_two_peaks_touch():
    distance = np.zeros((20, 20), np.float32)
    distance[5:15, 5:15] = 1
    found = peaks(distance, distance > 0, 0.7)
    assert len(found)
    apart = np.abs(found[:, None] - found).max(axis=-1) + 99 * np.eye(len(found), dtype=int)
    assert apart.min() > 1


@pytest.mark.parametrize(("part", "angle"), [(0.7, 45), (0.5, 30), (0.9, 60)])
def test_paper_gives_each_pixel_to_the_highest_peak_within_the_angle(part, angle):
    for seed in SEEDS:
        maps, mask = noisy(seed)
        vectors = vectors_of(maps)
        seeds = peaks(maps.distance.astype(np.float32), mask, part)
        expected = np.zeros(mask.shape, int)
        for y, x in np.argwhere(mask):
            for number, (row, column) in enumerate(seeds, start=1):
                if vectors[y, x] @ vectors[row, column] > np.cos(np.radians(angle)):
                    expected[y, x] = number
                    break
        found = paper_labels(maps, mask, ClusteringParams(method="paper", peak_part=part, angle=angle))
        np.testing.assert_array_equal(found, expected)


def test_more_peaks_than_are_looked_at_at_once_change_nothing(monkeypatch):
    maps, mask = noisy(0)
    expected = paper_labels(maps, mask, ClusteringParams())
    monkeypatch.setattr("napari_wnet.core.peaks.CHUNK", 3)
    np.testing.assert_array_equal(paper_labels(maps, mask, ClusteringParams()), expected)


@pytest.mark.parametrize(("sigma", "apart", "angle"), [(3, 10, 45), (1, 3, 45), (0, 1, 30)])
def test_authors_let_a_later_seed_take_what_is_around_it(sigma, apart, angle):
    for seed in SEEDS:
        maps, mask = noisy(seed)
        vectors = vectors_of(maps)
        params = ClusteringParams(method="authors", peak_sigma=sigma, peak_distance=apart, angle=angle)
        smooth = ndimage.gaussian_filter(maps.distance.astype(np.float32), sigma)
        seeds = sorted(map(tuple, peaks(smooth, mask, params.peak_part, apart).tolist()))
        expected = np.zeros(mask.shape, int)
        for number, place in enumerate(seeds, start=1):
            like = mask & (vectors @ vectors[place] > np.cos(np.radians(angle)))
            expected[flood(like.astype(np.uint8), place)] = number
        np.testing.assert_array_equal(authors_labels(maps, mask, params), expected)


def test_both_find_what_a_perfect_network_knows():
    labels = cells(80, 9, seed=1)
    maps = maps_of(labels)
    for rule, params in (
        (paper_labels, ClusteringParams()),
        (authors_labels, ClusteringParams(peak_sigma=1, peak_distance=3)),
    ):
        found = rule(maps, labels > 0, params)
        # The embedding repeats over objects apart, so that some of the paper's are one before they are split.
        assert all(len(np.unique(found[labels == label])) == 1 for label in range(1, 10))
        assert (found[labels > 0] > 0).all()


def test_no_foreground_no_seed():
    maps, mask = noisy(0)
    for rule in (paper_labels, authors_labels):
        assert not rule(maps, mask & False, ClusteringParams()).any()


def test_peaks_two_pixels_apart_are_two_unless_asked_otherwise():
    distance = np.zeros((9, 20), np.float32)
    distance[4, 4], distance[4, 6], distance[4, 12], distance[5, 13] = 1, 0.9, 0.8, 0.95
    mask = np.ones(distance.shape, bool)
    assert peaks(distance, mask, 0.5).tolist() == [[4, 4], [5, 13], [4, 6]]
    assert peaks(distance, mask, 0.5, 2).tolist() == [[4, 4], [5, 13]]
    assert peaks(distance, mask, 0.95).tolist() == [[4, 4]]
