"""A file of a batch and its result, read outside the GUI thread and ready to be layers."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.batch.inputs import Item
from napari_wnet.batch.outputs import output_paths
from napari_wnet.errors import ImageError, WNetError
from napari_wnet.io.axes import Planes, arrange
from napari_wnet.io.images import ImageFile, read_image, read_labels
from napari_wnet.io.ngff import is_large, open_ngff
from napari_wnet.io.sidecar import RunRecord, file_sha256, read_sidecar, record_from
from napari_wnet.io.tiff import UNIT
from napari_wnet.params import SegmentParams
from napari_wnet.reports import Progress
from napari_wnet.ui.describer import Known, Pixels, measured_steps
from napari_wnet.ui.layers import MARK
from napari_wnet.ui.settings import NO_AXIS, SegmentSettings

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """What becomes an image layer and, where there is a result, a labels layer.

    Attributes
    ----------
    item : Item
    image, image_options : array or list of arrays, dict
        For `add_image`.
    labels, labels_options : array, list of arrays or None, dict
        For `add_labels`.
    pixels, tables : Pixels or None, mapping of index to Measured
        What the labels are measured with, and what was measured of each plane.
    sidecar : Path or None
        Of the result.
    note : str
        What the user should know.
    in_pieces : bool
        Whether labels stay on the disk, and cannot be corrected.
    """

    item: Item
    image: Any
    image_options: dict[str, Any]
    labels: Any = None
    labels_options: dict[str, Any]
    pixels: Pixels | None = None
    tables: Known = field(default_factory=dict)
    sidecar: Path | None = None
    note: str = ""
    in_pieces: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class _Made:
    """A result that is there."""

    sidecar: Path
    record: RunRecord
    params: SegmentParams
    blocks: bool


def opening_steps(item: Item, out: Path, axes: str | None) -> Generator[Progress | None, None, Opened]:
    """Read an image and, where it has been segmented, its labels.

    Parameters
    ----------
    item : Item
    out : Path
        The folder of the results.
    axes : str or None
        What the user says of the axes of files.

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    yield Progress(done=0, total=0, what=f"opening {item.path.name}")
    made = _made(item, out)
    if is_large(item.path) or (made is not None and made.blocks):
        return _slide(item, axes, made)
    file = read_image(item.path)
    try:
        planes = _arranged(file, axes, made)
    except ImageError as error:  # to see what there is helps to say what the axes are
        if made is not None:
            raise
        options = {"name": item.path.stem, "rgb": file.rgb}
        return Opened(item=item, image=file.array, image_options=options, labels_options={}, note=str(error))
    yield Progress(done=0, total=0, what=f"opening {item.path.name}")
    array, channel_axis = _array(planes)
    image_options = {"name": item.path.stem, "rgb": planes.rgb, **_placed(file, planes.lead, channel_axis)}
    if made is None:
        return Opened(item=item, image=array, image_options=image_options, labels_options={})
    labels = read_labels(made.sidecar.with_name(made.record.outputs["labels"]))
    shape = (*planes.array.shape[:-3], *planes.array.shape[-2:])
    if labels.shape != shape:
        raise ImageError(f"The labels of {item.path.name} have shape {labels.shape}, not {shape}; segment it again.")
    pixels = Pixels(planes=planes.array, size=file.pixel_size)
    tables = yield from measured_steps(labels, pixels)
    return Opened(
        item=item,
        image=array,
        image_options=image_options,
        labels=labels,
        pixels=pixels,
        tables=tables,
        labels_options={
            "name": f"{item.path.stem} labels",
            "metadata": {MARK: _mark(made, planes, (item.path.stem, channel_axis))},
            **_placed(file, planes.lead, None),
        },
        sidecar=made.sidecar,
    )


