"""The objects of a labels plane as runs of pixels, and the sums over them that all measurements are made of."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.hulls import Sides, hull_areas
from napari_wnet.core.labels import LabelArray

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Objects:
    """What is known of each object of a plane; each figure is computed when it is first asked for.

    A plane has far fewer runs (pixels of one object side by side in a row) than pixels, and a sum over a run has a
    formula: so all objects are measured at once, in time that grows neither with their number nor with their labels.

    Parameters
    ----------
    plane : (Y, X) integer array
        Labels, 0 is background.
    pixel_size : (float, float)
        Height and width of a pixel.
    """

    def __init__(self, plane: LabelArray, pixel_size: tuple[float, float] = (1.0, 1.0)) -> None:
        self.plane = plane
        self.pixel_size = pixel_size
        is_start = np.ones(plane.shape, bool)
        np.not_equal(plane[:, 1:], plane[:, :-1], out=is_start[:, 1:])
        self._starts: Ints = np.flatnonzero(is_start).astype(np.int64, copy=False)
        self._lengths: Ints = np.diff(self._starts, append=plane.size)
        label = plane.ravel()[self._starts]
        self._in_object = label != 0
        self.labels, inverse = np.unique(label[self._in_object], return_inverse=True)
        self.n = len(self.labels)
        self._place: Ints = inverse.astype(np.int64, copy=False)
        self._row, self._first = np.divmod(self._starts[self._in_object], max(plane.shape[1], 1))
        self._length = self._lengths[self._in_object]

    def _sum(self, values: npt.NDArray[Any]) -> Floats:
        """Add up one number a run for each object."""
        return np.bincount(self._place, weights=values, minlength=self.n).astype(np.float64, copy=False)

    @cached_property
    def area(self) -> Ints:
        """Pixels."""
        return self._sum(self._length).astype(np.int64)

    @cached_property
    def centroid(self) -> tuple[Floats, Floats]:
        """Mean row and mean column, in pixels."""
        middle = self._first + (self._length - 1) / 2
        return self._sum(self._length * self._row) / self.area, self._sum(self._length * middle) / self.area

    @cached_property
    def variances(self) -> tuple[Floats, Floats]:
        """Variance of the positions of the pixels' centres along the long and the short axis, in squared units."""
        height, width = self.pixel_size
        n = self._length
        dy = (self._row - self.centroid[0][self._place]) * height
        dx = (self._first + (n - 1) / 2 - self.centroid[1][self._place]) * width
        yy = self._sum(n * dy**2) / self.area
        xx = self._sum(n * dx**2 + n * (n**2 - 1) / 12 * width**2) / self.area
        yx = self._sum(n * dy * dx) / self.area
        spread = np.hypot((yy - xx) / 2, yx)
        return (yy + xx) / 2 + spread, np.maximum((yy + xx) / 2 - spread, 0)

    @cached_property
    def sides(self) -> Sides:
        """Where each row of each object begins and ends."""
        order = np.argsort(self._place, kind="stable")  # runs come row by row, and stay so within an object
        place, row = self._place[order], self._row[order]
        first, last = self._first[order], (self._first + self._length - 1)[order]
        is_first = np.ones(place.size, bool)
        is_first[1:] = (place[1:] != place[:-1]) | (row[1:] != row[:-1])
        starts = np.flatnonzero(is_first)
        ends = np.append(starts[1:], place.size) - 1 if starts.size else starts
        return Sides(place=place[starts], row=row[starts], first=first[starts], last=last[ends], n=self.n)

    @cached_property
    def box(self) -> tuple[Ints, Ints, Ints, Ints]:
        """First row and column, and the row and column after the last."""
        sides = self.sides
        if self.n == 0:
            nothing = np.zeros(0, np.int64)
            return nothing, nothing, nothing, nothing
        starts = np.searchsorted(sides.place, np.arange(self.n))
        ends = np.append(starts[1:], sides.place.size) - 1
        left, right = np.minimum.reduceat(sides.first, starts), np.maximum.reduceat(sides.last, starts)
        return sides.row[starts], left, sides.row[ends] + 1, right + 1

    @cached_property
    def hull_area(self) -> Ints:
        """Pixels with their centre in the convex hull."""
        return hull_areas(self.sides)

    @cached_property
    def perimeter(self) -> Floats:
        """Length of the outline, holes included, by Crofton's formula in four directions.

        Straight lines along a row, a column and the two diagonals are laid through all pixels; the length is the mean
        over directions of how often they enter the object times their distance, times pi. Each direction stands for
        the angles nearest to it, so that pixels need not be square; with square ones this is scikit-image's
        ``perimeter_crofton``.
        """
        height, width = self.pixel_size
        angle = float(np.arctan2(height, width))  # of a diagonal
        distance = height * width / float(np.hypot(height, width))
        rows = self._sum(np.ones(self._place.size))
        return (
            angle * height * rows
            + (np.pi / 2 - angle) * width * self._chords(0)
            + np.pi / 4 * distance * (self._chords(1) + self._chords(-1))
        )

    def _chords(self, shift: int) -> Floats:
        """Count for each object the pixels whose neighbour above, shifted along the row, is not in it."""
        plane = self.plane
        width = plane.shape[1]
        here = slice(max(shift, 0), width + min(shift, 0))
        above = slice(max(-shift, 0), width + min(-shift, 0))
        enters = np.ones(plane.shape, bool)  # whatever has no such neighbour is entered from outside the image
        np.not_equal(plane[1:, here], plane[:-1, above], out=enters[1:, here])
        enters &= plane != 0
        return np.bincount(np.searchsorted(self.labels, plane[enters]), minlength=self.n).astype(float)

    def mean(self, image: npt.NDArray[Any]) -> Floats:
        """Return the mean of the values of a (Y, X) image in each object."""
        return self._sum(self._by_run(np.add, image.astype(float, copy=False))) / self.area

    def spread(self, image: npt.NDArray[Any]) -> Floats:
        """Return the standard deviation of the values in each object, divided by their number."""
        means = np.zeros(self._starts.size)
        means[self._in_object] = self.mean(image)[self._place]
        # Differences from the object's own mean: sums of squares of large values would lose all their digits.
        squares = (image.ravel() - np.repeat(means, self._lengths)) ** 2
        return np.asarray(np.sqrt(self._sum(self._by_run(np.add, squares)) / self.area))

    def extreme(self, image: npt.NDArray[Any], which: np.ufunc) -> npt.NDArray[Any]:
        """Return the smallest (``np.minimum``) or largest (``np.maximum``) value in each object."""
        if self.n == 0:
            return np.zeros(0, image.dtype)
        order = np.argsort(self._place, kind="stable")
        starts = np.searchsorted(self._place[order], np.arange(self.n))
        return np.asarray(which.reduceat(self._by_run(which, image)[order], starts))

    def _by_run(self, reduce: np.ufunc, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Reduce the values of each run of an object to one."""
        if image.size == 0:
            return np.zeros(0, image.dtype)
        reduced: npt.NDArray[Any] = reduce.reduceat(image.ravel(), self._starts)
        return np.asarray(reduced[self._in_object])
