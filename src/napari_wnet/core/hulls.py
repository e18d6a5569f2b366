"""Convex hulls of many objects at once: scikit-image's one by one take a second for 1,500 of them.

The outline of an object is that of scikit-image: the middles of its pixels' four sides. Coordinates are doubled here:
all that is compared are whole numbers then, and no rounding decides whether a pixel lies inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """The ends of each row of each object.

    Attributes
    ----------
    place : (M,) int array
        Which object, 0 to `n` - 1, ascending.
    row, first, last : (M,) int arrays
        The row, ascending within an object, and its first and last column in the object.
    n : int
        How many objects there are.
    """

    place: Ints
    row: Ints
    first: Ints
    last: Ints
    n: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Chain:
    """Corners of hulls on one side, downwards: object, row and column, both doubled; the right side is mirrored."""

    place: Ints
    y: Ints
    x: Ints

    def kept(self, which: npt.NDArray[Any]) -> Chain:
        """Return some of the corners."""
        return Chain(place=self.place[which], y=self.y[which], x=self.x[which])


def chains(sides: Sides) -> tuple[Chain, Chain]:
    """Return the left and the right side of each object's convex hull."""
    return _envelope(_outline(sides, sides.first)), _envelope(_outline(sides, -sides.last))


def hull_areas(sides: Sides) -> Ints:
    """Return how many pixels have their centre in an object's convex hull: scikit-image's ``area_convex``.

    Parameters
    ----------
    sides : Sides

    Returns
    -------
    (n,) int array
    """
    left, right = chains(sides)
    starts = np.searchsorted(sides.place, np.arange(sides.n + 1))
    height = sides.row[starts[1:] - 1] - sides.row[starts[:-1]] + 1
    # A row holds the columns from the left border, rounded up, to the right one, rounded down: its mirror's, up.
    return height - _columns(left, sides.n) - _columns(right, sides.n)


def corners(sides: Sides) -> npt.NDArray[np.float64]:
    """Return the corners of a single object's hull, (K, 2), row and column in pixels."""
    left, right = chains(sides)
    return np.concatenate([np.stack([left.y, left.x], 1), np.stack([right.y, -right.x], 1)]) / 2.0


def _outline(sides: Sides, column: Ints) -> Chain:
    """Return the middles of the sides of the leftmost pixels, the leftmost one in each doubled row."""
    y = (2 * sides.row[:, None] + (-1, 0, 1)).ravel()
    x = (2 * column[:, None] + (0, -1, 0)).ravel()
    place = np.repeat(sides.place, 3)
    is_first = np.ones(y.size, bool)
    is_first[1:] = (y[1:] != y[:-1]) | (place[1:] != place[:-1])
    starts = np.flatnonzero(is_first)
    return Chain(place=place[starts], y=y[starts], x=np.minimum.reduceat(x, starts) if x.size else x)


def _envelope(chain: Chain) -> Chain:
    """Take away all points that are no corners, until each border turns one way only.

    A point on or right of the line between its neighbours is no corner of the hull, whatever becomes of these, so
    that all such points can go at once.
    """
    while True:
        place, y, x = chain.place, chain.y, chain.x
        is_corner = np.ones(place.size, bool)
        inner = place[2:] == place[:-2]
        turns = (x[1:-1] - x[:-2]) * (y[2:] - y[1:-1]) < (x[2:] - x[1:-1]) * (y[1:-1] - y[:-2])
        is_corner[1:-1] = turns | ~inner
        if is_corner.all():
            return chain
        chain = chain.kept(is_corner)


def _columns(chain: Chain, n: int) -> Ints:
    """Return for each object the sum over its rows of the first column that is not left of the border."""
    inside = chain.place[1:] == chain.place[:-1]
    place, y0, x0 = (array[:-1][inside] for array in (chain.place, chain.y, chain.x))
    y1, x1 = chain.y[1:][inside], chain.x[1:][inside]
    # Even doubled rows from y0 on, below y1; a hull begins and ends at odd ones, so that each row comes once.
    first, after = (y0 + 1) // 2, (y1 + 1) // 2
    height, slope = y1 - y0, x1 - x0
    start = x0 * height + slope * (2 * first - y0)
    # Rounded up is the negative, rounded down, of the negative.
    sums = -_floor_sums(after - first, 2 * height, -2 * slope, -start)
    return np.bincount(place, weights=sums, minlength=n).astype(np.int64)


def _floor_sums(n: Ints, m: Ints, a: Ints, b: Ints) -> Ints:
    """Return the sum of floor((a i + b) / m) over i from 0 to `n` - 1, for each entry of arrays; `m` is positive.

    By Euclid's algorithm, as of points below a line: objects may be scattered over so many rows that counting row by
    row would take minutes. (The floor sum of the AtCoder Library.)
    """
    total = np.zeros(n.shape, np.int64)
    left = np.arange(n.size)
    while left.size:
        total[left] += n * (n - 1) // 2 * (a // m) + n * (b // m)
        a, b = a % m, b % m
        highest = a * n + b
        goes_on = highest >= m
        left = left[goes_on]
        n, b, m, a = (array[goes_on] for array in (highest // m, highest % m, a, m))
    return total
