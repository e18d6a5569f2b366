"""Where a person points at one object: a box around it, or a click in it; and the square of the image beside that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.changes import Point
from napari_wnet.core.labels import LabelArray, object_ranks
from napari_wnet.core.windows import Window

Span = tuple[float, float]
Box = tuple[Point, Point]

BOX_COVER = 1.6
"""Side of the square that is looked at, in lengths of a box's longer side."""
CLICK_COVER = 2.6
"""The same for a click, in expected diameters: the object is rarely in the middle, and may be larger than others."""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One object, pointed at.

    Attributes
    ----------
    rows, columns : (float, float)
        Where it begins and ends, in pixels, the end excluded: of a box its sides; of a click those of a square of the
        expected diameter around it.
    exact : bool
        Whether the object fills that, as it does a box that was drawn around it.
    more, less : tuple of (int, int)
        Pixels that are the object's, the click among them, and pixels that are not.
    """

    rows: Span
    columns: Span
    exact: bool
    more: tuple[Point, ...] = ()
    less: tuple[Point, ...] = ()

    @classmethod
    def box(cls, box: Box) -> Self:
        """Return the prompt of two opposite corners, row and column of each, both inside."""
        rows, columns = ((float(min(ends)), float(max(ends) + 1)) for ends in zip(*box, strict=True))
        return cls(rows=rows, columns=columns, exact=True)

    @classmethod
    def click(cls, point: Point, diameter: float) -> Self:
        """Return the prompt of a pixel in an object that is expected to be so large."""
        rows, columns = ((place + 0.5 - diameter / 2, place + 0.5 + diameter / 2) for place in point)
        return cls(rows=rows, columns=columns, exact=False, more=(point,))

    def also(self, point: Point) -> Self:
        """Return the prompt with a pixel more that is the object's."""
        return replace(self, more=(*self.more, point))

    def without(self, point: Point) -> Self:
        """Return the prompt with a pixel more that is not the object's."""
        return replace(self, less=(*self.less, point))

    @property
    def centre(self) -> tuple[float, float]:
        """Row and column of the middle."""
        return sum(self.rows) / 2, sum(self.columns) / 2

    @property
    def length(self) -> float:
        """Of the longer side, in pixels."""
        return max(self.rows[1] - self.rows[0], self.columns[1] - self.columns[0])


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A square of whole pixels, which may go beyond the image."""

    top: int
    left: int
    side: int

    @classmethod
    def around(cls, prompt: Prompt) -> Self:
        """Return the square that is looked at to outline what a prompt points at."""
        cover = BOX_COVER if prompt.exact else CLICK_COVER
        side = max(8, round(cover * prompt.length))
        row, column = prompt.centre
        return cls(top=round(row - side / 2), left=round(column - side / 2), side=side)

    def places(self, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the rows and columns, (side,) each, of the image's pixels nearest to the frame's."""
        rows, columns = (
            np.clip(np.arange(start, start + self.side), 0, length - 1)
            for start, length in zip((self.top, self.left), shape, strict=True)
        )
        return rows, columns

    def inside(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """Tell which of the frame's pixels, (side, side), are the image's."""
        rows, columns = (
            (places >= 0) & (places < length)
            for places, length in zip(
                (np.arange(self.top, self.top + self.side), np.arange(self.left, self.left + self.side)),
                shape,
                strict=True,
            )
        )
        return np.asarray(rows[:, np.newaxis] & columns)


@dataclass(frozen=True, kw_only=True, eq=False)
class Outline:
    """What somebody, usually a network, makes of a prompt.

    Attributes
    ----------
    frame : Frame
        Where it was looked.
    log_odds : (side, side) float32 array
        How much speaks for each pixel's belonging to the object that is meant; above 0: it is likely to.
    """

    frame: Frame
    log_odds: npt.NDArray[np.float32]

    def window(self, shape: tuple[int, ...]) -> Window:
        """Return the part of an image, (Y, X), that was looked at."""
        rows, columns = (
            slice(max(0, start), min(start + self.frame.side, length))
            for start, length in zip((self.frame.top, self.frame.left), shape, strict=True)
        )
        return rows, columns

    def part(self, window: Window) -> npt.NDArray[np.float32]:
        """Return the log odds in a window of the image; nothing speaks for what was not looked at."""
        size = self.frame.side
        rows, columns = (
            np.arange(side.start, side.stop) - start
            for side, start in zip(window, (self.frame.top, self.frame.left), strict=True)
        )
        seen = ((rows >= 0) & (rows < size))[:, np.newaxis] & ((columns >= 0) & (columns < size))
        odds = self.log_odds[np.clip(rows, 0, size - 1)[:, np.newaxis], np.clip(columns, 0, size - 1)]
        return np.asarray(np.where(seen, odds, -np.inf), np.float32)


def usual_length(labels: LabelArray) -> float:
    """Return the median of the longer sides of the objects' bounding boxes, in pixels; 0 without objects."""
    boxes = [box for box in ndimage.find_objects(object_ranks(labels)[1]) if box is not None]
    return float(np.median([max(side.stop - side.start for side in box) for box in boxes])) if boxes else 0.0
