"""Clustering a window of a large image, from what is known of the whole: the same labels as without windows.

What a component of the foreground becomes depends on that component alone; with the method "combined" also on seeds
near by, and with `fill` also on what lies in its holes. So a window that holds a component with some margin gives the
labels of the whole image, if it is known how many seeds the components have that reach out of the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wnet.core.clustering import (
    FloatMap,
    How,
    Labels,
    Mask,
    find_seeds,
    grown_objects,
    smoothed_distance,
)
from napari_wnet.core.filling import fill_holes
from napari_wnet.core.growth import WINDOW_MARGIN
from napari_wnet.core.labels import connected_parts, in_raster_order
from napari_wnet.core.maps import Maps
from napari_wnet.core.windows import Place, Window
from napari_wnet.params import ClusteringParams


@dataclass(frozen=True, kw_only=True, eq=False)
class Components:
    """The components of the foreground in a window.

    Attributes
    ----------
    labels : (Y, X) int32 array
        1..N, 0 background.
    n_seeds : (N + 1,) int array
        How many seeds each has in the whole image.
    own : (N + 1,) bool array
        Which of them are clustered here.
    given : (Y, X) bool array or None
        The user's mask, which holes are not filled beyond.
    """

    labels: Labels
    n_seeds: npt.NDArray[np.int64]
    own: npt.NDArray[np.bool_]
    given: Mask | None = None

    def where(self, which: npt.NDArray[np.bool_]) -> Mask:
        """Return the pixels of components; `which` has a truth for each, and anything for background."""
        chosen = which.copy()
        chosen[0] = False
        return np.asarray(chosen[self.labels])


def context_px(params: ClusteringParams) -> int:
    """Return how far around components a window must reach at least, in pixels, for the seeds in them to be right."""
    return reach_of_smoothing(params) + 1


def reach_of_smoothing(params: ClusteringParams) -> int:
    """Return from how far away, in pixels, distances have a say in where seeds are."""
    return 0 if params.seed_sigma == 0 else max(1, round(3 * params.seed_sigma))


def with_rivals(window: Window, boxes: npt.NDArray[np.int64]) -> Window:
    """Return the smallest window that holds another and all seeds that are rivals within it.

    With the method "combined", a seed is a rival as far as half its side and a few pixels beyond the box around it.

    Parameters
    ----------
    window : (slice, slice)
    boxes : (N, 4) int64 array
        Around seeds: first row, first column, and those after the last.
    """
    low, high = (np.array([getattr(side, end) for side in window]) for end in ("start", "stop"))
    reach = WINDOW_MARGIN + (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)[:, np.newaxis] // 2
    rivals = boxes[((boxes[:, :2] - reach < high) & (boxes[:, 2:] + reach > low)).all(axis=1)]
    low, high = np.vstack([low, rivals[:, :2]]).min(axis=0), np.vstack([high, rivals[:, 2:]]).max(axis=0)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def cluster_components(maps: Maps, components: Components, params: ClusteringParams, place: Place) -> Labels:
    """Turn the maps of a window into labels of those components that are clustered here.

    Parameters
    ----------
    maps : Maps
        Of the window; its foreground is not used.
    components : Components
    params : ClusteringParams
    place : Place
        Where the window lies.

    Returns
    -------
    (Y, X) int32 array
        Objects 1..N in raster order of their first pixel.
    """
    if not components.own[1:].any():
        return np.zeros(maps.shape, np.int32)
    smooth = smoothed_distance(maps, params)
    labels = _without_holes(maps, components, (smooth, params, place))
    if params.fill:
        labels = _filled(labels, components)
    return in_raster_order(labels, params.min_area)


def _without_holes(maps: Maps, components: Components, how: tuple[FloatMap, ClusteringParams, Place]) -> Labels:
    smooth, params, place = how
    grows = components.n_seeds > 1 if params.fill else components.n_seeds > 0
    alone = components.own & (components.n_seeds > 0) & ~grows
    labels = np.where(components.where(alone), components.labels, 0).astype(np.int32)
    floor = components.where(grows & components.own)
    if not floor.any():
        return labels
    # Seeds of other components are rivals only where clear claims are sought in rectangles around seeds.
    field = components.where(grows) if params.method == "combined" else floor
    seeds = find_seeds(smooth, components.labels > 0, params)
    seeds *= field
    _drop_cut(seeds, floor, (place, reach_of_smoothing(params)))
    if seeds.any():
        grown = grown_objects(maps, seeds, field, How(smooth=smooth, params=params, place=place, floor=floor))
        grown *= floor
        np.add(grown, labels.max(), out=grown, where=grown > 0)
        labels += grown
    return labels


def _drop_cut(seeds: Labels, floor: Mask, how: tuple[Place, int]) -> None:
    """Drop seeds of other components where the window ends: what is there of them is not what they are.

    They are no rivals, as those are in the window with some margin.
    """
    place, reach = how
    doubtful = np.zeros(seeds.shape, bool)
    sides = (place.corner, np.add(place.corner, seeds.shape), place.frame)
    for axis, (first, last, length) in enumerate(zip(*sides, strict=True)):
        along = np.moveaxis(doubtful, axis, 0)
        along[: (reach + 1) * (first > 0)] = True
        along[len(along) - (reach + 1) * (last < length) :] = True
    cut = np.unique(seeds[doubtful & ~floor])
    dropped = np.zeros(int(seeds.max(initial=0)) + 1, bool)
    dropped[cut] = True
    seeds[dropped[seeds]] = 0


def _filled(labels: Labels, components: Components) -> Labels:
    """Fill the holes of the objects that are labelled; other objects in a hole keep it from being one."""
    nobody = int(labels.max(initial=0)) + 1
    labels[components.where(~components.own & (components.n_seeds > 0))] = nobody
    labels = fill_holes(labels, components.given)
    labels[labels == nobody] = 0
    return labels


def unclaimed_parts(labels: Labels, components: Components) -> Labels:
    """Return the connected parts, 1..N, of own components with seeds that belong to no object.

    In a window that does not hold its component as a whole, they may belong to seeds outside.
    """
    return connected_parts(components.where(components.own & (components.n_seeds > 0)) & (labels == 0))
