"""The mutex watershed against a slow one that follows its definition, and another program's."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.mutex import NEIGHBOURS, mutex_labels, pair_weights
from napari_wnet.errors import ParamsError
from napari_wnet.params import ClusteringParams
from same import same_partition
from scenes import cells, maps_of

pytest.importorskip("bioimage_cpp")
PARAMS = ClusteringParams(method="mutex", mutex_reach=2)


def random_maps(seed: int, shape: tuple[int, int] = (9, 11)) -> tuple[Maps, np.ndarray]:
    """Embeddings without any order, but with cosines above 0 (many a 0 would leave the order open); a ragged mask."""
    rng = np.random.default_rng(seed)
    maps = Maps.from_floats(rng.random(shape), rng.random((3, *shape)))
    return maps, rng.random(shape) < 0.8


def slow_mutex(weights: np.ndarray, offsets: list[tuple[int, int]], mask: np.ndarray) -> np.ndarray:
    """Go through all pairs, the greatest weight first, with a set of pixels for each region, and pairs that are apart.

    A likeness joins two regions unless they are to be apart; a difference tells them to be, unless they are one.
    """
    height, width = mask.shape
    edges = []
    for channel, (dy, dx) in enumerate(offsets):
        for y, x in np.argwhere(mask):
            other = (y + dy, x + dx)
            if 0 <= other[0] < height and 0 <= other[1] < width and mask[other]:
                edges.append((weights[channel, y, x], channel, (y, x), other))
    region = {tuple(place): number for number, place in enumerate(np.argwhere(mask), start=1)}
    apart: set[frozenset[int]] = set()
    for _, channel, first, second in sorted(edges, key=lambda edge: -edge[0]):
        a, b = region[tuple(first)], region[tuple(second)]
        if a == b:
            continue
        if channel >= len(NEIGHBOURS):
            apart.add(frozenset((a, b)))
        elif frozenset((a, b)) not in apart:
            region = {place: a if number == b else number for place, number in region.items()}
            apart = {frozenset(a if number == b else number for number in pair) for pair in apart}
    labels = np.zeros(mask.shape, int)
    for place, number in region.items():
        labels[place] = number
    return labels


@pytest.mark.parametrize("seed", range(12))
def test_it_is_the_mutex_watershed(seed):
    maps, mask = random_maps(seed)
    weights, offsets = pair_weights(maps, PARAMS)
    assert same_partition(mutex_labels(maps, mask, PARAMS), slow_mutex(weights, offsets, mask))


@pytest.mark.parametrize("seed", range(6))
def test_another_program_finds_the_same(seed):
    mwatershed = pytest.importorskip("mwatershed")
    maps, mask = random_maps(seed, (40, 50))
    weights, offsets = pair_weights(maps, PARAMS)
    signed = weights.astype(float)
    signed[len(NEIGHBOURS) :] *= -1
    for channel, (dy, dx) in enumerate(offsets):  # it knows no mask: what leaves the foreground is apart, but hardly
        inside = np.zeros(mask.shape, bool)
        ys, xs = np.nonzero(mask)
        there = (ys + dy >= 0) & (ys + dy < 40) & (xs + dx >= 0) & (xs + dx < 50)
        ys, xs = ys[there], xs[there]
        inside[ys, xs] = mask[ys + dy, xs + dx]
        signed[channel][~inside] = -1e-9
    theirs = mwatershed.agglom(signed, offsets).astype(np.int64)
    alone = theirs == 0  # what joins nothing has no number there
    theirs[alone] = theirs.max() + 1 + np.arange(alone.sum())
    assert same_partition(mutex_labels(maps, mask, PARAMS), np.where(mask, theirs, 0))


def test_weights_are_cosines_between_neighbours_and_what_cosines_lack_from_afar():
    maps, _ = random_maps(3, (20, 24))
    weights, offsets = pair_weights(maps, PARAMS.replace(mutex_weight=0.5))
    assert offsets[:2] == [(-1, 0), (0, -1)]
    assert {max(abs(dy), abs(dx)) for dy, dx in offsets[2:]} == {2, 4}
    vectors = np.moveaxis(maps.embedding, 0, -1).astype(float) / UNIT
    for channel, (dy, dx) in enumerate(offsets):
        for y, x in ((10, 12), (19, 23), (0, 0)):
            if 0 <= y + dy < 20 and 0 <= x + dx < 24:
                cosine = np.clip(vectors[y, x] @ vectors[y + dy, x + dx], 0, 1)
                expected = cosine if channel < 2 else 0.5 * (1 - cosine)
                assert weights[channel, y, x] == pytest.approx(expected, abs=1e-6)
            else:
                assert weights[channel, y, x] == 0


def test_an_image_smaller_than_the_reach():
    maps, mask = random_maps(0, (3, 4))
    labels = mutex_labels(maps, mask, PARAMS.replace(mutex_reach=8))
    assert ((labels > 0) == mask).all()


def test_a_higher_weight_of_differences_splits_more():
    labels = cells(72, 9, seed=5)
    maps = maps_of(labels, 0.4)
    counts = [
        mutex_labels(maps, labels > 0, ClusteringParams(mutex_weight=weight)).ravel() for weight in (0.3, 1.0, 2.0)
    ]
    n_regions = [len(np.unique(found)) for found in counts]
    assert n_regions == sorted(n_regions)
    assert n_regions[0] < n_regions[-1]


def test_without_its_package_the_message_names_the_remedy(monkeypatch):
    maps, mask = random_maps(0)
    monkeypatch.setitem(sys.modules, "bioimage_cpp", None)
    with pytest.raises(ParamsError, match=r"pip install \"napari-wnet\[clusterings\]\""):
        mutex_labels(maps, mask, PARAMS)
