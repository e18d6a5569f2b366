"""A model in, a file for other programs out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from napari_wnet.atomic import atomic_path, refuse_existing
from napari_wnet.errors import ModelError, ParamsError
from napari_wnet.model_export.description import PAPER, PAPER_DOI, channel_names, facts
from napari_wnet.model_export.example import make_example
from napari_wnet.model_export.package import package_files, write_zip
from napari_wnet.model_export.publication import Publication
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.container import open_container
from napari_wnet.network.onnx_file import TOLERANCE, check_exporter, check_onnx, to_onnx
from napari_wnet.network.outline.file import OUTLINE_KEY
from napari_wnet.network.registry import Places, find_outline, load_steps
from napari_wnet.reports import Progress, drain

SUFFIXES = MappingProxyType({"safetensors": ".safetensors", "onnx": ".onnx", "bioimageio": ".zip"})
"""The formats, and what the names of their files end in."""


@dataclass(frozen=True, kw_only=True)
class ModelExportJob:
    """How a model is exported.

    Attributes
    ----------
    model : str, Path or Model
        Name, file, or a loaded model.
    out : Path
        The file to write; ends as its format wants it.
    format : str
        One of :data:`SUFFIXES`: the model's own file; an ONNX file; a package for bioimage.io.
    publication : Publication
        For a package only.
    overwrite : bool
        Whether a file that is there already may be replaced.
    """

    model: str | Path | Model
    out: Path
    format: str = "onnx"
    publication: Publication = field(default_factory=Publication)
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """What was written.

    Attributes
    ----------
    path : Path
    sha256 : str
        Of the file.
    deviation : float
        Largest difference between the file's maps and the network's own; 0 where it is a copy.
    notes : tuple of str
        What its maker may want to change, for a person to read.
    """

    path: Path
    sha256: str
    deviation: float = 0.0
    notes: tuple[str, ...] = ()


def export_model(
    model: str | Path | Model,
    out: str | Path,
    format: str = "onnx",
    *,
    publication: Publication | None = None,
    overwrite: bool = False,
) -> ExportedModel:
    """Write a model as a file for other programs.

    Parameters
    ----------
    model : str, Path or Model
        Name, file, or a loaded model.
    out : str or Path
        The file to write.
    format : {"onnx", "bioimageio", "safetensors"}
        ONNX computes the maps in any program with a runtime for it; a package for bioimage.io (``.zip``) has it inside
        with all that is known of it; safetensors is the model's own file.
    publication : Publication, optional
        What a package says beside what the model says of itself.
    overwrite : bool
        Whether a file that is there already may be replaced.

    Returns
    -------
    ExportedModel

    Raises
    ------
    WNetError
        If the model cannot be exported, a package is missing, or the file cannot be written; the message names the
        remedy.
    """
    job = ModelExportJob(
        model=model,
        out=Path(out),
        format=format,
        publication=publication or Publication(),
        overwrite=overwrite,
    )
    return drain(export_model_steps(job))


def export_model_steps(job: ModelExportJob) -> Generator[Progress, None, ExportedModel]:
    """Do what :func:`export_model` does in steps; nothing is at its place before all is done.

    Yields
    ------
    Progress
        While the model is fetched, in bytes; then before each step.
    """
    _check(job)
    model = job.model if isinstance(job.model, Model) else (yield from _loaded(job.model))
    with atomic_path(job.out, overwrite=job.overwrite) as partial:
        deviation, notes = yield from WRITERS[job.format](job, model, partial)
        with partial.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if job.format == "safetensors" and sha256 != model.sha256:
            raise ModelError(f"{model.path} changed while it was copied. Try again.")
    return ExportedModel(path=job.out, sha256=sha256, deviation=deviation, notes=notes)


def _check(job: ModelExportJob) -> None:
    """Refuse what cannot be done, before any of it is."""
    if job.format not in SUFFIXES:
        raise ParamsError(f"There is no format '{job.format}' for models; choose one of {', '.join(SUFFIXES)}.")
    suffix = SUFFIXES[job.format]
    if job.out.suffix.lower() != suffix:
        raise ParamsError(f"{job.out} should end in {suffix}, as files of the format {job.format} do (--out).")
    refuse_existing(job.out, overwrite=job.overwrite)
    if job.format != "safetensors":
        check_exporter()


def _loaded(name_or_path: str | Path) -> Generator[Progress, None, Model]:
    try:
        return (yield from load_steps(name_or_path))
    except ModelError as error:
        if not _is_outline(str(name_or_path)):
            raise
        raise ModelError(
            f"{name_or_path} is no W-Net: it outlines what a person points at, and works in the Repair dock alone. "
            "Choose one of the models that 'napari-wnet models list' names."
        ) from error


def _is_outline(name_or_path: str) -> bool:
    if name_or_path == find_outline(Places.from_environment()).name:
        return True
    try:
        with open_container(Path(name_or_path).expanduser()) as container:
            return OUTLINE_KEY in container.metadata
    except ModelError:
        return False


Made = tuple[float, tuple[str, ...]]
Writer = Callable[[ModelExportJob, Model, Path], Generator[Progress, None, Made]]


def _write_copy(job: ModelExportJob, model: Model, partial: Path) -> Generator[Progress, None, Made]:
    yield Progress(done=0, total=1, what="copying")
    try:
        data = model.path.read_bytes()
    except OSError as error:
        raise ModelError(f"{model.path} cannot be read any more: {error.strerror or error}.") from error
    partial.write_bytes(data)
    return 0.0, ()


def _write_onnx(job: ModelExportJob, model: Model, partial: Path) -> Generator[Progress, None, Made]:
    yield Progress(done=0, total=2, what="translating the network")
    data = to_onnx(model.network, metadata(model))
    yield Progress(done=1, total=2, what="comparing maps")
    deviation = check_onnx(data, model.network)
    partial.write_bytes(data)
    return deviation, ()


def _write_package(job: ModelExportJob, model: Model, partial: Path) -> Generator[Progress, None, Made]:
    publication = job.publication.of(model)
    yield Progress(done=0, total=3, what="translating the network")
    onnx = to_onnx(model.network, metadata(model))
    yield Progress(done=1, total=3, what="comparing maps")
    check_onnx(onnx, model.network)
    yield Progress(done=2, total=3, what="packing")
    example = make_example(model, onnx, publication.image)
    write_zip(partial, package_files(model, publication, onnx, example))
    notes = []
    if example.deviation > TOLERANCE:
        notes.append(
            f"On the test image, percentiles as other programs interpolate them change the maps by up to "
            f"{example.deviation:.2g}; another image (--image) may show less."
        )
    return example.deviation, tuple(notes)


WRITERS: MappingProxyType[str, Writer] = MappingProxyType(
    {"safetensors": _write_copy, "onnx": _write_onnx, "bioimageio": _write_package}
)


def metadata(model: Model) -> dict[str, str]:
    """Return what an ONNX file says of itself: texts, numbers and JSON by their names."""
    told = facts(model)
    return {
        "name": model.name,
        "description": model.header.description,
        "licence": model.header.licence,
        "channels": json.dumps(channel_names(model)),
        "cite": f"{PAPER} doi:{PAPER_DOI}",
        "provenance": json.dumps(model.header.provenance, sort_keys=True),
        "scores": json.dumps(model.header.scores, sort_keys=True),
        **{key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()},
    }
