"""Edits of an object's outline: labels in, changed pixels out. No other object gives or gets a pixel."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.morphology import disk

from napari_wnet.core.changes import Change, change_of, numbers_in, window_of
from napari_wnet.core.labels import LabelArray
from napari_wnet.core.windows import SQUARE, Mask, Window
from napari_wnet.errors import EditError

CROSS = ndimage.generate_binary_structure(2, 1)
SMOOTHING_RADIUS = 3
"""Pixels; bumps and notches narrower than about this go."""


def fill_object(labels: LabelArray, number: int) -> Change:
    """Fill the background that an object encloses; other objects in its holes stay.

    Raises
    ------
    EditError
        If the object is gone, or has no hole.
    """
    window = window_of(labels, number)
    mask = labels[window] == number
    return _reshaped(labels, window, number, ndimage.binary_fill_holes(mask), "This object has no hole.")


def smooth_object(labels: LabelArray, number: int) -> Change:
    """Even out an object's outline: each pixel goes with the majority around it; what comes loose is dropped.

    Raises
    ------
    EditError
        If the object is gone, or as smooth as it gets.
    """
    window = window_of(labels, number, margin=SMOOTHING_RADIUS + 1)
    mask = labels[window] == number
    around = disk(SMOOTHING_RADIUS)
    # As if the object went on beyond the frame: it must not come loose from there.
    count = ndimage.convolve(mask.astype(np.int32), around.astype(np.int32), mode="nearest")
    smooth = _largest(2 * count > around.sum())
    return _reshaped(labels, window, number, smooth if smooth.any() else mask, "This object is smooth already.")


def grow_object(labels: LabelArray, number: int) -> Change:
    """Add the background that touches an object: one pixel all around.

    Raises
    ------
    EditError
        If the object is gone, or nothing around it is free.
    """
    window = window_of(labels, number, margin=1)
    grown = ndimage.binary_dilation(labels[window] == number, CROSS)
    return _reshaped(labels, window, number, grown, "There is no free pixel around this object.")


def shrink_object(labels: LabelArray, number: int) -> Change:
    """Take an object's outermost pixels away; the image's frame does not count as its rim.

    Raises
    ------
    EditError
        If the object is gone, or nothing would be left of it.
    """
    window = window_of(labels, number, margin=1)
    shrunk = ndimage.binary_erosion(labels[window] == number, CROSS, border_value=1)
    if not shrunk.any():
        raise EditError("Nothing would be left of this object; delete it instead.")
    return _reshaped(labels, window, number, shrunk, "")


def _reshaped(labels: LabelArray, window: Window, number: int, mask: Mask, otherwise: str) -> Change:
    """Return the change that gives an object a mask, as far as the pixels are free or its own."""
    before = numbers_in(labels, window)
    wanted = np.where(before == number, 0, before)
    wanted[mask & ((before == 0) | (before == number))] = number
    change = change_of(labels, window, wanted, (number,))
    if not change.n_pixels:
        raise EditError(otherwise)
    return change


def _largest(mask: Mask) -> Mask:
    parts, count = ndimage.label(mask, SQUARE)
    if count < 2:
        return mask
    return np.asarray(parts == np.bincount(parts.ravel())[1:].argmax() + 1)
