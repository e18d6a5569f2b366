"""Planes, channels, refusals and intensities of images, against NumPy and against what must hold of any image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_wnet.core.image import (
    apply_range,
    as_image,
    check_image,
    intensity_range,
    is_informative,
    match_channels,
    nearest_plane,
    normalize,
    resize_plane,
    scaled_shape,
    to_planes,
)
from napari_wnet.errors import ImageError
from napari_wnet.params import NormalizeParams

Array = npt.NDArray[Any]
steady = settings(deadline=None, derandomize=True, max_examples=60)
STANDARDIZE = NormalizeParams(method="standardize")
ACCEPTED = (np.bool_, np.uint8, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float16, np.float32, np.float64)

shapes = st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(2, 9))
percentiles = st.builds(NormalizeParams, low=st.floats(0, 50), high=st.floats(50, 100), together=st.booleans())
any_method = st.builds(
    NormalizeParams,
    method=st.sampled_from(["percentile", "standardize", "none"]),
    together=st.booleans(),
    invert=st.booleans(),
)


def noise(*shape: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(0).gamma(2, 30, shape)


# What is refused


@pytest.mark.parametrize(
    ("array", "remedy"),
    [
        (np.zeros((0, 5)), r"no pixels \(shape \(0, 5\)\); choose another"),
        (np.zeros((1, 1)), "at least 2 x 2 pixels"),
        (np.zeros((1, 40)), "at least 2 x 2 pixels"),
        (np.zeros((3, 40, 1)), "at least 2 x 2 pixels"),
        (np.zeros(40), "at least 2 x 2 pixels"),
        (np.zeros(()), "at least 2 x 2 pixels"),
        (np.full((4, 4), None), "holds object values; convert"),
        (np.full((4, 4), "a"), "holds <U1 values; convert"),
        (np.zeros((4, 4), "datetime64[s]"), "convert it to numbers"),
        (np.zeros((4, 4), "timedelta64[s]"), "convert it to numbers"),
        (np.zeros((4, 4), [("a", int)]), "convert it to numbers"),
        (np.zeros((4, 4), complex), "complex; take its magnitude or phase"),
    ],
)
def test_refuses_what_is_no_image(array: Array, remedy: str) -> None:
    with pytest.raises(ImageError, match=f"Image x.tif .*{remedy}"):
        check_image(array, "Image x.tif")


@pytest.mark.parametrize("values", [[np.nan], [np.inf], [-np.inf], [np.inf, -np.inf, np.nan]])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_refuses_values_that_are_not_finite(values: list[float], dtype: type[np.floating[Any]]) -> None:
    image = noise(2, 8, 8).astype(dtype)
    image.reshape(-1)[5 : 5 + len(values)] = values
    with pytest.raises(ImageError, match=rf"has {len(values)} NaN or infinite values; .*numpy\.nan_to_num"):
        check_image(image)


@pytest.mark.parametrize("dtype", ACCEPTED)
def test_any_real_type_is_normalized_to_the_same_picture(dtype: type[np.generic]) -> None:
    pixels = np.arange(64).reshape(1, 8, 8) % 2  # 0 and 1: what even a mask can hold
    check_image(pixels.astype(dtype))
    np.testing.assert_array_equal(normalize(pixels.astype(dtype), NormalizeParams(low=0, high=100)), pixels)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_sum_beyond_the_largest_number_is_no_infinite_value(dtype: type[np.floating[Any]]) -> None:
    largest = np.full((3, 4, 4), np.finfo(dtype).max, dtype)
    check_image(largest)
    with np.errstate(over="ignore"):
        assert dtype is np.float64 or np.isinf(largest.sum(dtype=dtype))


# Planes and channels


def test_planes_of_grey_images() -> None:
    image = noise(4, 5, 6)
    planes = to_planes(image)
    assert planes.shape == (4, 1, 5, 6)
    assert np.shares_memory(planes, image)
    np.testing.assert_array_equal(planes[:, 0], image)
    assert to_planes(image[0]).shape == (1, 5, 6)


@pytest.mark.parametrize("channels", [3, 4])
def test_planes_of_colour_images(channels: int) -> None:
    stack = noise(2, 5, 6, channels)
    planes = to_planes(stack, rgb=True)
    assert planes.shape == (2, channels, 5, 6)
    assert np.shares_memory(planes, stack)
    for channel in range(channels):
        np.testing.assert_array_equal(planes[:, channel], stack[..., channel])


@pytest.mark.parametrize("axis", [0, 1, -3, -4])
def test_planes_with_a_channel_axis(axis: int) -> None:
    image = noise(2, 3, 5, 6)
    planes = to_planes(image, channel_axis=axis)
    expected = image if axis % 4 == 1 else image.swapaxes(0, 1)
    np.testing.assert_array_equal(planes, expected)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((5, 6, 2), {"rgb": True}, "3 or 4 values along its last axis"),
        ((5, 3), {"rgb": True}, "3 or 4 values along its last axis"),
        ((5,), {}, "two axes or more"),
        ((5, 6), {"channel_axis": 0}, "Axis 0 cannot be the channels"),
        ((3, 5, 6), {"channel_axis": 3}, "Axis 3 cannot be the channels"),
        ((3, 5, 6), {"channel_axis": -4}, "Axis -4 cannot be the channels"),
    ],
)
def test_planes_that_do_not_fit_are_refused(shape: tuple[int, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        to_planes(np.zeros(shape), **options)


@pytest.mark.parametrize(("channels", "rgb"), [(1, False), (2, False), (3, False), (3, True), (4, False)])
def test_channels_that_fit_are_left_alone(channels: int, rgb: bool) -> None:
    image = noise(channels, 5, 6)
    matched, note = match_channels(image, channels, rgb=rgb)
    assert matched is image
    assert note is None


def test_alpha_is_dropped() -> None:
    image = noise(4, 5, 6)
    matched, note = match_channels(image, 3, rgb=True)
    np.testing.assert_array_equal(matched, image[:3])
    assert note is None


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_colour_becomes_luminance_for_one_channel(channels: int, dtype: type[np.generic]) -> None:
    from skimage.color import rgb2gray

    image = (noise(channels, 5, 6) % 200).astype(dtype)
    matched, note = match_channels(image, 1, rgb=True)
    assert matched.shape == (1, 5, 6)
    np.testing.assert_allclose(matched[0], rgb2gray(image[:3].astype(np.float64), channel_axis=0), rtol=1e-3)
    assert note is not None
    assert "luminance" in note


def test_grey_is_copied_into_colour_channels() -> None:
    image = noise(1, 5, 6)
    matched, note = match_channels(image, 3)
    np.testing.assert_array_equal(matched, np.concatenate([image] * 3))
    assert note is not None
    assert "copied" in note


@pytest.mark.parametrize(("channels", "wanted", "rgb"), [(2, 1, False), (3, 1, False), (1, 2, False), (3, 2, True)])
def test_other_mismatches_are_the_users_to_decide(channels: int, wanted: int, rgb: bool) -> None:
    with pytest.raises(ImageError, match=rf"reads {wanted} channel.*has {channels}\. Choose {wanted} .*another model"):
        match_channels(noise(channels, 5, 6), wanted, rgb=rgb)


# Intensities


@steady
@given(shapes.flatmap(lambda shape: arrays(np.uint8, shape)), percentiles)
def test_percentiles_of_small_integers_are_numpys(image: Array, params: NormalizeParams) -> None:
    """NumPy's rule without interpolation: what an image of whole numbers has."""
    offset, divisor = intensity_range(image, params)
    for channel, values in enumerate([image] * len(image) if params.together else image):
        low, high = np.percentile(values, (params.low, params.high), method="lower")
        if high == low:
            low, high = (low, values.max()) if values.max() > low else (values.min(), high)
        assert offset[channel] == low
        assert divisor[channel] == (float(high) - low or 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_percentiles_agree_with_interpolated_ones_to_a_grey_level(dtype: type[np.unsignedinteger[Any]]) -> None:
    image = np.random.default_rng(1).permutation(120 * 120).reshape(1, 120, 120)
    image = (image % np.iinfo(dtype).max).astype(dtype)  # every grey level is there
    for low, high in [(0, 100), (1, 99.8), (3.3, 77.7), (40, 60)]:
        offset, divisor = intensity_range(image, NormalizeParams(low=low, high=high))
        expected = np.percentile(image, (low, high))
        assert abs(offset.item() - expected[0]) <= 1
        assert abs(offset.item() + divisor.item() - expected[1]) <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint64])
