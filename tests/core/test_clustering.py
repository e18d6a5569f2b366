"""From maps to labels: what a perfect network knows comes back, and nothing depends on order or orientation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import label as connected_parts

from napari_wnet.core import clustering
from napari_wnet.core.clustering import cluster, find_seeds, foreground_mask, smoothed_distance
from napari_wnet.core.keeping import Kept
from napari_wnet.core.labels import in_raster_order
from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.metrics import symmetric_best_dice
from napari_wnet.core.targets import distance_map
from napari_wnet.errors import ImageError
from napari_wnet.params import ClusteringParams
from scenes import cells, maps_of, turned

Labels = npt.NDArray[Any]
METHODS = ("angular", "combined", "watershed")
ANGULAR = ("angular", "combined")
steady = settings(deadline=None, derandomize=True, max_examples=60)


def turned_maps(maps: Maps, quarters: int, mirrored: bool) -> Maps:
    return Maps(
        distance=turned(maps.distance, quarters, mirrored),
        embedding=turned(maps.embedding, quarters, mirrored),
        foreground=None if maps.foreground is None else turned(maps.foreground, quarters, mirrored),
    )


def made(labels: Labels, directions: dict[int, list[float]], distance: Labels | None = None) -> Maps:
    """Maps of exact directions, three components each; label 0 is background and looks elsewhere."""
    vectors = np.zeros((*labels.shape, 4))
    vectors[labels == 0, 3] = 1
    for label, vector in directions.items():
        vectors[labels == label, :3] = vector
    return Maps.from_floats(
        distance_map(labels) if distance is None else distance, np.moveaxis(vectors, -1, 0), (labels > 0) * 0.9
    )


@st.composite
def any_maps(draw: st.DrawFn) -> Maps:
    labels = cells(draw(st.sampled_from([24, 40])), draw(st.integers(1, 9)), seed=draw(st.integers(0, 10**6)))
    noise = draw(st.sampled_from([0.0, 0.15, 0.3, 0.6]))
    return maps_of(labels, noise, seed=draw(st.integers(0, 10**6)), foreground=draw(st.booleans()))


def any_params(methods: tuple[str, ...]) -> st.SearchStrategy[ClusteringParams]:
    return st.builds(
        ClusteringParams,
        method=st.sampled_from(methods),
        seed_threshold=st.floats(0.2, 0.8),
        seed_sigma=st.sampled_from([0.0, 0.5, 1.0, 2.3]),
        angle=st.floats(20, 80),
        min_area=st.sampled_from([0, 5, 25]),
        fill=st.booleans(),
    )


# A perfect network, and one that is not


@pytest.mark.parametrize("foreground", [True, False])
@pytest.mark.parametrize("n_objects", [1, 4, 9, 25])
def test_perfect_maps_give_the_labels_back(foreground: bool, n_objects: int) -> None:
    labels = in_raster_order(cells(80, n_objects, seed=n_objects))
    maps = maps_of(labels, foreground=foreground)
    found = cluster(maps, ClusteringParams())
    np.testing.assert_array_equal(found, labels)
    assert found.dtype == np.int32
    # Here the smoothed seeds stand, and they reach over the boundary by a pixel or two.
    combined = cluster(maps, ClusteringParams(method="combined"))
    assert np.count_nonzero(combined != labels) <= 8


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("foreground", [True, False])
def test_noise_is_tolerated(method: str, foreground: bool) -> None:
    for seed in range(5):
        labels = cells(80, 12, seed)
        found = cluster(maps_of(labels, 0.25, seed=seed, foreground=foreground), ClusteringParams(method=method))
        assert symmetric_best_dice(labels, found) > (0.95 if method in ANGULAR else 0.85)


def test_watershed_needs_no_embedding() -> None:
    labels = cells(80, 9, seed=2)
    maps = maps_of(labels)
    blind = Maps(distance=maps.distance, embedding=maps.embedding * np.int16(0), foreground=maps.foreground)
    found = cluster(blind, ClusteringParams(method="watershed"))
    assert symmetric_best_dice(labels, found) > 0.9
    params = ClusteringParams(method="angular", fill=False)
    seeds = find_seeds(smoothed_distance(blind, params), foreground_mask(blind, params), params)
    np.testing.assert_array_equal(cluster(blind, params) > 0, seeds > 0)


@pytest.mark.parametrize("method", ANGULAR)
def test_an_object_whose_pixels_agree_on_no_direction_does_not_vanish(method: str) -> None:
    labels = np.zeros((40, 50), np.int32)
    labels[8:32, 5:24], labels[8:32, 24:43] = 1, 2
    maps = maps_of(labels)
    rng = np.random.default_rng(0)
    motley = rng.choice([-1.0, 1.0], (8, *labels.shape)) * np.eye(8)[rng.integers(0, 8, labels.shape)].transpose(
        2, 0, 1
    )
    embedding = np.where(labels == 2, motley, maps.embedding / UNIT)
    found = cluster(Maps.from_floats(maps.distance, embedding, maps.foreground), ClusteringParams(method=method))
    assert found.max() == 2


@pytest.mark.parametrize("method", METHODS)
def test_one_object_everywhere(method: str) -> None:
    labels = np.ones((30, 40), np.int32)
    params = ClusteringParams(method=method)
    assert (cluster(maps_of(labels), params) == 1).all()
    assert (cluster(maps_of(labels, foreground=False), params) == 1).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("foreground", [True, False])
def test_empty_maps_have_no_objects(method: str, foreground: bool) -> None:
    for maps in (
        Maps.empty((12, 15), 8, foreground=foreground),
        maps_of(np.zeros((12, 15), np.int32), foreground=foreground),
    ):
        found = cluster(maps, ClusteringParams(method=method))
        assert found.shape == (12, 15)
        assert not found.any()


# Nothing depends on the order of seeds or on which way the image lies


@steady
@given(any_maps(), any_params(ANGULAR), st.integers(0, 3), st.booleans())
def test_labels_turn_with_the_image(maps: Maps, params: ClusteringParams, quarters: int, mirrored: bool) -> None:
    expected = in_raster_order(np.ascontiguousarray(turned(cluster(maps, params), quarters, mirrored)))
    np.testing.assert_array_equal(cluster(turned_maps(maps, quarters, mirrored), params), expected)


@pytest.mark.parametrize("shape", [(2, 50), (40, 3), (33, 47)])
@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.5, 10.0])
@pytest.mark.parametrize("pixels", [100, 2**18])
def test_smoothing_is_gaussian(shape: tuple[int, int], sigma: float, pixels: int) -> None:
    maps = Maps.from_floats(np.random.default_rng(0).random(shape), np.ones((2, *shape)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_wnet.core.labels.STRIP_PIXELS", pixels)
        smooth = smoothed_distance(maps, ClusteringParams(seed_sigma=sigma))
    expected = ndimage.gaussian_filter(maps.distance.astype(float), sigma, truncate=3.0)
    np.testing.assert_allclose(smooth, expected, atol=5e-3)


def test_distances_beyond_nought_and_one_count_as_these() -> None:
    """A network's output may overshoot: that must make no seed larger."""
    distance = np.random.default_rng(0).uniform(-1, 2, (20, 30)).astype(np.float16)
    vectors = np.ones((2, 20, 30))
    beyond, within = (
        smoothed_distance(Maps.from_floats(values, vectors), ClusteringParams(seed_sigma=1.0))
        for values in (distance, distance.clip(0, 1))
    )
    np.testing.assert_array_equal(beyond, within)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 3.0])
