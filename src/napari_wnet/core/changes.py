"""What an edit does to a plane of labels, and which objects it is meant for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.labels import IndexArray, LabelArray
from napari_wnet.core.windows import Window, widened
from napari_wnet.errors import EditError

Point = tuple[int, int]
LARGEST = np.iinfo(np.int64).max
"""Number that an edit can give to an object."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """What an edit does to a plane of labels.

    Attributes
    ----------
    rows, columns : (N,) int64 arrays
        The pixels that change, each once.
    values : (N,) int64 array
        Their new labels: whole, so that whoever puts them into labels of a narrower type can tell whether they fit.
    objects : tuple of int
        Labels of the objects, as they are afterwards, that the person who made this edit now vouches for.
    """

    rows: IndexArray
    columns: IndexArray
    values: IndexArray
    objects: tuple[int, ...] = ()

    @property
    def n_pixels(self) -> int:
        """How many pixels change."""
        return len(self.values)

    def applied(self, labels: LabelArray) -> LabelArray:
        """Return the labels with this change made, as a new array; of a wider type where a number needs that."""
        narrow = int(self.values.max(initial=0)) > np.iinfo(labels.dtype).max
        edited = labels.astype(np.int64) if narrow else labels.copy()
        edited[self.rows, self.columns] = self.values
        return edited


def change_of(labels: LabelArray, window: Window, wanted: npt.NDArray[Any], objects: Sequence[int] = ()) -> Change:
    """Return the change that makes a window of the labels what is wanted, (h, w) integers."""
    rows, columns = np.nonzero(labels[window] != wanted)
    return Change(
        rows=rows + window[0].start,
        columns=columns + window[1].start,
        values=wanted[rows, columns].astype(np.int64),
        objects=tuple(int(number) for number in objects),
    )


def object_at(labels: LabelArray, point: Point) -> int:
    """Return the label at a pixel (row, column).

    Raises
    ------
    EditError
        If it is outside the image, or background.
    """
    check_inside(labels, point)
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


def numbers_in(labels: LabelArray, window: Window) -> IndexArray:
    """Return a window of labels as int64: what is to be there may be a number more than their own type holds.

    Raises
    ------
    EditError
        If a number is too large even for that.
    """
    inside = labels[window]
    highest = int(inside.max(initial=0))
    if highest > LARGEST:
        raise EditError(f"There is an object of number {highest}, beyond {LARGEST}; fill it with a smaller number.")
    return inside.astype(np.int64)


def unused_number(labels: LabelArray) -> int:
    """Return a label that no object has.

    Raises
    ------
    EditError
        If there is none above the others'.
    """
    highest = int(labels.max(initial=0))
    if highest >= LARGEST:
        raise EditError(f"There is no number above that of object {highest}; fill it with a smaller number.")
    return highest + 1


def check_inside(labels: LabelArray, point: Point) -> None:
    """Refuse a pixel that is not in the image.

    Raises
    ------
    EditError
    """
    if not all(0 <= place < length for place, length in zip(point, labels.shape, strict=True)):
        raise EditError("That is outside the image; click inside it.")
