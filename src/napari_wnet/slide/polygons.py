"""The objects of a slide as polygons, from its labels block by block."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.atomic import atomic_path
from napari_wnet.core.labels import present_labels
from napari_wnet.core.tiling import Window
from napari_wnet.io.export_context import ExportContext, LabelPlane
from napari_wnet.io.geojson import HEAD, TAIL, plane_features
from napari_wnet.reports import Progress
from napari_wnet.slide.grid import Grid

Boxes = npt.NDArray[np.int64]
BLOCK_PX = 2048
LARGE_BLOCKS = 4
"""Objects larger than so many blocks are read one by one."""


def write_geojson_steps(
    path: Path, labels: Any, context: ExportContext, block: int = BLOCK_PX
) -> Generator[Progress, None, int]:
    """Write what :func:`napari_wnet.io.geojson.write_geojson` writes of the labels as a whole, reading them in blocks.

    Parameters
    ----------
    path : Path
    labels : (Y, X) integer array-like
        Anything with `shape` and slices, such as a zarr array.
    context : ExportContext
    block : int
        Side of a block, in pixels.

    Yields
    ------
    Progress
        After each block that was looked through, then after each row of blocks that is written.

    Returns
    -------
    int
        How many objects were written: in the order of their labels, if these are in the order of their first rows.

    Raises
    ------
    ImageError
        If these are no labels.
    OutputError
        If the file exists or cannot be written.
    """
    height, width = labels.shape
    grid = Grid(shape=(height, width), step=(block, block))
    values, boxes = yield from _boxes(labels, grid)
    owners = np.stack([boxes[:, 0] // block, boxes[:, 1] // block], axis=1)
    written = 0
    with atomic_path(path, overwrite=context.overwrite) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        for row in range(grid.counts[0]):
            found = []
            for own in _groups(owners, boxes, row, block):
                found.extend(_features(labels, (values[own], boxes[own]), context))
            for _, text in sorted(found):
                file.write(("," if written else "") + text)
                written += 1
            yield Progress(done=row + 1, total=grid.counts[0], what="polygons")
        file.write(TAIL)
    return written


def _boxes(labels: Any, grid: Grid) -> Generator[Progress, None, tuple[npt.NDArray[np.int64], Boxes]]:
    """Find the labels and their boxes: first row, first column, and those after the last."""
    values, boxes = [np.zeros(0, np.int64)], [np.zeros((0, 4), np.int64)]
    for index in range(len(grid)):
        window = grid.window(index)
        part = np.asarray(labels[window])
        there, numbers = present_labels(part.ravel())
        slices = ndimage.find_objects(numbers.reshape(part.shape) + 1)
        corner = [window[0].start, window[1].start]
        for label, box in zip(there.tolist(), slices, strict=True):
            if label:
                values.append(np.array([label], np.int64))
                boxes.append(np.array([[*(s.start for s in box), *(s.stop for s in box)]], np.int64) + corner * 2)
        yield Progress(done=index + 1, total=len(grid), what="looking for objects")
    found, where = np.unique(np.concatenate(values), return_inverse=True)
    pieces = np.concatenate(boxes)
    whole = np.zeros((len(found), 4), np.int64)
    whole[:, :2] = np.iinfo(np.int64).max
    np.minimum.at(whole[:, :2], where, pieces[:, :2])
    np.maximum.at(whole[:, 2:], where, pieces[:, 2:])
    return found, whole


def _groups(owners: Boxes, boxes: Boxes, row: int, block: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the objects that begin in a row of blocks, in groups that are read together."""
    here = np.flatnonzero(owners[:, 0] == row)
    large = (boxes[here, 2:] - boxes[here, :2]).prod(axis=1) > LARGE_BLOCKS * block**2
    for one in here[large]:
        yield np.array([one])
    for column in np.unique(owners[here[~large], 1]):
        yield here[~large & (owners[here, 1] == column)]


def _features(labels: Any, own: tuple[npt.NDArray[np.int64], Boxes], context: ExportContext) -> list[tuple[int, str]]:
    values, boxes = own
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    window: Window = slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))
    part = np.asarray(labels[window])
    part = np.where(np.isin(part, values), part, 0)
    return plane_features(LabelPlane(labels=part, place={}), context, (int(low[0]), int(low[1])))
