"""The mutex watershed: pixels join their likest neighbours first, unless what they belong to is to stay apart.

Source: Wolf et al. 2020, "The Mutex Watershed and its Objective", arXiv 1904.12654; the program is bioimage-cpp's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_wnet.core.extras import check_installed
from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.windows import Mask
from napari_wnet.params import ClusteringParams

Offset = tuple[int, int]
FloatStack = npt.NDArray[np.float32]

NEIGHBOURS: tuple[Offset, ...] = ((-1, 0), (0, -1))
"""From a pixel to those of its four neighbours that come before it; the pairs with the others are theirs."""
AFAR: tuple[Offset, ...] = ((-1, 0), (0, -1), (-1, -1), (-1, 1))
"""The four directions in which pixels are compared from afar, once and twice as far as `mutex_reach`."""


def mutex_labels(maps: Maps, mask: Mask, params: ClusteringParams) -> npt.NDArray[np.int32]:
    """Divide the foreground so that pixels of like embedding are together and unlike ones apart.

    Parameters
    ----------
    maps : Maps
    mask : (Y, X) bool array
        Foreground.
    params : ClusteringParams
        `mutex_reach` and `mutex_weight` are used.

    Returns
    -------
    (Y, X) int32 array
        1..N; 0 outside the mask.

    Raises
    ------
    ParamsError
        If bioimage-cpp is not installed.
    """
    check_installed("mutex")
    from bioimage_cpp.segmentation import mutex_watershed

    weights, offsets = pair_weights(maps, params)
    found = mutex_watershed(weights, offsets, len(NEIGHBOURS), mask=mask)
    return np.asarray(found).astype(np.int32)


def pair_weights(maps: Maps, params: ClusteringParams) -> tuple[FloatStack, list[Offset]]:
    """Return how much pairs of pixels belong together, then how much other pairs are to be apart.

    Returns
    -------
    (10, Y, X) float32 array
        For the neighbours the cosine between the embeddings, at least 0; from afar 1 - that, times `mutex_weight`.
        0 where one of the two is outside the image.
    list of (int, int)
        Rows and columns from a pixel to the other one of its pair.
    """
    afar = [(reach * dy, reach * dx) for reach in (params.mutex_reach, 2 * params.mutex_reach) for dy, dx in AFAR]
    offsets = [*NEIGHBOURS, *afar]
    vectors = np.moveaxis(maps.embedding, 0, -1).astype(np.float32)
    weights = np.zeros((len(offsets), *maps.shape), np.float32)
    for number, (dy, dx) in enumerate(offsets):
        rows, others = _overlap(dy, maps.shape[0])
        columns, beyond = _overlap(dx, maps.shape[1])
        cosine = np.einsum("yxe,yxe->yx", vectors[rows, columns], vectors[others, beyond]) / np.float32(UNIT**2)
        cosine = cosine.clip(0, 1)
        weights[number, rows, columns] = (
            cosine if number < len(NEIGHBOURS) else np.float32(params.mutex_weight) * (1 - cosine)
        )
    return weights, offsets


def _overlap(offset: int, length: int) -> tuple[slice, slice]:
    """Return where along an axis pixels have another one at an offset, and where those others are."""
    first, last = max(0, -offset), max(0, min(length, length - offset))
    first = min(first, last)
    return slice(first, last), slice(first + offset, last + offset)
