"""Growing seeds by the angle between embeddings, in an order that depends on nothing but the maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from napari_wnet.core.maps import UNIT, FixedArray, to_fixed, to_float

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
FloatMap = npt.NDArray[np.float32]
Window = tuple[slice, slice]

SQUARE = np.ones((3, 3), bool)
WINDOW_MARGIN = 8


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Claims:
    """What the seeds claim of the foreground.

    Attributes
    ----------
    labels : (Y, X) int32 array
        The seed with the best claim on each pixel, 0 where nobody claims it.
    lead : (Y, X) float32 array
        By how much its cosine exceeds that of the next best seed near by; infinite where there is none.
    parents : (N + 1,) int32 array
        For each seed the one it forms an object with: itself, or the first of those in one another's claims.
    """

    labels: Labels
    lead: FloatMap
    parents: Labels


def direction(sums: npt.NDArray[np.float64]) -> FloatMap:
    """Return unit vectors of sums of embeddings, (..., E), rounded as the embeddings are."""
    length = np.maximum(np.linalg.norm(sums, axis=-1, keepdims=True), 1e-12)
    return to_float(to_fixed(sums / length))


def canonical(embedding: FixedArray, seeds: Labels) -> Seeds:
    """Renumber seeds by what turning the image does not change: direction, area, distance from the image's middle.

    Parameters
    ----------
    embedding : (Y, X, E) int16 array
    seeds : (Y, X) int32 array
        Labels 1..N.
    """
    count = int(seeds.max())
    at = np.flatnonzero(seeds)
    own = seeds.ravel()[at]
    vectors = embedding.reshape(-1, embedding.shape[-1])[at].astype(np.float64)
    sums = np.stack([np.bincount(own, weights=axis, minlength=count + 1)[1:] for axis in vectors.T], axis=1)
    directions = direction(sums.astype(np.float64))
    areas = np.bincount(own, minlength=count + 1)[1:]
    order = np.lexsort((_off_centre(seeds.shape, at, own), areas, *directions.T[::-1]))
    rank = np.zeros(count + 1, np.int32)
    rank[order + 1] = np.arange(1, count + 1)
    boxes = ndimage.find_objects(seeds)
    return Seeds(
        labels=rank[seeds], windows=[boxes[i] for i in order], directions=directions[order], areas=areas[order]
    )


def _off_centre(
    shape: tuple[int, ...], at: npt.NDArray[np.int64], own: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    """Return the squared distance of each seed from the image's middle, times its doubled area squared: exact."""
    places = (2 * (at // shape[1]) - (shape[0] - 1), 2 * (at % shape[1]) - (shape[1] - 1))
    return np.asarray(sum(np.bincount(own, weights=place)[1:] ** 2 for place in places), np.float64)


def grow(embedding: FixedArray, seeds: Seeds, mask: Mask, angle: float) -> Claims:
    """Let every seed claim the component around it of the foreground within an angle of its direction.

    Parameters
    ----------
    embedding : (Y, X, E) int16 array
    seeds : Seeds
    mask : (Y, X) bool array
        Foreground.
    angle : float
        In degrees.
    """
    cosine = float(UNIT * np.cos(np.radians(angle)))
    labels = np.zeros(mask.shape, np.int32)
    best = np.full(mask.shape, cosine, np.float32)
    second = np.full(mask.shape, -np.inf, np.float32)
    contacts: list[tuple[int, int]] = []
    for number, box in enumerate(seeds.windows, start=1):
        window, claim, similarity = _claim(embedding, seeds, mask, (number, box, cosine))
        leader, follower, owner = best[window], second[window], labels[window]
        better = claim & (similarity > leader)
        # A seed near by that does not claim the pixel is a rival all the same: its cosine may be hardly less.
        np.maximum(follower, np.where(better, leader, similarity), out=follower, where=~better | (owner > 0))
        np.copyto(leader, similarity, where=better)
        np.copyto(owner, number, where=better)
        counts = np.bincount((seeds.labels[window] * claim).ravel())
        # A seed lies in a claim when most of it does: a stray pixel must not join two objects.
        held = np.flatnonzero(2 * counts[1:] > seeds.areas[: len(counts) - 1]) + 1
        contacts.extend((number, int(other)) for other in held if other != number)
    best -= second
    best /= UNIT
    return Claims(labels=labels, lead=best, parents=_merged(contacts, len(seeds.windows)))


def _claim(
    embedding: FixedArray, seeds: Seeds, mask: Mask, which: tuple[int, Window, float]
) -> tuple[Window, Mask, FloatMap]:
    """Return a window, the part of it connected to the seed within the angle, and the cosines there."""
    number, box, cosine = which
    margin = WINDOW_MARGIN + max(side.stop - side.start for side in box) // 2
    while True:
        window = _widened(box, margin, mask.shape)
        similarity = embedding[window].astype(np.float32) @ seeds.directions[number - 1]
        parts, _ = ndimage.label((similarity > cosine) & mask[window], SQUARE)
        wanted = np.bincount(parts[seeds.labels[window] == number]) > 0
        wanted[0] = False
        claim = np.zeros(parts.max() + 1, bool)
        claim[: len(wanted)] = wanted
        claimed = claim[parts]
        if not _reaches_edge(claimed, window, mask.shape):
            return window, claimed, similarity
        margin *= 2


def _widened(box: Window, margin: int, shape: tuple[int, ...]) -> Window:
    rows, columns = (
        slice(max(0, side.start - margin), min(side.stop + margin, length))
        for side, length in zip(box, shape, strict=True)
    )
    return rows, columns


def _reaches_edge(claim: Mask, window: Window, shape: tuple[int, ...]) -> bool:
    """Tell whether a claim touches a side of its window where the image goes on."""
    rows, columns = window
    return bool(
        (rows.start > 0 and claim[0].any())
        or (rows.stop < shape[0] and claim[-1].any())
        or (columns.start > 0 and claim[:, 0].any())
        or (columns.stop < shape[1] and claim[:, -1].any())
    )


def _merged(contacts: list[tuple[int, int]], count: int) -> Labels:
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
