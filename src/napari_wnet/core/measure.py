"""Measurements of each object, and the table file they go into."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.labels import LabelArray, check_labels, present_labels
from napari_wnet.errors import ImageError, OutputError, ParamsError

Column = npt.NDArray[Any]


def measure(
    labels: npt.ArrayLike, image: npt.ArrayLike | None = None, pixel_size: tuple[float, float] | None = None
) -> dict[str, Column]:
    """Measure each object of a labels image.

    Parameters
    ----------
    labels : (Y, X) integer array
        0 is background.
    image : (C, Y, X) array, optional
        Where the intensities are read.
    pixel_size : (float, float), optional
        Height and width of a pixel; areas and positions are then in its unit, else in pixels.

    Returns
    -------
    dict of str to array
        One entry an object in each column, ascending by label: ``label``; ``area`` in pixels (integers) or squared
        units; ``centroid_y`` and ``centroid_x``, the mean position, 0 at the centre of the first pixel;
        ``mean_intensity``, or ``mean_intensity_0``, ``mean_intensity_1`` and so on for several channels.

    Raises
    ------
    ImageError
        If the labels are not a plane of labels or the image is not of their size.
    ParamsError
        If the pixel size is not two positive numbers.
    """
    plane = check_labels(labels)
    if plane.ndim != 2:
        raise ImageError(f"The labels have {plane.ndim} dimensions; give one plane, (Y, X), at a time.")
    size = _check_pixel_size(pixel_size)
    values, index = present_labels(plane)
    # Background, where present, comes first: labels are not negative.
    first = int((values[:1] == 0).sum())
    area = np.bincount(index, minlength=values.size)

    def mean(weights: Column) -> Column:
        sums = np.bincount(index, weights=np.broadcast_to(weights, plane.shape).ravel(), minlength=values.size)
        return sums[first:] / area[first:]

    height, width = plane.shape
    columns = {
        "label": values[first:],
        "area": area[first:] if size is None else area[first:] * (size[0] * size[1]),
        "centroid_y": mean(np.arange(height)[:, None]) * (size or (1, 1))[0],
        "centroid_x": mean(np.arange(width)[None, :]) * (size or (1, 1))[1],
    }
    if image is not None:
        channels = _check_channels(image, plane)
        names = [f"mean_intensity_{c}" for c in range(len(channels))] if len(channels) > 1 else ["mean_intensity"]
        columns |= {name: mean(channel) for name, channel in zip(names, channels, strict=True)}
    return columns


def format_table(columns: Mapping[str, Column]) -> str:
    """Return columns as the text of a CSV file: commas, names in the first line, numbers that read back exactly.

    Parameters
    ----------
    columns : mapping of str to 1D array
        All of the same length; no row at all is fine.

    Raises
    ------
    OutputError
        If the columns differ in length.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise OutputError(f"The table's columns differ in length, {lengths}; give each one value a row.")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    # Plain Python numbers are written in their shortest exact form; NumPy's would carry the name of their type.
    writer.writerows(zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True))
    return text.getvalue()


def _check_pixel_size(pixel_size: tuple[float, float] | None) -> tuple[float, float] | None:
    if pixel_size is None:
        return None
    size = np.asarray(pixel_size, float)
    if size.shape != (2,) or not np.all(np.isfinite(size) & (size > 0)):
        raise ParamsError(f"{pixel_size} cannot be a pixel size; give its height and its width, two numbers above 0.")
    return float(size[0]), float(size[1])


def _check_channels(image: npt.ArrayLike, labels: LabelArray) -> Column:
    channels = np.asarray(image)
    if channels.ndim != 3 or channels.shape[1:] != labels.shape:
        raise ImageError(
            f"The image has shape {channels.shape}, not (channels, {labels.shape[0]}, {labels.shape[1]}); "
            "give the image that was labelled, channels first."
        )
    return channels
