"""How large objects are, and how well labels agree with the distance map that they were made from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.maps import Maps
from napari_wnet.core.targets import distance_map
from napari_wnet.core.tiling import Window

Array = npt.NDArray[Any]
ENOUGH = 5
"""So many objects that the frame does not cut tell how large objects are; with fewer, the cut ones count as well."""
FOREGROUND = 0.5
MOST_PX = 2**20
"""So many pixels of an image, in regular distances, tell where it is lively."""


def diameters(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Return the diameters in px of disks of the objects' areas; of those that the frame cuts, if few others are there.

    Parameters
    ----------
    labels : (Y, X) int32 array

    Returns
    -------
    (N,) float64 array
    """
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    whole = areas.copy()
    whole[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = 0
    chosen = whole if np.count_nonzero(whole) >= ENOUGH else areas
    return np.sqrt(4 * chosen[chosen > 0] / np.pi)


def disagreement(maps: Maps, labels: npt.NDArray[np.int32]) -> tuple[float, int]:
    """Compare a distance map with the one that the labels made from it would have.

    A network that sees objects of a size it knows draws for each the map of its own distances, from 0 at the boundary
    to 1 in the middle. It blurs and lowers those of objects that are too small; too large ones fall apart, into pieces
    whose distances are not those that it drew.

    Returns
    -------
    error : float
        Sum over all pixels that are foreground or in an object of the absolute difference.
    count : int
        Of these pixels.
    """
    expected = distance_map(labels)
    looked_at = labels > 0
    if maps.foreground is not None:
        looked_at |= maps.foreground > FOREGROUND
    error = np.abs(expected - maps.distance.astype(np.float32))[looked_at].sum(dtype=np.float64)
    return float(error), int(np.count_nonzero(looked_at))


def liveliest_window(image: Array, side: int) -> Window:
    """Return the square window of an image, (C, Y, X), in which its intensities differ most: objects are likely there.

    The whole image where it is smaller than that.
    """
    shape = image.shape[1:]
    height, width = (min(side, length) for length in shape)
    if (height, width) == shape:
        return slice(0, height), slice(0, width)
    step = max(1, math.isqrt(shape[0] * shape[1] // MOST_PX), min(height, width) // 64)
    mean = image[:, ::step, ::step].mean(axis=0, dtype=np.float64)
    mean -= mean.mean()
    box = max(1, height // step), max(1, width // step)
    variance = ndimage.uniform_filter(mean**2, box) - ndimage.uniform_filter(mean, box) ** 2
    # Window i begins half a box before the pixel that the filter writes it to.
    inner = variance[box[0] // 2 :, box[1] // 2 :][: mean.shape[0] - box[0] + 1, : mean.shape[1] - box[1] + 1]
    top, left = (int(place) * step for place in np.unravel_index(inner.argmax(), inner.shape))
    top, left = min(top, shape[0] - height), min(left, shape[1] - width)
    return slice(top, top + height), slice(left, left + width)
