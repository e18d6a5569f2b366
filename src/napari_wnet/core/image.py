"""Images before the network: planes, channels, checks, intensity normalisation and rescaling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.transform import resize

from napari_wnet.errors import ImageError
from napari_wnet.params import NormalizeParams

Array = npt.NDArray[Any]
FloatImage = npt.NDArray[np.float32]
Range = npt.NDArray[np.float64]

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. 709
CLIP = (-1.0, 4.0)
"""Normalised intensities stay in this range, so that a hot pixel or a saturated speck cannot blind the network."""
MAX_STATISTICS_SAMPLES = 1 << 18


def check_image(array: Array, what: str = "The image") -> None:
    """Refuse what no network can segment.

    Raises
    ------
    ImageError
        If the array is empty, not numeric, smaller than 2 x 2 px, or holds NaN or infinite values.
    """
    if array.dtype.kind not in "biufc":
        raise ImageError(f"{what} holds {array.dtype} values; convert it to numbers first.")
    if np.issubdtype(array.dtype, np.complexfloating):
        raise ImageError(f"{what} is complex; take its magnitude or phase first.")
    if array.size == 0:
        raise ImageError(f"{what} has no pixels (shape {array.shape}); choose another.")
    if array.ndim < 2 or min(array.shape[-2:]) < 2:
        raise ImageError(f"{what} has shape {array.shape}; at least 2 x 2 pixels are needed.")
    # A sum is NaN or infinite when any value is, at no extra memory; float16 and float32 may overflow, so look again.
    with np.errstate(over="ignore", invalid="ignore"):
        doubtful = np.issubdtype(array.dtype, np.floating) and not np.isfinite(array.sum(dtype=np.float64))
    if doubtful:
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            raise ImageError(
                f"{what} has {bad} NaN or infinite values; replace them, for example with numpy.nan_to_num."
            )


def to_planes(array: Array, *, rgb: bool = False, channel_axis: int | None = None) -> Array:
    """View an array as planes with channels: (..., C, Y, X).

    Parameters
    ----------
    array : (..., Y, X), (..., Y, X, 3 or 4) where `rgb`, or with `channel_axis` anywhere before Y and X
    rgb : bool
        Whether the last axis is colour.
    channel_axis : int or None
        Index of the channel axis; None where there is one channel only.

    Raises
    ------
    ImageError
        If the axes do not fit the shape.
    """
    if rgb:
        if array.ndim < 3 or array.shape[-1] not in (3, 4):
            raise ImageError(
                f"A colour image needs 3 or 4 values along its last axis; this one has shape {array.shape}."
            )
        return np.moveaxis(array, -1, -3)
    if array.ndim < 2:
        raise ImageError(f"An image needs two axes or more; this one has shape {array.shape}.")
    if channel_axis is None:
        return array[..., np.newaxis, :, :]
    axis = channel_axis % array.ndim if -array.ndim <= channel_axis < array.ndim else -1
    if array.ndim < 3 or axis < 0:
        raise ImageError(f"Axis {channel_axis} cannot be the channels of an image of shape {array.shape}.")
    return np.moveaxis(array, axis, -3)


def match_channels(image: Array, in_channels: int, *, rgb: bool = False) -> tuple[Array, str | None]:
    """Fit an image's channels to what a model reads.

    Parameters
    ----------
    image : (C, Y, X) array
    in_channels : int
        Channels the model reads.
    rgb : bool
        Whether the channels are red, green, blue (and alpha, which is dropped).

    Returns
    -------
    image : (in_channels, Y, X) array
    note : str or None
        What was done to it, where anything was.

    Raises
    ------
    ImageError
        If the numbers differ in a way that only the user can decide.
    """
    if rgb and image.shape[0] == 4:
        image = image[:3]
    if image.shape[0] == in_channels:
        return image, None
    if rgb and in_channels == 1:
        grey = np.tensordot(LUMINANCE, image.astype(np.float32), axes=1)
        return grey[np.newaxis], "The colour image was converted to grey (luminance): this model reads one channel."
    if image.shape[0] == 1 and in_channels == 3:
        return np.repeat(image, 3, axis=0), "The grey image was copied into the three colour channels this model reads."
    raise ImageError(
        f"The model reads {in_channels} channel(s), the image has {image.shape[0]}. "
        f"Choose {in_channels} of its channels, or another model."
    )


def intensity_range(image: Array, params: NormalizeParams) -> tuple[Range, Range]:
    """Return offset and divisor of each channel, each of shape (C, 1, 1), from the whole image.

    Raises
    ------
    ImageError
        If `image` is not (C, Y, X).
    """
    if image.ndim != 3:
        raise ImageError(f"Expected an image (C, Y, X), not one of shape {image.shape}.")
    groups = [image] if params.together else list(image)
    ranges = np.array([_range(group, params) for group in groups], np.float64)
    each = np.broadcast_to(ranges, (image.shape[0], 2))
    return each[:, :1, np.newaxis], each[:, 1:, np.newaxis]


def _range(values: Array, params: NormalizeParams) -> tuple[float, float]:
    if params.method == "none":
        return 0.0, 1.0
    if params.method == "standardize":
        # The authors' (TensorFlow's) rule; all pixels, since a mean of a sample is another mean.
        floor = 1.0 / np.sqrt(values.size)
        return float(values.mean(dtype=np.float64)), max(float(values.std(dtype=np.float64)), floor)
    found = _percentiles(values, (params.low, params.high))
    return stretched(found, lambda: (float(values.min()), float(values.max())))


def stretched(found: tuple[float, float], extremes: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """Return offset and divisor of two percentiles, or of one and an extreme where the percentiles are equal."""
    low, high = found
    # Between equal values a percentile is interpolated, and may miss them by the last digit.
    rounding = 1e-14 * max(abs(low), abs(high))
    if high - low <= rounding:  # sparse objects on an empty ground, bright or else dark: the range is theirs alone
        lowest, highest = extremes()
        low, high = (low, highest) if highest - low > rounding else (lowest, high)
    return low, high - low if high - low > rounding else 1.0


def _percentiles(values: Array, at: tuple[float, float]) -> tuple[float, float]:
    """Return two percentiles; exact for 8 and 16 bit, from a regular sample of large arrays otherwise."""
    if values.dtype in (np.uint8, np.uint16, np.bool_):
        return histogram_percentiles(np.bincount(values.astype(np.uint16, copy=False).ravel()), at)
    flat = values.reshape(-1)
    low, high = np.percentile(flat[:: sample_step(flat.size)].astype(np.float64), at)
    return float(low), float(high)


def histogram_percentiles(counts: npt.NDArray[np.int64], at: tuple[float, float]) -> tuple[float, float]:
    """Return two percentiles of whole numbers from 0, of which there are so many each."""
    cumulative = counts.cumsum()
    found = np.searchsorted(cumulative, np.array(at) / 100.0 * (cumulative[-1] - 1), side="right")
    return float(found[0]), float(found[1])


def sample_step(size: int) -> int:
    """Return which of so many values, in flat order, are looked at for percentiles: every so many-th from the first.

    An odd step meets every column: widths are powers of two or nearly so, and columns differ in systematic ways.
    """
    return size // MAX_STATISTICS_SAMPLES | 1


def working_type(image: Array) -> type[np.float32 | np.float64]:
    """Return float32 where it holds every value; of wider types it holds only what is left once the offset is gone."""
    return np.float32 if image.dtype.itemsize <= 2 or image.dtype == np.float32 else np.float64


def normalize(image: Array, params: NormalizeParams) -> FloatImage:
    """Bring intensities to the range a network was trained on, with the statistics of the whole image.

    Parameters
    ----------
    image : (C, Y, X) array of any real type
    params : NormalizeParams

    Returns
    -------
    (C, Y, X) float32 array
        Clipped to -1..4 unless `params.method` is "standardize" (the paper's, kept exact) or "none".
    """
    return apply_range(image, intensity_range(image, params), params)


def apply_range(image: Array, ranges: tuple[Range, Range], params: NormalizeParams) -> FloatImage:
    """Normalise with offset and divisor already known: a crop with the statistics of its whole image."""
    offset, divisor = (side.astype(working_type(image)) for side in ranges)
    normed: npt.NDArray[Any] = np.subtract(image, offset, dtype=offset.dtype)
    normed /= divisor
    normed = np.asarray(normed, np.float32)
    if params.invert:
        np.subtract(1.0 if params.method == "percentile" else 0.0, normed, out=normed)
    if params.method == "percentile":
        np.clip(normed, *CLIP, out=normed)
    return normed


def is_informative(image: Array) -> bool:
    """Tell whether there is anything to find: not where all pixels are equal, nor in a mask of true and false."""
    if image.dtype == np.bool_:
        return False
    first = image.reshape(-1)[0]
    # Most images differ within their first row: no need to read on.
    return bool((image[..., :1, :] != first).any() or (image != first).any())


def resize_plane(image: Array, shape: tuple[int, int]) -> FloatImage:
    """Resample (C, Y, X) to another height and width; smoothed before shrinking, exact at pixel centres."""
    target = (image.shape[0], *shape)
    shrinking = shape[0] < image.shape[-2] or shape[1] < image.shape[-1]
    resized = resize(
        image.astype(np.float32), target, order=1, mode="edge", anti_aliasing=shrinking, preserve_range=True
    )
    return np.asarray(resized, np.float32)


def scaled_shape(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return a height and width times a factor, rounded, and no less than two pixels."""
    return max(2, round(shape[0] * scale)), max(2, round(shape[1] * scale))


def nearest_plane(array: Array, shape: tuple[int, int]) -> Array:
    """Resample (Y, X) to another shape, each pixel the value of the one under its centre."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(int), old - 1)
        for new, old in zip(shape, array.shape, strict=True)
    )
    found: Array = array[np.ix_(rows, columns)]
    return found


def as_image(array: Array, in_channels: int) -> tuple[Array, str | None]:
    """Return a single image as (in_channels, Y, X), and a note where it was converted.

    Raises
    ------
    ImageError
        If the array cannot be used, or is a stack: planes are segmented one by one.
    """
    check_image(np.asarray(array) if np.ndim(array) < 2 else array)
    rgb = array.ndim == 3 and array.shape[-1] in (3, 4) and array.shape[0] != in_channels
    if array.ndim > 3 or (array.ndim == 3 and not rgb and array.shape[0] != in_channels):
        raise ImageError(
            f"An array of shape {array.shape} is not one image with {in_channels} channel(s); "
            "segment its planes one by one, each of shape (Y, X), (Y, X, 3) or (C, Y, X)."
        )
    planes = to_planes(array, rgb=rgb, channel_axis=None if rgb or array.ndim == 2 else 0)
    return match_channels(planes, in_channels, rgb=rgb)
