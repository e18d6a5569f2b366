"""What is measured of the objects of a slide: sums over their parts in blocks, and the table that they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.labels import present_labels
from napari_wnet.core.tiling import Window
from napari_wnet.io.tiff import PixelSize

Array = npt.NDArray[Any]
BOX = ("bbox_top_px", "bbox_left_px", "bbox_bottom_px", "bbox_right_px")


def block_sums(labels: npt.NDArray[np.int32], image: Array, window: Window) -> dict[str, Array]:
    """Add up what the objects have in a block.

    Parameters
    ----------
    labels : (Y, X) int32 array
    image : (C, Y, X) array
    window : (slice, slice)
        Where the block lies.

    Returns
    -------
    dict of str to array
        For each object in the block: its label, area, sums of rows and columns and of their products, box, and of each
        channel sum, least and largest value.
    """
    rows, columns = np.nonzero(labels)
    values, index = present_labels(labels[rows, columns])
    rows, columns = rows + window[0].start, columns + window[1].start
    count = len(values)

    def total(weights: Array) -> npt.NDArray[np.float64]:
        return np.bincount(index, weights=weights, minlength=count).astype(np.float64, copy=False)

    box = np.empty((count, 4), np.int64)
    box[:, :2], box[:, 2:] = np.iinfo(np.int64).max, 0
    for axis, places in enumerate((rows, columns)):
        np.minimum.at(box[:, axis], index, places)
        np.maximum.at(box[:, axis + 2], index, places + 1)
    channels = [channel[rows - window[0].start, columns - window[1].start].astype(np.float64) for channel in image]
    low, high = np.full((len(channels), count), np.inf), np.full((len(channels), count), -np.inf)
    for number, channel in enumerate(channels):
        np.minimum.at(low[number], index, channel)
        np.maximum.at(high[number], index, channel)
    return {
        "label": values.astype(np.int64),
        "area": np.bincount(index, minlength=count),
        "y": total(rows),
        "x": total(columns),
        "box": box,
        "sum": np.array([total(channel) for channel in channels]),
        "low": low,
        "high": high,
    }


def table(
    blocks: Iterable[Mapping[str, Array]],
    shape: tuple[int, int],
    count: int,
    *,
    n_channels: int,
    pixel_size: PixelSize | None,
) -> dict[str, Array]:
    """Put the sums of all blocks together.

    Parameters
    ----------
    blocks : iterable of mappings
        From :func:`block_sums`; empty where a block has no object.
    shape : (int, int)
        Of the slide.
    count : int
        Number of objects, whose labels are 1..count.
    n_channels : int
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres; areas and positions are then in its unit.

    Returns
    -------
    dict of str to array
        One entry an object in each column: ``label``, ``area``, ``centroid_y``, ``centroid_x`` with their unit, the
        bounding box in pixels, whether it touches the border of the slide, and intensities of each channel.
    """
    area, middle = np.zeros(count, np.int64), np.zeros((2, count))
    box = np.zeros((4, count), np.int64)
    box[:2] = np.iinfo(np.int64).max
    sums, low, high = np.zeros((n_channels, count)), np.full((n_channels, count), np.inf), None
    high = -low
    for block in blocks:
        if not block:
            continue
        at = block["label"] - 1  # each label once in a block, so that plain indexing adds up
        area[at] += block["area"]
        middle[:, at] += np.stack([block["y"], block["x"]])
        box[:2, at] = np.minimum(box[:2, at], block["box"].T[:2])
        box[2:, at] = np.maximum(box[2:, at], block["box"].T[2:])
        sums[:, at] += block["sum"]
        low[:, at], high[:, at] = np.minimum(low[:, at], block["low"]), np.maximum(high[:, at], block["high"])
    size = pixel_size or (1.0, 1.0)
    unit = "px" if pixel_size is None else "um"
    columns: dict[str, Array] = {
        "label": np.arange(1, count + 1),
        f"area_{unit if pixel_size is None else 'um2'}": area if pixel_size is None else area * (size[0] * size[1]),
        f"centroid_y_{unit}": middle[0] / area * size[0],
        f"centroid_x_{unit}": middle[1] / area * size[1],
        **dict(zip(BOX, box, strict=True)),
        "at_border": (box[0] == 0) | (box[1] == 0) | (box[2] == shape[0]) | (box[3] == shape[1]),
    }
    for channel in range(n_channels):
        ending = "" if n_channels == 1 else f"_{channel}"
        columns[f"mean_intensity{ending}"] = sums[channel] / area
        columns[f"min_intensity{ending}"], columns[f"max_intensity{ending}"] = low[channel], high[channel]
    return columns
