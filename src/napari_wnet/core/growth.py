"""Growing seeds by the angle between embeddings, in an order that depends on nothing but the maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from napari_wnet.core.labels import renumber, strips
from napari_wnet.core.maps import UNIT, FixedArray, to_fixed, to_float
from napari_wnet.core.windows import SQUARE, Mask, Place, Window, reaches_edge, widened

Labels = npt.NDArray[np.int32]
FloatMap = npt.NDArray[np.float32]

WINDOW_MARGIN = 3
NOBODY = -4 * UNIT
"""Less than any similarity: that of a seed that is not there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Seeds:
    """Seeds in canonical order, which depends on their embeddings and areas but not on where they lie.

    Attributes
    ----------
    labels : (Y, X) int32 array
        1..N.
    windows : list of (slice, slice)
        Bounding box of each seed.
    directions : (N, E) float32 array
        Unit vector of each seed: the direction of its mean embedding.
    areas : (N,) int64 array
    """

    labels: Labels
    windows: list[Window]
    directions: FloatMap
    areas: npt.NDArray[np.int64]


def direction(sums: npt.NDArray[Any]) -> FloatMap:
    """Return unit vectors of sums of embeddings, (..., E), rounded as the embeddings are."""
    length = np.maximum(np.linalg.norm(sums, axis=-1, keepdims=True), 1e-12)
    return to_float(to_fixed(sums / length))


def canonical(embedding: FixedArray, seeds: Labels, place: Place | None = None) -> Seeds:
    """Renumber seeds by what turning the image does not change: direction, area, distance from the image's middle.

    Parameters
    ----------
    embedding : (Y, X, E) int16 array
    seeds : (Y, X) int32 array
        Labels, not necessarily all of 1..N; renumbered in place.
    place : Place, optional
        Where these arrays lie, if they are part of a larger image.
    """
    at = np.flatnonzero(seeds > 0)
    vectors = embedding.reshape(-1, embedding.shape[-1]).take(at, axis=0)
    # Sums of runs of pixels first, as there are far fewer of them.
    whose = seeds.ravel()[at]
    new = (np.diff(at, prepend=-2) != 1) | (np.diff(whose, prepend=0) != 0) | (at % seeds.shape[1] == 0)
    starts = np.flatnonzero(new)
    begins, lengths, own = at[starts], np.diff(starts, append=len(at)), whose[starts]
    every = np.bincount(own, weights=lengths).astype(np.int64)
    present = np.flatnonzero(every)
    total = np.add.reduceat(vectors, starts, axis=0, dtype=np.int32)
    sums = np.stack([np.bincount(own, weights=axis)[present] for axis in total.T], axis=1)
    directions, areas = direction(sums), every[present]
    off_centre = _off_centre(place or Place.whole(seeds.shape), seeds.shape[1], (begins, lengths, own))[present]
    order = np.lexsort((off_centre, areas, *directions.T[::-1]))
    rank = np.zeros(len(every), np.int32)
    rank[present[order]] = np.arange(1, len(order) + 1)
    boxes = ndimage.find_objects(seeds)
    renumber(seeds, rank)
    return Seeds(
        labels=seeds,
        windows=[boxes[label - 1] for label in present[order]],
        directions=directions[order],
        areas=areas[order],
    )


def _off_centre(
    place: Place, width: int, runs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]
) -> npt.NDArray[np.float64]:
    """Return the squared distance of each seed from the image's middle, times its doubled area squared: exact.

    The seeds' pixels come as runs within rows: the place in flat order where each begins, its length, whose it is.
    """
    begins, lengths, own = runs
    rows, columns = np.divmod(begins, width)
    top, left = place.corner
    height, breadth = place.frame
    places = (2 * (rows + top) - (height - 1), 2 * (columns + left) + lengths - 1 - (breadth - 1))
    return np.asarray(sum(np.bincount(own, weights=lengths * each) ** 2 for each in places), np.float64)


