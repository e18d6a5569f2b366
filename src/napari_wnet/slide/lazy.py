"""A slide for a viewer: all its resolutions, none of them read before it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_wnet.io.ngff import is_zarr, open_ngff
from napari_wnet.io.tiff import PixelSize
from napari_wnet.slide.source import letters_of, open_path

CHUNK_PX = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class LazySlide:
    """The resolutions of a slide as arrays of dask.

    Attributes
    ----------
    levels : tuple of arrays
        The first has the full resolution.
    axes : str
        Of each: C first, S last, no axis of length 1 but Y and X.
    pixel_size : (float, float) or None
    """

    levels: tuple[Any, ...]
    axes: str
    pixel_size: PixelSize | None


def open_lazy(path: Path, axes: str | None = None) -> LazySlide:
    """Open a slide for looking at.

    Raises
    ------
    ImageError
        If it cannot be opened, or it is not clear what its axes are.
    """
    import dask.array

    opened = open_path(path)
    letters = letters_of(opened, axes, str(path))
    arrays = open_ngff(path).levels if is_zarr(path) else (opened.array,)
    kept = [letter for letter, length in zip(letters, opened.array.shape, strict=True) if letter in "YX" or length > 1]
    order = sorted(kept, key=lambda letter: (letter != "C", letter in "YXS", "YXS".find(letter)))
    chunks = tuple(CHUNK_PX if letter in "YX" else -1 if letter == "S" else 1 for letter in letters)
    levels = []
    for array in arrays:
        lazy = dask.array.from_array(array, chunks=chunks, name=False)
        lazy = lazy[tuple(slice(None) if letter in kept else 0 for letter in letters)]
        levels.append(lazy.transpose([kept.index(letter) for letter in order]))
    return LazySlide(levels=tuple(levels), axes="".join(order), pixel_size=opened.pixel_size)
