"""The pixels of an OME-Zarr folder, all at once, for images that fit into memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_wnet.errors import ImageError
from napari_wnet.io.ngff import NgffImage, open_ngff, open_ngff_labels
from napari_wnet.io.tiff import PixelSize

if TYPE_CHECKING:
    import zarr

Array = npt.NDArray[Any]
BLOSC_HEADER = 16
"""Bytes; the last four are the length of the whole chunk."""


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
    _check_size(path, image)
    full = image.levels[0]
    check_chunks(full)
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


def check_chunks(array: zarr.Array[Any]) -> None:
    """Refuse an array with a truncated chunk, where zarr itself would not notice.

    c-blosc, which trusts the length that a chunk states, reads on into whatever lies behind it in memory.

    Raises
    ------
    ImageError
        If a chunk is shorter than it says.
    """
    if array.shards is not None or not array.compressors or "blosc" not in type(array.compressors[-1]).__name__.lower():
        return
    for file in Path(array.store.root).rglob("*"):  # type: ignore[attr-defined]
        if file.name.startswith((".", "zarr.json")) or not file.is_file():
            continue
        with file.open("rb") as chunk:
            header = chunk.read(BLOSC_HEADER)
        stated = int.from_bytes(header[-4:], "little")
        if len(header) < BLOSC_HEADER or file.stat().st_size < stated:
            raise ImageError(f"{file} is truncated: pixels are missing at its end. Copy or export the image again.")


def _without_single_planes(array: Array, axes: str | None) -> tuple[Array, str | None]:
    """Drop the channel and other axes of length 1, which many programs write for labels too."""
    if axes is None:
        return array, None
    drop = tuple(i for i, letter in enumerate(axes) if array.shape[i] == 1 and letter not in "YX")
    return np.squeeze(array, axis=drop), "".join(letter for i, letter in enumerate(axes) if i not in drop)


def _check_size(path: Path, image: NgffImage) -> None:
    """Refuse what cannot fit: a few bytes of metadata can promise any number of pixels."""
    needed, memory = image.levels[0].nbytes, _memory()
    if memory is not None and needed > memory:
        raise ImageError(
            f"{path} has shape {image.levels[0].shape} and needs {needed / 1e9:.0f} GB, more memory than there is; "
            "crop it, or cut it into parts."
        )


def _memory() -> int | None:
    """Return the bytes of memory of this machine, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
