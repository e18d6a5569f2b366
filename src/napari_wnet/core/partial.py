"""Labels that are true in a part of an image only: where they are, what is next to them, and what may be scored.

Three states of a pixel: *known* (its label is true, background included), *ring* (it is none of the objects ticked as
done that it lies next to; it may be background or another object), and *unknown*.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.labels import check_labels
from napari_wnet.errors import ImageError

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[Any]

RING_PX = 4.0
"""How far from an object ticked as done a pixel is surely none of it and still of interest to its border."""
LEAST_KNOWN = 0.5
"""Share of an object's area that must be known for the object to be counted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Supervision:
    """Labels and where they hold.

    Attributes
    ----------
    labels : (Y, X) integer array
        Whole objects, each of which is known at least in part; numbers as they were.
    known : (Y, X) bool array or None
        Where the labels, background included, are true; None: everywhere.
    ring : (Y, X) bool array or None
        Pixels beside objects ticked as done that belong to none of these; None: there are none.
    """

    labels: Labels
    known: Mask | None = None
    ring: Mask | None = None


def supervision(
    labels: npt.ArrayLike,
    region: npt.ArrayLike | None = None,
    done: Collection[int] | None = None,
    ring_px: float = RING_PX,
) -> Supervision:
    """Say where labels are true.

    Parameters
    ----------
    labels : (Y, X) integer array
        0 is background.
    region : (Y, X) bool array, optional
        Everything within is labelled, background included; elsewhere nothing is known.
    done : collection of int, optional
        Numbers of the objects that are right; of all others and of the background nothing is known. Numbers that no
        pixel has are ignored. With a region as well, what either says is known.
    ring_px : float
        Width in px of the ring around objects that are done.

    Returns
    -------
    Supervision
        With neither region nor done everything is known.

    Raises
    ------
    ImageError
        If the labels are none or the region has another shape.
    """
    array = check_labels(labels)
    if region is None and done is None:
        return Supervision(labels=array)
    known = np.zeros(array.shape, bool)
    if region is not None:
        inside = np.asarray(region) != 0
        if inside.shape != array.shape:
            raise ImageError(f"The region has shape {inside.shape}, the labels {array.shape}; draw it on that image.")
        known |= inside
    ring = None
    if done is not None:
        ticked = np.isin(array, [number for number in done if number > 0])
        known |= ticked
        if ticked.any():
            ring = (ndimage.distance_transform_edt(~ticked) <= ring_px) & ~known
    whole = np.isin(array, np.unique(array[known]))
    return Supervision(labels=np.where(whole, array, 0).astype(array.dtype), known=known, ring=ring)


def nearest_object(labels: Labels, where: Mask) -> npt.NDArray[np.int64]:
    """Return the number of the object nearest to each pixel of a mask, 0 elsewhere and where there is no object."""
    found = np.zeros(labels.shape, np.int64)
    if where.any() and labels.any():
        rows, columns = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
        found[where] = labels[rows[where], columns[where]]
    return found


def countable(labels: Labels, known: Mask | None) -> Labels:
    """Return the labels without the objects of whose area less than half is known.

    True and predicted labels are both passed through this before they are compared, so that what nobody labelled is
    neither found nor missed.
    """
    if known is None or not labels.size:
        return labels
    values, places = np.unique(labels, return_inverse=True)
    places = places.reshape(labels.shape)
    area = np.bincount(places.ravel(), minlength=values.size)
    seen = np.bincount(places[known], minlength=values.size)
    keep = (seen >= LEAST_KNOWN * area) & (values > 0)
    return np.where(keep[places], labels, 0).astype(labels.dtype)


def n_known(labels: Labels, known: Mask | None) -> int:
    """Return how many objects count: those of whose area at least half is known."""
    values = np.unique(countable(labels, known))
    return int((values > 0).sum())
