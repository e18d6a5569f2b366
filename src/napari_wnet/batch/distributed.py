"""A batch on other processes or machines: each file is a piece of work of its own, done from reading to writing."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from napari_wnet.atomic import writing
from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import BatchJob, FileResult, FileStarted, Report
from napari_wnet.batch.lanes import segment_loaded
from napari_wnet.batch.outcome import outcome
from napari_wnet.batch.outputs import WORK, tidy
from napari_wnet.batch.reading import finished, load
from napari_wnet.errors import NoRoomError, OutputError, WNetError
from napari_wnet.network.checkpoint import Model, read_model
from napari_wnet.reports import Progress
from napari_wnet.scheduler import PROCESSES, workers

MODEL = ".safetensors"


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemWork:
    """One file, and all that a worker must know of the job; the model is read from a copy that all workers see.

    Attributes
    ----------
    item : Item
    model, sha256 : Path, str
        The copy is there for as long as the batch goes on: a worker that does not find it any more stops.
    settings : dict
        The other fields of :class:`BatchJob`.
    threads : int or None
        Of the network; None: as the worker was started.
    """

    item: Item
    model: Path
    sha256: str
    settings: dict[str, Any]
    threads: int | None

    def job(self) -> BatchJob:
        """Return the job; the model stays loaded for the next file."""
        return BatchJob(model=_model(self.model, self.sha256), **self.settings)


@lru_cache(maxsize=2)
def _model(path: Path, sha256: str) -> Model:
    return read_model(path)


def segment_item(work: ItemWork) -> FileResult:
    """Segment a file; this runs in a worker.

    Raises
    ------
    NoRoomError
        If the disk is full.
    """
    began = monotonic()
    if work.threads:
        torch.set_num_threads(work.threads)
    result = outcome(work.item.path, lambda: _segment(work))
    return replace(result, seconds=monotonic() - began) if result.state != "skipped" else result


def _segment(work: ItemWork) -> FileResult:
    job = work.job()
    tidy(job.out, work.item.stem)  # a worker that was lost may have been about to put its results in place
    loaded = load(job, work.item)
    if isinstance(loaded, FileResult):
        return loaded
    try:
        return segment_loaded(job, loaded, lambda: not work.model.exists())
    except OutputError:
        found = finished(job, work.item)  # what a batch that was ended had begun may have been done meanwhile
        if found is None:
            raise
        return found


def distributed_work(job: BatchJob, items: Iterable[Item], model: Path, *, threads: int | None) -> Iterator[ItemWork]:
    """Yield the pieces of work that a batch consists of; all paths are made absolute.

    Parameters
    ----------
    job : BatchJob
    items : iterable of Item
    model : Path
        Copy of the model's file that all workers see.
    threads : int or None
        See :class:`ItemWork`.
    """
    settings = {name: value for name, value in vars(job).items() if name != "model"}
    settings |= {"out": job.out.absolute(), "report": False}
    if job.foreground is not None:
        settings["foreground"] = job.foreground.absolute()
    for item in items:
        there = replace(item, path=item.path.absolute())
        yield ItemWork(item=there, model=model, sha256=job.model.sha256, settings=settings, threads=threads)


def distributed_steps(job: BatchJob, items: Sequence[Item], scheduler: str) -> Generator[Report, None, None]:
    """Segment files on the workers of a scheduler; the results stream back as they come.

    Yields
    ------
    Progress, FileStarted, FileResult, None
        See :func:`napari_wnet.batch.run.batch_steps`.

    Raises
    ------
    SchedulerError
        If the scheduler cannot be used, or is lost.
    NoRoomError
        If the disk is full.
    """
    paths = {item.path.absolute(): item.path for item in items}
    yield Progress(done=0, total=0, what="looking for workers")
    with workers(scheduler) as pool, _copied_model(job) as copy:
        pool.check_sees(copy)
        work = distributed_work(job, items, copy, threads=1 if scheduler == PROCESSES else None)
        with contextlib.closing(pool.outcomes(segment_item, work)) as outcomes:
            for told in outcomes:
                if told is None:
                    yield None
                    continue
                piece, found = told
                path = paths[piece.item.path]
                if found is None:
                    yield FileStarted(path=path)
                elif isinstance(found, NoRoomError):
                    raise found
                elif isinstance(found, WNetError):
                    yield FileResult(path=path, state="failed", error=str(found))
                else:
                    yield replace(found, path=path, notes=(*pool.notes, *found.notes))


@contextlib.contextmanager
def _copied_model(job: BatchJob) -> Iterator[Path]:
    """Have a copy of the model where all workers see it, of a name of its own: that it is gone ends their work."""
    work = (job.out / WORK).absolute()
    with writing(work):
        work.mkdir(parents=True, exist_ok=True)
        for left in work.glob(f"*{MODEL}"):  # of a batch that was killed
            left.unlink(missing_ok=True)
    copy = work / (secrets.token_hex(8) + MODEL)
    partial = copy.with_suffix(".partial")
    try:
        with writing(copy):
            shutil.copyfile(job.model.path, partial)
            partial.replace(copy)
        yield copy
    finally:
        for path in (partial, copy):
            path.unlink(missing_ok=True)
