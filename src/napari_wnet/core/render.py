"""Pictures for people: labels as outlines on the image."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import find_boundaries

from napari_wnet.core.image import normalize
from napari_wnet.core.labels import IndexArray, check_labels, present_labels
from napari_wnet.core.targets import neighbours
from napari_wnet.errors import ImageError
from napari_wnet.params import NormalizeParams

Array = npt.NDArray[Any]
RGBImage = npt.NDArray[np.uint8]

PALETTE: RGBImage = np.array(
    [
        (255, 225, 25),
        (240, 50, 230),
        (70, 240, 240),
        (255, 125, 30),
        (90, 135, 255),
        (255, 70, 70),
        (185, 130, 255),
    ],
    np.uint8,
)
"""Outline colours: bright, far from one another, and none of them the green of leaves or a grey."""
LONGEST_GRAPH_SIDE = 512
NEAR_PX = 8.0
"""Objects closer than this, at a longest side of 512 px, get different colours."""
CASING = 0.35
"""Brightness left beside an outline: a dark rim sets it off from bright objects."""


def overlay(image: Array, labels: npt.ArrayLike) -> RGBImage:
    """Draw the outline of each object on the image.

    One channel is shown in grey and three as red, green and blue; other numbers get evenly spaced hues,
    of which the brightest shows.
    Outlines lie inside their object, are wider on larger images, and differ in colour between objects that are close.

    Parameters
    ----------
    image : (C, Y, X) array
        Any intensities; their contrast is stretched, of three channels together so that colours stay.
    labels : (Y, X) integer array
        0 is background.

    Returns
    -------
    (Y, X, 3) uint8 array

    Raises
    ------
    ImageError
        If the image is not (C, Y, X) or the labels are not labels of that image.
    """
    picture, objects = _picture_and_objects(image, labels)
    if objects is None:
        return picture
    line, rim = _rings(objects)
    picture[rim] = np.rint(picture[rim] * CASING)
    picture[line] = label_colours(objects)[objects[line]]
    return picture


def outlines(image: Array, labels: npt.ArrayLike) -> RGBImage:
    """Draw the outline of each object one pixel wide, for looking closely: as :func:`overlay` else.

    The line is the object's own outermost pixels; no other pixel of the image is changed.

    Parameters
    ----------
    image : (C, Y, X) array
    labels : (Y, X) integer array
        0 is background.

    Returns
    -------
    (Y, X, 3) uint8 array

    Raises
    ------
    ImageError
        If the image is not (C, Y, X) or the labels are not labels of that image.
    """
    picture, objects = _picture_and_objects(image, labels)
    if objects is None:
        return picture
    line = find_boundaries(objects, mode="inner")
    picture[line] = label_colours(objects)[objects[line]]
    return picture


def _picture_and_objects(image: Array, labels: npt.ArrayLike) -> tuple[RGBImage, IndexArray | None]:
    """Return the image as colours and the objects numbered 1 to N; None where there is none."""
    if image.ndim != 3:
        raise ImageError(f"The image has shape {image.shape}; give one plane with its channels first, (C, Y, X).")
    plane = check_labels(labels, shape=image.shape[1:])
    picture = _displayed(image)
    if not plane.any():
        return picture, None
    values, index = present_labels(plane)
    # A table of colours then needs no more rows than there are objects.
    return picture, index.reshape(plane.shape) + int(values[0] > 0)


def label_colours(labels: IndexArray) -> RGBImage:
    """Choose a colour for each label, so that objects that are close to each other differ.

    Parameters
    ----------
    labels : (Y, X) integer array
        0 is background; memory goes with the highest label.

    Returns
    -------
    (highest label + 1, 3) uint8 array
        Black for the background.
    """
    n_labels = int(labels.max(initial=0))
    step = -(-max(labels.shape) // LONGEST_GRAPH_SIDE)
    near: list[list[int]] = [[] for _ in range(n_labels + 1)]
    for one, other in neighbours(labels[::step, ::step], NEAR_PX).tolist():
        near[one].append(other)
    choice = np.full(n_labels + 1, -1)
    used = np.zeros(len(PALETTE))
    for label in range(1, n_labels + 1):
        taken = choice[near[label]]
        # The least used colour that no neighbour has; where they have them all, the one that fewest of them have.
        clashes = np.bincount(taken[taken >= 0], minlength=len(PALETTE))
        choice[label] = np.lexsort((used, clashes))[0]
        used[choice[label]] += 1
    colours: RGBImage = PALETTE[choice]
    colours[0] = 0
    return colours


def _displayed(image: Array) -> RGBImage:
    """Return the image as colours, (Y, X, 3), contrast stretched."""
    n_channels = len(image)
    values = np.clip(normalize(image, NormalizeParams(together=n_channels == 3)), 0, 1)
    picture = np.zeros((*image.shape[1:], 3), np.float32)
    for place, channel in enumerate(values):
        colour = colorsys.hsv_to_rgb(place / n_channels, float(n_channels > 1), 1)
        # The brightest, not the sum: many channels that show the same thing would otherwise all end in white.
        np.maximum(picture, channel[..., None] * np.array(colour, np.float32), out=picture)
    displayed: RGBImage = np.rint(255 * picture).astype(np.uint8)
    return displayed


def _rings(objects: IndexArray) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return where the outlines are, and the rim just inside them; both lie inside the objects."""
    areas = np.bincount(objects.ravel())[1:]
    radius = np.sqrt(np.median(areas[areas > 0]) / np.pi)
    # About 1 part in 250 of the image, yet never so wide that small objects are filled.
    width = max(1, min(round(min(objects.shape) / 250), int(radius / 4)))
    inside = objects > 0
    line = find_boundaries(objects, mode="inner")
    if width > 1:
        line = ndimage.binary_dilation(line, iterations=width - 1, mask=inside)
    if radius < 4 * (width + 1):
        return line, np.zeros_like(line)
    return line, ndimage.binary_dilation(line, mask=inside) & ~line