def test_percentiles_of_other_types(dtype: type[np.generic]) -> None:
    image = (100 * noise(2, 50, 60)).astype(dtype)
    offset, divisor = intensity_range(image, NormalizeParams(low=2, high=95))
    for channel in range(2):
        low, high = np.percentile(image[channel].astype(float), (2, 95))
        assert offset[channel] == pytest.approx(low)
        assert divisor[channel] == pytest.approx(high - low)


def test_percentiles_of_a_large_image_come_from_a_fair_sample() -> None:
    image = noise(1, 1200, 1100).astype(np.float32)
    offset, divisor = intensity_range(image, NormalizeParams())
    rank = (image < offset).mean(), (image < offset + divisor).mean()
    assert rank == pytest.approx((0.01, 0.998), abs=1e-3)


def test_stripes_do_not_mislead_the_sample() -> None:
    """A regular sample must not see the same columns of every row."""
    image = np.ones((1, 1024, 1024), np.float32)
    image[:, :, ::4] = 5
    offset, divisor = intensity_range(image, NormalizeParams())
    assert (offset.item(), divisor.item()) == (1, 4)


@steady
@given(
    shapes.flatmap(lambda shape: arrays(np.int64, shape, elements=st.integers(0, 1000))),
    st.sampled_from([(1.0, 0.0), (0.001, 5.0), (250.0, -3e4), (1e-12, 1.0), (1e12, 0.0), (1.0, 1e6)]),
    percentiles.filter(lambda params: params.high - params.low > 1),
)
def test_brightness_and_contrast_of_the_microscope_do_not_matter(
    image: Array, change: tuple[float, float], params: NormalizeParams
) -> None:
    changed = image * change[0] + change[1]
    np.testing.assert_allclose(normalize(changed, params), normalize(image.astype(float), params), atol=2e-3)


