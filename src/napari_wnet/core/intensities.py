"""The intensity range of an image that is seen block by block: what :func:`intensity_range` finds in the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wnet.core.image import Array, Range, histogram_percentiles, sample_step, stretched
from napari_wnet.core.windows import Place
from napari_wnet.params import NormalizeParams

COUNTED = (np.uint8, np.uint16, np.bool_)
"""Types with so few values that each is counted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockIntensities:
    """What a block has to say of the intensities of its image; G groups of channels that share one range.

    Attributes
    ----------
    count : int
        Values in each group.
    n_bad : int
        Values that are NaN or infinite, in all groups.
    low, high : (C,) arrays of the image's type
        The extremes of each channel.
    mean, squares : (G,) float64 arrays
        The mean, and the sum of squared differences from it.
    counts : (G, V) int64 array
        How often each whole number from 0 occurs; no columns for types of other values.
    sample : (G, n) array of the image's type
        The values that the percentiles of the whole image are taken from; no columns where all values are counted.
    digest : bytes
        Hash of the block's values.
    """

    count: int
    n_bad: int
    low: Array
    high: Array
    mean: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    sample: Array
    digest: bytes


def block_intensities(image: Array, place: Place, params: NormalizeParams) -> BlockIntensities:
    """Look at the intensities of a block.

    Parameters
    ----------
    image : (C, Y, X) array
        The block, not empty.
    place : Place
        Where it lies.
    params : NormalizeParams
    """
    groups = [image] if params.together else list(image[:, np.newaxis])
    floating = np.issubdtype(image.dtype, np.floating)
    n_bad = int(image.size - np.count_nonzero(np.isfinite(image))) if floating else 0
    counted = image.dtype in COUNTED
    widest = int(image.max()) + 1 if counted else 0
    counts = np.zeros((len(groups), widest), np.int64)
    sample = np.zeros((len(groups), 0), image.dtype)
    if params.method == "percentile" and counted:
        counts = np.stack([np.bincount(group.astype(np.uint16).ravel(), minlength=widest) for group in groups])
    elif params.method == "percentile":
        sample = np.stack([_sampled(group, place) for group in groups])
    with np.errstate(invalid="ignore", over="ignore"):  # of what is not finite, nothing is used
        mean = np.array([group.mean(dtype=np.float64) for group in groups])
        squares = np.array([group.var(dtype=np.float64) * group.size for group in groups])
        low, high = image.min(axis=(1, 2)), image.max(axis=(1, 2))
    return BlockIntensities(
        count=groups[0].size,
        n_bad=n_bad,
        low=low,
        high=high,
        mean=mean,
        squares=squares,
        counts=counts,
        sample=sample,
        digest=hashlib.sha256(np.ascontiguousarray(image).data).digest(),
    )


def _sampled(group: Array, place: Place) -> Array:
    """Return those values of (c, Y, X) that are in the regular sample of the whole image."""
    height, width = place.frame
    step = sample_step(len(group) * height * width)
    found = []
    for channel, plane in enumerate(group):
        for row, line in enumerate(plane, start=place.corner[0]):
            begin = (channel * height + row) * width + place.corner[1]
            found.append(line[-begin % step :: step])
    return np.concatenate(found)


def pooled_range(blocks: Sequence[BlockIntensities], params: NormalizeParams) -> tuple[Range, Range]:
    """Return offset and divisor of each channel, each of shape (C, 1, 1), from all blocks of an image."""
    n_groups, n_channels = len(blocks[0].mean), len(blocks[0].low)
    ranges = np.array([_group_range(blocks, group, params) for group in range(n_groups)], np.float64)
    each = np.broadcast_to(ranges, (n_channels, 2))
    return each[:, :1, np.newaxis], each[:, 1:, np.newaxis]


def _group_range(blocks: Sequence[BlockIntensities], group: int, params: NormalizeParams) -> tuple[float, float]:
    if params.method == "none":
        return 0.0, 1.0
    if params.method == "standardize":
        return _standard(blocks, group)
    at = (params.low, params.high)
    longest = max(block.counts.shape[1] for block in blocks)
    if longest:
        counts = np.zeros(longest, np.int64)
        for block in blocks:
            counts[: block.counts.shape[1]] += block.counts[group]
        found = histogram_percentiles(counts, at)
    else:
        sample = np.concatenate([block.sample[group] for block in blocks])
        low, high = np.percentile(sample.astype(np.float64), at)
        found = float(low), float(high)
    together = len(blocks[0].mean) == 1
    channels: slice = slice(None) if together else slice(group, group + 1)
    return stretched(
        found,
        lambda: (
            float(min(block.low[channels].min() for block in blocks)),
            float(max(block.high[channels].max() for block in blocks)),
        ),
    )


def _standard(blocks: Sequence[BlockIntensities], group: int) -> tuple[float, float]:
    """Return mean and standard deviation, that of a constant image no less than TensorFlow makes it."""
    counts = np.array([block.count for block in blocks], np.float64)
    means = np.array([block.mean[group] for block in blocks])
    total = counts.sum()
    mean = float((counts * means).sum() / total)
    squares = sum(block.squares[group] for block in blocks) + (counts * (means - mean) ** 2).sum()
    return mean, max(float(np.sqrt(squares / total)), 1.0 / float(np.sqrt(total)))


def has_contrast(blocks: Sequence[BlockIntensities]) -> bool:
    """Tell whether not all values of the image are the same; those of a mask of true and false do not count."""
    if blocks[0].low.dtype == np.bool_:
        return False
    first = blocks[0].low[0]
    return any(bool((block.low != first).any() or (block.high != first).any()) for block in blocks)
