"""From maps to labels: seeds from the distance map, grown by the angle between embeddings.

Source: Wu, Chen, Merhof 2020, section 2.3, made independent of the order of seeds: every seed claims the component
around it of the pixels within the angle, and a pixel goes to the claim with the highest cosine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from skimage.measure import label as connected_parts
from skimage.segmentation import watershed

from napari_wnet.core.filling import claim_rest, fill_holes, keep_seeded
from napari_wnet.core.labels import run_starts
from napari_wnet.core.maps import UNIT, FixedArray, Maps, to_fixed, to_float
from napari_wnet.core.targets import drop_small
from napari_wnet.errors import ImageError
from napari_wnet.params import ClusteringParams

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
FloatMap = npt.NDArray[np.float32]
Window = tuple[slice, slice]

SQUARE = np.ones((3, 3), bool)
BACKGROUND_DISTANCE = 0.05
"""Below this distance a pixel is taken for background where the network has no foreground head."""
WINDOW_MARGIN = 8


def cluster(maps: Maps, params: ClusteringParams, foreground: npt.NDArray[Any] | None = None) -> Labels:
    """Turn maps into labels.

    Parameters
    ----------
    maps : Maps
    params : ClusteringParams
    foreground : (Y, X) bool array, optional
        The user's mask; takes the place of the network's own foreground.

    Returns
    -------
    (Y, X) int32 array
        Objects 1..N in raster order of their first pixel; 0 background. With the angular method they do not depend
        on the order in which seeds are visited, and turn with the image.

    Raises
    ------
    ImageError
        If `foreground` has another shape than the maps.
    """
    mask = foreground_mask(maps, params, foreground)
    smooth = smoothed_distance(maps, params)
    seeds = find_seeds(smooth, mask, params)
    if not seeds.any():
        return np.zeros(maps.shape, np.int32)
    if params.method == "watershed":
        labels = watershed(-smooth, seeds, mask=mask).astype(np.int32)
    else:
        labels = _angular(maps, seeds, mask, params)
    if params.fill:
        labels = fill_holes(labels, None if foreground is None else mask)
    return in_raster_order(drop_small(labels, params.min_area))


def foreground_mask(maps: Maps, params: ClusteringParams, foreground: npt.NDArray[Any] | None = None) -> Mask:
    """Return where objects may be: the user's mask, else the foreground head, else what is unlike the background."""
    if foreground is not None:
        if foreground.shape != maps.shape:
            raise ImageError(
                f"The foreground mask has shape {foreground.shape}, the image {maps.shape}; they must agree."
            )
        return np.asarray(foreground, bool)
    if maps.foreground is not None:
        return np.asarray(maps.foreground > np.float16(params.foreground_threshold))
    ground = maps.distance < BACKGROUND_DISTANCE
    if not ground.any():
        return np.ones(maps.shape, bool)
    embedding = np.moveaxis(maps.embedding, 0, -1)
    direction = _direction(embedding[ground].sum(axis=0, dtype=np.float64))
    return np.asarray(embedding.astype(np.float32) @ direction <= UNIT * np.cos(np.radians(params.angle)))


def smoothed_distance(maps: Maps, params: ClusteringParams) -> FloatMap:
    """Return the distance map smoothed for seeds, rounded so that turning the image changes no threshold."""
    distance = maps.distance.astype(np.float64)  # in float32, rows before columns would differ in the fifth decimal
    if params.seed_sigma > 0:
        distance = ndimage.gaussian_filter(distance, params.seed_sigma, truncate=3.0)
    return np.asarray(np.round(distance, 5), np.float32)


def find_seeds(smooth: FloatMap, mask: Mask, params: ClusteringParams) -> Labels:
    """Return the connected parts of the foreground that lie deep inside objects: (Y, X) labels 1..N."""
    seeds, _ = ndimage.label((smooth > params.seed_threshold) & mask, output=np.int32)
    return np.asarray(seeds, np.int32)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Seeds:
    """Seeds in canonical order, which depends on their embeddings and areas but not on where they lie."""

    labels: Labels
    windows: list[Window]
    directions: FloatMap
    areas: npt.NDArray[np.int64]


def _angular(maps: Maps, seeds: Labels, mask: Mask, params: ClusteringParams) -> Labels:
    embedding = np.moveaxis(maps.embedding, 0, -1)
    ordered = _canonical(embedding, seeds)
    labels, parents = _grow(embedding, ordered, mask, float(UNIT * np.cos(np.radians(params.angle))))
    labels = parents[labels]
    labels, whole = keep_seeded(labels, parents[ordered.labels])
    if params.fill:
        labels = claim_rest(labels, mask, embedding, ordered.directions)
    # Pieces that not even leftover foreground joins are objects of their own.
    return labels if whole else np.asarray(connected_parts(labels, background=0, connectivity=2), np.int32)


def _canonical(embedding: FixedArray, seeds: Labels) -> _Seeds:
    count = int(seeds.max())
    at = np.flatnonzero(seeds)
    own = seeds.ravel()[at]
    vectors = embedding.reshape(-1, embedding.shape[-1])[at].astype(np.float64)
    sums = np.stack([np.bincount(own, weights=axis, minlength=count + 1)[1:] for axis in vectors.T], axis=1)
    directions = _direction(sums)
    areas = np.bincount(own, minlength=count + 1)[1:]
    order = np.lexsort((areas, *directions.T[::-1]))
    rank = np.zeros(count + 1, np.int32)
    rank[order + 1] = np.arange(1, count + 1)
    boxes = ndimage.find_objects(seeds)
    return _Seeds(
        labels=rank[seeds], windows=[boxes[i] for i in order], directions=directions[order], areas=areas[order]
    )


def _direction(sums: npt.NDArray[np.float64]) -> FloatMap:
    length = np.maximum(np.linalg.norm(sums, axis=-1, keepdims=True), 1e-12)
    return to_float(to_fixed(sums / length))


def _grow(embedding: FixedArray, seeds: _Seeds, mask: Mask, cosine: float) -> tuple[Labels, Labels]:
    """Return each pixel's best claim, and for each seed the number of the object it belongs to after merging."""
    labels = np.zeros(mask.shape, np.int32)
    best = np.full(mask.shape, cosine, np.float32)
    contacts: list[tuple[int, int]] = []
    for number, box in enumerate(seeds.windows, start=1):
        window, claim, similarity = _claim(embedding, seeds, mask, (number, box, cosine))
        better = claim & (similarity > best[window])
        np.copyto(best[window], similarity, where=better)
        np.copyto(labels[window], number, where=better)
        counts = np.bincount((seeds.labels[window] * claim).ravel())
        # A seed lies in a claim when most of it does: a stray pixel must not join two objects.
        held = np.flatnonzero(2 * counts[1:] > seeds.areas[: len(counts) - 1]) + 1
        contacts.extend((number, int(other)) for other in held if other != number)
    return labels, _merged(contacts, len(seeds.windows))


def _claim(
    embedding: FixedArray, seeds: _Seeds, mask: Mask, which: tuple[int, Window, float]
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


def in_raster_order(labels: Labels) -> Labels:
    """Renumber objects 1..N by their first pixel, row by row."""
    runs = labels.ravel()[run_starts(labels)]
    present, first = np.unique(runs, return_index=True)
    order = first.argsort()
    ordered = present[order]
    rank = np.zeros(int(present.max(initial=0)) + 1, np.int32)
    rank[ordered[ordered > 0]] = np.arange(1, np.count_nonzero(present) + 1)
    return rank[labels]
