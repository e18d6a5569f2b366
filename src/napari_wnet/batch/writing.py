"""The last stage of a file: labels from maps, measurements, and all of it onto the disk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_wnet.atomic import writing
from napari_wnet.batch.job import BatchJob, FileResult
from napari_wnet.batch.outputs import EARLIER, left_of_earlier, output_paths, staged
from napari_wnet.batch.reading import Loaded
from napari_wnet.core.embedding_view import embedding_rgb
from napari_wnet.core.maps import Maps, to_float
from napari_wnet.core.measure import measure_plane
from napari_wnet.core.render import overlay
from napari_wnet.errors import NoRoomError
from napari_wnet.io.export_context import ExportContext
from napari_wnet.io.exports import EXPORTS, write_distance, write_embedding, write_picture
from napari_wnet.io.images import write_labels
from napari_wnet.io.sidecar import RunRecord, sidecar_info, write_sidecar
from napari_wnet.io.tables import write_table
from napari_wnet.network.device import choose_device, fast_dtype
from napari_wnet.pipeline import finish

BYTES_PER_PIXEL = {"labels": 4, "distmap": 4, "pca": 3, "overlay": 3, **dict.fromkeys(EXPORTS, 4)}
SPARE_BYTES = 16 * 2**20
"""Left free, beside what is written: tables, sidecars, and what else happens on the disk."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneResult:
    """A segmented plane; its maps only if they are to be written."""

    labels: npt.NDArray[np.int32]
    maps: Maps | None
    notes: tuple[str, ...]


