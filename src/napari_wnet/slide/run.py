"""A slide from beginning to end, block by block, with the labels that the whole would have."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from napari_wnet.atomic import writing
from napari_wnet.errors import OutputError, ParamsError
from napari_wnet.io.export_context import ExportContext
from napari_wnet.io.sidecar import write_sidecar
from napari_wnet.io.tables import write_table
from napari_wnet.network.checkpoint import Model, save_model
from napari_wnet.network.device import choose_device
from napari_wnet.network.registry import load_model
from napari_wnet.network.rescaling import rescaling
from napari_wnet.params import AUTO, BY_SEEDS, DEFAULT_MODEL, SegmentParams
from napari_wnet.pipeline import NOTHING_TO_FIND
from napari_wnet.reports import Progress, drain
from napari_wnet.slide.claim import claimed
from napari_wnet.slide.earlier import SlideResult, earlier_result, with_polygons
from napari_wnet.slide.foreground import open_foreground
from napari_wnet.slide.grid import Grid
from napari_wnet.slide.job import Executor, SlideJob, in_process
from napari_wnet.slide.polygons import write_geojson_steps
from napari_wnet.slide.record import (
    Outputs,
    bytes_needed,
    facts,
    labels_sha256,
    slide_info,
)
from napari_wnet.slide.sizing import sized_slide_steps
from napari_wnet.slide.source import SlideSource, open_slide
from napari_wnet.slide.stages import OtherImageError, Stages
from napari_wnet.slide.store import Work, begin, check_room, create_arrays, open_array

BLOCK = 2048
SMALLEST_BLOCK = 64
HALO_PART = 8
"""A component of the foreground may reach so many-th of a block beyond its block to be clustered with it."""
NO_OBJECT = "No object was found; try a lower seed threshold or another model."


class _Blocks(TypedDict):
    grid: Grid
    halo: int


class SlideOptions(TypedDict, total=False):
    """What else :func:`segment_zarr` can be told; the labels do not depend on the block and the executor.

    Attributes
    ----------
    block : int
        Side of a block in pixels; memory grows with its square.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    axes, channels, plane : str or None
        See :func:`napari_wnet.slide.source.open_slide`.
    foreground : str, Path, array or None
        A mask of the slide's size, which is read in blocks too; what it means is `params.clustering.foreground_use`.
    overwrite : bool
        Whether earlier results, and what an interrupted run with other settings has left, may be replaced.
    geojson : bool
        Write the objects as polygons for QuPath as well.
    executor : Executor
        What runs the pieces of work; by default this process, one after another.
    estimated : bool
        Whether the diameter in the parameters was estimated from this slide earlier; the sidecar says so.
    """

    block: int
    device: str
    axes: str | None
    channels: str | None
    plane: str | None
    foreground: Any
    overwrite: bool
    geojson: bool
    executor: Executor
    estimated: bool


def segment_zarr(
    source: Any,
    out: str | Path,
    model: str | Path | Model = DEFAULT_MODEL,
    params: SegmentParams | None = None,
    **options: Unpack[SlideOptions],
) -> SlideResult:
    """Segment an image that need not fit into memory: the same labels as :func:`napari_wnet.segment`.

    Parameters
    ----------
    source : str, Path or array
        An OME-Zarr folder, a TIFF or NPY file, or an array of zarr, dask or NumPy: one plane, (Y, X), (C, Y, X) or
        (Y, X, 3 or 4).
    out : str or Path
        Folder of the labels, such as ``slide_labels.ome.zarr``; a table and a sidecar are written beside it. A run
        that was interrupted goes on where it stopped when it is started again.
    model : str, Path or Model
        Name of a known model, path of a model file, or a loaded model.
    params : SegmentParams, optional
        By default those that the model recommends.
    **options : SlideOptions
        `block`, `device`, `axes`, `channels`, `plane`, `foreground`, `overwrite`, `geojson`, `executor`,
        `estimated`.

    Returns
    -------
    SlideResult

    Raises
    ------
    WNetError
        If the slide, the model, a parameter, the device or the disk cannot be used; the message names the remedy.
    """
    return drain(segment_zarr_steps(source, out, model, params, **options))


def segment_zarr_steps(
    source: Any,
    out: str | Path,
    model: str | Path | Model = DEFAULT_MODEL,
    params: SegmentParams | None = None,
    **options: Unpack[SlideOptions],
) -> Generator[Progress, None, SlideResult]:
    """Do what :func:`segment_zarr` does, reporting after each block; closed in between, it can be gone on with."""
    ready = model if isinstance(model, Model) else load_model(model)
    job, outputs = _described(source, Path(out), ready, params or ready.header.params, options)
    job, notes = yield from _sized(job, ready)
    overwrite = options.get("overwrite", False)
    with claimed(outputs):
        geojson = options.get("geojson", False)
        earlier = None if overwrite else earlier_result(job, ready, outputs)
        if earlier is not None:
            return (yield from with_polygons(earlier, outputs)) if geojson else earlier
        _begin(job, ready, outputs, overwrite=overwrite)
        run = Stages(job, options.get("executor", in_process))
        if not (outputs.labels.exists() and run.is_complete):
            yield from _all_steps(run, ready, outputs, overwrite=overwrite)
        run.notes[:0] = notes
        return (yield from _finished(run, ready, outputs, geojson=geojson, overwrite=overwrite))


def _all_steps(run: Stages, model: Model, outputs: Outputs, *, overwrite: bool) -> Generator[Progress, None, None]:
    """Do all that is not done yet; what an interrupted run of another image has left is replaced if it may be."""
    try:
        yield from run.all_steps()
    except OtherImageError:
        if not overwrite:
            raise
        run.job.work.remove()
        _begin(run.job, model, outputs, overwrite=True)
        yield from run.all_steps()


def _sized(job: SlideJob, model: Model) -> Generator[Progress, None, tuple[SlideJob, tuple[str, ...]]]:
    """Return the job with a number for the diameter, and blocks that fit it, where that is to be estimated."""
    params, notes = yield from sized_slide_steps(job.source, model, job.params, job.device)
    if params is job.params:
        return job, notes
    return replace(job, params=params, estimated=True, **_blocks(job.source, model, params, job.block)), notes


def check_block(block: int) -> None:
    """Refuse blocks that are too small.

    Raises
    ------
    ParamsError
    """
    if block < SMALLEST_BLOCK:
        raise ParamsError(f"Blocks of {block} px are too small; take {SMALLEST_BLOCK} px or more.")


def _described(
    source: Any, out: Path, model: Model, params: SegmentParams, options: SlideOptions
) -> tuple[SlideJob, Outputs]:
    """Check what can be checked of the slide and its settings before anything is written."""
    config = model.header.config
    block = options.get("block", BLOCK)
    check_block(block)
    if params.clustering.method not in BY_SEEDS:
        raise ParamsError(
            f"The clustering '{params.clustering.method}' needs the whole image at once, and this one is worked on in "
            f"blocks; choose {', '.join(BY_SEEDS[:-1])} or {BY_SEEDS[-1]}, or segment a part of the image."
        )
    choose_device(options.get("device", "auto"))
    slide = open_slide(
        source,
        config.in_channels,
        axes=options.get("axes"),
        channels=options.get("channels"),
        plane=options.get("plane"),
    )
    outputs, mask = Outputs.beside(out), options.get("foreground")
    as_trained = params.normalize.diameter == AUTO  # until it is estimated
    shown = params.replace(normalize__diameter=0.0) if as_trained else params
    job = SlideJob(
        source=slide,
        work=Work(outputs.work),
        labels=outputs.work / "labels.ome.zarr",
        model=outputs.work / "model.safetensors",
        params=params,
        **_blocks(slide, model, shown, block),
        block=block,
        device=options.get("device", "auto"),
        foreground=None if mask is None else open_foreground(mask, slide.shape),
        estimated=options.get("estimated", False),
    )
    return job, outputs


def _blocks(slide: SlideSource, model: Model, params: SegmentParams, block: int) -> _Blocks:
    """Return the blocks of a slide, and how far to look beyond them; the network sees them at the size asked for."""
    scale = rescaling(model.header.diameter, params.normalize)
    side = max(SMALLEST_BLOCK, round(block / max(1.0, scale)))
    grid = Grid.of_tiles(slide.shape, side, params.tiles.size, model.header.config.pooling_factor)
    return {"grid": grid, "halo": max(1, side // HALO_PART)}


def _begin(job: SlideJob, model: Model, outputs: Outputs, *, overwrite: bool) -> None:
    """Make the folder of temporary data, or go on with what an interrupted run has left."""
    work, embedding_dim = job.work, model.header.config.embedding_dim
    work.sweep()
    _refuse_existing(outputs, overwrite=overwrite)
    if not work.path.is_dir():
        check_room(work.path.parent, bytes_needed(job.source.shape, embedding_dim))
    begin(work, facts(job, model), afresh=overwrite)
    create_arrays(work, job.grid, embedding_dim, given=job.foreground is not None)
    _copy_model(model, job.model)


def _refuse_existing(outputs: Outputs, *, overwrite: bool) -> None:
    """Refuse to begin where results are, but for a run that was interrupted while it put them there."""
    there = [path for path in (outputs.labels, outputs.table, outputs.sidecar) if path.exists()]
    if there and not overwrite and not outputs.work.is_dir():
        raise OutputError(
            f"{there[0]} exists already; choose another folder (--out) or have it replaced (--overwrite)."
        )


def _copy_model(model: Model, path: Path) -> None:
    if path.is_file():
        return
    partial = path.with_suffix(".partial")
    with writing(path):
        if model.path.is_file():
            shutil.copyfile(model.path, partial)
        else:
            save_model(partial, model.network, model.header, half=False, overwrite=True)
        partial.replace(path)


def _finished(
    run: Stages, model: Model, outputs: Outputs, *, geojson: bool, overwrite: bool
) -> Generator[Progress, None, SlideResult]:
    """Put the results in their places, the sidecar last, and delete the temporary data."""
    job = run.job
    count = int(job.work.load("complete", "all")["count"])
    if not job.work.load("range", "all")["informative"]:
        run.notes.append(NOTHING_TO_FIND)
    elif not count:
        run.notes.append(NO_OBJECT)
    if job.labels.is_dir():
        with writing(outputs.labels):
            if outputs.labels.is_dir() and overwrite:
                shutil.rmtree(outputs.labels)
            job.labels.rename(outputs.labels)
    sha256 = labels_sha256(outputs.labels, job.grid.shape)
    # A file that is there is the one that the interrupted run wrote, or was to be replaced.
    files = {"labels": outputs.labels, "table": outputs.table}
    write_table(outputs.table, run.columns(count), overwrite=True)
    if geojson:
        files["geojson"] = outputs.polygons
        context = ExportContext(overwrite=True)
        yield from write_geojson_steps(outputs.polygons, open_array(outputs.labels / "0"), context)
    notes = (*model.header.notes, *run.notes)
    write_sidecar(outputs.sidecar, slide_info(job, model, files, (count, sha256), notes), overwrite=True)
    job.work.remove()
    return SlideResult(
        labels=outputs.labels,
        table=outputs.table,
        sidecar=outputs.sidecar,
        polygons=files.get("geojson"),
        n_objects=count,
        notes=notes,
    )
