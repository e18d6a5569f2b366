"""Labels as OME-Zarr: beside an image, in a folder of their own, or inside an image's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import atomic_folder
from napari_wnet.core.labels import LabelArray, check_labels
from napari_wnet.errors import ImageError, OutputError
from napari_wnet.io.export_context import ExportContext, lead_names
from napari_wnet.io.ngff import NgffImage, is_zarr, label_names, open_ngff
from napari_wnet.io.ngff_write import LevelAxis, Version, halves, write_attributes, write_levels

VERSION: Version = "0.4"
"""Of what lies beside an image: most programs read it, those in Java and older ones among them, while 0.5 needs readers
of zarr 3. Inside an image, the image's own version counts."""
NAME_CHARACTERS = "-_. "


def write_ngff_labels(
    path: str | Path, labels: npt.ArrayLike, context: ExportContext | None = None, *, version: Version = VERSION
) -> None:
    """Write labels as an OME-Zarr folder of their own, in several resolutions.

    Parameters
    ----------
    path : str or Path
        Ends in ``.ome.zarr``.
    labels : (..., Y, X) integer array
    context : ExportContext, optional
    version : str
        Of NGFF: ``"0.4"`` (zarr 2) or ``"0.5"`` (zarr 3).

    Raises
    ------
    ImageError
        If these are no labels.
    OutputError
        If the folder exists or cannot be written, or has more axes than OME-Zarr allows.
    """
    context = context or ExportContext()
    path = Path(path)
    if path.is_dir() and not is_zarr(path):
        raise OutputError(f"{path} is a folder of something else; give another name.")
    array = _plain_labels(labels, str(path))
    height, width = context.pixel_size or (1.0, 1.0)
    unit = None if context.pixel_size is None else "micrometer"
    axes = [LevelAxis(name) for name in lead_names(array.ndim - 2, context.lead).lower()]
    axes += [LevelAxis("y", height, unit), LevelAxis("x", width, unit)]
    name = path.name.split(".")[0]
    with atomic_folder(path, overwrite=context.overwrite) as partial:
        multiscale = write_levels(partial, array, axes, halves(array.shape), version)
        write_attributes(partial, _attributes(name, version, multiscale, {}), version)


def add_ngff_labels(
    image_path: str | Path, name: str, labels: npt.ArrayLike, *, lead: str = "", overwrite: bool = False
) -> Path:
    """Write labels into the folder of an OME-Zarr image, where viewers look for them.

    Parameters
    ----------
    image_path : str or Path
        Folder of an image, in NGFF 0.4 or 0.5.
    name : str
        Of the labels: letters, digits, spaces and ``- _ .``.
    labels : (..., Y, X) integer array
        As large as the image, but without its channels; other axes of the image may be missing.
    lead : str
        One letter for each axis of the labels before Y and X.
    overwrite : bool
        Whether labels of that name may be replaced.

    Returns
    -------
    Path
        The folder of the labels.

    Raises
    ------
    ImageError
        If these are no labels, or there is no such image, or it is of another size.
    OutputError
        If labels of that name exist, or cannot be written.
    """
    if not name.strip(NAME_CHARACTERS) or name[0] == "." or not all(c.isalnum() or c in NAME_CHARACTERS for c in name):
        raise OutputError(f"'{name}' is no name for labels; use letters, digits, spaces and - _ .")
    image = open_ngff(image_path)
    version: Version = "0.5" if image.version.startswith("0.5") else "0.4"
    group = image.path / "labels"
    array = _plain_labels(labels, f"{image_path}: the labels")
    axes = _axes_like(image, array.shape, lead_names(array.ndim - 2, lead))
    with atomic_folder(group / name, overwrite=overwrite) as partial:
        multiscale = write_levels(partial, array, axes, _sizes(image), version)
        label = {"source": {"image": "../../"}}
        write_attributes(partial, _attributes(name, version, multiscale, label), version)
    # The list comes last: what it names is there.
    listed = label_names(group) if is_zarr(group) else ()
    if name not in listed:
        write_attributes(group, {"labels": [*listed, name]}, version)
    return group / name


def _plain_labels(labels: npt.ArrayLike, what: str) -> LabelArray:
    array = check_labels(labels, what)
    if array.size == 0 or not 2 <= array.ndim <= 5:
        raise OutputError(f"Labels of shape {array.shape} do not fit into OME-Zarr; it has two to five axes.")
    largest = int(array.max())
    if largest > np.iinfo(np.uint32).max:
        raise ImageError(f"{what}: label {largest} is too large for a file; renumber the labels.")
    return array.astype(np.uint16 if largest <= np.iinfo(np.uint16).max else np.uint32, copy=False)


def _axes_like(image: NgffImage, shape: tuple[int, ...], lead: str) -> list[LevelAxis]:
    """Return the axes of labels with the scale and the units that their image has."""
    known = image.axes or ""
    axes = []
    for letter, length in zip(lead + "YX", shape, strict=True):
        place = known.find(letter)
        if place < 0 or image.levels[0].shape[place] != length:
            raise ImageError(
                f"The labels have shape {shape} with the axes {lead}YX, the image {image.path} "
                f"{image.levels[0].shape} with {known}; give the labels of that very image."
            )
        axes.append(LevelAxis(letter.lower(), image.scale[place], image.axis_units[place]))
    return axes


def _sizes(image: NgffImage) -> list[tuple[int, int]]:
    """Return height and width of an image's levels, for the standard wants its labels to have as many."""
    places = [(image.axes or "").index(letter) for letter in "YX"]
    return [(level.shape[places[0]], level.shape[places[1]]) for level in image.levels]


def _attributes(name: str, version: Version, multiscale: dict[str, Any], label: dict[str, Any]) -> dict[str, Any]:
    # 0.5 has its version once for all of it; write_attributes puts it there.
    said = {"version": version} if version == "0.4" else {}
    return {"multiscales": [{**said, "name": name, **multiscale}], "image-label": {**said, **label}}
