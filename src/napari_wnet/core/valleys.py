"""Pieces of one object that were divided where nothing divides them: no valley of the distance map, and no angle."""

from __future__ import annotations

from itertools import chain

import numpy as np
import numpy.typing as npt

from napari_wnet.core.growth import Seeds, merged

Labels = npt.NDArray[np.int32]
FloatMap = npt.NDArray[np.float32]

SHALLOW = 0.7
"""A valley is none if its pass is as high as this part of the lower of the two peaks beside it."""


def undivided(
    labels: Labels, seeds: Seeds, smooth: FloatMap, angle: float, alone: npt.ArrayLike = ()
) -> npt.NDArray[np.int32]:
    """Tell which objects are one: they touch, their seeds look alike, and between them the distance hardly falls.

    Parameters
    ----------
    labels : (Y, X) int32 array
        Objects numbered as the seeds that they have grown from.
    seeds : Seeds
    smooth : (Y, X) float32 array
        The distance map in which the seeds were found.
    angle : float
        In degrees, between the directions of seeds that look alike.
    alone : sequence of int
        Seeds that join with no other.

    Returns
    -------
    (N + 1,) int32 array
        For each object the first of those that it is one with, or itself.
    """
    count = len(seeds.windows)
    first, second, passes = _passes(labels, smooth, count)
    peaks = np.zeros(count + 1, np.float32)
    at = np.flatnonzero(seeds.labels)
    np.maximum.at(peaks, seeds.labels.ravel()[at], smooth.ravel()[at])
    cosines = np.einsum("ne,ne->n", seeds.directions[first - 1], seeds.directions[second - 1])
    one = passes >= np.float32(SHALLOW) * np.minimum(peaks[first], peaks[second])
    one &= cosines > np.cos(np.radians(angle))
    one &= ~(np.isin(first, alone) | np.isin(second, alone))
    pairs = list(zip(first[one].tolist(), second[one].tolist(), strict=True))
    return merged(list(chain(pairs, ((b, a) for a, b in pairs))), count)


def _passes(
    labels: Labels, smooth: FloatMap, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], FloatMap]:
    """Return the pairs of objects that touch, and how high the highest place is where they do."""
    keys, heights = [], []
    for axis in (0, 1):
        own, height = np.moveaxis(labels, axis, 0), np.moveaxis(smooth, axis, 0)
        at = np.nonzero((own[1:] != own[:-1]) & (own[1:] > 0) & (own[:-1] > 0))
        sides = own[1:][at].astype(np.int64), own[:-1][at].astype(np.int64)
        keys.append(np.minimum(*sides) * (count + 1) + np.maximum(*sides))
        heights.append(np.minimum(height[1:][at], height[:-1][at]))
    pairs, whose = np.unique(np.concatenate(keys), return_inverse=True)
    highest = np.zeros(len(pairs), np.float32)
    np.maximum.at(highest, whose, np.concatenate(heights))
    first, second = np.divmod(pairs, count + 1)
    return first, second, highest
