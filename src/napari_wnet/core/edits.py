"""Edits of single objects by a click or two: labels and maps in, changed pixels out; nothing is changed in place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_wnet.core.adding import Core, add, core_of, expected_length, regrow
from napari_wnet.core.changes import (
    Change,
    Point,
    change_of,
    numbers_in,
    object_at,
    objects_along,
    unused_number,
    window_of,
)
from napari_wnet.core.cutting import cut
from napari_wnet.core.enclosing import enclose
from napari_wnet.core.labels import LabelArray
from napari_wnet.core.maps import Maps
from napari_wnet.core.outlining import outline_at
from napari_wnet.core.parting import part, part_by_odds
from napari_wnet.core.prompts import Box, Frame, Outline, Prompt, usual_length
from napari_wnet.core.shaping import fill_object, grow_object, shrink_object, smooth_object
from napari_wnet.errors import EditError

__all__ = [
    "Box",
    "Change",
    "Core",
    "Frame",
    "Outline",
    "Point",
    "Prompt",
    "add",
    "core_of",
    "cut",
    "delete",
    "enclose",
    "expected_length",
    "fill_object",
    "grow_object",
    "merge",
    "object_at",
    "objects_along",
    "outline_at",
    "regrow",
    "shrink_object",
    "smooth_object",
    "split",
    "usual_length",
]


def split(
    labels: LabelArray, maps: Maps | None, points: Sequence[Point], outlines: Sequence[Outline] | None = None
) -> Change:
    """Part an object between pixels that were clicked in it.

    Parameters
    ----------
    labels : (Y, X) integer array
    maps : Maps or None
        Of the same plane; without them the shape alone decides.
    points : sequence of (int, int)
        Rows and columns, one in each part; the part with the first keeps its label.
    outlines : sequence of Outline, optional
        Of what each pixel belongs to, as a network that looks at the image sees it; the maps are then not asked.

    Raises
    ------
    EditError
        If there are fewer than two points, or they are not all in one object.
    """
    number = object_at(labels, points[0])
    if len(set(points)) < 2 or any(object_at(labels, point) != number for point in points):
        raise EditError("To split an object, click in each of its parts: two or more clicks in the same object.")
    window = window_of(labels, number)
    before = numbers_in(labels, window)
    mask = before == number
    inside = [(y - window[0].start, x - window[1].start) for y, x in points]
    if outlines is not None:
        parts = part_by_odds(mask, np.stack([outline.part(window) for outline in outlines]), inside)
    else:
        vectors = None if maps is None else (maps.distance[window], maps.vectors(window))
        parts = part(mask, vectors, inside)
    unused = unused_number(labels)
    numbers = np.array([0, number, *range(unused, unused + len(points) - 1)])
    return change_of(labels, window, np.where(mask, numbers[parts], before), numbers[1:].tolist())


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
    before = numbers_in(labels, window)
    return change_of(labels, window, np.where(np.isin(before, distinct), distinct[0], before), distinct[:1])


def delete(labels: LabelArray, number: int) -> Change:
    """Take an object away."""
    window = window_of(labels, number)
    before = numbers_in(labels, window)
    return change_of(labels, window, np.where(before == number, 0, before))
