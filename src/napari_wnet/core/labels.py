"""What functions that take labels ask of them: are they labels, which are present, what hangs together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from skimage.measure import label as skimage_label

from napari_wnet.errors import ImageError

try:
    import cc3d
except ImportError:  # many times faster; training on a bare machine does without
    cc3d = None  # type: ignore[assignment]

LabelArray = npt.NDArray[np.integer[Any]]
IndexArray = npt.NDArray[np.int64]
STRIP_PIXELS = 2**18


def check_labels(
    labels: npt.ArrayLike, what: str = "The labels", *, shape: tuple[int, ...] | None = None
) -> LabelArray:
    """Return `labels` as an integer array, or refuse it.

    Parameters
    ----------
    labels : array_like
        Any shape; integers, 0 is background.
    what : str
        Subject of the error message, in the plural.
    shape : tuple of int, optional
        Shape the labels must have, that of the image or the labels they belong to.

    Raises
    ------
    ImageError
        If the values are not integers, any is negative, or the shape differs.
    """
    array = np.asarray(labels)
    if array.dtype == np.bool_:
        raise ImageError(f"{what} are a mask of true and false; number its objects with skimage.measure.label first.")
    if not np.issubdtype(array.dtype, np.integer):
        raise ImageError(f"{what} hold {array.dtype} values, not integers; convert them with .astype('int32').")
    if array.size and np.issubdtype(array.dtype, np.signedinteger) and array.min() < 0:
        raise ImageError(f"{what} go down to {array.min()}; set negative pixels to 0, the background.")
    if shape is not None and array.shape != shape:
        raise ImageError(f"{what} have shape {array.shape}, not {shape}; give the labels of that very image.")
    return array


def run_starts(*arrays: npt.NDArray[Any]) -> IndexArray:
    """Return where, in flat order, the value of any of the arrays differs from the pixel before.

    Objects are wide, so there are far fewer runs than pixels: what sorts runs is fast for any label values.

    Parameters
    ----------
    *arrays : arrays of one and the same size
        Read in C order.
    """
    flat = [array.ravel() for array in arrays]
    is_start = np.zeros(flat[0].size, bool)
    is_start[:1] = True
    for array in flat:
        is_start[1:] |= array[1:] != array[:-1]
    return np.flatnonzero(is_start)


def present_labels(labels: LabelArray) -> tuple[LabelArray, IndexArray]:
    """Return the values in `labels`, ascending, and for each pixel in flat order its place among them.

    Background is among the values where any pixel has it, and then comes first.
    """
    starts = run_starts(labels)
    values, inverse = np.unique(labels.ravel()[starts], return_inverse=True)
    return values, np.repeat(inverse, np.diff(starts, append=labels.size)).astype(np.int64, copy=False)


def object_ranks(labels: LabelArray) -> tuple[LabelArray, IndexArray]:
    """Return the labels of the objects, ascending, and labels 1..N in their place, of the same shape.

    What counts objects by their numbers takes memory for each number up to the largest; that may be in the billions.
    """
    values, places = present_labels(labels)
    first = int((values[:1] == 0).sum())
    return values[first:], places.reshape(labels.shape) - first + 1


def strips(shape: tuple[int, ...], *, least: int = 1) -> Iterator[slice]:
    """Cut the rows of a plane into pieces of at least `least` rows, small enough to stay in the processor's cache.

    What is done strip by strip also needs no further memory of the plane's size, which takes time to get.
    """
    step = max(least, STRIP_PIXELS // max(1, shape[1]), 1)
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def renumber(labels: npt.NDArray[np.int32], numbers: npt.NDArray[np.int32]) -> None:
    """Replace each label of (Y, X) by the number at its place in `numbers`, in `labels` itself."""
    for rows in strips(labels.shape):
        labels[rows] = numbers[labels[rows]]


def connected_parts(labels: npt.NDArray[Any], connectivity: Literal[4, 8] = 8) -> npt.NDArray[np.int32]:
    """Return a number 1..N for each region of touching pixels of one value: (Y, X); 0 (or False) stays 0."""
    if cc3d is None:
        parts = skimage_label(labels, background=0, connectivity=1 if connectivity == 4 else 2)
        return np.asarray(parts, np.int32)
    if labels.dtype == np.bool_:
        labels = labels.view(np.uint8)  # cc3d 4.1.1 finds wrong parts in narrow masks of type bool
    labels = np.require(labels, requirements=["C", "W"])  # cc3d refuses what it may not write to
    return np.asarray(cc3d.connected_components(labels, connectivity=connectivity, out_dtype=np.uint32)).view(np.int32)


def in_raster_order(labels: npt.NDArray[np.int32], min_area: int = 0) -> npt.NDArray[np.int32]:
    """Drop objects below `min_area` pixels and renumber the others 1..N by their first pixel, row by row."""
    starts = run_starts(labels)
    own = labels.ravel()[starts]
    count = int(own.max(initial=0)) + 1
    areas = np.bincount(own, weights=np.diff(starts, append=labels.size), minlength=count)
    first = np.full(count, labels.size)
    first[own[::-1]] = starts[::-1]  # of several values for one place, the last one stays
    kept = np.flatnonzero(areas >= max(min_area, 1))
    kept = kept[kept > 0]
    rank = np.zeros(count, np.int32)
    rank[kept[first[kept].argsort()]] = np.arange(1, len(kept) + 1)
    return rank[labels]
