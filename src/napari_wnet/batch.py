"""Files in, files out: each image's labels, what else was asked for, a table and a sidecar."""

from __future__ import annotations

import glob
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from napari_wnet.atomic import refuse_existing
from napari_wnet.core.image import match_channels
from napari_wnet.core.maps import Maps, to_float
from napari_wnet.core.measure import measure_plane
from napari_wnet.core.render import embedding_rgb, overlay
from napari_wnet.errors import ImageError, OutputError, ParamsError, WNetError
from napari_wnet.io.axes import Planes, arrange
from napari_wnet.io.exports import write_distance, write_embedding, write_picture
from napari_wnet.io.images import ImageFile, is_image_name, read_image, read_mask, write_labels
from napari_wnet.io.sidecar import RunRecord, sidecar_info, write_sidecar
from napari_wnet.io.tables import write_table
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.device import choose_device, fast_dtype
from napari_wnet.params import SegmentParams
from napari_wnet.pipeline import segment_steps
from napari_wnet.reports import Progress

Kind = Literal["labels", "distmap", "embedding", "pca", "overlay"]
KINDS: tuple[Kind, ...] = ("labels", "distmap", "embedding", "pca", "overlay")
ENDINGS = {
    "labels": "_labels.tif",
    "distmap": "_distmap.tif",
    "embedding": "_embedding.tif",
    "pca": "_pca.png",
    "overlay": "_overlay.png",
    "table": ".csv",
    "sidecar": ".json",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchJob:
    """How a set of files is segmented.

    Attributes
    ----------
    model : Model
    params : SegmentParams
    out : Path
        Folder of the results.
    save : tuple of str
        Kinds of :data:`KINDS`; labels, table and sidecar are always written.
    device : str
    foreground : Path or None
        A mask file, or a folder with a mask of the same name for each image.
    axes : str or None
    channels : str or None
        See :func:`napari_wnet.io.axes.arrange`.
    overwrite : bool
    """

    model: Model
    params: SegmentParams
    out: Path
    save: tuple[Kind, ...] = ("labels",)
    device: str = "auto"
    foreground: Path | None = None
    axes: str | None = None
    channels: str | None = None
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """What became of one file."""

    path: Path
    n_objects: int = 0
    seconds: float = 0.0
    error: str = ""
    notes: tuple[str, ...] = ()
    outputs: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The files that were named, in order and once each, and a line for each that is no image."""

    files: tuple[Path, ...]
    problems: tuple[str, ...]


def find_inputs(named: Iterable[str], out: Path) -> Inputs:
    """Return the image files behind names of files, folders and patterns.

    In folders and behind patterns, files that are no images are listed, and results in `out` are left alone.

    Raises
    ------
    ImageError
        If a name leads nowhere.
    """
    files: dict[Path, Path] = {}
    problems: list[str] = []
    for name in named:
        path = Path(name)
        if path.is_file():
            files.setdefault(path.resolve(), path)
            continue
        found = sorted(path.iterdir()) if path.is_dir() else sorted(map(Path, glob.glob(name, recursive=True)))  # noqa: PTH207 - a pattern may be absolute
        if not found:
            raise ImageError(f"'{name}' names no file; check the name, or put a pattern in quotes.")
        for entry in found:
            if not entry.is_file() or entry.name.startswith("."):
                continue
            if not is_image_name(entry):
                problems.append(f"{entry}: not an image, skipped")
            elif not _is_own_output(entry, out):
                files.setdefault(entry.resolve(), entry)
    return Inputs(files=tuple(files.values()), problems=tuple(problems))


def _is_own_output(path: Path, out: Path) -> bool:
    """Tell whether a file in the output folder is a result of an earlier run: it has a sidecar."""
    stems = [path.name.removesuffix(ending) for ending in ENDINGS.values() if path.name.endswith(ending)]
    return path.parent.resolve() == out.resolve() and any(
        (out / (stem + ENDINGS["sidecar"])).exists() for stem in stems
    )


def segment_files_steps(job: BatchJob, files: Sequence[Path]) -> Generator[Progress | FileResult, None, None]:
    """Segment files one by one; a file that fails is reported and the others go on.

    Yields
    ------
    Progress
        Within a file, after each tile.
    FileResult
        After each file.
    """
    taken: dict[str, Path] = {}
    for path in files:
        began = monotonic()
        try:
            stem = _stem(path)
            if stem in taken:
                raise OutputError(
                    f"Its results would have the same names as those of {taken[stem]}; "
                    "segment the two into different folders."
                )
            taken[stem] = path
            result = yield from _segment_file(job, path)
        except WNetError as error:
            yield FileResult(path=path, error=str(error), seconds=monotonic() - began)
        else:
            yield FileResult(path=path, seconds=monotonic() - began, **result)


def _segment_file(job: BatchJob, path: Path) -> Generator[Progress, None, dict[str, Any]]:
    outputs = _outputs(job, path)
    for output in outputs.values():
        refuse_existing(output, overwrite=job.overwrite)
    file = read_image(path)
    planes = arrange(file, axes=job.axes, channels=job.channels)
    mask_path = _mask_path(job, path)
    mask = None if mask_path is None else _matching(read_mask(mask_path), planes, mask_path)
    done = yield from _segment_planes(job, planes, mask)
    notes = tuple(dict.fromkeys((*file.notes, *done.notes)))
    labels = done.labels.reshape(*planes.array.shape[:-3], *done.labels.shape[-2:])
    _write(job, outputs, (file, planes, done, labels))
    device = choose_device(job.device)
    record = RunRecord(
        input_path=str(path),
        model_name=job.model.name,
        model_sha256=job.model.sha256,
        shape=file.array.shape,
        dtype=str(file.array.dtype),
        file_axes=file.axes,
        axes=job.axes,
        channels=planes.channels if job.channels else None,
        lead=planes.lead,
        foreground_path=None if mask_path is None else str(mask_path),
        pixel_size=file.pixel_size,
        unit=file.unit,
        device=str(device),
        threads=torch.get_num_threads(),
        precision=str(fast_dtype(device)).removeprefix("torch."),
        outputs={kind: output.name for kind, output in outputs.items() if kind != "sidecar"},
        notes=notes,
    )
    # Last, so that a sidecar means that everything it names is there.
    write_sidecar(outputs["sidecar"], sidecar_info(record, job.params, labels), overwrite=job.overwrite)
    n_objects = int(sum(plane.max(initial=0) for plane in done.labels))
    return {"n_objects": n_objects, "notes": notes, "outputs": outputs}


def _outputs(job: BatchJob, path: Path) -> dict[str, Path]:
    kinds = dict.fromkeys(("labels", *job.save, "table", "sidecar"))
    return {kind: job.out / (_stem(path) + ENDINGS[kind]) for kind in kinds}


def _stem(path: Path) -> str:
    return path.stem.removesuffix(".ome")


def _mask_path(job: BatchJob, path: Path) -> Path | None:
    if job.foreground is None or not job.foreground.is_dir():
        return job.foreground
    found = [entry for entry in sorted(job.foreground.iterdir()) if entry.stem == path.stem and is_image_name(entry)]
    if not found:
        raise ParamsError(f"There is no foreground mask named {path.stem}.* in {job.foreground}; add it.")
    return found[0]


def _matching(mask: npt.NDArray[np.bool_], planes: Planes, path: Path) -> npt.NDArray[np.bool_]:
    """Return the mask as one plane for each of the image's, (N, Y, X)."""
    lead, plane = planes.array.shape[:-3], planes.array.shape[-2:]
    if mask.shape == plane:
        return np.broadcast_to(mask, (int(np.prod(lead, dtype=int)), *plane))
    if mask.shape != (*lead, *plane):
        raise ImageError(
            f"{path}: the foreground mask has shape {mask.shape}, the image {(*lead, *plane)}; they must agree."
        )
    return mask.reshape(-1, *plane)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Done:
    """All planes of a file, with the maps that are to be written: of all planes, of the middle one, or none."""

    labels: npt.NDArray[np.int32]
    images: list[npt.NDArray[Any]]
    maps: list[Maps]
    notes: tuple[str, ...]


def _segment_planes(
    job: BatchJob, planes: Planes, mask: npt.NDArray[np.bool_] | None
) -> Generator[Progress, None, _Done]:
    stack = planes.array.reshape(-1, *planes.array.shape[-3:])
    done = _Done(labels=np.zeros((len(stack), *stack.shape[-2:]), np.int32), images=[], maps=[], notes=())
    notes: dict[str, None] = {}
    for index, plane in enumerate(stack):
        image, note = match_channels(plane, job.model.header.config.in_channels, rgb=planes.rgb)
        foreground = None if mask is None else mask[index]
        result = yield from segment_steps(image, job.model, job.params, device=job.device, foreground=foreground)
        notes.update(dict.fromkeys((*(() if note is None else (note,)), *result.notes)))
        done.labels[index] = result.labels
        done.images.append(plane)
        # The maps of a long stack are large: only what is written of them is kept.
        if set(job.save) & {"distmap", "embedding"} or ("pca" in job.save and index == len(stack) // 2):
            done.maps.append(result.maps)
    return _Done(labels=done.labels, images=done.images, maps=done.maps, notes=tuple(notes))


def _write(
    job: BatchJob, outputs: dict[str, Path], what: tuple[ImageFile, Planes, _Done, npt.NDArray[np.int32]]
) -> None:
    file, planes, done, labels = what
    lead = planes.array.shape[:-3]
    size = file.pixel_size
    over = {"overwrite": job.overwrite}
    write_labels(outputs["labels"], labels, size, axes=planes.lead + "YX", **over)
    write_table(outputs["table"], _table(file, planes, done), **over)
    if "distmap" in outputs:
        distance = np.stack([maps.distance for maps in done.maps]).reshape(labels.shape)
        write_distance(outputs["distmap"], distance, size, axes=planes.lead + "YX", **over)
    if "embedding" in outputs:
        embedding = np.stack([to_float(maps.embedding) for maps in done.maps])
        embedding = embedding.reshape(*lead, *embedding.shape[1:])
        write_embedding(outputs["embedding"], embedding, size, axes=planes.lead + "CYX", **over)
    # A picture shows one plane; of a stack, the middle one.
    middle = len(done.images) // 2
    if "pca" in outputs:
        maps = done.maps[min(middle, len(done.maps) - 1)]
        write_picture(outputs["pca"], embedding_rgb(maps.embedding, maps.foreground), **over)
    if "overlay" in outputs:
        write_picture(outputs["overlay"], overlay(done.images[middle], done.labels[middle]), **over)


def _table(file: ImageFile, planes: Planes, done: _Done) -> dict[str, npt.NDArray[Any]]:
    """Return the measurements of all planes, with a column for each leading axis of a stack."""
    lead = planes.array.shape[:-3]
    tables = []
    for index, (labels, image) in enumerate(zip(done.labels, done.images, strict=True)):
        columns = measure_plane(labels, image, file.pixel_size)
        where = np.unravel_index(index, lead) if lead else ()
        count = len(columns["label"])
        places = {axis.lower(): np.full(count, place) for axis, place in zip(planes.lead, where, strict=True)}
        tables.append({**places, **columns})
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
