"""What every export of labels is told beside the labels, and how it goes through their planes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_wnet.core.labels import LabelArray, check_labels
from napari_wnet.errors import OutputError
from napari_wnet.io.tiff import PixelSize

Array = npt.NDArray[Any]
ObjectType = Literal["annotation", "detection"]
UNNAMED = "ZT"
"""What leading axes are taken for that have no name of their own: first the depth of a stack, then time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ExportContext:
    """What is known of labels that are written for another program.

    Attributes
    ----------
    name : str
        Name of the image file, as that program finds it.
    lead : str
        One letter for each axis before Y and X, such as ``"T"``; shorter than those axes: the first have no name.
    image : (*lead, C, Y, X) array or None
        For the exports that show it.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres.
    category : str
        What the objects are, for programs that sort objects by it.
    object_type : str
        What they are to QuPath: an ``"annotation"`` can be edited there, a ``"detection"`` is shown faster where there
        are tens of thousands.
    overwrite : bool
        Whether a file that is there may be replaced.
    """

    name: str = "image"
    lead: str = ""
    image: Array | None = None
    pixel_size: PixelSize | None = None
    category: str = "object"
    object_type: ObjectType = "annotation"
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelPlane:
    """One plane of labels.

    Attributes
    ----------
    labels : (Y, X) integer array
    place : dict of str to int
        Where it lies along T and Z, and along axes of other names, counted from 0; empty where there is one plane.
    """

    labels: LabelArray
    place: dict[str, int]


def label_planes(labels: npt.ArrayLike, lead: str = "") -> Iterator[LabelPlane]:
    """Go through the planes of labels in order.

    Parameters
    ----------
    labels : (..., Y, X) integer array
    lead : str
        As :attr:`ExportContext.lead`.

    Raises
    ------
    ImageError
        If these are no labels.
    OutputError
        If they have no plane, or more axes without a name than a stack has.
    """
    array = check_labels(labels)
    if array.ndim < 2 or array.size == 0:
        raise OutputError(f"Labels of shape {array.shape} have no plane to export; give (Y, X) or a stack of those.")
    names = lead_names(array.ndim - 2, lead)
    for index in np.ndindex(*array.shape[:-2]):
        yield LabelPlane(labels=array[index], place=dict(zip(names, index, strict=True)))


def lead_names(n_axes: int, lead: str) -> str:
    """Return a letter for each of the axes before Y and X, each letter once.

    Raises
    ------
    OutputError
        If there are more axes than letters to give.
    """
    given = lead[-n_axes:].upper().rjust(n_axes, "Q") if n_axes else ""
    free = [letter for letter in UNNAMED if letter not in given]
    unnamed = [i for i, letter in enumerate(given) if not letter.isalpha() or letter in "QIYXCS" or letter in given[:i]]
    if len(unnamed) > len(free):
        raise OutputError(
            f"The labels have {n_axes} axes before Y and X, known as {given}; name them, each by one letter, with "
            "--axes, such as TZYX."
        )
    # The last axis is the first to be named: of two, the outer is time.
    chosen = dict(zip(reversed(unnamed), free, strict=False))
    return "".join(chosen.get(i, letter) for i, letter in enumerate(given))