def _slide(item: Item, axes: str | None, made: _Made | None) -> Opened:
    """Return what napari reads piece by piece: a slide, and its labels, which cannot be painted on."""
    from napari_wnet.slide.lazy import open_lazy

    slide = open_lazy(item.path, axes if made is None else made.record.axes or axes)
    several, rgb, name = len(slide.levels) > 1, slide.axes.endswith("S"), Path(item.stem).name
    options: dict[str, Any] = {}
    image_options = {"name": name, "rgb": rgb, "multiscale": several}
    if slide.pixel_size is not None:
        n_lead = len(slide.axes) - 2 - rgb
        options = {"scale": slide.pixel_size, "units": (UNIT, UNIT)}
        image_options |= {"scale": (*(1.0,) * n_lead, *slide.pixel_size), "units": (*("pixel",) * n_lead, UNIT, UNIT)}
    image = list(slide.levels) if several else slide.levels[0]
    if made is None:
        return Opened(item=item, image=image, image_options=image_options, labels_options={})
    levels = list(open_ngff(made.sidecar.with_name(made.record.outputs["labels"])).levels)
    return Opened(
        item=item,
        image=image,
        image_options=image_options,
        labels=levels if len(levels) > 1 else levels[0],
        labels_options={"name": f"{name} labels", "multiscale": len(levels) > 1, **options},
        sidecar=made.sidecar,
        note="Labels of a slide are read from the disk piece by piece, and cannot be painted on.",
        in_pieces=True,
    )


def _made(item: Item, out: Path) -> _Made | None:
    """Return the result of an image, if there is one."""
    sidecar = output_paths(out, item.stem, ())["sidecar"]
    with contextlib.suppress(WNetError, KeyError, TypeError):
        info = read_sidecar(sidecar)
        record, params = record_from(info)
        if _is_of(info["input"], item.path) and "labels" in record.outputs:
            return _Made(sidecar=sidecar, record=record, params=params, blocks="blocks" in info)
    return None


def _is_of(file: Mapping[str, Any], path: Path) -> bool:
    """Tell whether an image is the one that a sidecar names: there, or moved or copied since, as results may be."""
    # The place is asked first: to hash a slide takes minutes.
    return Path(file["absolute_path"]) == path.resolve() or bool(file["sha256"] == file_sha256(path))


def _arranged(file: ImageFile, axes: str | None, made: _Made | None) -> Planes:
    """Return all channels, or where only a choice of them tells what the axes are, those that were chosen."""
    if made is None:
        return arrange(file, axes=axes)
    try:
        return arrange(file, axes=made.record.axes)
    except ImageError:
        return arrange(file, axes=made.record.axes, channels=made.record.channels)


def _array(planes: Planes) -> tuple[Array, int | None]:
    """Return the array of an image layer, and which of its axes holds channels: the first, as labels lack it."""
    if planes.rgb:
        return np.moveaxis(planes.array, -3, -1), None
    if planes.array.shape[-3] == 1:
        return planes.array[..., 0, :, :], None
    return np.moveaxis(planes.array, -3, 0), 0


def _placed(file: ImageFile, lead: str, channel_axis: int | None) -> dict[str, Any]:
    """Return scale, units and names of a layer's axes."""
    names = ("c", *lead.lower(), "y", "x") if channel_axis is not None else (*lead.lower(), "y", "x")
    options: dict[str, Any] = {"axis_labels": names}
    if file.pixel_size is not None:
        n_lead = len(names) - 2
        options["scale"] = (*(1.0,) * n_lead, *file.pixel_size)
        options["units"] = (*("pixel",) * n_lead, file.unit, file.unit)
    return options


def _mark(made: _Made, planes: Planes, image: tuple[str, int | None]) -> dict[str, Any]:
    """Return what the Repair dock wants to know of labels: their image, and how they were made."""
    record, (source, channel_axis) = made.record, image
    chosen = () if channel_axis is None or planes.channels == record.channels else record.channels or ()
    model = record.model_path if Path(record.model_path).is_file() else record.model_name
    settings = SegmentSettings(
        image=source,
        channel_axis=NO_AXIS if channel_axis is None else channel_axis,
        channels=chosen,
        model=model,
        device=record.device,
        params=made.params,
    )
    return {
        "kind": "labels",
        "source": source,
        "model": record.model_name,
        "sha256": record.model_sha256,
        "params": made.params.to_dict(),
        "settings": settings.to_dict(),
    }