def test_smoothing_turns_with_the_image_to_the_last_digit(sigma: float) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((150, 200)), 3) * 4 + 0.5
    maps = Maps.from_floats(np.clip(field, 0, 1), np.ones((2, 150, 200)))
    params = ClusteringParams(seed_sigma=sigma)
    smooth = smoothed_distance(maps, params)
    for quarters in range(4):
        other = smoothed_distance(turned_maps(maps, quarters, True), params)
        np.testing.assert_array_equal(other, turned(smooth, quarters, True))


@steady
@given(any_maps(), any_params(ANGULAR), st.integers(0, 10**6))
def test_labels_do_not_depend_on_the_order_of_seeds(maps: Maps, params: ClusteringParams, seed: int) -> None:
    def shuffled(*arguments: Any) -> Labels:
        seeds = find_seeds(*arguments)
        order = np.random.default_rng(seed).permutation(seeds.max()) + 1
        return np.array([0, *order], np.int32)[seeds]

    expected = cluster(maps, params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "find_seeds", shuffled)
        np.testing.assert_array_equal(cluster(maps, params), expected)


def test_two_like_seeds_in_two_objects_stay_apart_whichever_comes_first() -> None:
    """The same direction and the same area: only the place tells them apart, and the place must not matter."""
    labels = np.zeros((30, 60), np.int32)
    labels[5:25, 5:25], labels[5:25, 35:55] = 1, 2
    maps = made(labels, {1: [1, 0, 0], 2: [1, 0, 0]})
    for mirrored in (False, True):
        np.testing.assert_array_equal(cluster(turned_maps(maps, 0, mirrored), ClusteringParams()), labels)


