"""Edits of single objects by a click or two: labels and maps in, changed pixels out; nothing is changed in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.growth import direction
from napari_wnet.core.labels import IndexArray, LabelArray
from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.parting import mean_near, part
from napari_wnet.core.windows import SQUARE, Mask, Window, reaches_edge, widened
from napari_wnet.errors import EditError
from napari_wnet.params import EditParams

FloatMap = npt.NDArray[np.float32]
Point = tuple[int, int]

FIRST_REACH = 40
"""Pixels around a click that are looked at first; doubled until the object ends within."""
LEAST_LIKELY = 0.05
"""Below this foreground the network sees nothing at all to grow an object from."""
RELATIVE_LEVEL = 0.5
"""Where the network has doubts, an object ends where its foreground is this part of what it is at the click."""
BACKGROUND_DISTANCE = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """What an edit does to a plane of labels.

    Attributes
    ----------
    rows, columns : (N,) int64 arrays
        The pixels that change, each once.
    values : (N,) int32 array
        Their new labels.
    objects : tuple of int
        Labels of the objects, as they are afterwards, that the person who made this edit now vouches for.
    """

    rows: IndexArray
    columns: IndexArray
    values: npt.NDArray[np.int32]
    objects: tuple[int, ...] = ()

    @property
    def n_pixels(self) -> int:
        """How many pixels change."""
        return len(self.values)

    def applied(self, labels: LabelArray) -> LabelArray:
        """Return the labels with this change made, as a new array."""
        edited = labels.copy()
        edited[self.rows, self.columns] = self.values
        return edited


def change_of(labels: LabelArray, window: Window, wanted: npt.NDArray[Any], objects: Sequence[int] = ()) -> Change:
    """Return the change that makes a window of the labels what is wanted, (h, w) integers."""
    rows, columns = np.nonzero(labels[window] != wanted)
    return Change(
        rows=rows + window[0].start,
        columns=columns + window[1].start,
        values=wanted[rows, columns].astype(np.int32),
        objects=tuple(int(number) for number in objects),
    )


def object_at(labels: LabelArray, point: Point) -> int:
    """Return the label at a pixel (row, column).

    Raises
    ------
    EditError
        If it is outside the image, or background.
    """
    _check_inside(labels, point)
    number = int(labels[point])
    if number == 0:
        raise EditError("There is no object here; click on one.")
    return number


def objects_along(labels: LabelArray, start: Point, end: Point) -> tuple[int, ...]:
    """Return the labels under a straight line between two pixels, in the order in which they are met."""
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    steps = np.linspace(0, 1, 2 * length + 1)[:, np.newaxis]
    rows, columns = np.rint(np.array(start) + steps * (np.array(end) - np.array(start))).astype(int).T
    inside = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
    met = labels[rows[inside], columns[inside]].tolist()
    return tuple(dict.fromkeys(int(number) for number in met if number))


def window_of(labels: LabelArray, *numbers: int, margin: int = 0) -> Window:
    """Return the bounding box of objects, widened by a margin where the image goes on.

    Raises
    ------
    EditError
        If none of them is there.
    """
    found = labels == numbers[0] if len(numbers) == 1 else np.isin(labels, numbers)
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    if not len(rows):
        raise EditError(f"There is no object {', '.join(map(str, numbers))} any more; click on one that is there.")
    box = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    return widened(box, margin, labels.shape)


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
    _check_inside(labels, point)
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
        vectors = _vectors(maps, window)
        first = _around(within(vectors, mean_near(vectors, at), params.angle) & allowed, at)
        # The pixel that was clicked may be an odd one: what it found says better where the object points.
        return _around(within(vectors, direction(vectors[first].sum(axis=0)), params.angle) & allowed | first, at)

    window, claim = _until_whole(labels, point, grown)
    if not over:
        claim = ndimage.binary_fill_holes(claim) & (labels[window] == 0)
    number = unused_number(labels)
    return change_of(labels, window, np.where(claim, number, labels[window]), (number,))


def split(labels: LabelArray, maps: Maps | None, points: Sequence[Point]) -> Change:
    """Part an object between pixels that were clicked in it.

    Parameters
    ----------
    labels : (Y, X) integer array
    maps : Maps or None
        Of the same plane; without them the shape alone decides.
    points : sequence of (int, int)
        Rows and columns, one in each part; the part with the first keeps its label.

    Raises
    ------
    EditError
        If there are fewer than two points, or they are not all in one object.
    """
    number = object_at(labels, points[0])
    if len(set(points)) < 2 or any(object_at(labels, point) != number for point in points):
        raise EditError("To split an object, click in each of its parts: two or more clicks in the same object.")
    window = window_of(labels, number)
    mask = labels[window] == number
    inside = [(y - window[0].start, x - window[1].start) for y, x in points]
    parts = part(mask, None if maps is None else (maps.distance[window], _vectors(maps, window)), inside)
    unused = unused_number(labels)
    numbers = np.array([0, number, *range(unused, unused + len(points) - 1)])
    return change_of(labels, window, np.where(mask, numbers[parts], labels[window]), numbers[1:].tolist())


def merge(labels: LabelArray, numbers: Sequence[int]) -> Change:
    """Make objects one, with the label of the first.

    Raises
    ------
    EditError
        If there are fewer than two objects.
    """
    distinct = tuple(dict.fromkeys(numbers))
    if len(distinct) < 2:
        raise EditError("To merge objects, click two of them, or drag from one across the others.")
    window = window_of(labels, *distinct)
    return change_of(
        labels, window, np.where(np.isin(labels[window], distinct), distinct[0], labels[window]), distinct[:1]
    )


def delete(labels: LabelArray, number: int) -> Change:
    """Take an object away."""
    window = window_of(labels, number)
    return change_of(labels, window, np.where(labels[window] == number, 0, labels[window]))


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
        direction=direction(_vectors(maps, window)[mask].sum(axis=0)),
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
        vectors = _vectors(maps, window)
        return _around(within(vectors, core.direction, params.angle) & (likely[window] > limit) & free, at)

    window, claim = _until_whole(labels, core.point, grown, start=window_of(labels, core.number, margin=3))
    wanted = np.where(claim, core.number, np.where(labels[window] == core.number, 0, labels[window]))
    return change_of(labels, window, wanted, (core.number,))


def within(vectors: FloatMap, towards: FloatMap, angle: float) -> Mask:
    """Tell which embeddings, (h, w, E) in whole numbers of UNIT, lie within an angle of a unit vector."""
    return np.asarray(vectors @ towards > UNIT * np.cos(np.radians(angle)))


def _until_whole(labels: LabelArray, point: Point, grown: Any, start: Window | None = None) -> tuple[Window, Mask]:
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


def _vectors(maps: Maps, window: Window) -> FloatMap:
    """Return the embeddings of a window, (h, w, E), in whole numbers of UNIT."""
    return np.moveaxis(maps.embedding, 0, -1)[window].astype(np.float32)


def _around(claim: Mask, at: Point) -> Mask:
    """Return the connected part of a claim that holds a pixel."""
    claim[at] = True
    parts, _ = ndimage.label(claim, SQUARE)
    return np.asarray(parts == parts[at])


def unused_number(labels: LabelArray) -> int:
    """Return a label that no object has."""
    return int(labels.max(initial=0)) + 1


def _check_inside(labels: LabelArray, point: Point) -> None:
    if not all(0 <= place < length for place, length in zip(point, labels.shape, strict=True)):
        raise EditError("That is outside the image; click inside it.")
