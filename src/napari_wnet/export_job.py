"""Labels files in, the same labels for other programs out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import refuse_existing
from napari_wnet.datasets.naming import stem
from napari_wnet.errors import ImageError, OutputError, WNetError
from napari_wnet.io.axes import UNKNOWN, arrange
from napari_wnet.io.coco import write_coco_set
from napari_wnet.io.export_context import ExportContext, ObjectType
from napari_wnet.io.exports import EXPORTS
from napari_wnet.io.images import ImageFile, is_image_name, labels_of, read_image
from napari_wnet.io.ngff import is_large, is_zarr, open_ngff_labels
from napari_wnet.io.sidecar import RunRecord, read_sidecar, record_from
from napari_wnet.reports import drain
from napari_wnet.slide.polygons import write_geojson_steps

LABELS = "_labels"
"""What the names of labels files end in, before their ending."""
TOGETHER = "annotations_coco.json"


@dataclass(frozen=True, kw_only=True)
class ExportJob:
    """How labels files are exported.

    Attributes
    ----------
    formats : tuple of str
        Names of :data:`napari_wnet.io.exports.EXPORTS`.
    out : Path
        Folder of the results.
    image : Path or None
        The image of the labels, or a folder with one of the same name for each; None: the one that the sidecar names.
    axes : str or None
        What the axes of the labels are, where the file does not say.
    together : bool
        Whether all objects go into one COCO file instead of one for each image.
    category : str
    object_type : str
    overwrite : bool
        See :class:`ExportContext`.
    """

    formats: tuple[str, ...]
    out: Path
    image: Path | None = None
    axes: str | None = None
    together: bool = False
    category: str = "object"
    object_type: ObjectType = "annotation"
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """What became of one labels file."""

    path: Path
    outputs: tuple[Path, ...] = ()
    error: str = ""
    notes: tuple[str, ...] = field(default=())


def export_steps(job: ExportJob, files: Sequence[Path]) -> Iterator[ExportResult]:
    """Export files one by one; one that fails is reported and the others go on.

    Yields
    ------
    ExportResult
        After each file; at the end one more for what all of them share.
    """
    taken: dict[str, Path] = {}
    good: list[Path] = []
    for path in files:
        name = stem(path).removesuffix(LABELS)
        try:
            if name in taken:
                raise OutputError(f"Its results would have the names of those of {taken[name]}; use another --out.")
            taken[name] = path
            outputs, notes = _export(job, path, name)
        except WNetError as error:
            yield ExportResult(path=path, error=str(error))
        else:
            good.append(path)
            yield ExportResult(path=path, outputs=outputs, notes=notes)
    if job.together and "coco" in job.formats and good:
        target = job.out / TOGETHER
        read = (_read(job, path, with_image=False) for path in good)
        write_coco_set(target, ((labels, context) for labels, context, _ in read), overwrite=job.overwrite)
        yield ExportResult(path=job.out, outputs=(target,))


def _export(job: ExportJob, path: Path, name: str) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    chosen = {key: EXPORTS[key] for key in job.formats if not (key == "coco" and job.together)}
    targets = {key: job.out / (name + export.ending) for key, export in chosen.items()}
    for target in targets.values():
        if not is_zarr(target):
            refuse_existing(target, overwrite=job.overwrite)
    if "geojson" in chosen and is_large(path):
        _slide_polygons(job, path, targets["geojson"])
        del chosen["geojson"]
        if not chosen:
            return tuple(targets.values()), ()
    labels, context, notes = _read(job, path, with_image=any(export.needs_image for export in chosen.values()))
    lacking = [export.title for export in chosen.values() if export.needs_image and context.image is None]
    if lacking:
        raise OutputError(f"The image, which {', '.join(lacking)} needs, is not found; name it with --image.")
    for key, export in chosen.items():
        export.write(targets[key], labels, context)
    if labels.ndim > 2 and any(not export.keeps_planes for export in chosen.values()):
        notes = (*notes, "A picture shows one plane: of the stack, the middle one.")
    return tuple(targets.values()), notes


def _slide_polygons(job: ExportJob, path: Path, target: Path) -> None:
    """Write the polygons of labels that had better not be read as a whole."""
    labels = open_ngff_labels(path).levels[0]
    if labels.ndim > 2:
        raise OutputError(f"{path} has shape {labels.shape}; polygons of large labels are of one plane, (Y, X).")
    context = ExportContext(category=job.category, object_type=job.object_type, overwrite=job.overwrite)
    drain(write_geojson_steps(target, labels, context))


def _read(
    job: ExportJob, path: Path, *, with_image: bool
) -> tuple[npt.NDArray[np.int32], ExportContext, tuple[str, ...]]:
    file = read_image(path, indices=True)
    labels = labels_of(file)
    record = _record(path)
    image_path = _image_path(job, path, record)
    context = ExportContext(
        name=path.name if image_path is None else image_path.name,
        lead=_lead(job, file, labels.ndim - 2),
        image=None,
        pixel_size=file.pixel_size,
        category=job.category,
        object_type=job.object_type,
        overwrite=job.overwrite,
    )
    if with_image and image_path is not None:
        # The sidecar's word on axes and channels holds for the image that it names.
        known = record if job.image is None else None
        axes, channels = (job.axes, None) if known is None else (known.axes, known.channels)
        image = _arranged(read_image(image_path), axes, channels)
        context = ExportContext(**{**vars(context), "image": image})
    return labels, context, file.notes


def _arranged(file: ImageFile, axes: str | None, channels: tuple[int, ...] | None) -> npt.NDArray[Any]:
    # What --axes says of the labels holds for an image of as many axes that does not say it itself.
    unsaid = file.axes is None or set(UNKNOWN) & set(file.axes)
    return arrange(file, axes=axes if unsaid else None, channels=channels).array


def _lead(job: ExportJob, file: ImageFile, n_axes: int) -> str:
    """Return the letters of the axes before Y and X, as asked for or as the file has them."""
    letters = (job.axes or file.axes or "").strip().upper()
    lead = "".join(letter for letter in letters if letter not in "YX")
    if job.axes and len(lead) != n_axes:
        raise ImageError(f"{file.path} has {n_axes} axes before Y and X; --axes {job.axes} names {len(lead)}.")
    return lead[len(lead) - n_axes :] if n_axes else ""


def _record(path: Path) -> RunRecord | None:
    """Return what the sidecar of a result says, if it has one."""
    sidecar = path.with_name(stem(path).removesuffix(LABELS) + ".json")
    if not stem(path).endswith(LABELS) or not sidecar.is_file():
        return None
    return record_from(read_sidecar(sidecar))[0]


def _image_path(job: ExportJob, path: Path, record: RunRecord | None) -> Path | None:
    if job.image is None:
        if record is None:
            return None
        # As the user gave it, from the folder of then; else beside the result.
        near = path.with_name(Path(record.input_path).name)
        return next((found for found in (Path(record.input_path), near) if found.exists()), None)
    if not job.image.is_dir() or is_zarr(job.image):
        return job.image
    name = stem(path).removesuffix(LABELS)
    found = [entry for entry in sorted(job.image.iterdir()) if is_image_name(entry) and stem(entry) == name]
    if not found:
        raise ImageError(f"There is no image named {name}.* in {job.image} for {path}; add it, or name it.")
    return found[0]
