"""From maps to labels: seeds from the distance map, grown by the angle between embeddings.

Source: Wu, Chen, Merhof 2020, section 2.3, made independent of the order of seeds: every seed claims the component
around it of the pixels within the angle, and a pixel goes to the claim with the highest cosine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import label as connected_parts
from skimage.segmentation import watershed

from napari_wnet.core.filling import claim_rest, fill_holes, keep_seeded, lone_objects
from napari_wnet.core.growth import canonical, direction, grow
from napari_wnet.core.labels import run_starts
from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.targets import drop_small
from napari_wnet.errors import ImageError
from napari_wnet.params import ClusteringParams

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
FloatMap = npt.NDArray[np.float32]

CLEAR_LEAD = 0.5
"""A claim is clear when its cosine exceeds the next seed's by this much; between neighbours it is meant to be by 1."""
FLOOD_LEVELS = 20
"""Steps of the distance map, from the objects' middle to their boundary, in which unclear pixels are flooded."""
BACKGROUND_DISTANCE = 0.05
"""Below this distance a pixel is taken for background where the network has no foreground head."""


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
    if params.fill:
        labels, crowded = lone_objects(seeds, mask)
        others = drop_small(np.where(crowded, seeds, 0), 1)
        if others.any():
            grown = _grown(maps, others, crowded, (smooth, params))
            labels = np.where(grown > 0, grown + labels.max(), labels)
        labels = fill_holes(labels, None if foreground is None else mask)
    else:
        labels = _grown(maps, seeds, mask, (smooth, params))
    return in_raster_order(drop_small(labels, params.min_area))


def _grown(maps: Maps, seeds: Labels, mask: Mask, how: tuple[FloatMap, ClusteringParams]) -> Labels:
    smooth, params = how
    if params.method == "watershed":
        return np.asarray(watershed(-smooth, seeds, connectivity=2, mask=mask), np.int32)
    return _combined(maps, seeds, mask, how) if params.method == "combined" else _angular(maps, seeds, mask, params)


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
    ground_direction = direction(embedding[ground].sum(axis=0, dtype=np.float64))
    return np.asarray(embedding.astype(np.float32) @ ground_direction <= UNIT * np.cos(np.radians(params.angle)))


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


def _angular(maps: Maps, seeds: Labels, mask: Mask, params: ClusteringParams) -> Labels:
    """Each pixel to the best claim, seeds that lie in one another's claims joined: the embedding decides all."""
    embedding = np.moveaxis(maps.embedding, 0, -1)
    ordered = canonical(embedding, seeds)
    claims = grow(embedding, ordered, mask, params.angle)
    labels, whole = keep_seeded(claims.parents[claims.labels], claims.parents[ordered.labels])
    if params.fill:
        labels = claim_rest(labels, mask, (embedding, ordered.directions))
    # Pieces that not even leftover foreground joins are objects of their own.
    return labels if whole else np.asarray(connected_parts(labels, background=0, connectivity=2), np.int32)


def _combined(maps: Maps, seeds: Labels, mask: Mask, how: tuple[FloatMap, ClusteringParams]) -> Labels:
    """Clear claims first; where embeddings hardly differ, flood from there down the distance map."""
    smooth, params = how
    embedding = np.moveaxis(maps.embedding, 0, -1)
    ordered = canonical(embedding, seeds)
    claims = grow(embedding, ordered, mask, params.angle)
    clear = np.where(claims.lead >= CLEAR_LEAD, claims.labels, 0)
    labels, _ = keep_seeded(np.where(ordered.labels > 0, ordered.labels, clear).astype(np.int32), ordered.labels)
    floor = mask if params.fill else (claims.labels > 0)
    levels = (smooth * FLOOD_LEVELS).astype(np.int16)
    return claim_rest(labels, floor, (embedding, ordered.directions), levels)


def in_raster_order(labels: Labels) -> Labels:
    """Renumber objects 1..N by their first pixel, row by row."""
    runs = labels.ravel()[run_starts(labels)]
    present, first = np.unique(runs, return_index=True)
    order = first.argsort()
    ordered = present[order]
    rank = np.zeros(int(present.max(initial=0)) + 1, np.int32)
    rank[ordered[ordered > 0]] = np.arange(1, np.count_nonzero(present) + 1)
    return rank[labels]