def label_plane(job: BatchJob, loaded: Loaded, index: int, maps: Maps) -> PlaneResult:
    """Make the labels of a plane."""
    foreground = None if loaded.mask is None else loaded.mask[index]
    result = finish(loaded.images[index], job.model, job.params, maps, foreground)
    # The maps of a long stack are large: only what is written of them is kept.
    wanted = set(job.save) & {"distmap", "embedding"} or ("pca" in job.save and index == len(loaded.images) // 2)
    return PlaneResult(labels=result.labels, maps=maps if wanted else None, notes=result.notes)


def store(job: BatchJob, loaded: Loaded, planes: Sequence[PlaneResult]) -> FileResult:
    """Write everything that was asked for of a file.

    Raises
    ------
    NoRoomError
        If there is too little room on the disk, before anything is written.
    OutputError
        If something cannot be written or is in the way.
    """
    targets = output_paths(job.out, loaded.item.stem, job.save)
    _check_room(job, loaded)
    lead = loaded.planes.array.shape[:-3]
    labels = np.stack([plane.labels for plane in planes]).reshape(*lead, *planes[0].labels.shape)
    notes = tuple(dict.fromkeys((*loaded.notes, *(note for plane in planes for note in plane.notes))))
    with staged(job.out, loaded.item.stem, targets, overwrite=job.overwrite) as places:
        write_outputs(places, loaded, planes, labels)
        info = sidecar_info(_record(job, loaded, targets, notes), job.params, labels)
        if left := left_of_earlier(targets):
            info["result"][EARLIER] = left
        write_sidecar(places["sidecar"], info)
    n_objects = int(info["result"]["objects"])
    return FileResult(path=loaded.item.path, n_objects=n_objects, notes=notes, outputs=targets)


def _check_room(job: BatchJob, loaded: Loaded) -> None:
    """Refuse to begin what cannot be ended; nothing is packed that well for sure."""
    pixels = sum(image.shape[-2] * image.shape[-1] for image in loaded.images)
    each = BYTES_PER_PIXEL | {"embedding": 4 * job.model.header.config.embedding_dim}
    needed = pixels * sum(each[kind] for kind in {"labels", *job.save}) + SPARE_BYTES
    with writing(job.out):
        job.out.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(job.out).free
    if free < needed:
        raise NoRoomError(
            f"The disk of {job.out} is too full: the results of {loaded.item.path.name} may need "
            f"{needed / 1e6:.0f} MB, {free / 1e6:.0f} MB are free. Make room for {(needed - free) / 1e6:.0f} MB more, "
            "or choose another disk (--out)."
        )


def _record(job: BatchJob, loaded: Loaded, targets: dict[str, Path], notes: tuple[str, ...]) -> RunRecord:
    file, planes, device = loaded.file, loaded.planes, choose_device(job.device)
    return RunRecord(
        input_path=str(loaded.item.path),
        input_sha256=loaded.sha256,
        model_name=job.model.name,
        model_sha256=job.model.sha256,
        model_path=str(job.model.path),
        shape=file.array.shape,
        dtype=str(file.array.dtype),
        file_axes=file.axes,
        axes=job.axes,
        channels=planes.channels if job.channels else None,
        lead=planes.lead,
        foreground_path=None if loaded.mask_path is None else str(loaded.mask_path),
        pixel_size=file.pixel_size,
        unit=file.unit,
        device=str(device),
        threads=torch.get_num_threads(),
        precision=str(fast_dtype(device)).removeprefix("torch."),
        diameter_estimated=loaded.estimated,
        outputs={kind: output.name for kind, output in targets.items() if kind != "sidecar"},
        notes=notes,
    )


def write_outputs(
    places: dict[str, Path], loaded: Loaded, planes: Sequence[PlaneResult], labels: npt.NDArray[np.int32]
) -> None:
    """Write results to where they are asked for, by kind; those of maps need the planes' maps."""
    lead, axes, size = loaded.planes.array.shape[:-3], loaded.planes.lead + "YX", loaded.file.pixel_size
    maps = [plane.maps for plane in planes if plane.maps is not None]
    write_labels(places["labels"], labels, size, axes=axes)
    write_table(places["table"], _table(loaded, planes))
    if "distmap" in places:
        distance = np.stack([own.distance for own in maps]).reshape(labels.shape)
        write_distance(places["distmap"], distance, size, axes=axes)
    if "embedding" in places:
        embedding = np.stack([to_float(own.embedding) for own in maps])
        embedding = embedding.reshape(*lead, *embedding.shape[1:])
        write_embedding(places["embedding"], embedding, size, axes=loaded.planes.lead + "CYX")
    # A picture shows one plane; of a stack, the middle one.
    middle = len(planes) // 2
    if "pca" in places:
        shown = maps[min(middle, len(maps) - 1)]
        write_picture(places["pca"], embedding_rgb(shown.embedding, shown.foreground))
    if "overlay" in places:
        write_picture(places["overlay"], overlay(_plane(loaded, middle), planes[middle].labels))
    context = ExportContext(
        name=loaded.item.path.name, lead=loaded.planes.lead, image=loaded.planes.array, pixel_size=size
    )
    for kind in [kind for kind in EXPORTS if kind in places]:
        EXPORTS[kind].write(places[kind], labels, context)


def _table(loaded: Loaded, planes: Sequence[PlaneResult]) -> dict[str, npt.NDArray[Any]]:
    """Return the measurements of all planes, with a column for each leading axis of a stack."""
    lead = loaded.planes.array.shape[:-3]
    tables = []
    for index, plane in enumerate(planes):
        columns = measure_plane(plane.labels, _plane(loaded, index), loaded.file.pixel_size)
        where = np.unravel_index(index, lead) if lead else ()
        count = len(columns["label"])
        places = {axis.lower(): np.full(count, place) for axis, place in zip(loaded.planes.lead, where, strict=True)}
        tables.append({**places, **columns})
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _plane(loaded: Loaded, index: int) -> npt.NDArray[Any]:
    """Return a plane with all channels of the file, (C, Y, X)."""
    array = loaded.planes.array
    plane: npt.NDArray[Any] = array.reshape(-1, *array.shape[-3:])[index]
    return plane