@pytest.mark.parametrize(("dtype", "offset"), [(np.int32, 2**30), (np.uint32, 2**31), (np.int64, -(2**40))])
def test_small_differences_between_large_numbers_are_seen(dtype: type[np.generic], offset: int) -> None:
    image = np.random.default_rng(0).integers(0, 100, (2, 30, 40))
    for params in (NormalizeParams(), STANDARDIZE):
        expected = normalize(image.astype(np.uint8) if params is STANDARDIZE else image.astype(float), params)
        np.testing.assert_allclose(normalize((image + offset).astype(dtype), params), expected, atol=1e-3)


@steady
@given(
    shapes.flatmap(lambda shape: arrays(np.int64, shape, elements=st.integers(-500, 500))),
    st.floats(0.5, 100),
    st.floats(-1000, 1000),
    st.booleans(),
)
def test_standardize_ignores_brightness_and_contrast(image: Array, gain: float, shift: float, together: bool) -> None:
    image[:, 0, :2] = -500, 500  # nowhere constant
    params = NormalizeParams(method="standardize", together=together)
    np.testing.assert_allclose(normalize(image * gain + shift, params), normalize(image, params), atol=1e-3)


@steady
@given(shapes.flatmap(lambda shape: arrays(np.uint8, shape)), st.booleans())
def test_standardize_is_the_papers_formula(image: Array, together: bool) -> None:
    normed = normalize(image, NormalizeParams(method="standardize", together=together))
    for channel in range(len(image)):
        values = (image if together else image[channel]).astype(float)
        spread = max(values.std(), 1 / np.sqrt(values.size))
        np.testing.assert_allclose(normed[channel], (image[channel] - values.mean()) / spread, atol=1e-4)


@steady
@given(shapes.flatmap(lambda shape: arrays(np.uint16, shape)), any_method)
def test_channels_apart_are_images_of_their_own(image: Array, params: NormalizeParams) -> None:
    normed = normalize(image, params.replace(together=False))
    for channel in range(len(image)):
        np.testing.assert_array_equal(normed[channel], normalize(image[channel : channel + 1], params)[0])


def test_channels_together_keep_their_ratios() -> None:
    grey = noise(1, 20, 20)
    image = np.concatenate([grey, grey / 2])
    together = normalize(image, NormalizeParams(together=True, low=0, high=100))
    assert together[0].max() == 1
    assert together[1].max() == pytest.approx(0.5, abs=0.02)
    apart = normalize(image, NormalizeParams(low=0, high=100))
    np.testing.assert_allclose(apart[1], apart[0], atol=1e-6)


