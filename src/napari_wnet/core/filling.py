"""After clustering: whole objects without holes, and no foreground left over beside them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_wnet.core.labels import connected_parts, run_starts
from napari_wnet.core.maps import UNIT, FixedArray

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

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
    labels = numbers[parts]
    return labels, mask & (labels == 0)


def keep_seeded(labels: Labels, seeds: Labels) -> Labels:
    """Drop the pieces of an object, torn off where others claimed more, that hold none of its seed's pixels."""
    parts = connected_parts(labels)
    keep = np.zeros(int(parts.max(initial=0)) + 1, bool)
    keep[parts[(seeds > 0) & (seeds == labels)]] = True
    keep[0] = True
    return labels if keep.all() else labels * keep[parts]


def claim_rest(
    labels: Labels,
    mask: Mask,
    vectors: tuple[FixedArray, npt.NDArray[np.float32]],
    levels: npt.NDArray[np.int16] | None = None,
) -> Labels:
    """Give leftover foreground to the touching object whose direction is nearest, pixel layer by pixel layer.

    Parameters
    ----------
    labels : (Y, X) int32 array
        Objects numbered as the directions, from 1.
    mask : (Y, X) bool array
        Foreground.
    vectors : (Y, X, E) int16 array and (N, E) float32 array
        Embedding of each pixel, and unit vector of each object.
    levels : (Y, X) int16 array, optional
        The pixels of a higher level are given away before those of a lower one: a watershed.

    Returns
    -------
    (Y, X) int32 array
        Foreground that touches no object, even through other foreground, stays 0.
    """
    framed = np.pad(labels, 1)
    width = framed.shape[1]
    inner = np.flatnonzero(mask.ravel() & (labels.ravel() == 0))
    waiting = (inner // mask.shape[1] + 1) * width + inner % mask.shape[1] + 1
    if levels is not None:
        falling = (-levels.ravel()[inner]).argsort(kind="stable")
        inner, waiting = inner[falling], waiting[falling]
        begins = run_starts(levels.ravel()[inner])
    else:
        begins = np.zeros(1, np.int64)
    embedding = vectors[0].reshape(-1, vectors[0].shape[-1])[inner].astype(np.float32)
    directions = np.vstack([np.zeros((1, vectors[1].shape[1]), np.float32), vectors[1]])
    left = np.zeros(0, np.int64)
    for begin, end in pairwise([*begins.tolist(), len(inner)]):
        left = np.concatenate([left, np.arange(begin, end)])
        left = _give_away(framed.ravel(), width, (waiting, embedding, left), directions)
    return framed[1:-1, 1:-1].copy()


def _give_away(
    flat: Labels,
    width: int,
    pixels: tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.int64]],
    directions: npt.NDArray[np.float32],
) -> npt.NDArray[np.int64]:
    """Write into `flat` what the last of `pixels` are given to, and return those of them that touch nothing.

    The pixels are the places in `flat` of all, their embedding, and which of them to give away.
    """
    waiting, embedding, left = pixels
    for _ in range(MAX_CLAIM_STEPS):
        around = np.stack([flat[waiting[left] + dy * width + dx] for dy, dx in NEIGHBOURS_8])
        ready = around.any(axis=0)
        if not ready.any():
            break
        around = np.sort(around[:, ready], axis=0)  # the same whichever way the image is turned
        near = np.einsum("kne,ne->kn", directions[around], embedding[left[ready]])
        chosen = np.where(around > 0, near, np.float32(-2 * UNIT)).argmax(axis=0)
        flat[waiting[left[ready]]] = np.take_along_axis(around, chosen[None], axis=0)[0]
        left = left[~ready]
    return left


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
