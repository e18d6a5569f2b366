"""After clustering: whole objects without holes, and no foreground left over beside them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_wnet.core.labels import connected_parts, renumber, run_starts, strips
from napari_wnet.core.maps import UNIT, FixedArray

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
FloatMap = npt.NDArray[np.float32]

NEIGHBOURS_8 = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
MAX_CLAIM_STEPS = 256
"""Steps, in pixels, that leftover foreground may be away from its object."""


def lone_objects(seeds: Labels, mask: Mask) -> tuple[Labels, Mask]:
    """Return the parts of the foreground with a single seed as objects, and where the other parts are.

    Whatever the rule of growth, a seed without rivals gets all the foreground around it once leftovers are given away.

    Parameters
    ----------
    seeds : (Y, X) int32 array
        1..N, within `mask`.
    mask : (Y, X) bool array
        Foreground.

    Returns
    -------
    (Y, X) int32 array
        Numbered as their seeds.
    (Y, X) bool array
    """
    parts = connected_parts(mask)
    count = int(parts.max(initial=0))
    at = np.flatnonzero(seeds > 0)
    home = np.zeros(int(seeds.max(initial=0)) + 1, np.int64)
    home[seeds.ravel()[at]] = parts.ravel()[at]
    n_seeds = np.bincount(home[1:], minlength=count + 1)
    numbers = np.zeros(count + 1, np.int32)
    numbers[home[1:]] = np.arange(1, len(home))
    numbers[n_seeds != 1] = 0
    renumber(parts, numbers)
    return parts, mask & (parts == 0)


def keep_seeded(labels: Labels, seeds: Labels) -> None:
    """Drop from `labels` itself an object's pieces, torn off where others claimed more, without a seed pixel of its."""
    parts = connected_parts(labels)
    keep = np.zeros(int(parts.max(initial=0)) + 1, bool)
    for rows in strips(labels.shape):
        keep[parts[rows][(seeds[rows] > 0) & (seeds[rows] == labels[rows])]] = True
    keep[0] = True
    if not keep.all():
        for rows in strips(labels.shape):
            labels[rows] *= keep[parts[rows]]


def claim_rest(
    labels: Labels, mask: Mask, vectors: tuple[FixedArray, FloatMap], height: FloatMap | None = None, n_levels: int = 1
) -> None:
    """Give leftover foreground to the touching object whose direction is nearest, pixel layer by pixel layer.

    Parameters
    ----------
    labels : (Y, X) int32 array
        Objects numbered as the directions, from 1; changed in place. Foreground that touches no object, even through
        other foreground, stays 0.
    mask : (Y, X) bool array
        Foreground.
    vectors : (Y, X, E) int16 array and (N, E) float32 array
        Embedding of each pixel, and unit vector of each object.
    height : (Y, X) float32 array, optional
        From 0 to 1; the pixels of a higher level are given away before those of a lower one: a watershed.
    n_levels : int
        How many levels heights are rounded down to.
    """
    width = labels.shape[1]
    leftover = [rows.start * width + np.flatnonzero(mask[rows] & (labels[rows] == 0)) for rows in strips(labels.shape)]
    at = np.concatenate(leftover)
    begins = np.zeros(1, np.int64)
    if height is not None:
        level = (height.ravel()[at] * np.float32(n_levels)).astype(np.int16)
        falling = (-level).argsort(kind="stable")
        at, begins = at[falling], run_starts(level[falling])
    embedding = vectors[0].reshape(-1, vectors[0].shape[-1])[at].astype(np.float32)
    directions = np.vstack([np.zeros((1, vectors[1].shape[1]), np.float32), vectors[1]])
    left = np.zeros(0, np.int64)
    for begin, end in pairwise([*begins.tolist(), len(at)]):
        left = np.concatenate([left, np.arange(begin, end)])
        left = _give_away(labels, (at, embedding, left), directions)


def _give_away(
    labels: Labels, pixels: tuple[npt.NDArray[np.int64], FloatMap, npt.NDArray[np.int64]], directions: FloatMap
) -> npt.NDArray[np.int64]:
    """Write into `labels` what the last of `pixels` are given to, and return those of them that touch nothing.

    The pixels are the places in `labels`, flat, of all, their embedding, and which of them to give away.
    """
    at, embedding, left = pixels
    flat = labels.ravel()
    for _ in range(MAX_CLAIM_STEPS):
        around = _around(labels, at[left])
        ready = around.any(axis=0)
        if not ready.any():
            break
        around = np.sort(around[:, ready], axis=0)  # the same whichever way the image is turned
        near = np.einsum("kne,ne->kn", directions[around], embedding[left[ready]])
        chosen = np.where(around > 0, near, np.float32(-2 * UNIT)).argmax(axis=0)
        flat[at[left[ready]]] = np.take_along_axis(around, chosen[None], axis=0)[0]
        left = left[~ready]
    return left


def _around(labels: Labels, at: npt.NDArray[np.int64]) -> Labels:
    """Return the labels of the eight neighbours of the pixels at flat places `at`, (8, N); 0 beyond the frame."""
    height, width = labels.shape
    around: Labels = np.stack([labels.ravel().take(at + dy * width + dx, mode="clip") for dy, dx in NEIGHBOURS_8])
    row, column = np.divmod(at, width)
    rim = np.flatnonzero((row == 0) | (row == height - 1) | (column == 0) | (column == width - 1))
    for neighbour, (dy, dx) in enumerate(NEIGHBOURS_8):
        y, x = row[rim] + dy, column[rim] + dx
        around[neighbour, rim[(y < 0) | (y >= height) | (x < 0) | (x >= width)]] = 0
    return around


def fill_holes(labels: Labels, mask: Mask | None = None) -> Labels:
    """Fill what a single object encloses, within `mask` where given; ground that touches the frame is no hole."""
    parts = connected_parts(labels == 0, connectivity=4)
    count = int(parts.max(initial=0))
    open_parts = np.zeros(count + 1, bool)
    for side in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        open_parts[side] = True
    open_parts[0] = True
    if open_parts.all():
        return labels
    rows, columns = np.divmod(np.flatnonzero(~open_parts[parts]), labels.shape[1])
    own = parts[rows, columns]
    low = np.full(count + 1, np.iinfo(np.int32).max, np.int32)
    high = np.zeros(count + 1, np.int32)
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        beside = labels[rows + dy, columns + dx]
        edge = beside > 0
        np.minimum.at(low, own[edge], beside[edge])
        np.maximum.at(high, own[edge], beside[edge])
    closed = (low == high)[own]
    if mask is not None:
        closed &= mask[rows, columns]
    filled = labels.copy()
    filled[rows[closed], columns[closed]] = high[own[closed]]
    return filled