def clear_claims(embedding: FixedArray, seeds: Seeds, mask: Mask, *, angle: float, lead: float) -> Labels:
    """Tell for each pixel of the foreground which of the seeds near by has clearly the most similar direction.

    Parameters
    ----------
    embedding : (Y, X, E) int16 array
    seeds : Seeds
    mask : (Y, X) bool array
        Foreground.
    angle : float
        In degrees; pixels further from every seed's direction belong to none.
    lead : float
        By how much its cosine must exceed that of every other seed near by.

    Returns
    -------
    (Y, X) int32 array
        Number of the seed, 0 for none.
    """
    labels = np.zeros(mask.shape, np.int32)
    best = np.full(mask.shape, NOBODY, np.int16)
    second = best.copy()
    for number, box in enumerate(seeds.windows, start=1):
        window = widened(box, _margin(box), mask.shape)
        similarity = (embedding[window].astype(np.float32) @ seeds.directions[number - 1]).astype(np.int16)
        leader, follower = best[window], second[window]
        np.copyto(labels[window], number, where=similarity > leader)
        np.maximum(follower, np.minimum(leader, similarity), out=follower)
        np.maximum(leader, similarity, out=leader)
    cosine = int(UNIT * np.cos(np.radians(angle)))
    for rows in strips(mask.shape):
        clear = (best[rows] > cosine) & (best[rows] - second[rows] >= UNIT * lead)
        labels[rows] *= clear & mask[rows]
    return labels


def grow(
    embedding: FixedArray, seeds: Seeds, mask: Mask, angle: float, alone: npt.ArrayLike = ()
) -> tuple[Labels, Labels]:
    """Let every seed claim itself and the component around it of the foreground within an angle of its direction.

    Parameters
    ----------
    embedding : (Y, X, E) int16 array
    seeds : Seeds
    mask : (Y, X) bool array
        Foreground.
    angle : float
        In degrees.
    alone : sequence of int
        Seeds that join with no other.

    Returns
    -------
    (Y, X) int32 array
        The seed with the best claim on each pixel, 0 where nobody claims it.
    (N + 1,) int32 array
        For each seed the one it forms an object with: itself, or the first of those in one another's claims.
    """
    cosine = float(UNIT * np.cos(np.radians(angle)))
    labels = np.zeros(mask.shape, np.int32)
    best = np.full(mask.shape, NOBODY, np.float32)
    contacts: list[tuple[int, int]] = []
    for number, box in enumerate(seeds.windows, start=1):
        window, claim, similarity = _claim(embedding, seeds, mask, (number, box, cosine))
        better = claim & (similarity > best[window])
        np.copyto(best[window], similarity, where=better)
        np.copyto(labels[window], number, where=better)
        counts = np.bincount(seeds.labels[window][claim], minlength=1)
        # A seed lies in a claim when most of it does: a stray pixel must not join two objects.
        held = np.flatnonzero(2 * counts[1:] > seeds.areas[: len(counts) - 1]) + 1
        contacts.extend((number, int(other)) for other in held if other != number)
    apart = set(np.asarray(alone, int).tolist())
    joined = [pair for pair in contacts if apart.isdisjoint(pair)] if apart else contacts
    return labels, merged(joined, len(seeds.windows))


def _claim(
    embedding: FixedArray, seeds: Seeds, mask: Mask, which: tuple[int, Window, float]
) -> tuple[Window, Mask, FloatMap]:
    """Return a window, the part of it connected to the seed within the angle, and the cosines there."""
    number, box, cosine = which
    margin = _margin(box)
    while True:
        window = widened(box, margin, mask.shape)
        similarity = embedding[window].astype(np.float32) @ seeds.directions[number - 1]
        own = seeds.labels[window] == number
        # A seed's own pixels are its own whatever they look like, so that no object vanishes for being motley.
        parts, _ = ndimage.label((similarity > cosine) & mask[window] | own, SQUARE)
        wanted = np.bincount(parts[own]) > 0
        claim = np.zeros(parts.max() + 1, bool)
        claim[: len(wanted)] = wanted
        claimed = claim[parts]
        if not reaches_edge(claimed, window, mask.shape):
            return window, claimed, similarity
        margin *= 2


def _margin(box: Window) -> int:
    """Return how far beyond its seed an object is looked for at first."""
    return WINDOW_MARGIN + max(int(side.stop - side.start) for side in box) // 2


def merged(contacts: list[tuple[int, int]], count: int) -> Labels:
    """Return the object number of each seed (index 0: background): seeds in one another's claims are one object."""
    held = set(contacts)
    mutual = [(a, b) for a, b in contacts if (b, a) in held]
    rows, columns = np.array(mutual, int).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(count + 1, count + 1))
    _, groups = connected_components(graph, directed=False)
    # The first seed of each group in canonical order lends its number.
    _, first = np.unique(groups, return_index=True)
    merged: Labels = first[groups].astype(np.int32)
    return merged
