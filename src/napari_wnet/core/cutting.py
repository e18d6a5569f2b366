"""Cutting objects along a line that was drawn: labels in, changed pixels out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.changes import Change, Point, change_of, numbers_in, unused_number, window_of
from napari_wnet.core.labels import IndexArray, LabelArray
from napari_wnet.core.windows import SQUARE, Mask
from napari_wnet.errors import EditError

END_PX, END_PART = 2.0, 0.15
"""How far a line that cuts goes on beyond its ends: pixels, and part of its length."""
MOST_PART = 0.5
"""How far at most, as a part of its length, where it is still within an object."""
LEAST_PART_PX = 5
"""Smaller crumbs beside a cut are no parts."""


def cut(labels: LabelArray, path: Sequence[Point]) -> Change:
    """Part objects along a line that was drawn across them.

    Parameters
    ----------
    labels : (Y, X) integer array
    path : sequence of (int, int)
        Rows and columns of the line's corners. At both ends it goes on straight for a little, and to the edge of the
        object where that is near, as hands stop short.

    Returns
    -------
    Change
        The largest part of each object keeps its label.

    Raises
    ------
    EditError
        If no object falls into parts.
    """
    line = np.zeros(labels.shape, bool)
    rows, columns = _drawn(_lengthened(path, labels))
    inside = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
    rows, columns = rows[inside], columns[inside]
    line[rows, columns] = True
    numbers = [number for number in dict.fromkeys(labels[rows, columns].tolist()) if number]
    if not numbers:
        raise EditError("The line crosses no object.")
    window = window_of(labels, *numbers)
    wanted = numbers_in(labels, window)
    made: list[int] = []
    unused = unused_number(labels)
    for number in numbers:
        parts = _cut_apart(labels[window] == number, line[window])
        count = int(parts.max())
        if count > 1:
            given = np.array([0, number, *range(unused, unused + count - 1)])
            wanted = np.where(parts > 0, given[parts], wanted)
            made += given[1:].tolist()
            unused += count - 1
    if not made:
        raise EditError("The line cuts no object in two; draw it from edge to edge.")
    return change_of(labels, window, wanted, made)


def _lengthened(path: Sequence[Point], labels: LabelArray) -> list[tuple[float, float]]:
    corners = [(float(row), float(column)) for row, column in path]
    first, last = np.array(corners[0]), np.array(corners[-1])
    length = float(np.linalg.norm(last - first))
    if length == 0:
        return corners
    onwards = (last - first) / length
    return [
        tuple(first - onwards * _beyond(labels, path[0], -onwards, length)),
        *corners,
        tuple(last + onwards * _beyond(labels, path[-1], onwards, length)),
    ]


def _beyond(labels: LabelArray, end: Point, onwards: npt.NDArray[np.float64], length: float) -> float:
    """Return how far a line goes on beyond its end."""
    least, most = END_PX + END_PART * length, MOST_PART * length
    steps = np.arange(1, int(np.ceil(max(least, most))) + 1)
    places = np.floor(np.array(end) + steps[:, np.newaxis] * onwards + 0.5).astype(np.int64)
    inside = ((places >= 0) & (places < labels.shape)).all(axis=1)
    held = np.zeros(len(steps), np.int64)
    held[inside] = labels[tuple(places[inside].T)]
    number = int(labels[end]) if all(0 <= place < size for place, size in zip(end, labels.shape, strict=True)) else 0
    left = np.flatnonzero(held != number)
    edge = float(steps[left[0]]) if len(left) else most
    return max(least, edge) if number and edge <= most else least


def _drawn(path: Sequence[tuple[float, float]]) -> tuple[IndexArray, IndexArray]:
    """Return the pixels of a line through corners, such that its sides touch nowhere, not even over corners."""
    pieces = []
    for start, end in itertools.pairwise(path):
        steps = int(4 * max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1))
        pieces.append(np.linspace(start, end, steps))
    rows, columns = np.floor(np.concatenate(pieces) + 0.5).astype(np.int64).T
    # Where the line steps diagonally, the pixel beside belongs to it too.
    return np.concatenate([rows, rows[1:]]), np.concatenate([columns, columns[:-1]])


def _cut_apart(mask: Mask, line: Mask) -> npt.NDArray[np.int32]:
    """Return the parts into which a line cuts a mask, 1 the largest; its own pixels go to the nearest."""
    pieces, count = ndimage.label(mask & ~line, SQUARE)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    areas[0] = 0
    order = np.flatnonzero(areas >= LEAST_PART_PX)[np.argsort(-areas[areas >= LEAST_PART_PX], kind="stable")]
    numbers = np.zeros(count + 1, np.int32)
    numbers[order] = np.arange(1, len(order) + 1)
    parts = numbers[pieces]
    if len(order) > 1:
        nearest = ndimage.distance_transform_edt(parts == 0, return_distances=False, return_indices=True)
        parts = np.where(mask, parts[tuple(nearest)], 0)
    return np.asarray(parts, np.int32)
