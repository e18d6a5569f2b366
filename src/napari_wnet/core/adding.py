"""Adding one object from a pixel, or growing it anew with another angle: labels and maps in, changed pixels out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.changes import Change, Point, change_of, check_inside, numbers_in, unused_number, window_of
from napari_wnet.core.clustering import BACKGROUND_DISTANCE
from napari_wnet.core.growth import direction
from napari_wnet.core.labels import LabelArray
from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.parting import mean_near
from napari_wnet.core.windows import SQUARE, Mask, Window, reaches_edge, widened
from napari_wnet.errors import EditError
from napari_wnet.params import EditParams

FloatMap = npt.NDArray[np.float32]

FAR_FROM_USUAL = 3.0
"""Objects are seldom shorter or longer than the others by this factor."""
FIRST_REACH = 40
"""Pixels around a click that are looked at first; doubled until the object ends within."""
LEAST_LIKELY = 0.05
"""Below this foreground the network sees nothing at all to grow an object from."""
RELATIVE_LEVEL = 0.5
"""Where the network has doubts, an object ends where its foreground is this part of what it is at the click."""


def add(
    labels: LabelArray, maps: Maps, point: Point, params: EditParams | None = None, *, over: bool = False
) -> Change:
    """Grow a new object from the embedding at a pixel.

    Parameters
    ----------
    labels : (Y, X) integer array
    maps : Maps
        Of the same plane.
    point : (int, int)
        Row and column.
    params : EditParams, optional
    over : bool
        Take pixels from other objects as well.

    Returns
    -------
    Change

    Raises
    ------
    EditError
        If an object is there already (and not `over`), or the network sees only background.
    """
    check_inside(labels, point)
    if labels[point] and not over:
        raise EditError("There is an object here already. Hold Shift to grow a new one over it, or split it.")
    params = params or EditParams()
    likely, limit = _presence(maps, params.foreground_threshold)
    if likely[point] < min(LEAST_LIKELY, limit):
        raise EditError("The network sees only background here. Paint the object with the brush instead.")
    limit = min(limit, RELATIVE_LEVEL * float(likely[point]))

    def grown(window: Window, at: Point) -> Mask:
        allowed = likely[window] > limit
        if not over:
            allowed &= labels[window] == 0
        vectors = maps.vectors(window)
        first = _around(within(vectors, mean_near(vectors, at), params.angle) & allowed, at)
        # The pixel that was clicked may be an odd one: what it found says better where the object points.
        return _around(within(vectors, direction(vectors[first].sum(axis=0)), params.angle) & allowed | first, at)

    window, claim = _until_whole(labels, point, grown)
    if not over:
        claim = ndimage.binary_fill_holes(claim) & (labels[window] == 0)
    number = unused_number(labels)
    return change_of(labels, window, np.where(claim, number, numbers_in(labels, window)), (number,))


def expected_length(
    labels: LabelArray, maps: Maps | None, point: Point, usual_px: float, params: EditParams | None = None
) -> float:
    """Return how long the object at a pixel is likely to be, in pixels, before anything is known of its outline.

    That is the longer side of what grows there from the embedding, unless that is far from what is usual: of nuclei
    that were missed, 29 instead of 13 in 100 are then outlined right by one click (benchmarks/pointing.py).

    Parameters
    ----------
    labels : (Y, X) integer array
    maps : Maps or None
        Of the same plane; without them the usual length has to do.
    point : (int, int)
        Row and column.
    usual_px : float
        Length of the other objects.
    params : EditParams, optional
    """
    if maps is None:
        return usual_px
    try:
        grown = add(labels, maps, point, params, over=True)
    except EditError:
        return usual_px
    length = 1 + max((int(np.ptp(places)) for places in (grown.rows, grown.columns) if len(places)), default=0)
    return float(np.clip(length, usual_px / FAR_FROM_USUAL, usual_px * FAR_FROM_USUAL))


@dataclass(frozen=True, kw_only=True, eq=False)
class Core:
    """What an object is re-grown from, however its angle is changed meanwhile.

    Attributes
    ----------
    number : int
        Its label.
    point : (int, int)
        Its innermost pixel.
    direction : (E,) float32 array
        Unit vector: the direction of its mean embedding.
    """

    number: int
    point: Point
    direction: FloatMap


def core_of(labels: LabelArray, maps: Maps, number: int) -> Core:
    """Return an object's innermost pixel and mean direction."""
    window = window_of(labels, number)
    mask = labels[window] == number
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return Core(
        number=number,
        point=(int(y) + window[0].start, int(x) + window[1].start),
        direction=direction(maps.vectors(window)[mask].sum(axis=0)),
    )


def regrow(labels: LabelArray, maps: Maps, core: Core, params: EditParams) -> Change:
    """Grow an object anew from its core with another angle, within what is free or its own.

    Parameters
    ----------
    labels : (Y, X) integer array
    maps : Maps
    core : Core
        Of the object as it was at first, so that turning the angle to and fro ends where it began.
    params : EditParams
    """
    likely, limit = _presence(maps, params.foreground_threshold)
    limit = min(limit, RELATIVE_LEVEL * float(likely[core.point]))

    def grown(window: Window, at: Point) -> Mask:
        free = (labels[window] == 0) | (labels[window] == core.number)
        vectors = maps.vectors(window)
        return _around(within(vectors, core.direction, params.angle) & (likely[window] > limit) & free, at)

    window, claim = _until_whole(labels, core.point, grown, start=window_of(labels, core.number, margin=3))
    before = numbers_in(labels, window)
    wanted = np.where(claim, core.number, np.where(before == core.number, 0, before))
    return change_of(labels, window, wanted, (core.number,))


def within(vectors: FloatMap, towards: FloatMap, angle: float) -> Mask:
    """Tell which embeddings, (h, w, E) in whole numbers of UNIT, lie within an angle of a unit vector."""
    return np.asarray(vectors @ towards > UNIT * np.cos(np.radians(angle)))


def _until_whole(
    labels: LabelArray, point: Point, grown: Callable[[Window, Point], Mask], start: Window | None = None
) -> tuple[Window, Mask]:
    """Grow in ever larger windows until the object does not reach the edge of its window any more."""
    reach = FIRST_REACH
    around = (slice(point[0], point[0] + 1), slice(point[1], point[1] + 1))
    window = start or widened(around, reach, labels.shape)
    while True:
        claim = grown(window, (point[0] - window[0].start, point[1] - window[1].start))
        wider = widened(window, reach, labels.shape)
        if wider == window or not reaches_edge(claim, window, labels.shape):
            return window, claim
        window, reach = wider, 2 * reach


def _presence(maps: Maps, threshold: float) -> tuple[npt.NDArray[np.float16], float]:
    """Return the map that says where objects are, and from which value on."""
    if maps.foreground is not None:
        return maps.foreground, threshold
    return maps.distance, BACKGROUND_DISTANCE


def _around(claim: Mask, at: Point) -> Mask:
    """Return the connected part of a claim that holds a pixel."""
    claim[at] = True
    parts, _ = ndimage.label(claim, SQUARE)
    return np.asarray(parts == parts[at])
