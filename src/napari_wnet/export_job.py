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
from napari_wnet.io.sidecar import read_sidecar, record_from
from napari_wnet.io.sources import source_path
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
            take_name(taken, name, path)
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


def take_name(taken: dict[str, Path], name: str, path: Path) -> None:
    """Note what the names of a file's results begin with, so that no other file's take their place.

    Raises
    ------
    OutputError
        If those of another file begin so.
    """
    if name in taken:
        raise OutputError(f"Its results would have the names of those of {taken[name]}; use another --out.")
    taken[name] = path


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
    name, image = _image(job, path, wanted=with_image)
    context = ExportContext(
        name=name,
        lead=_lead(job, file, labels.ndim - 2),
        image=image,
        pixel_size=file.pixel_size,
        category=job.category,
        object_type=job.object_type,
        overwrite=job.overwrite,
    )
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


def _image(job: ExportJob, path: Path, *, wanted: bool) -> tuple[str, npt.NDArray[Any] | None]:
    """Return what the image of labels is called and, if that is wanted and it is known, what is in it.

    Raises
    ------
    ImageError
        If it is not there any more, or is another one now.
    """
    if job.image is not None:
        named = _named_image(job.image, path)
        return named.name, _arranged(read_image(named), job.axes, None) if wanted else None
    sidecar = path.with_name(stem(path).removesuffix(LABELS) + ".json")
    if not stem(path).endswith(LABELS) or not sidecar.is_file():
        return path.name, None
    info = read_sidecar(sidecar)
    record = record_from(info)[0]
    if not wanted:
        return Path(record.input_path).name or path.name, None
    found = source_path(info["input"], sidecar, remedy=" Or name it with --image.")
    # The sidecar's word on axes and channels holds for the image that it names.
    return found.name, _arranged(read_image(found), record.axes, record.channels)


def _named_image(image: Path, path: Path) -> Path:
    """Return the image, or the one of a folder, that the user names for labels."""
    if not image.is_dir() or is_zarr(image):
        return image
    name = stem(path).removesuffix(LABELS)
    found = [entry for entry in sorted(image.iterdir()) if is_image_name(entry) and stem(entry) == name]
    if not found:
        raise ImageError(f"There is no image named {name}.* in {image} for {path}; add it, or name it.")
    return found[0]