@pytest.mark.parametrize("dtype", ACCEPTED)
def test_any_real_type_is_normalised_to_float32(dtype: type[np.generic]) -> None:
    image = (noise(2, 20, 20) % 250 > 60) if dtype is np.bool_ else (noise(2, 20, 20) % 250).astype(dtype)
    normed = normalize(image, NormalizeParams())
    assert normed.dtype == np.float32
    assert normed.min() >= -1
    assert np.ptp(normed) > 0.9
    np.testing.assert_allclose(normed, normalize(image.astype(np.float64), NormalizeParams()), atol=0.05)


@steady
@given(shapes.flatmap(lambda shape: arrays(np.uint16, shape)), percentiles, st.booleans())
def test_intensities_stay_in_range_whatever_the_image(image: Array, params: NormalizeParams, invert: bool) -> None:
    normed = normalize(image, params.replace(invert=invert))
    assert np.isfinite(normed).all()
    assert normed.min() >= -1
    assert normed.max() <= 4


def test_percentiles_become_nought_and_one() -> None:
    image = noise(1, 60, 60)
    normed = normalize(image, NormalizeParams(low=5, high=90))
    assert (normed < 0).mean() == pytest.approx(0.05, abs=0.002)
    assert (normed < 1).mean() == pytest.approx(0.9, abs=0.002)


@pytest.mark.parametrize(("low", "high"), [(1, 99), (0, 100), (25, 75)])
def test_inverting_is_the_negative_image(low: float, high: float) -> None:
    image = noise(2, 30, 30)
    image[0, 0, :2] = 5000, -5000
    negative = normalize(-image, NormalizeParams(low=low, high=high))
    inverted = normalize(image, NormalizeParams(low=low, high=high, invert=True))
    np.testing.assert_allclose(inverted, negative, atol=1e-5)
    np.testing.assert_allclose(normalize(image, STANDARDIZE.replace(invert=True)), normalize(-image, STANDARDIZE))


def test_no_normalisation_changes_no_value() -> None:
    image = noise(2, 9, 9)
    np.testing.assert_array_equal(normalize(image, NormalizeParams(method="none")), image.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.float64])
@pytest.mark.parametrize("value", [0, 1])
def test_constant_images_become_constant(dtype: type[np.generic], value: int) -> None:
    image = np.full((2, 6, 7), value, dtype)
    for method in ("percentile", "standardize"):
        assert (normalize(image, NormalizeParams(method=method)) == 0).all()


def test_sparse_objects_set_the_range_of_an_empty_ground() -> None:
    image = np.zeros((1, 100, 100), np.uint16)
    image[0, 3, 3:6] = 10, 200, 1000
    normed = normalize(image, NormalizeParams())
    np.testing.assert_allclose(normed[0, 3, 2:7], [0, 0.01, 0.2, 1, 0], atol=1e-6)
    dark = normalize(5000 - image.astype(np.float32), NormalizeParams())
    np.testing.assert_allclose(dark[0, 3, 2:7], [1, 0.99, 0.8, 0, 1], atol=1e-6)


@steady
@given(shapes.flatmap(lambda shape: arrays(np.uint16, shape)), any_method, st.data())
def test_a_crop_is_normalised_as_part_of_its_image(image: Array, params: NormalizeParams, data: st.DataObject) -> None:
    rows, columns = (data.draw(st.slices(length)) for length in image.shape[1:])
    crop = apply_range(image[:, rows, columns], intensity_range(image, params), params)
    np.testing.assert_array_equal(crop, normalize(image, params)[:, rows, columns])


def test_the_image_is_not_changed() -> None:
    for dtype in (np.float32, np.float64, np.uint8):
        image = (noise(1, 8, 8) % 250).astype(dtype)
        before = image.copy()
        for method in ("percentile", "standardize", "none"):
            assert not np.shares_memory(normalize(image, NormalizeParams(method=method, invert=True)), image)
            np.testing.assert_array_equal(image, before)


def test_ranges_need_channels() -> None:
    with pytest.raises(ImageError, match=r"\(C, Y, X\)"):
        intensity_range(np.zeros((4, 4)), NormalizeParams())


@pytest.mark.parametrize("place", [(0, 0, 0), (0, 3, 2), (1, 0, 1), (1, 3, 6)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.bool_])
def test_one_different_pixel_is_something_to_see_but_not_in_a_mask(
    place: tuple[int, int, int], dtype: type[np.generic]
) -> None:
    image = np.zeros((2, 4, 7), dtype)
    assert not is_informative(image)
    assert not is_informative(image + image.dtype.type(1))
    image[place] = 1
    assert is_informative(image) is (dtype is not np.bool_)


# Size


