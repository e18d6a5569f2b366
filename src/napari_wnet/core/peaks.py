"""The published rule of W-Net to the letter, and as its authors' program has it: peaks of the distance map as seeds.

Source: Wu, Chen, Merhof 2020, section 2.3. Both are here to be compared with; the angular method takes their place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.feature import peak_local_max

from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.windows import SQUARE, Mask
from napari_wnet.params import ClusteringParams

Labels = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]

CHUNK = 64
"""Seeds whose likeness to all pixels is computed at once: more take more memory, fewer more time."""


def peaks(distance: npt.NDArray[np.float32], mask: Mask, part: float, apart: int = 1) -> Places:
    """Return the local maxima of the foreground above a part of the image's maximum, (N, 2), the highest first.

    Parameters
    ----------
    distance : (Y, X) float32 array
    mask : (Y, X) bool array
        Foreground.
    part : float
        From 0 to 1.
    apart : int
        Of two maxima that are no further apart, in rows and in columns, only the higher one counts.
    """
    found = peak_local_max(
        distance,
        min_distance=apart,
        threshold_abs=part * float(distance.max(initial=0)),
        exclude_border=False,
        labels=mask.astype(np.int32),
        p_norm=np.inf,
    )
    order = np.lexsort((found[:, 1], found[:, 0], -distance[found[:, 0], found[:, 1]]))
    return np.asarray(found[order], np.int64)


def paper_labels(maps: Maps, mask: Mask, params: ClusteringParams) -> Labels:
    """Give each pixel to a seed within the angle of its embedding, wherever in the foreground the pixel lies.

    The paper does not say whose a pixel is that lies within the angle of several seeds: here it is that of the highest
    peak, so that the peaks of one object do not divide it.

    Parameters
    ----------
    maps : Maps
    mask : (Y, X) bool array
        Foreground.
    params : ClusteringParams
        `peak_part` and `angle` are used.

    Returns
    -------
    (Y, X) int32 array
        1 for the highest peak, and so on; 0 for pixels that are like no seed.
    """
    seeds = peaks(maps.distance.astype(np.float32), mask, params.peak_part)
    vectors = np.moveaxis(maps.embedding, 0, -1)
    directions = vectors[seeds[:, 0], seeds[:, 1]].astype(np.float32)
    cosine = _least(params.angle)
    labels = np.zeros(mask.shape, np.int32)
    flat, left = labels.reshape(-1), np.flatnonzero(mask)
    looks = vectors.reshape(-1, vectors.shape[-1])[left].astype(np.float32)
    for begin in range(0, len(seeds), CHUNK):
        like = looks @ directions[begin : begin + CHUNK].T > cosine
        taken = like.any(axis=1)
        flat[left[taken]] = like[taken].argmax(axis=1) + begin + 1
        left, looks = left[~taken], looks[~taken]
        if not len(left):
            break
    return labels


def authors_labels(maps: Maps, mask: Mask, params: ClusteringParams) -> Labels:
    """Let one seed after the other take what is around it within the angle, also from those before it.

    Parameters
    ----------
    maps : Maps
    mask : (Y, X) bool array
        Foreground.
    params : ClusteringParams
        `peak_part`, `peak_sigma`, `peak_distance` and `angle` are used.

    Returns
    -------
    (Y, X) int32 array
        The seeds numbered row by row; a later one has overwritten what an earlier one had.
    """
    smooth = ndimage.gaussian_filter(maps.distance.astype(np.float32), params.peak_sigma)
    seeds = peaks(smooth, mask, params.peak_part, params.peak_distance)
    seeds = seeds[np.lexsort((seeds[:, 1], seeds[:, 0]))]
    vectors = np.moveaxis(maps.embedding, 0, -1).astype(np.float32)
    labels = np.zeros(mask.shape, np.int32)
    for number, (row, column) in enumerate(seeds.tolist(), start=1):
        like = (vectors @ vectors[row, column] > _least(params.angle)) & mask
        parts, _ = ndimage.label(like, SQUARE)
        labels[parts == parts[row, column]] = number
    return labels


def _least(angle: float) -> np.float32:
    """Return the product of two embeddings, in whole numbers, that lie at an angle."""
    return np.float32(UNIT**2 * np.cos(np.radians(angle)))
