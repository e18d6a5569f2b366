"""The diameter of a slide's objects, where it is to be estimated: decided once, on the liveliest of a few windows."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from napari_wnet.core.tiling import Window
from napari_wnet.network.checkpoint import Model
from napari_wnet.params import AUTO, SegmentParams
from napari_wnet.reports import Progress
from napari_wnet.sizing import sized_steps
from napari_wnet.slide.source import SlideSource

WINDOW_PX = 1536
ACROSS = 4
"""Windows along each side of the slide that are read to choose among."""
CHOSEN = 3


def sized_slide_steps(
    source: SlideSource, model: Model, params: SegmentParams, device: str
) -> Generator[Progress, None, tuple[SegmentParams, tuple[str, ...]]]:
    """Do what :func:`napari_wnet.sizing.sized_steps` does for images; a slide is not read as a whole for that."""
    if params.normalize.diameter != AUTO:
        return params, ()
    found: list[tuple[float, npt.NDArray[np.generic]]] = []
    windows = candidates(source.shape)
    for number, window in enumerate(windows):
        yield Progress(done=number, total=len(windows), what="looking for objects")
        image = source.read(window)
        found.append((float(image.std(dtype=np.float64)), image))
        found = sorted(found, key=lambda one: -one[0])[:CHOSEN]
    return (yield from sized_steps([image for _, image in found], model, params, device=device))


def candidates(shape: tuple[int, int]) -> list[Window]:
    """Return windows evenly spread over a slide, or the whole of a small one."""
    sides = []
    for length in shape:
        size = min(WINDOW_PX, length)
        starts = np.linspace(0, length - size, ACROSS if length > size else 1).astype(int)
        sides.append([slice(int(start), int(start) + size) for start in starts])
    return [(rows, columns) for rows in sides[0] for columns in sides[1]]
