"""Making an object of the outline that a click has got: labels and an outline in, changed pixels out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from scipy import ndimage

from napari_wnet.core.changes import Change, Point, check_inside
from napari_wnet.core.labels import LabelArray
from napari_wnet.core.placing import leaves_a_rim, placed
from napari_wnet.core.prompts import Outline
from napari_wnet.core.windows import SQUARE, Mask
from napari_wnet.errors import EditError

OTHERS = 1.0
"""What is taken off the log odds of pixels that are a neighbour's."""
REPLACED_PART = 0.5
"""An object is replaced if the new one takes this part of it, and what is left is a rim; else it is cut."""


def outline_at(
    labels: LabelArray, outline: Outline, points: Sequence[Point], *, over: bool = False, kept: Collection[int] = ()
) -> Change:
    """Make an object of the outline around one pixel or several.

    Parameters
    ----------
    labels : (Y, X) integer array
    outline : Outline
        Of what the pixels belong to.
    points : sequence of (int, int)
        Rows and columns; the first is what was clicked at first.
    over : bool
        Make the object anew that is there, whatever is wrong with it, and take from others what is this one's.
    kept : collection of int
        Labels of objects that give no pixel away.

    Returns
    -------
    Change

    Raises
    ------
    EditError
        If an object is there already (and not `over`, or it is kept), or nothing speaks for one.
    """
    for point in points:
        check_inside(labels, point)
    there = int(labels[points[0]])
    if there and not over:
        raise EditError("There is an object here already. Hold Shift to make it anew, or split it.")
    if there in kept and there:
        raise EditError("This object is done; take the mark off it first.")
    window = outline.window(labels.shape)
    held, odds = labels[window], outline.part(window)
    at = [(row - window[0].start, column - window[1].start) for row, column in points]
    allowed = ~np.isin(held, list(kept)) if over else held == 0
    claim = _around((odds > 0) & allowed, at)
    if over:
        inside = set(_mostly_within(held, claim)) | {there}
        others = (held != 0) & ~np.isin(held, list(inside))
        claim = _around((odds - OTHERS * others > 0) & allowed, at)
    if not claim.any():
        raise EditError("There seems to be no object here. Drag a box around it, or paint it with the brush.")
    claim = ndimage.binary_fill_holes(claim) & allowed
    replaced = [number for number in _mostly_within(held, claim) if leaves_a_rim(labels, number, window, claim)]
    return placed(labels, window, claim, replaced)


def _around(claim: Mask, places: Sequence[Point]) -> Mask:
    """Return the connected parts of a claim that hold one of some pixels, or are beside it."""
    parts, _ = ndimage.label(claim, SQUARE)
    numbers = []
    for row, column in places:
        near = parts[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        inside = 0 <= row < parts.shape[0] and 0 <= column < parts.shape[1]
        numbers.append(int((parts[row, column] if inside else 0) or near.max(initial=0)))
    return np.asarray(np.isin(parts, [number for number in numbers if number]))


def _mostly_within(held: LabelArray, claim: Mask) -> list[int]:
    """Return the objects of a window of which a claim takes a good part."""
    taken, counts = np.unique(held[claim], return_counts=True)
    return [
        int(number)
        for number, count in zip(taken, counts, strict=True)
        if number and count >= REPLACED_PART * np.count_nonzero(held == number)
    ]
