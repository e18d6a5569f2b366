"""From maps to labels: seeds from the distance map, grown by the angle between embeddings, or another way.

Source: Wu, Chen, Merhof 2020, section 2.3, made independent of the order of seeds: every seed claims the component
around it of the pixels within the angle, and a pixel goes to the claim with the highest cosine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.segmentation import watershed

from napari_wnet.core.filling import claim_rest, fill_holes, keep_seeded, lone_objects
from napari_wnet.core.growth import canonical, clear_claims, direction, grow
from napari_wnet.core.keeping import Kept
from napari_wnet.core.labels import connected_parts, in_raster_order, renumber, strips
from napari_wnet.core.maps import UNIT, FixedArray, Maps, apply_by_value
from napari_wnet.core.valleys import undivided
from napari_wnet.core.whole import whole_objects
from napari_wnet.core.windows import Place
from napari_wnet.errors import ImageError
from napari_wnet.params import BY_SEEDS, ClusteringParams

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
FloatMap = npt.NDArray[np.float32]

CLEAR_LEAD = 0.85
"""A claim is clear when its cosine exceeds the next seed's by this much; between neighbours it is meant to be by 1."""
FLOOD_LEVELS = 20
"""Steps of the distance map, from the objects' middle to their boundary, in which unclear pixels are flooded."""
SMOOTHING_UNIT = 1024
"""Whole numbers for distance 1, and for the sum of the weights that smooth it: their products are below 2**31."""
BACKGROUND_DISTANCE = 0.05
"""Below this distance a pixel is taken for background where the network has no foreground head."""


@dataclass(frozen=True, kw_only=True, eq=False)
class How:
    """How seeds grow.

    Attributes
    ----------
    smooth : (Y, X) float32 array
        The distance map as it was smoothed for seeds.
    params : ClusteringParams
    kept : Kept or None
    place : Place or None
        Where the arrays lie, if they are part of a larger image.
    floor : (Y, X) bool array or None
        Where leftover foreground is given away; None: everywhere.
    """

    smooth: FloatMap
    params: ClusteringParams
    kept: Kept | None = None
    place: Place | None = None
    floor: Mask | None = None

    def alone(self, seeds: Labels) -> npt.NDArray[np.int32]:
        """Return the seeds, of (Y, X) labels, that stand for what stays: they join with no other."""
        stays = np.zeros(0, np.int32) if self.kept is None else seeds[self.kept.labels > 0]
        return np.unique(stays)


def cluster(
    maps: Maps, params: ClusteringParams, foreground: npt.NDArray[Any] | None = None, kept: Kept | None = None
) -> Labels:
    """Turn maps into labels.

    Parameters
    ----------
    maps : Maps
    params : ClusteringParams
    foreground : (Y, X) bool array, optional
        The user's mask; what it means is `params.foreground_use`. No object reaches out of it.
    kept : Kept, optional
        Objects that stay as they are, and pixels that stay background.

    Returns
    -------
    (Y, X) int32 array
        Objects 1..N in raster order of their first pixel; 0 background. With the angular method they do not depend
        on the order in which seeds are visited, and turn with the image. With `kept`, what stays has its number, and
        the others the numbers that are free.

    Raises
    ------
    ImageError
        If `foreground` or `kept` has another shape than the maps.
    ParamsError
        If the method needs a package that is not installed.
    """
    mask = foreground_mask(maps, params, foreground)
    if kept is not None:
        kept.check(maps.shape)
        mask = kept.reserve(mask)
    given = None if foreground is None else np.asarray(foreground, bool)
    if params.method in BY_SEEDS:
        labels = _seeded(maps, mask, given, How(smooth=smoothed_distance(maps, params), params=params, kept=kept))
    else:
        labels = whole_objects(maps, mask, given, params, kept)
    if kept is None:
        return in_raster_order(labels, params.min_area)
    return kept.restored(in_raster_order(kept.freed(labels), params.min_area))


def _seeded(maps: Maps, mask: Mask, given: Mask | None, how: How) -> Labels:
    """Grow what has a seed; `mask` is where objects may be, `given` what a person said of that."""
    params = how.params
    seeds = find_seeds(how.smooth, mask, params)
    if how.kept is not None:
        seeds = how.kept.seeded(seeds)
    if not seeds.any():
        return seeds
    if not params.fill:
        return grown_objects(maps, seeds, mask, how)
    labels, crowded = lone_objects(seeds, mask)
    seeds *= crowded
    if seeds.any():
        grown = grown_objects(maps, seeds, crowded, how)
        np.add(grown, labels.max(), out=grown, where=grown > 0)
        labels += grown
    return fill_holes(labels, given)


def grown_objects(maps: Maps, seeds: Labels, mask: Mask, how: How) -> Labels:
    """Grow seeds, (Y, X) labels that are renumbered in place, within a mask, by the method of the parameters."""
    if how.params.method == "watershed":
        return np.asarray(watershed(-how.smooth, seeds, connectivity=2, mask=mask), np.int32)
    return _combined(maps, seeds, mask, how) if how.params.method == "combined" else _angular(maps, seeds, mask, how)


