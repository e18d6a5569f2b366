"""A small picture of a slide with its labels, without reading either as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.io.ngff import is_zarr, open_ngff
from napari_wnet.slide.grid import Grid
from napari_wnet.slide.source import SlideSource

Array = npt.NDArray[Any]
STRIP_PX = 2048


def preview(slide: SlideSource, labels: Path, side: int) -> tuple[Array, npt.NDArray[np.int32]]:
    """Return a small picture of a slide and its labels, pixel for pixel.

    Parameters
    ----------
    slide : SlideSource
    labels : Path
        Its labels, OME-Zarr in several resolutions.
    side : int
        About how long the picture's longer side is at least, in pixels, if the slide's is.

    Returns
    -------
    (C, y, x) array
    (y, x) int32 array

    Raises
    ------
    ImageError
        If one of them cannot be read.
    """
    levels = [level for level in open_ngff(labels).levels if max(level.shape) >= side]
    small = np.asarray((levels or open_ngff(labels).levels)[-1 if levels else 0][:], np.int32)
    slide = _near(slide, small.shape[0])
    step = max(1, round(slide.shape[0] / small.shape[0]))
    side = max(1, STRIP_PX // step) * step
    grid = Grid(shape=slide.shape, step=(side, side))
    blocks = [slide.read_raw(grid.window(block))[:, ::step, ::step] for block in range(len(grid))]
    n_columns = grid.counts[1]
    picture = np.block([blocks[start : start + n_columns] for start in range(0, len(grid), n_columns)])
    height, width = np.minimum(picture.shape[1:], small.shape)
    return picture[:, :height, :width], small[:height, :width]


def _near(slide: SlideSource, height: int) -> SlideSource:
    """Return the slide at the lowest resolution that it has and that is high enough."""
    if slide.path is None or not is_zarr(slide.path):
        return slide
    at = slide.axes.index("Y")
    fine = [level for level in open_ngff(slide.path).levels if level.shape[at] >= height]
    return replace(slide, array=fine[-1]) if fine else slide
