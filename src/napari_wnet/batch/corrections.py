"""Labels that a person has corrected go back to where they came from, measured anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import CORRECTED, FileResult
from napari_wnet.batch.outputs import output_paths, staged, tidy
from napari_wnet.batch.reading import Loaded
from napari_wnet.batch.writing import PlaneResult, write_outputs
from napari_wnet.core.labels import check_labels
from napari_wnet.errors import ImageError, OutputError
from napari_wnet.io.axes import arrange
from napari_wnet.io.images import MOST_LABELS, read_image
from napari_wnet.io.sidecar import count_objects, read_sidecar, record_from, write_sidecar
from napari_wnet.io.sources import source_path

OF_MAPS = frozenset({"distmap", "embedding", "pca"})
"""Kinds that labels do not change."""


def save_labels(sidecar: str | Path, labels: npt.NDArray[Any], image: str | Path | None = None) -> FileResult:
    """Put corrected labels in the place of those of a result, with its table, overlay and other exports made anew.

    The sidecar notes ``result.edited`` and keeps the hash of the labels that the program found, so that a replay can
    still be compared with them. A batch that finds the result later leaves it alone.

    Parameters
    ----------
    sidecar : str or Path
        The .json file beside the result.
    labels : (..., Y, X) integer array
        Of the shape of the labels that were found.
    image : str or Path, optional
        Where the image is now, if it was moved.

    Returns
    -------
    FileResult

    Raises
    ------
    ParamsError
        If the sidecar cannot be read.
    ImageError
        If the labels are not of this image, or the image is not there any more.
    OutputError
        If something cannot be written; what was there is then still there.
    """
    sidecar = Path(sidecar)
    info = read_sidecar(sidecar)
    record, _ = record_from(info)
    path = source_path(info["input"], sidecar, moved_to=image)
    file = read_image(path)
    planes = arrange(file, axes=record.axes, channels=record.channels)
    shape = (*planes.array.shape[:-3], *planes.array.shape[-2:])
    checked = check_labels(labels, shape=shape)
    if checked.max(initial=0) > MOST_LABELS:
        raise ImageError(f"Label {checked.max()} is beyond {MOST_LABELS}; renumber the labels.")
    array = checked.astype(np.int32)
    found = output_paths(sidecar.parent, sidecar.stem, list(record.outputs))
    if {kind: found[kind].name for kind in record.outputs} != dict(record.outputs):
        raise OutputError(f"{sidecar.name} was renamed, its results were not; give it its name back.")
    targets = {kind: target for kind, target in found.items() if kind not in OF_MAPS}
    item = Item(path=path, stem=sidecar.stem)
    loaded = Loaded(item=item, file=file, sha256="", planes=planes, images=[], mask=None, mask_path=None, notes=())
    own = [PlaneResult(labels=plane, maps=None, notes=()) for plane in array.reshape(-1, *shape[-2:])]
    n_objects = count_objects(array)
    info["result"] |= {"edited": True, "objects": n_objects}
    tidy(sidecar.parent, item.stem)
    with staged(sidecar.parent, item.stem, targets, overwrite=True) as places:
        write_outputs(places, loaded, own, array)
        write_sidecar(places["sidecar"], info)
    return FileResult(path=path, n_objects=n_objects, notes=(CORRECTED,), outputs=found)
