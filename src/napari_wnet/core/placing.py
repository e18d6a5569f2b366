"""Putting an object among others: what it replaces, what it takes from them, and what is then left of them."""

from __future__ import annotations

import itertools
from collections.abc import Collection

import numpy as np
from scipy import ndimage

from napari_wnet.core.changes import Change, change_of, numbers_in, unused_number, window_of
from napari_wnet.core.labels import LabelArray
from napari_wnet.core.windows import SQUARE, Mask, Window

CRUMB_PART = 0.2
"""What is cut off an object on the new one's far side is a crumb if it is smaller than this part of the new one."""
RIM_DEPTH = 0.6
"""What is left of an object is a rim if its innermost pixel is less deep inside than this part of the new one's."""


def placed(labels: LabelArray, window: Window, claim: Mask, replaced: Collection[int]) -> Change:
    """Return the change that puts an object in the place of some and takes pixels from others.

    Parameters
    ----------
    labels : (Y, X) integer array
    window : (slice, slice)
        Where the claim lies.
    claim : (h, w) bool array
        The new object.
    replaced : collection of int
        Labels of the objects that go; the new one takes over the largest's label. What others lose a part to it, and
        are cut in two by that, become objects of their own, crumbs excepted.
    """
    place = window
    cut = [int(n) for n in np.unique(labels[window][claim]) if n and n not in replaced]
    for number in [*replaced, *cut]:
        window = _joined(window, window_of(labels, number))
    before = numbers_in(labels, window)
    top, left = (part.start - whole.start for part, whole in zip(place, window, strict=True))
    own = np.zeros(before.shape, bool)
    own[top : top + claim.shape[0], left : left + claim.shape[1]] = claim
    wanted = np.where(np.isin(before, list(replaced)), 0, before)
    unused = itertools.count(unused_number(labels))
    number = max(replaced, key=lambda old: np.count_nonzero(before == old)) if replaced else next(unused)
    wanted[own] = number
    for other in cut:
        for loose in _cut_off(wanted == other, own):
            wanted[loose] = next(unused) if loose.sum() >= CRUMB_PART * claim.sum() else 0
    return change_of(labels, window, wanted, (number,))


def leaves_a_rim(labels: LabelArray, number: int, window: Window, claim: Mask) -> bool:
    """Tell whether what a new object leaves of another is a mere rim of it, rather than an object of its own."""
    place = window_of(labels, number)
    mine = np.zeros(labels.shape, bool)
    mine[window] = claim
    rest = (labels[place] == number) & ~mine[place]
    depths = [ndimage.distance_transform_edt(np.pad(mask, 1)).max() for mask in (rest, claim)]
    return bool(depths[0] < RIM_DEPTH * depths[1])


def _cut_off(rest: Mask, own: Mask) -> list[Mask]:
    """Return the parts of what is left of an object that its largest part does not hang together with any more.

    Parts that do not touch the new object were apart before.
    """
    parts, count = ndimage.label(rest, SQUARE)
    if count < 2:
        return []
    touching = np.unique(parts[ndimage.binary_dilation(own, SQUARE)])
    areas = np.bincount(parts.ravel())
    return [parts == part for part in touching.tolist() if part and part != areas[1:].argmax() + 1]


def _joined(window: Window, other: Window) -> Window:
    rows, columns = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(window, other, strict=True))
    return rows, columns
