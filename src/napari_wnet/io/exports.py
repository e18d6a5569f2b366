"""What goes out besides labels: maps as TIFF, pictures as PNG; each complete or not there at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_wnet.atomic import atomic_path
from napari_wnet.errors import OutputError
from napari_wnet.io.tiff import PixelSize, write_tiff

Array = npt.NDArray[Any]


def write_distance(
    path: str | Path,
    distance: Array,
    pixel_size: PixelSize | None = None,
    *,
    axes: str = "YX",
    overwrite: bool = False,
) -> None:
    """Write distance maps as a float32 TIFF that ImageJ reads.

    Parameters
    ----------
    path : str or Path
    distance : (..., Y, X) float array
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.
    axes : str
        One letter an axis, for example ``TYX``.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    with atomic_path(path, overwrite=overwrite) as partial:
        write_tiff(partial, distance.astype(np.float32), axes, pixel_size)


def write_embedding(
    path: str | Path,
    embedding: Array,
    pixel_size: PixelSize | None = None,
    *,
    axes: str = "CYX",
    overwrite: bool = False,
) -> None:
    """Write embeddings as a float32 TIFF, one channel for each of their dimensions.

    float32: ImageJ reads it, no value changes, and compressed the file is hardly
    larger.

    Parameters
    ----------
    path : str or Path
    embedding : (..., E, Y, X) float array
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.
    axes : str
        One letter an axis, C for the embedding's, for example ``TCYX``.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    with atomic_path(path, overwrite=overwrite) as partial:
        write_tiff(partial, embedding.astype(np.float32), axes, pixel_size)


def write_picture(path: str | Path, rgb: npt.NDArray[np.uint8], *, overwrite: bool = False) -> None:
    """Write a (Y, X, 3) uint8 picture, such as the embedding's principal components or an overlay, as PNG.

    Raises
    ------
    OutputError
        If the file exists, cannot be written, or the array is not such a picture.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise OutputError(f"{path}: a picture must be (Y, X, 3) uint8, not {rgb.shape} {rgb.dtype}; convert it first.")
    with atomic_path(path, overwrite=overwrite) as partial:
        Image.fromarray(np.ascontiguousarray(rgb)).save(partial, format="PNG")
