"""Augmentation: one resampling of known geometry, and intensities changed within their limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_wnet.network.augment import vary_intensities, warp, warp_coordinates
from napari_wnet.train_params import AugmentParams

steady = settings(deadline=None, derandomize=True, max_examples=40)
OFF = AugmentParams(
    flip=False,
    rotate=False,
    scale_low=1,
    scale_high=1,
    elastic=0,
    gamma=0,
    contrast=0,
    brightness=0,
    blur=0,
    noise=0,
)
seeds = st.integers(0, 10**6)


def coordinates_of(seed: int, size: int, params: AugmentParams, centre: tuple[float, float] = (30.0, 40.0)) -> Any:
    return warp_coordinates(np.random.default_rng(seed), size, centre, params)


def grid(size: int, centre: tuple[float, float] = (30.0, 40.0)) -> npt.NDArray[np.float64]:
    axis = np.arange(size) - (size - 1) / 2
    return np.stack(np.meshgrid(axis + centre[0], axis + centre[1], indexing="ij"))


@pytest.mark.parametrize("size", [1, 32, 33])
def test_nothing_switched_on_is_a_plain_crop(size: int) -> None:
    np.testing.assert_allclose(coordinates_of(0, size, OFF), grid(size), atol=1e-5)


def test_flips_alone_give_the_eight_ways_a_square_can_lie() -> None:
    params = OFF.replace(flip=True)
    plain = grid(5, (0, 0))
    ways = [np.rot90(side, turn, (1, 2)) for turn in range(4) for side in (plain, plain[:, ::-1])]
    seen = set()
    for seed in range(100):
        found = coordinates_of(seed, 5, params, (0, 0))
        fits = [number for number, way in enumerate(ways) if np.abs(way - found).max() < 1e-5]
        assert len(fits) == 1
        seen.update(fits)
    assert seen == set(range(8))


@steady
@given(seeds, st.booleans(), st.integers(2, 40))
def test_rotation_and_scale_change_no_shape(seed: int, flip: bool, size: int) -> None:
    params = OFF.replace(flip=flip, rotate=True, scale_low=0.5, scale_high=3)
    found = coordinates_of(seed, size, params)
    rows, columns = np.diff(found, axis=1), np.diff(found, axis=2)
    steps = np.concatenate([np.linalg.norm(side, axis=0).ravel() for side in (rows, columns)])
    np.testing.assert_allclose(steps, steps[0], atol=1e-3)
    assert 1 / 3 - 1e-3 <= steps[0] <= 2 + 1e-3
    assert abs((rows[:, :, :1] * columns[:, :1, :]).sum(axis=0)).max() < 1e-2  # right angles stay right
    np.testing.assert_allclose(found.mean(axis=(1, 2)), (30, 40), atol=1e-3)


def test_scales_and_angles_spread_over_their_whole_range() -> None:
    params = OFF.replace(rotate=True, scale_low=0.5, scale_high=2)
    steps = np.array([np.subtract(*coordinates_of(seed, 2, params)[:, ::-1, 0].T[::-1]) for seed in range(300)])
    scales = 1 / np.linalg.norm(steps, axis=1)
    assert scales.min() < 0.55
    assert scales.max() > 1.8
    assert 0.4 < (scales > 1).mean() < 0.6  # larger as often as smaller
    angles = np.histogram(np.arctan2(steps[:, 0], steps[:, 1]), bins=8, range=(-np.pi, np.pi))[0]
    assert angles.min() > 15


@steady
@given(seeds, st.floats(0.5, 20), st.sampled_from([1, 32, 64, 100]))
def test_elastic_displacement_is_bounded_and_smooth(seed: int, elastic: float, size: int) -> None:
    shift = coordinates_of(seed, size, OFF.replace(elastic=elastic)) - grid(size)
    spacing = size / (size // 64 + 2)  # of the points that are moved
    assert abs(shift).max() <= elastic + 1e-3
    for axis in (1, 2):
        assert abs(np.diff(shift, axis=axis)).max(initial=0) <= 2 * elastic / spacing + 1e-3
    assert abs(shift).max() > 0


@steady
@given(seeds)
def test_coordinates_depend_on_the_random_numbers_alone(seed: int) -> None:
    params = AugmentParams()
    np.testing.assert_array_equal(coordinates_of(seed, 40, params), coordinates_of(seed, 40, params))
    assert (coordinates_of(seed, 40, params) != coordinates_of(seed + 1, 40, params)).any()


@pytest.mark.parametrize("order", [0, 1])
def test_a_plain_warp_is_a_slice_and_mirrors_beyond_the_frame(order: int) -> None:
    array = np.random.default_rng(0).integers(0, 255, (50, 60)).astype(np.int32)
    found = warp(array, grid(20, (19.5, 29.5)).astype(np.float32), order=order)
    near = {"rtol": 0, "atol": 2e-3 if order else 0}  # places and intensities up to 255 in single precision
    np.testing.assert_allclose(found, array[10:30, 20:40], **near)
    found = warp(array, grid(70, (24.5, 29.5)).astype(np.float32), order=order)
    np.testing.assert_allclose(found, np.pad(array, ((10, 10), (5, 5)), mode="reflect"), **near)


@steady
@given(seeds, st.floats(0, 60), st.floats(0, 80), st.sampled_from([0, 1]))
def test_sampling_part_of_an_image_is_sampling_the_whole(seed: int, row: float, column: float, order: int) -> None:
    image = np.random.default_rng(seed).random((60, 80)).astype(np.float32)
    coordinates = coordinates_of(seed, 24, AugmentParams(), (row, column))
    expected = ndimage.map_coordinates(image, coordinates, order=order, mode="mirror")
    np.testing.assert_allclose(warp(image, coordinates, order=order), expected, atol=1e-4 if order else 0)


@steady
@given(seeds, st.floats(-200, 260), st.floats(-200, 280))
def test_channels_are_sampled_as_each_alone(seed: int, row: float, column: float) -> None:
    image = np.random.default_rng(seed).random((3, 60, 80)).astype(np.float32)
    coordinates = coordinates_of(seed, 24, AugmentParams(), (row, column))
    expected = [ndimage.map_coordinates(channel, coordinates, order=1, mode="mirror") for channel in image]
    np.testing.assert_allclose(warp(image, coordinates, order=1), expected, atol=1e-4)


def test_an_image_that_must_not_be_written_to_is_sampled_as_it_is() -> None:
    image = np.random.default_rng(0).random((2, 20, 20)).astype(np.float32)
    image.flags.writeable = False
    found = warp(image, grid(30, (9.5, 9.5)).astype(np.float32), order=1)
    np.testing.assert_allclose(found, np.pad(image, ((0, 0), (5, 5), (5, 5)), mode="reflect"), atol=1e-5)


def test_an_image_of_one_pixel_can_be_sampled() -> None:
    image = np.full((2, 1, 1), 0.5, np.float32)
    np.testing.assert_allclose(warp(image, grid(8, (0, 0)).astype(np.float32), order=1), np.full((2, 8, 8), 0.5))


@steady
@given(seeds, st.floats(0, 40), st.floats(0, 40))
def test_labels_hold_no_number_that_was_not_there(seed: int, row: float, column: float) -> None:
    labels = np.random.default_rng(seed).choice([0, 7, 100_000], (40, 40)).astype(np.int32)
    found = warp(labels, coordinates_of(seed, 32, AugmentParams(), (row, column)), order=0)
    assert found.dtype == np.int32
    assert set(np.unique(found)) <= {0, 7, 100_000}


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.uint16, np.float16, np.int32, np.float32, np.float64])
def test_images_of_any_type_are_interpolated(dtype: type[np.generic]) -> None:
    image = (np.indices((40, 40)).sum(axis=0) % 2).astype(dtype)
    between = warp(image, grid(10, (20, 20)).astype(np.float32) + 0.25, order=1)
    assert np.issubdtype(between.dtype, np.floating)
    fractions = np.unique(np.round(between.astype(float), 4))
    assert ((fractions > 0) & (fractions < 1)).any()


def test_small_differences_between_large_numbers_are_kept() -> None:
    image = 2**30 + np.arange(1600, dtype=np.int32).reshape(40, 40)
    found = warp(image, grid(10, (19.5, 19.5)).astype(np.float32), order=1)
    np.testing.assert_allclose(found, image[15:25, 15:25], rtol=0, atol=1e-4)


# Intensities


def test_intensities_are_left_alone_if_switched_off() -> None:
    image = np.random.default_rng(0).normal(0.4, 0.3, (2, 20, 20)).astype(np.float32)
    np.testing.assert_array_equal(vary_intensities(image, np.random.default_rng(1), OFF), image)


@steady
@given(seeds)
def test_the_image_given_is_not_changed(seed: int) -> None:
    image = np.random.default_rng(0).normal(0.4, 0.3, (2, 16, 16)).astype(np.float32)
    before = image.copy()
    varied = vary_intensities(image, np.random.default_rng(seed), AugmentParams())
    assert varied.dtype == np.float32
    assert varied.shape == image.shape
    assert np.isfinite(varied).all()
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(varied, vary_intensities(image, np.random.default_rng(seed), AugmentParams()))


@steady
@given(seeds, st.floats(0.05, 1))
def test_gamma_keeps_the_order_nought_and_one(seed: int, gamma: float) -> None:
    image = np.linspace(-1, 3, 101, dtype=np.float32)[None, None]
    varied = vary_intensities(image, np.random.default_rng(seed), OFF.replace(gamma=gamma))
    assert (np.diff(varied) > 0).all()
    np.testing.assert_allclose(varied[0, 0, [25, 50]], [0, 1], atol=1e-5)
    power = np.log(varied[0, 0, -1]) / np.log(3)
    assert np.exp(-gamma) - 1e-4 <= power <= np.exp(gamma) + 1e-4


@steady
@given(seeds, st.floats(0, 1), st.floats(0, 1))
def test_contrast_and_brightness_stay_in_their_limits(seed: int, contrast: float, brightness: float) -> None:
    image = np.linspace(0, 1, 11, dtype=np.float32)[None, None]
    params = OFF.replace(contrast=contrast, brightness=brightness)
    varied = vary_intensities(image, np.random.default_rng(seed), params)[0, 0]
    slope = varied[-1] - varied[0]
    assert 1 - contrast - 1e-4 <= slope <= 1 + contrast + 1e-4
    assert abs(varied[0]) <= brightness + 1e-4
    np.testing.assert_allclose(varied, varied[0] + slope * image[0, 0], atol=1e-5)


@pytest.mark.parametrize(("setting", "limit"), [("noise", 0.1), ("blur", 3.0)])
def test_half_of_the_crops_stay_clean_and_sharp(setting: str, limit: float) -> None:
    edge = np.repeat(np.array([0, 1], np.float32), 20) * np.ones((1, 40, 1), np.float32)
    changed = []
    for seed in range(200):
        varied = vary_intensities(edge, np.random.default_rng(seed), OFF.replace(**{setting: limit}))
        changed.append((varied - edge).std())
    clean = np.count_nonzero(np.array(changed) == 0)
    assert 80 < clean < 130
    if setting == "noise":
        assert max(changed) <= limit * 1.05
        assert max(changed) > limit * 0.9


def test_channels_share_their_change() -> None:
    image = np.random.default_rng(0).random((1, 20, 20), np.float32).repeat(3, axis=0)
    varied = vary_intensities(image, np.random.default_rng(5), AugmentParams(noise=0))
    np.testing.assert_array_equal(varied[0], varied[1])
    np.testing.assert_array_equal(varied[0], varied[2])