@steady
@given(shapes.flatmap(lambda shape: arrays(np.uint8, shape)))
def test_resizing_to_the_same_size_changes_nothing(image: Array) -> None:
    np.testing.assert_allclose(resize_plane(image, image.shape[1:]), image, atol=1e-4)


@pytest.mark.parametrize("factor", [2, 3])
def test_pixel_centres_stay_where_they_are(factor: int) -> None:
    """A ramp over pixel centres is the ramp over the new pixels' centres; objects do not move by half a pixel."""
    small, large = 12, 12 * factor
    ramp = np.broadcast_to((np.arange(small) + 0.5) / small, (2, 8, small))
    fine = resize_plane(ramp, (8 * factor, large))
    inner = slice(factor, -factor)
    expected = (np.arange(large) + 0.5) / large
    np.testing.assert_allclose(fine[1, 3, inner], expected[inner], atol=1e-6)
    coarse = resize_plane(fine, (8, small))
    np.testing.assert_allclose(coarse[:, :, 3:-3], ramp[:, :, 3:-3], atol=1e-3)


def test_shrinking_smooths_first() -> None:
    board = np.indices((64, 64)).sum(axis=0)[None] % 2
    assert resize_plane(board, (16, 16))[0, 2:-2, 2:-2].std() < 0.05


def test_scaled_shapes_are_rounded_and_have_two_pixels_at_least() -> None:
    assert scaled_shape((100, 31), 0.5) == (50, 16)
    assert scaled_shape((7, 9), 2.2) == (15, 20)
    assert scaled_shape((3, 1000), 0.1) == (2, 100)
    assert scaled_shape((1000, 3), 0.1) == (100, 2)


@given(arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(1, 20), st.integers(1, 20))
@steady
def test_the_nearest_pixel_is_the_one_under_the_centre(plane: Array, height: int, width: int) -> None:
    found = nearest_plane(plane, (height, width))
    assert found.shape == (height, width)
    for y, x in np.ndindex(height, width):
        # In whole numbers: the centre lies at (2 y + 1) / (2 height) of the plane.
        row, column = (2 * y + 1) * plane.shape[0] // (2 * height), (2 * x + 1) * plane.shape[1] // (2 * width)
        assert found[y, x] == plane[row, column]


@pytest.mark.parametrize(
    ("shape", "in_channels", "expected"),
    [
        ((6, 5), 1, (1, 6, 5)),
        ((6, 5), 3, (3, 6, 5)),
        ((2, 6, 5), 2, (2, 6, 5)),
        ((1, 6, 3), 1, (1, 6, 3)),  # a channel first, though the width would do for colours
        ((3, 6, 4), 3, (3, 6, 4)),
        ((6, 5, 3), 3, (3, 6, 5)),
        ((6, 5, 4), 3, (3, 6, 5)),
        ((6, 5, 3), 1, (1, 6, 5)),
        ((6, 5, 4), 1, (1, 6, 5)),
    ],
)
def test_an_array_is_read_as_the_image_that_a_model_takes(
    shape: tuple[int, ...], in_channels: int, expected: tuple[int, ...]
) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    image, note = as_image(array, in_channels)
    assert image.shape == expected
    colours = len(shape) == 3 and shape[0] != in_channels
    planes = np.moveaxis(array, -1, 0) if colours else array.reshape(-1, *shape[-2:])
    if len(planes) == in_channels or (colours and in_channels == 3):
        np.testing.assert_array_equal(image, planes[:in_channels])
        assert note is None
    else:
        assert ("grey" in note) if colours else ("copied" in note)


@pytest.mark.parametrize(
    ("shape", "in_channels"), [((4, 6, 5), 3), ((2, 6, 5), 1), ((6, 5, 2), 1), ((1, 3, 6, 5), 3), ((6, 5, 5), 1)]
)
def test_a_stack_is_no_image(shape: tuple[int, ...], in_channels: int) -> None:
    with pytest.raises(ImageError, match="not one image"):
        as_image(np.zeros(shape), in_channels)


def test_an_array_that_is_no_image_is_refused_as_such() -> None:
    with pytest.raises(ImageError, match="at least 2 x 2"):
        as_image(np.zeros(7), 1)
    with pytest.raises(ImageError, match="convert it to numbers"):
        as_image(np.full((4, 4), "a"), 1)
    with pytest.raises(ImageError, match="Choose 2 of its channels"):
        as_image(np.zeros((6, 5, 3)), 2)
