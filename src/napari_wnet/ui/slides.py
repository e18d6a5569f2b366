"""Images too large for the memory in the Segment dock: the part that is in view, or the whole in blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_wnet.errors import ImageError
from napari_wnet.reports import Progress
from napari_wnet.ui.archive import default_folder
from napari_wnet.ui.foreground import Foreground
from napari_wnet.ui.layers import MARK, Source, full_size, n_planes, piece_placement
from napari_wnet.ui.settings import SegmentSettings

if TYPE_CHECKING:
    from napari_wnet.slide.earlier import SlideResult
    from napari_wnet.ui.work import Models

Window = tuple[slice, slice]
VIEW_PX = 4096
"""Side of the largest square that is segmented as one image; a plane of more pixels is a slide."""
IN_MEMORY_PX = 2048
"""Longest side of resolutions of labels that are kept in memory: what fits on a screen."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SlideRequest:
    """One press of Run for a slide in blocks.

    Attributes
    ----------
    data : array-like
        Of the layer, at full resolution; it stays lazy.
    axes : str
        One letter an axis.
    out : Path
        Folder of the labels.
    settings : SegmentSettings
    foreground : array-like or None
        Mask of the user's, which stays lazy too.
    """

    data: Any
    axes: str
    out: Path
    settings: SegmentSettings
    foreground: Any = None


def is_slide(layer: Layer | None, channel_axis: int | None) -> bool:
    """Tell whether a layer is a single plane that is read piece by piece and too large to be read as one."""
    if not isinstance(layer, Image) or n_planes(layer, channel_axis) != 1:
        return False
    data = full_size(layer)
    lazy = layer.multiscale or not isinstance(data, np.ndarray)
    height, width = _sides(layer)
    return lazy and height * width > VIEW_PX**2


def _sides(layer: Layer) -> tuple[int, int]:
    shape = full_size(layer).shape
    shape = shape[:-1] if layer.rgb else shape
    return int(shape[-2]), int(shape[-1])


def view_window(layer: Layer) -> Window:
    """Return which pixels of a layer, at full resolution, are in view.

    Raises
    ------
    ImageError
        If none are, or more than can be segmented as one image.
    """
    factors = layer.downsample_factors[layer.data_level][-2:] if layer.multiscale else (1, 1)
    low, high = (np.asarray(corner)[-2:] * factors for corner in np.add(layer.corner_pixels, [[0], [1]]))
    rows, columns = (
        slice(max(0, int(np.floor(first))), min(side, int(np.ceil(last))))
        for first, last, side in zip(low, high, _sides(layer), strict=True)
    )
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if height < 2 or width < 2:
        raise ImageError(f"Nothing of '{layer.name}' is in view; move it into view, or choose the whole image.")
    if height * width > VIEW_PX**2:
        raise ImageError(
            f"{height} x {width} pixels of '{layer.name}' are in view; zoom in to at most {VIEW_PX} x {VIEW_PX}, "
            "or choose the whole image."
        )
    return rows, columns


def cropped(source: Source, layer: Layer, window: Window) -> Source:
    """Return a window of a source, which stays lazy, with the options that put results over it."""
    rows, columns = window
    corner = np.zeros(layer.ndim)
    corner[-2:] = rows.start, columns.start
    moved = np.subtract(layer.data_to_world(corner), layer.data_to_world(np.zeros(layer.ndim)))
    placement = dict(source.placement)
    # A layer is moved before its affine transform; axes that results have not were dropped from the front.
    linear = np.asarray(placement["affine"])[:-1, :-1]
    placement["translate"] = placement["translate"] + np.linalg.solve(linear, moved[-len(linear) :])
    return replace(source, planes=source.planes[..., rows, columns], placement=placement)


def slide_request(layer: Layer, settings: SegmentSettings, foreground: Foreground | None = None) -> SlideRequest:
    """Return what segmenting the whole of a layer in blocks needs.

    The folder is the same for the same layer, so that a run that was cancelled goes on where it stopped. Labels that
    are there stay: another layer may show them.
    """
    axes = ["Q"] * layer.ndim
    axes[-2:] = "YX"
    if settings.axis is not None and not layer.rgb:
        axes[settings.axis] = "C"
    source = str(getattr(layer.source, "path", None) or layer.name)
    which = f"{source}\0{layer.name}".encode(errors="surrogatepass")  # a reader makes several layers of a file
    name = f"{Path(source).name.split('.')[0]}-{hashlib.sha256(which).hexdigest()[:8]}"
    autosave = default_folder()
    folder = autosave.with_name(f"{autosave.name}-slides") / name
    places = (folder / f"labels{number}.ome.zarr" for number in count(1))
    return SlideRequest(
        data=full_size(layer),
        axes="".join(axes) + ("S" if layer.rgb else ""),
        out=next(place for place in places if not place.exists()),
        settings=settings,
        foreground=None if foreground is None else foreground.lazy(_sides(layer)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentedSlide:
    """A slide that is segmented.

    Attributes
    ----------
    result : SlideResult
    levels : tuple of (Y, X) array-likes
        The labels; resolutions that a window shows as a whole are in memory, so that showing them reads no file.
    """

    result: SlideResult
    levels: tuple[Any, ...]


def slide_steps(request: SlideRequest, models: Models) -> Generator[Progress, None, SegmentedSlide]:
    """Segment a slide; what an earlier run with other settings has left is replaced."""
    from napari_wnet.io.ngff import open_ngff
    from napari_wnet.slide.run import segment_zarr_steps

    settings = request.settings
    model = yield from models.steps(settings.model)
    channels = ",".join(map(str, settings.channels)) or None
    result = yield from segment_zarr_steps(
        request.data,
        request.out,
        model,
        settings.params,
        device=settings.device,
        axes=request.axes,
        foreground=request.foreground,
        channels=channels,
        overwrite=True,
    )
    levels = open_ngff(result.labels).levels
    shown = [level if max(level.shape) > IN_MEMORY_PX else np.asarray(level[:]) for level in levels]
    return SegmentedSlide(result=result, levels=tuple(shown))


def show_slide(viewer: ViewerModel, layer: Layer, settings: SegmentSettings, slide: SegmentedSlide) -> None:
    """Show the labels of a slide over its layer; they stay on the disk, and napari reads what is in view."""
    levels, folder = list(slide.levels), slide.result.labels.parent
    made = {"kind": "slide", "source": layer.name, "settings": settings.to_dict(), "folder": str(folder)}
    viewer.add_labels(
        levels if len(levels) > 1 else levels[0],
        multiscale=len(levels) > 1,
        name=f"{layer.name} labels",
        metadata={MARK: made},
        **piece_placement(layer),
    )
