"""Measurements of each object of a plane."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_wnet.core.columns import ALL, COLUMNS, ShapeColumn, Values
from napari_wnet.core.labels import LabelArray, check_labels
from napari_wnet.core.objects import Objects
from napari_wnet.errors import ImageError, ParamsError

PixelSize = tuple[float, float]


def measure_plane(
    labels: npt.ArrayLike,
    image: npt.ArrayLike | None = None,
    pixel_size: PixelSize | None = None,
    *,
    properties: Iterable[str] = ALL,
) -> dict[str, Values]:
    """Measure each object of a plane of labels.

    Parameters
    ----------
    labels : (Y, X) integer array
        0 is background; any numbers, in any order, with any gaps.
    image : (C, Y, X) array, optional
        Where the intensities are read.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres, which need not be equal. Lengths and areas are then in micrometres
        and square micrometres, else in pixels; the unit is part of the column's name.
    properties : iterable of str
        Names of :data:`napari_wnet.core.columns.COLUMNS`, without units.

    Returns
    -------
    dict of str to array
        One entry an object in each column, ascending by label: ``label``, then the columns in the order of their
        declaration; those of intensities end in ``_0``, ``_1`` and so on where there are several channels.

    Raises
    ------
    ImageError
        If the labels are not a plane of labels or the image is not of their size.
    ParamsError
        If the pixel size is not two positive numbers, or a property is unknown.
    """
    plane = check_labels(labels)
    if plane.ndim != 2:
        raise ImageError(f"The labels have {plane.ndim} dimensions; give one plane, (Y, X), at a time.")
    size, wanted = check_pixel_size(pixel_size), check_properties(properties)
    objects = Objects(plane, size or (1.0, 1.0))
    channels = () if image is None else tuple(_check_channels(image, plane))
    columns: dict[str, Values] = {"label": objects.labels}
    for column in COLUMNS:
        if column.name not in wanted:
            continue
        if isinstance(column, ShapeColumn):
            columns[column.title(size is not None)] = column.values(objects)
            continue
        for number, channel in enumerate(channels):
            name = column.name if len(channels) == 1 else f"{column.name}_{number}"
            columns[name] = column.values(objects, channel)
    return columns


def check_properties(properties: Iterable[str]) -> frozenset[str]:
    """Return names of columns, or refuse unknown ones.

    Raises
    ------
    ParamsError
        If there is no such column.
    """
    wanted = frozenset(properties)
    unknown = sorted(wanted - set(ALL))
    if unknown:
        raise ParamsError(f"Nothing called {', '.join(unknown)} is measured; choose from {', '.join(ALL)}.")
    return wanted


def check_pixel_size(pixel_size: PixelSize | None) -> PixelSize | None:
    """Return a pixel size as two floats, or refuse it.

    Raises
    ------
    ParamsError
        If it is not two positive numbers.
    """
    if pixel_size is None:
        return None
    size = np.asarray(pixel_size, float)
    if size.shape != (2,) or not np.all(np.isfinite(size) & (size > 0)):
        raise ParamsError(f"{pixel_size} cannot be a pixel size; give its height and its width, two numbers above 0.")
    return float(size[0]), float(size[1])


def _check_channels(image: npt.ArrayLike, labels: LabelArray) -> Values:
    channels = np.asarray(image)
    if channels.ndim != 3 or channels.shape[1:] != labels.shape:
        raise ImageError(
            f"The image has shape {channels.shape}, not (channels, {labels.shape[0]}, {labels.shape[1]}); "
            "give the image that was labelled, channels first."
        )
    return channels
