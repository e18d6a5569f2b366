"""What the network is taught: distance maps and lists of neighbours, from labels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.labels import object_ranks

Labels = npt.NDArray[Any]
FloatMap = npt.NDArray[np.float32]

LARGEST_NUMBER = 2**31
"""Of an object; two below it can be told by one number of 64 bits."""
SQUARE = np.ones((3, 3), bool)
LARGEST_TABLE = 4_000_000
"""So many pairs of objects, 2,000 by 2,000, are ticked off in a table; it takes 4 MB."""


def distance_map(labels: Labels, kind: Literal["edt", "ring"] = "edt") -> FloatMap:
    """Return each pixel's distance to its object's boundary over the object's largest.

    Parameters
    ----------
    labels : (Y, X) integer array
    kind : {"edt", "ring"}
        "edt": Euclidean distance to the nearest pixel outside the object. "ring": the method authors' target, where
        each object's outermost pixels are set to zero first.

    Returns
    -------
    (Y, X) float32 array
        0 in the background, 1 at each object's innermost pixels. The image frame is no boundary.

    References
    ----------
    Wu, Chen, Merhof 2020, section 2.1; "ring" after their published code.
    """
    distance = np.zeros(labels.shape, np.float32)
    ranks = object_ranks(labels)[1]
    if kind == "ring":
        ring = ndimage.grey_erosion(ranks, footprint=SQUARE) != ndimage.grey_dilation(ranks, footprint=SQUARE)
        inside = (ranks > 0) & ~ring
        # Without any ring, one object fills the image and no pixel is nearer to its boundary than another.
        distance[:] = 1 if inside.all() else ndimage.distance_transform_edt(inside)
    for rank, box in enumerate(ndimage.find_objects(ranks), start=1):
        own = ranks[box] == rank
        values = distance[box][own] if kind == "ring" else _edt(ranks, rank, box)[own]
        peak = values.max()
        if peak > 0:
            distance[box][own] = values / peak
    return distance


def _edt(labels: Labels, label: int, box: tuple[slice, slice]) -> FloatMap:
    """Return the distance to the nearest pixel that is not `label`, inside its bounding box."""
    # One pixel around the box holds the nearest others; where the image ends there is none, hence no boundary.
    wide = tuple(
        slice(max(0, side.start - 1), min(side.stop + 1, length))
        for side, length in zip(box, labels.shape, strict=True)
    )
    own = labels[wide] == label
    if own.all():
        return np.ones(labels[box].shape, np.float32)
    distance = ndimage.distance_transform_edt(own)
    inner = tuple(
        slice(side.start - outer.start, side.stop - outer.start) for side, outer in zip(box, wide, strict=True)
    )
    return np.asarray(distance[inner], np.float32)


def neighbours(labels: Labels, distance: float) -> npt.NDArray[np.int64]:
    """Return the pairs of objects that come closer to each other than a distance.

    Parameters
    ----------
    labels : (Y, X) integer array
    distance : float
        In pixels, from pixel centre to pixel centre.

    Returns
    -------
    (N, 2) int64 array
        Ordered pairs, each in both directions, sorted; background is not among them.
    """
    if int(labels.max(initial=0)) >= LARGEST_NUMBER:
        values, ranks = object_ranks(labels)
        return np.asarray(values[neighbours(ranks, distance) - 1], np.int64)
    reach = int(distance)
    # Framed by background, so that no shift runs out of the array: a shift is then one step along the flat pixels.
    framed = np.pad(labels, reach).ravel()
    width = labels.shape[1] + 2 * reach
    rows, columns = np.nonzero(_inner_boundary(labels))
    pixels = (rows + reach) * width + columns + reach
    own = framed[pixels].astype(np.int64)
    base = int(labels.max(initial=0)) + 1
    found = _Codes(base * base)
    for dy, dx in _half_disk(distance):
        other = framed[pixels + (dy * width + dx)].astype(np.int64)
        touching = (other != own) & (other > 0)
        found.add(own[touching] * base + other[touching])
    codes = found.all()
    pairs: npt.NDArray[np.int64] = np.stack([codes // base, codes % base], axis=1)
    return np.asarray(np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0), np.int64)


class _Codes:
    """A growing set of numbers below a limit: ticked off in a table where that is small, as sorting is slower."""

    def __init__(self, limit: int) -> None:
        self.table = np.zeros(limit, bool) if limit <= LARGEST_TABLE else None
        self.parts: list[npt.NDArray[np.int64]] = []

    def add(self, codes: npt.NDArray[np.int64]) -> None:
        if self.table is None:
            self.parts.append(codes)
        else:
            self.table[codes] = True

    def all(self) -> npt.NDArray[np.int64]:
        """Return each number once, sorted."""
        if self.table is not None:
            return np.flatnonzero(self.table)
        return np.unique(np.concatenate(self.parts)) if self.parts else np.zeros(0, np.int64)


def all_pairs(labels: Labels) -> npt.NDArray[np.int64]:
    """Return every pair of objects of (Y, X) labels, in both directions, sorted: (N, 2), the global constraint."""
    present = np.unique(labels[labels > 0]).astype(np.int64)
    own, other = np.meshgrid(present, present, indexing="ij")
    return np.stack([own[own != other], other[own != other]], axis=1)


def _inner_boundary(labels: Labels) -> npt.NDArray[np.bool_]:
    """Mark object pixels with a 4-neighbour of another label: nothing else can be nearest to another object."""
    edge = np.zeros(labels.shape, bool)
    vertical, horizontal = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= vertical
    edge[:-1] |= vertical
    edge[:, 1:] |= horizontal
    edge[:, :-1] |= horizontal
    return edge & (labels > 0)


def _half_disk(radius: float) -> list[tuple[int, int]]:
    """Return the offsets (dy, dx) of half a disk: the other half is the same pairs seen from the other side."""
    reach = int(radius)
    return [
        (dy, dx)
        for dy in range(reach + 1)
        for dx in range(-reach, reach + 1)
        if (dy > 0 or dx > 0) and dy * dy + dx * dx <= radius * radius
    ]


def drop_small(labels: Labels, min_area: int) -> npt.NDArray[np.int32]:
    """Return labels 1..N without the objects below `min_area` pixels, in the order of their old numbers."""
    ranks = labels if int(labels.max(initial=0)) <= labels.size else object_ranks(labels)[1]  # ranks take time
    areas = np.bincount(ranks.ravel(), minlength=1)
    keep = areas >= max(min_area, 1)
    keep[0] = False
    renumber = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    return renumber[ranks]