def foreground_mask(maps: Maps, params: ClusteringParams, foreground: npt.NDArray[Any] | None = None) -> Mask:
    """Return where objects may be: the user's mask, or the network's opinion, within that mask where it is a region."""
    if foreground is None:
        return _own_foreground(maps, params)
    if foreground.shape != maps.shape:
        raise ImageError(f"The foreground mask has shape {foreground.shape}, the image {maps.shape}; they must agree.")
    given = np.asarray(foreground, bool)
    return given if params.foreground_use == "objects" else given & _own_foreground(maps, params)


def _own_foreground(maps: Maps, params: ClusteringParams) -> Mask:
    """Return what the network takes for objects: by its foreground head, else what is unlike the background."""
    if maps.foreground is not None:
        return apply_by_value(lambda value: value > params.foreground_threshold, maps.foreground)
    count, sums = ground_sums(maps)
    if not count:
        return np.ones(maps.shape, bool)
    return unlike_ground(np.moveaxis(maps.embedding, 0, -1), sums, params.angle)


def ground_sums(maps: Maps) -> tuple[int, npt.NDArray[np.float64]]:
    """Return how many pixels are far outside objects by the distance map, and the sum of their embeddings: exact."""
    ground = maps.distance < BACKGROUND_DISTANCE
    return int(ground.sum()), np.moveaxis(maps.embedding, 0, -1)[ground].sum(axis=0, dtype=np.float64)


def unlike_ground(embedding: FixedArray, sums: npt.NDArray[np.float64], angle: float) -> Mask:
    """Tell which pixels of (Y, X, E) lie further than an angle (degrees) from the direction of the background."""
    cosines = embedding.astype(np.float32) @ direction(sums)
    return np.asarray(cosines <= UNIT * np.cos(np.radians(angle)))


def smoothed_distance(maps: Maps, params: ClusteringParams) -> FloatMap:
    """Return the distance map smoothed for seeds, summed in whole numbers: turning the image changes nothing."""
    if params.seed_sigma == 0:
        return maps.distance.astype(np.float32)
    reach = max(1, round(3 * params.seed_sigma))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / params.seed_sigma) ** 2)
    weights = np.rint(bell * (SMOOTHING_UNIT / bell.sum())).astype(np.int32)
    weights[reach] += SMOOTHING_UNIT - weights.sum()
    smooth = np.empty(maps.shape, np.float32)
    for rows in strips(maps.shape, least=4 * reach):
        first, last = max(0, rows.start - reach), min(maps.shape[0], rows.stop + reach)
        whole = apply_by_value(
            lambda value: np.rint(value.clip(0, 1) * np.float32(SMOOTHING_UNIT)).astype(np.int32),
            maps.distance[first:last],
        )
        for _ in range(2):
            whole = _correlate_rows(whole, weights).T
        smooth[rows] = whole[rows.start - first : rows.stop - first]
    smooth *= np.float32(SMOOTHING_UNIT**-3)
    return smooth


def _correlate_rows(whole: Labels, weights: npt.NDArray[np.int32]) -> Labels:
    """Return weighted sums along columns, mirrored at their ends: ndimage.correlate1d in a third of the time."""
    reach, height = len(weights) // 2, whole.shape[0]
    padded = np.pad(whole, ((reach, reach), (0, 0)), mode="symmetric")
    total: Labels = padded[reach : reach + height] * weights[reach]
    for offset in range(1, reach + 1):
        beside = padded[reach - offset : reach - offset + height] + padded[reach + offset : reach + offset + height]
        beside *= weights[reach + offset]
        total += beside
    return total


def find_seeds(smooth: FloatMap, mask: Mask, params: ClusteringParams) -> Labels:
    """Return the connected parts of the foreground that lie deep inside objects: (Y, X) labels 1..N."""
    return connected_parts((smooth > params.seed_threshold) & mask, connectivity=4)


def _angular(maps: Maps, seeds: Labels, mask: Mask, how: How) -> Labels:
    """Each pixel to the best claim, seeds that lie in one another's claims joined: the embedding decides all."""
    params = how.params
    embedding = np.moveaxis(maps.embedding, 0, -1)
    ordered = canonical(embedding, seeds, how.place)
    claims, parents = grow(embedding, ordered, mask, params.angle, how.alone(ordered.labels))
    renumber(claims, parents)
    renumber(ordered.labels, parents)
    keep_seeded(claims, ordered.labels)
    if params.fill:
        claim_rest(claims, mask if how.floor is None else how.floor, (embedding, ordered.directions))
    # A seed may have been torn apart itself: pieces that not even leftover foreground joins are objects of their own.
    return connected_parts(claims)


def _combined(maps: Maps, seeds: Labels, mask: Mask, how: How) -> Labels:
    """Clear claims first; where embeddings hardly differ, flood from there down the distance map.

    Where neither the embedding nor a valley of the distance map divides two objects, they are one.
    """
    params = how.params
    embedding = np.moveaxis(maps.embedding, 0, -1)
    ordered = canonical(embedding, seeds, how.place)
    labels = clear_claims(embedding, ordered, mask, angle=params.angle, lead=CLEAR_LEAD)
    np.copyto(labels, ordered.labels, where=ordered.labels > 0)
    keep_seeded(labels, ordered.labels)
    floor = mask if params.fill else grow(embedding, ordered, mask, params.angle)[0] > 0
    floor = floor if how.floor is None else floor & how.floor
    claim_rest(labels, floor, (embedding, ordered.directions), how.smooth, FLOOD_LEVELS)
    renumber(labels, undivided(labels, ordered, how.smooth, params.angle, how.alone(ordered.labels)))
    return labels
