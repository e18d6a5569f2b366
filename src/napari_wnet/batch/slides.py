"""Slides of a batch: images that are worked on in blocks, one after the other, each of them a file like the others."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import BatchJob, FileResult, FileStarted, Report
from napari_wnet.batch.kinds import ENDINGS
from napari_wnet.batch.masks import mask_path
from napari_wnet.batch.outcome import failure
from napari_wnet.batch.outputs import EARLIER, left_of_earlier, refuse_foreign
from napari_wnet.errors import NoRoomError, ParamsError, SchedulerLostError
from napari_wnet.io.ngff import is_large
from napari_wnet.io.sidecar import read_sidecar, write_sidecar
from napari_wnet.scheduler import THREADS, workers
from napari_wnet.slide.job import Executor, in_process
from napari_wnet.slide.record import Outputs
from napari_wnet.slide.run import BLOCK, check_block, segment_zarr_steps

KINDS = ("labels", "zarr", "geojson")
"""What can be kept of a slide: its labels are a zarr folder in any case."""


def is_in_blocks(job: BatchJob, path: Path) -> bool:
    """Tell whether an image is worked on in blocks: OME-Zarr that is large, with `job.blocks` everything."""
    return job.blocks is not None or is_large(path)


def check_slides(job: BatchJob, slides: Sequence[Item], others: Sequence[Item]) -> None:
    """Refuse what cannot be had in blocks, or in blocks only, before hours of work.

    Raises
    ------
    ParamsError
    """
    if others and job.plane is not None:
        raise ParamsError(
            f"{others[0].path.name} is not worked on in blocks, and all its planes are segmented; leave out --plane, "
            "or choose blocks (--blocks)."
        )
    if not slides:
        return
    name = slides[0].path.name
    check_block(job.blocks or BLOCK)
    unknown = [kind for kind in job.save if kind not in KINDS]
    if unknown:
        raise ParamsError(
            f"{name} is worked on in blocks, which leave {', '.join(KINDS)} and a table, not {', '.join(unknown)}; "
            "choose other results (--save)."
        )


def check_place(labels: Path, *, geojson: bool) -> list[str]:
    """Refuse to segment a slide to where something is that is no result; return what earlier results would leave there.

    Parameters
    ----------
    labels : Path
        The zarr folder to be written.
    geojson : bool
        Whether polygons are to be written beside it.

    Raises
    ------
    OutputError
    """
    places = Outputs.beside(labels)
    targets = {"labels": places.labels, "table": places.table, "sidecar": places.sidecar}
    if geojson:
        targets["geojson"] = places.polygons
    refuse_foreign(targets, _placed_already(places))
    return left_of_earlier(targets)


def _placed_already(places: Outputs) -> tuple[str, ...]:
    """Return which results an interrupted run may have put where nothing was when it began; the sidecar is last."""
    if not places.work.is_dir():
        return ()
    whole = places.labels.exists() and places.table.exists()
    return ("labels", "table", "geojson") if whole else ("labels", "table")


def slide_steps(job: BatchJob, slides: Sequence[Item], scheduler: str) -> Generator[Report, None, None]:
    """Segment slides; one that fails is reported and the others go on.

    Yields
    ------
    FileStarted, Progress, FileResult

    Raises
    ------
    NoRoomError
        If the disk is full.
    SchedulerError
        If the scheduler cannot be used, or is lost.
    """
    if not slides:
        return
    with _executor(scheduler) as executor:
        for item in slides:
            yield FileStarted(path=item.path)
            began = monotonic()
            result = yield from _steps(job, item, executor)
            yield replace(result, seconds=monotonic() - began)


@contextlib.contextmanager
def _executor(scheduler: str) -> Iterator[Executor]:
    if scheduler == THREADS:
        yield in_process
        return
    with workers(scheduler) as pool:
        yield pool


def _steps(job: BatchJob, item: Item, executor: Executor) -> Generator[Report, None, FileResult]:
    path, out = item.path, job.out
    if executor is not in_process:  # workers may have been started in another folder
        path, out = path.absolute(), out.absolute()
    labels, geojson = out / (item.stem + ENDINGS["zarr"]), "geojson" in job.save
    try:
        left = check_place(labels, geojson=geojson)
        mask = mask_path(job.foreground, item)
        found = yield from segment_zarr_steps(
            path,
            labels,
            job.model,
            job.params,
            block=job.blocks or BLOCK,
            device=job.device,
            axes=job.axes,
            channels=job.channels,
            plane=job.plane,
            foreground=mask if mask is None or executor is in_process else mask.absolute(),
            overwrite=job.overwrite,
            geojson=geojson,
            executor=executor,
        )
        if left and not found.was_there:
            info = read_sidecar(found.sidecar)
            info["result"][EARLIER] = left
            write_sidecar(found.sidecar, info, overwrite=True)
    except (NoRoomError, SchedulerLostError):
        raise
    except Exception as error:  # noqa: BLE001 - other slides wait behind this one
        return failure(item.path, error)
    outputs = {"labels": found.labels, "table": found.table, "sidecar": found.sidecar, "geojson": found.polygons}
    return FileResult(
        path=item.path,
        state="skipped" if found.was_there else "done",
        n_objects=found.n_objects,
        notes=found.notes,
        outputs={kind: path for kind, path in outputs.items() if path is not None},
    )
