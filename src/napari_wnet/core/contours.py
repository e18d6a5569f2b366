"""Labels as polygons along the edges of pixels: filled again, they give exactly the same pixels.

``find_contours`` of scikit-image cuts corners, OpenCV joins pixel centres and loses lines one pixel wide, and rasterio,
which does the same as this, brings all of GDAL. So the corners are found here, all at once, and joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.labels import check_labels, connected_parts
from napari_wnet.errors import ImageError

Ring = npt.NDArray[np.int32]
"""(N, 2): x and y of each corner, the first not repeated at the end."""
Array = npt.NDArray[Any]
Corners = npt.NDArray[np.int64]

RIGHT, DOWN, LEFT, UP = range(4)
SIDES = ("nw", "ne", "sw", "se")
"""The four pixels around a point between pixels."""
CONVEX = {"nw": (DOWN, LEFT), "ne": (LEFT, UP), "sw": (RIGHT, DOWN), "se": (UP, RIGHT)}
"""How the boundary comes and goes where that pixel alone belongs to the object, which lies to its right."""
CONCAVE = {"nw": (RIGHT, UP), "ne": (DOWN, RIGHT), "sw": (UP, LEFT), "se": (LEFT, DOWN)}
"""The same where that pixel alone does not."""
BESIDE = {"nw": ("ne", "sw", "se"), "ne": ("nw", "se", "sw"), "sw": ("se", "nw", "ne"), "se": ("sw", "ne", "nw")}
"""The pixel's neighbours along the row, along the column, and across."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A piece of an object whose pixels touch one another by an edge.

    Pixel (y, x) covers x to x + 1 and y to y + 1. A ring never meets itself; two rings may meet at a corner.

    Attributes
    ----------
    label : int
        The object's number.
    outer : (N, 2) int32 array
        Corners (x, y), the first not repeated, with a positive area: clockwise on the screen, where y points down.
    holes : tuple of (N, 2) int32 arrays
        The other way round.
    """

    label: int
    outer: Ring
    holes: tuple[Ring, ...]

    @property
    def area(self) -> int:
        """How many pixels it has."""
        return sum(_double_area(ring) for ring in (self.outer, *self.holes)) // 2


def bounds(parts: Sequence[Part]) -> tuple[int, int, int, int]:
    """Return the smallest and largest x and y of some parts: left, top, right, bottom, in corners of pixels."""
    corners = np.concatenate([part.outer for part in parts])
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return left, top, right, bottom


def outline_parts(labels: npt.ArrayLike) -> dict[int, tuple[Part, ...]]:
    """Return the polygons of each object.

    Parameters
    ----------
    labels : (Y, X) integer array
        0 is background.

    Returns
    -------
    dict of int to tuple of Part
        By label, ascending; an object in several parts, or whose pixels touch by corners only, has several.

    Raises
    ------
    ImageError
        If these are no labels, or not those of one plane.
    """
    plane = check_labels(labels)
    if plane.ndim != 2:
        raise ImageError(f"The labels have {plane.ndim} dimensions; give one plane, (Y, X), at a time.")
    if not plane.any():
        return {}
    pieces = connected_parts(plane.astype(plane.dtype.newbyteorder("="), copy=False), 4)
    numbers = np.zeros(int(pieces.max()) + 1, plane.dtype)
    numbers[pieces.ravel()] = plane.ravel()
    parts = [_part(int(numbers[piece]), rings) for piece, rings in _rings_by_piece(pieces)]
    parts.sort(key=attrgetter("label"))
    return {label: tuple(group) for label, group in groupby(parts, key=attrgetter("label"))}


def _part(label: int, rings: list[Ring]) -> Part:
    # A piece has one outer ring; its area is positive, that of holes negative.
    areas = [_double_area(ring) for ring in rings]
    outer = int(np.argmax(areas))
    return Part(label=label, outer=rings[outer], holes=tuple(rings[:outer] + rings[outer + 1 :]))


def _double_area(ring: Ring) -> int:
    x, y = ring.astype(np.int64).T
    return int((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


def _rings_by_piece(pieces: npt.NDArray[np.int32]) -> Iterator[tuple[int, list[Ring]]]:
    corners, following = _linked_corners(pieces)
    order, starts = _walk(following)
    ordered = corners[order]
    points = ordered[:, 2:0:-1].astype(np.int32)  # (x, y)
    rings: dict[int, list[Ring]] = {}
    for start, stop in pairwise([*starts, len(order)]):
        rings.setdefault(int(ordered[start, 0]), []).extend(_simple_rings(points[start:stop]))
    yield from rings.items()


def _linked_corners(pieces: npt.NDArray[np.int32]) -> tuple[Corners, Corners]:
    """Return all corners, (N, 3) as piece, y, x, and for each the place of the one that follows on its ring."""
    corners, arriving, leaving = _find_corners(pieces)
    following = np.empty(len(corners), np.int64)
    for direction in (RIGHT, DOWN, LEFT, UP):
        # Along a line between pixels, edges of one direction and one piece do not overlap: in order along the line,
        # the k-th corner where one begins belongs to the k-th where one ends.
        line, place = (1, 2) if direction in (RIGHT, LEFT) else (2, 1)
        begins, ends = (
            _in_order(corners, np.flatnonzero(way == direction), line, place) for way in (leaving, arriving)
        )
        following[begins] = ends
    return corners, following


def _in_order(corners: Corners, chosen: Corners, line: int, place: int) -> Corners:
    given = corners[chosen]
    return chosen[np.lexsort((given[:, place], given[:, line], given[:, 0]))]


def _find_corners(pieces: npt.NDArray[np.int32]) -> tuple[Corners, Corners, Corners]:
    """Return the corners, the direction in which the boundary arrives at each, and that in which it leaves."""
    padded = np.pad(pieces, 1)
    around = {"nw": padded[:-1, :-1], "ne": padded[:-1, 1:], "sw": padded[1:, :-1], "se": padded[1:, 1:]}
    north_west, *others = around.values()
    rows, columns = np.nonzero(np.any([north_west != other for other in others], axis=0))
    near = {side: values[rows, columns] for side, values in around.items()}
    found, ways = [], []
    for side in SIDES:
        along, upright, across = (near[name] for name in BESIDE[side])
        own = near[side]
        convex = np.flatnonzero((own > 0) & (own != along) & (own != upright))
        concave = np.flatnonzero((along > 0) & (own != along) & (along == upright) & (along == across))
        for chosen, owner, way in ((convex, own, CONVEX[side]), (concave, along, CONCAVE[side])):
            found.append(np.stack([owner[chosen], rows[chosen], columns[chosen]], axis=1))
            ways.append(np.broadcast_to(way, (len(chosen), 2)))
    directions = np.concatenate(ways)
    return np.concatenate(found).astype(np.int64), directions[:, 0], directions[:, 1]


def _walk(following: Corners) -> tuple[list[int], list[int]]:
    """Return the corners in the order of the rings, and where in it each ring starts."""
    ahead: list[int] = following.tolist()
    seen = bytearray(len(ahead))
    order: list[int] = []
    starts: list[int] = []
    for first in range(len(ahead)):
        if seen[first]:
            continue
        starts.append(len(order))
        here = first
        while not seen[here]:
            seen[here] = 1
            order.append(here)
            here = ahead[here]
    return order, starts


def _simple_rings(points: Ring) -> list[Ring]:
    """Cut a ring where it meets itself, which no polygon may; the pixels within stay the same."""
    keys = list(map(tuple, points.tolist()))
    if len(set(keys)) == len(keys):
        return [points]
    rings: list[Ring] = []
    open_points: list[tuple[int, ...]] = []
    places: dict[tuple[int, ...], int] = {}
    for key in keys:
        if key in places:
            start = places[key]
            rings.append(np.array(open_points[start:], np.int32))
            for closed in open_points[start:]:
                del places[closed]
            del open_points[start:]
        places[key] = len(open_points)
        open_points.append(key)
    rings.append(np.array(open_points, np.int32))
    return rings