@steady
@given(any_maps(), any_params(METHODS), st.booleans())
def test_the_short_cut_for_seeds_without_rivals_changes_nothing(
    maps: Maps, params: ClusteringParams, masked: bool
) -> None:
    params = params.replace(fill=True)
    mask = np.kron(np.indices((4, 4)).sum(axis=0) % 3 > 0, np.ones((maps.shape[0] // 4,) * 2, bool)) if masked else None
    labels = cluster(maps, params, mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "lone_objects", lambda seeds, mask: (np.zeros_like(seeds), mask))
        slow = cluster(maps, params, mask)
    np.testing.assert_array_equal(labels, slow)


@steady
@given(any_maps(), any_params(METHODS), st.sampled_from([1, 50, 300]))
def test_strips_do_not_show(maps: Maps, params: ClusteringParams, pixels: int) -> None:
    expected = cluster(maps, params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_wnet.core.labels.STRIP_PIXELS", pixels)
        np.testing.assert_array_equal(cluster(maps, params), expected)


# What holds of any labels


@steady
@given(any_maps(), any_params(METHODS))
def test_objects_are_connected_numbered_in_raster_order_and_not_too_small(maps: Maps, params: ClusteringParams) -> None:
    labels = cluster(maps, params)
    assert connected_parts(labels, background=0, connectivity=2).max() == labels.max()
    present, first = np.unique(labels, return_index=True)
    first = first[present > 0]
    assert present[present > 0].tolist() == list(range(1, labels.max() + 1))
    assert (np.diff(first) > 0).all()
    assert (np.bincount(labels.ravel())[1:] >= params.min_area).all()


@steady
@given(any_maps(), any_params(METHODS), st.integers(0, 99))
def test_the_users_mask_cuts(maps: Maps, params: ClusteringParams, seed: int) -> None:
    coarse = np.random.default_rng(seed).random((4, 4)) < 0.7
    mask = np.kron(coarse, np.ones((maps.shape[0] // 4, maps.shape[1] // 4), bool))
    labels = cluster(maps, params, mask)
    assert not labels[~mask].any()
    np.testing.assert_array_equal(cluster(maps, params, mask.astype(np.uint8) * 255), labels)


@pytest.mark.parametrize("method", ANGULAR)
def test_the_users_mask_is_the_foreground(method: str) -> None:
    """It takes the place of the network's own, where that sees less as well as where it sees more."""
    labels = in_raster_order(cells(60, 9, seed=5))
    maps = maps_of(labels)
    blind = Maps(distance=maps.distance, embedding=maps.embedding, foreground=maps.foreground * np.float16(0))
    params = ClusteringParams(method=method)
    assert not cluster(blind, params).any()
    np.testing.assert_array_equal(cluster(blind, params, labels > 0), labels)
    seen = Maps(distance=maps.distance, embedding=maps.embedding, foreground=np.ones_like(maps.distance))
    np.testing.assert_array_equal(cluster(seen, params, labels > 0), labels)
    half = labels * (np.arange(60) < 30)
    found = cluster(maps, params.replace(seed_threshold=0.3), half > 0)
    assert symmetric_best_dice(found, half) > 0.9


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("foreground", [True, False])
def test_a_region_is_where_objects_are_looked_for(method: str, foreground: bool) -> None:
    labels = in_raster_order(cells(60, 9, seed=5))
    params = ClusteringParams(method=method, foreground_use="region")
    maps = maps_of(labels, foreground=foreground)
    everywhere = cluster(maps, params)
    np.testing.assert_array_equal(cluster(maps, params, np.ones(labels.shape, bool)), everywhere)
    region = np.zeros(labels.shape, bool)
    region[:, :30] = True
    found = cluster(maps, params, region)
    assert found.max() > 1
    assert not found[:, 30:].any()
    # The network still tells objects from background; as "objects", the mask would.
    assert ((found > 0) <= (everywhere > 0)).all()
    assert (cluster(maps, params.replace(foreground_use="objects"), region) > 0).sum() > (found > 0).sum()


def test_an_empty_mask_leaves_nothing() -> None:
    maps = maps_of(cells(40, 4))
    for method in METHODS:
        assert not cluster(maps, ClusteringParams(method=method), np.zeros((40, 40), bool)).any()


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ImageError, match=r"\(40, 41\), the image \(40, 40\); they must agree"):
        cluster(maps_of(cells(40, 4)), ClusteringParams(), np.ones((40, 41), bool))


def test_maps_are_not_changed() -> None:
    maps = maps_of(cells(40, 5), 0.3)
    for array in (maps.distance, maps.embedding, maps.foreground):
        assert array is not None
        array.flags.writeable = False
    for method in METHODS:
        assert cluster(maps, ClusteringParams(method=method)).max() > 0


# What each setting does


def test_small_objects_are_dropped_and_the_rest_numbered_on() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[2:7, 2:7], labels[5:30, 12:30], labels[10:20, 40:52] = 1, 2, 3
    maps = made(labels, {1: [1, 0, 0], 2: [0, 1, 0], 3: [0, 0, 1]})
    for least, kept in [(0, [1, 2, 3]), (25, [1, 2, 3]), (26, [2, 3]), (121, [2]), (451, [])]:
        expected = np.zeros_like(labels)
        for number, label in enumerate(kept, start=1):
            expected[labels == label] = number
        np.testing.assert_array_equal(cluster(maps, ClusteringParams(min_area=least)), expected)


def dumbbell(angle: float) -> tuple[Labels, Maps]:
    """Two discs that overlap a little, with a maximum each; the right one's direction is turned by `angle` degrees."""
    y, x = np.mgrid[:30, :50]
    left, right = np.hypot(y - 15, x - 15), np.hypot(y - 15, x - 33)
    halves = np.where(np.minimum(left, right) < 11, np.where(left <= right, 1, 2), 0)
    distance = np.clip(1.1 - np.minimum(left, right) / 10, 0, 1) * (halves > 0)
    turn = np.radians(angle)
    return halves, made(halves, {1: [1, 0, 0], 2: [np.cos(turn), np.sin(turn), 0]}, distance)


@pytest.mark.parametrize(("angle", "n_objects"), [(0, 1), (20, 1), (40, 1), (50, 2), (90, 2), (180, 2)])
def test_seeds_of_like_embedding_are_one_object(angle: float, n_objects: int) -> None:
    halves, maps = dumbbell(angle)
    params = ClusteringParams()
    assert find_seeds(smoothed_distance(maps, params), halves > 0, params).max() == 2
    expected = halves if n_objects == 2 else halves > 0
    np.testing.assert_array_equal(cluster(maps, params), expected)


def bar_of(turns: npt.NDArray[Any]) -> Maps:
    """A bar, 9 px high, whose direction is turned by so many degrees in each column, with seeds at its ends."""
    distance = np.zeros((9, len(turns)))
    distance[2:7, 1:5] = distance[2:7, -5:-1] = 1
    turns = np.radians(turns)
    vectors = np.broadcast_to(np.stack([np.cos(turns), np.sin(turns)])[:, None], (2, 9, len(turns)))
    return Maps.from_floats(distance, vectors, np.ones((9, len(turns))))


@pytest.mark.parametrize("fill", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_pixel_within_the_angle_of_two_seeds_goes_to_the_nearer(fill: bool, sign: int) -> None:
    """From 0 to 60 degrees along the bar: the seeds' claims overlap from 15 to 45, and part at 30."""
    turns = np.concatenate([np.zeros(10), np.linspace(1, 59, 40), np.full(10, 60)])
    labels = cluster(bar_of(sign * turns), ClusteringParams(fill=fill, seed_sigma=0.5))
    np.testing.assert_array_equal(labels, np.broadcast_to(np.where(turns < 30, 1, 2), (9, 60)))


@pytest.mark.parametrize("mirrored", [False, True])
def test_seeds_are_joined_only_if_each_lies_in_the_others_claim(mirrored: bool) -> None:
    """The bridge between them, at -30, is near the one at 0 but not the one at 40, which is so not seen to touch it."""
    turns = np.repeat([0.0, -30, 40], 20)
    maps = turned_maps(bar_of(turns), 0, mirrored)
    labels = cluster(maps, ClusteringParams())
    expected = np.broadcast_to(np.where(turns < 40, 1, 2), (9, 60))
    np.testing.assert_array_equal(labels, in_raster_order(np.ascontiguousarray(turned(expected, 0, mirrored))))


def test_a_stray_pixel_joins_no_objects() -> None:
    """A pixel or two of each seed looks like the other object and touches it."""
    looks = np.repeat([[1, 2]], 10, axis=1).repeat(9, axis=0)
    distance = np.ones(looks.shape)
    distance[:, 9:11] = 0
    looks[2, 8:10], looks[6, 10:12] = 2, 1
    maps = made(looks, {1: [1, 0, 0], 2: [0, 1, 0]}, distance)
    np.testing.assert_array_equal(cluster(maps, ClusteringParams(seed_sigma=0)), looks)


def test_combined_lets_the_distance_map_divide_what_the_embedding_joins() -> None:
    halves, maps = dumbbell(5)
    found = cluster(maps, ClusteringParams(method="combined"))
    assert symmetric_best_dice(halves, found) > 0.98


def valley(depth: float, angle: float) -> tuple[Labels, Maps]:
    """A dumbbell whose two seeds look so different, with so deep a valley between them."""
    halves, maps = dumbbell(angle)
    distance = maps.distance.astype(float)
    distance[:, 20:29] = np.maximum(distance[:, 20:29], (1 - depth) * (halves[:, 20:29] > 0))
    return halves, Maps.from_floats(distance, maps.embedding, maps.foreground)


@pytest.mark.parametrize(("depth", "angle", "n_objects"), [(0.6, 5, 2), (0.2, 5, 1), (0.2, 60, 2), (0.6, 60, 2)])
def test_combined_divides_by_a_valley_or_by_an_angle(depth: float, angle: float, n_objects: int) -> None:
    halves, maps = valley(depth, angle)
    params = ClusteringParams(method="combined", seed_threshold=0.85, seed_sigma=0)
    assert find_seeds(smoothed_distance(maps, params), halves > 0, params).max() == 2
    found = cluster(maps, params)
    assert found.max() == n_objects
    expected = halves if n_objects == 2 else (halves > 0).astype(int)
    assert symmetric_best_dice(expected, found) > 0.95


@pytest.mark.parametrize("method", ["combined", "angular"])
def test_nothing_is_joined_with_what_stays(method: str) -> None:
    halves, maps = valley(0.2, 5)
    params = ClusteringParams(method=method, seed_threshold=0.85, seed_sigma=0)
    assert cluster(maps, params).max() == 1
    found = cluster(maps, params, kept=Kept.of(halves, [1]))
    np.testing.assert_array_equal(found == 1, halves == 1)
    assert found.max() == 2


def test_combined_lets_the_embedding_decide_where_the_distance_map_misleads() -> None:
    labels = np.zeros((24, 40), np.int32)
    labels[4:20, 4:14], labels[4:20, 14:36] = 1, 2
    maps = maps_of(labels)
    distance = maps.distance.copy()
    distance[10:13, 8:20] = 0.45  # a ridge from the large object far into the small one
    misleading = Maps(distance=distance, embedding=maps.embedding, foreground=maps.foreground)
    combined = cluster(misleading, ClusteringParams(method="combined"))
    flooded = cluster(misleading, ClusteringParams(method="watershed"))
    assert symmetric_best_dice(labels, combined) > max(0.99, symmetric_best_dice(labels, flooded))


def test_like_objects_that_do_not_touch_are_not_joined() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[2:18, 2:18], labels[2:18, 20:38], labels[22:38, 2:38] = 1, 2, 3
    maps = made(labels, {1: [1, 0, 0], 2: [1, 0, 0], 3: [1, 0, 0]})
    for method in METHODS:
        np.testing.assert_array_equal(cluster(maps, ClusteringParams(method=method)), labels)


@pytest.mark.parametrize("angle", [20, 45, 70])
def test_pixels_join_within_the_angle(angle: float) -> None:
    """A fan: the direction turns by 2 degrees a column away from the seed."""
    labels = np.ones((9, 121), np.int32)
    distance = np.zeros(labels.shape)
    distance[:, 58:63] = 1
    turn = np.radians(2.0 * (np.arange(121) - 60))
    vectors = np.broadcast_to(np.stack([np.cos(turn), np.sin(turn)])[:, None], (2, 9, 121))
    maps = Maps.from_floats(distance, vectors, labels)
    params = ClusteringParams(angle=angle, fill=False, seed_sigma=0)
    columns = np.flatnonzero(cluster(maps, params)[4])
    assert 60 - columns.min() == columns.max() - 60
    assert abs(2 * (columns.max() - 60) - angle) <= 2


def test_a_wider_angle_gives_no_smaller_objects() -> None:
    maps = maps_of(cells(72, 9, seed=5), 0.4)
    areas = [np.count_nonzero(cluster(maps, ClusteringParams(angle=angle, fill=False))) for angle in (15, 30, 45, 60)]
    assert areas == sorted(areas)
    assert areas[0] < areas[-1]


def test_a_lower_foreground_threshold_gives_larger_objects() -> None:
    labels = cells(60, 5, seed=1)
    probability = ndimage.gaussian_filter((labels > 0).astype(float), 2)
    maps = maps_of(np.maximum(labels, 0))
    soft = Maps.from_floats(maps.distance, maps.embedding, probability)
    for method in METHODS:
        areas = [
            np.count_nonzero(cluster(soft, ClusteringParams(method=method, foreground_threshold=threshold)))
            for threshold in (0.2, 0.5, 0.8)
        ]
        assert areas[0] > areas[1] > areas[2] > 0


def test_a_higher_seed_threshold_drops_doubtful_objects() -> None:
    labels = in_raster_order(cells(60, 4, seed=1))
    maps = maps_of(labels)
    weak = np.where(labels == 2, maps.distance * np.float16(0.6), maps.distance)
    doubtful = Maps(distance=weak, embedding=maps.embedding, foreground=maps.foreground)
    assert cluster(doubtful, ClusteringParams(seed_threshold=0.4)).max() == 4
    assert cluster(doubtful, ClusteringParams(seed_threshold=0.7)).max() == 3


def test_holes_are_closed_and_leftovers_given_away_if_asked() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[5:35, 5:35], labels[10:20, 45:55] = 1, 2
    maps = made(labels, {1: [1, 0, 0], 2: [0, 1, 0]})
    strange = np.zeros(labels.shape, bool)
    strange[12:15, 8:11] = True  # a highlight that looks like nothing known
    strange[25:35, 33:35] = True  # a corner of the first object, too
    strange[37:39, 50:58] = True  # foreground beside no object
    embedding = maps.embedding.copy()
    embedding[:, strange] = np.array([0, 0, 2048, 0], np.int16)[:, None]
    foreground = np.where(strange, np.float16(0.9), maps.foreground)
    foreground[20:22, 15:17] = 0  # a hole in the foreground itself
    maps = Maps(distance=maps.distance, embedding=embedding, foreground=foreground)
    np.testing.assert_array_equal(cluster(maps, ClusteringParams()), labels)
    bare = labels * ~strange
    bare[20:22, 15:17] = 0
    np.testing.assert_array_equal(cluster(maps, ClusteringParams(fill=False)), bare)
    np.testing.assert_array_equal(cluster(maps, ClusteringParams(), foreground > 0.5)[20:22, 15:17], 0)


def test_a_seed_torn_apart_gives_objects_of_one_piece() -> None:
    """A bar whose middle belongs to another object that crosses it: its two ends are no connected object."""
    labels = np.zeros((40, 61), np.int32)
    labels[20:30, 5:56] = 1
    labels[4:30, 25:36] = 2
    distance = np.zeros(labels.shape)
    distance[22:28, 8:53] = 1  # one seed, all along the bar
    distance[7:14, 28:33] = 1
    maps = made(labels, {1: [1, 0, 0], 2: [0, 1, 0]}, distance)
    expected = labels.copy()
    expected[20:30, 36:] = labels[20:30, 36:] * 3
    for fill in (True, False):
        found = cluster(maps, ClusteringParams(fill=fill))
        np.testing.assert_array_equal(found, in_raster_order(expected))


def test_foreground_of_a_network_without_that_head() -> None:
    labels = cells(50, 6, seed=4)
    maps = maps_of(labels, foreground=False)
    np.testing.assert_array_equal(foreground_mask(maps, ClusteringParams()), labels > 0)
    nowhere_low = Maps(distance=maps.distance + np.float16(0.1), embedding=maps.embedding)
    assert foreground_mask(nowhere_low, ClusteringParams()).all()


@steady
@given(st.integers(0, 10**6))
def test_raster_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, (5, 6)).astype(np.int32)
    expected: dict[int, int] = {0: 0}
    for value in labels.ravel().tolist():
        expected.setdefault(value, len(expected))
    np.testing.assert_array_equal(in_raster_order(labels), np.vectorize(expected.get)(labels))
