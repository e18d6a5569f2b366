"""The pixels of an OME-Zarr folder, all at once, for images that fit into memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.io.memory import check_room
from napari_wnet.io.ngff import open_ngff, open_ngff_labels
from napari_wnet.io.tiff import PixelSize

Array = npt.NDArray[Any]


def read_ngff(path: Path, *, labels: bool = False) -> tuple[Array, str | None, PixelSize | None, tuple[str, ...]]:
    """Read an image of an OME-Zarr folder in full resolution.

    Parameters
    ----------
    path : Path
    labels : bool
        Whether labels are wanted: those of an image, if it has some with it.

    Returns
    -------
    array : ndarray
    axes : str or None
        One letter an axis; S, the last, where the channels are the colours of one picture.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres.
    notes : tuple of str

    Raises
    ------
    ImageError
        If there is no such image, its metadata is damaged, or it is larger than the memory.
    Exception
        Whatever zarr raises for damaged chunks.
    """
    image = open_ngff_labels(path) if labels else open_ngff(path)
    full = image.levels[0]
    check_room(path, full.shape, full.nbytes)
    array, axes, notes = np.asarray(full[...]), image.axes, image.notes
    if labels:
        return *_without_single_planes(array, axes), image.pixel_size, notes
    if full.nchunks_initialized == 0:
        notes = (
            *notes,
            f"{path.name} has no pixels stored: all are {full.fill_value}. Is the copy incomplete?",
        )
    if image.rgb and axes is not None:
        array, axes = np.moveaxis(array, axes.index("C"), -1), axes.replace("C", "") + "S"
    return array, axes, image.pixel_size, notes


def _without_single_planes(array: Array, axes: str | None) -> tuple[Array, str | None]:
    """Drop the channel and other axes of length 1, which many programs write for labels too."""
    if axes is None:
        return array, None
    drop = tuple(i for i, letter in enumerate(axes) if array.shape[i] == 1 and letter not in "YX")
    return np.squeeze(array, axis=drop), "".join(letter for i, letter in enumerate(axes) if i not in drop)
