"""Files in, files out: while the network looks at one image, the next is read and the last is labelled and written."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.batch.distributed import distributed_steps
from napari_wnet.batch.failures import write_failures
from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import BatchJob, FileResult, FileStarted, Report
from napari_wnet.batch.lanes import count_lanes, lane_steps
from napari_wnet.batch.masks import check_masks
from napari_wnet.batch.outcome import failure, outcome
from napari_wnet.batch.outputs import WORK, tidy, tidy_corrections
from napari_wnet.batch.reading import Loaded, load
from napari_wnet.batch.report import report_steps
from napari_wnet.batch.sizing import sized_job_steps
from napari_wnet.batch.slides import check_slides, is_in_blocks, slide_steps
from napari_wnet.batch.writing import PlaneResult, label_plane, store
from napari_wnet.core.extras import check_installed
from napari_wnet.core.maps import Maps
from napari_wnet.lock import FolderLock
from napari_wnet.network.device import choose_device
from napari_wnet.pipeline import predict_group_steps
from napari_wnet.scheduler import THREADS, check_scheduler

LOCK = "lock"
IN_USE = "being written to by another batch{0}; wait until it is done, or choose another folder (--out)"
AHEAD = 2
"""Files that are read before the network asks for them."""
BEHIND = 3
"""Planes that the network is ahead of their labels at most: their maps take memory."""
LABELLERS = 3
"""Threads that label and write at most; more would not come to their turn."""
GROUP_PX = 8 * 2**20
"""Pixels that a graphics card looks at at once, and planes."""
GROUP = 16


def batch_steps(
    job: BatchJob, items: Sequence[Item], *, scheduler: str = THREADS, earlier: Sequence[FileResult] = ()
) -> Generator[Report, None, tuple[FileResult, ...]]:
    """Segment files; one that fails is reported, noted in ``failed.csv``, and the others go on.

    What an earlier run has finished and would come out the same is skipped. A run can be ended at any time, also by
    killing it: no result is there in part, and the same call goes on where it ended.

    Parameters
    ----------
    job : BatchJob
    items : sequence of Item
        See :func:`napari_wnet.batch.inputs.find_inputs`.
    scheduler : str
        See :mod:`napari_wnet.scheduler`.
    earlier : sequence of FileResult
        Of other files of the same batch, done before: for ``failed.csv`` and the report.

    Yields
    ------
    FileStarted
        As the network begins to look at a file.
    Progress
        Within a file, after each tile; within a slide, after each block.
    FileResult
        As a file is finished, in the order in which they are, or fails.
    None
        Time and again while nothing happens: a chance to close this, which ends the batch.

    Returns
    -------
    tuple of FileResult
        Those of `items`.

    Raises
    ------
    ImageError
        If there are no foreground masks where the job says.
    OutputError
        If the output folder cannot be written to.
    ProjectError
        If another batch is writing into it.
    NoRoomError
        If its disk is full: the other files would fare no better.
    ParamsError
        If the clustering needs a package that is not installed, or a slide cannot have what is asked for.
    SchedulerError
        If the scheduler cannot be used, or is lost.
    """
    check_scheduler(scheduler)
    check_installed(job.params.clustering.method)
    slides = [item for item in items if is_in_blocks(job, item.path)]
    check_slides(job, slides, [item for item in items if item not in slides])
    check_masks(job.foreground)
    is_new = not job.out.exists()
    lock = FolderLock(job.out / WORK, LOCK, IN_USE, job.out)
    results: list[FileResult] = []
    several = len(items) + len(earlier) > 1
    try:
        tidy(job.out)
        tidy_corrections(job.out, (item.stem for item in items))
        with contextlib.closing(_all_steps(job, items, slides, scheduler)) as steps:
            for report in steps:
                if isinstance(report, FileResult):
                    results.append(report)
                    if report.state == "failed" and several:
                        write_failures(job.out, [*earlier, *results])
                yield report
        if several:
            write_failures(job.out, [*earlier, *results])
            if job.report:
                yield from report_steps(job, [*earlier, *results])
    finally:
        lock.release(remove=True)
        with contextlib.suppress(OSError):  # another batch may have begun
            (job.out / WORK).rmdir()
        if is_new:
            with contextlib.suppress(OSError):  # there is something in it, as there should
                job.out.rmdir()
    return tuple(results)


def _all_steps(
    job: BatchJob, items: Sequence[Item], slides: Sequence[Item], scheduler: str
) -> Generator[Report, None, None]:
    yield from slide_steps(job, slides, scheduler)
    others = [item for item in items if item not in slides]
    if others:
        yield from distributed_steps(job, others, scheduler) if scheduler != THREADS else _local_steps(job, others)


def _local_steps(job: BatchJob, items: Sequence[Item]) -> Generator[Report, None, None]:
    """Segment files in this process: side by side on the processor, or one after the other."""
    n_lanes = count_lanes(len(items)) if choose_device(job.device).type == "cpu" else 1
    return lane_steps(job, items, n_lanes) if n_lanes > 1 else _Batch(job).steps(items)


@dataclass(kw_only=True, eq=False)
class _Work:
    """A file that the network looks at or has looked at: the labels of its planes to come, or why it failed."""

    job: BatchJob
    loaded: Loaded
    began: float = field(default_factory=monotonic)
    planes: list[Future[PlaneResult]] = field(default_factory=list)
    error: str = ""
    stored: Future[FileResult] | None = None

    @property
    def labelled(self) -> bool:
        """Whether all planes have been labelled, or need not be."""
        return bool(self.error) or (len(self.planes) == len(self.loaded.images) and all(f.done() for f in self.planes))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plane:
    work: _Work
    index: int

    @property
    def image(self) -> npt.NDArray[np.generic]:
        return self.work.loaded.images[self.index]

    def goes_with(self, other: _Plane) -> bool:
        """Tell whether the network can look at both together."""
        return self.image.shape == other.image.shape and self.work.job.params == other.work.job.params


class _Batch:
    """The state of a run."""

    def __init__(self, job: BatchJob) -> None:
        self.job = job
        self.reader = ThreadPoolExecutor(1, "napari-wnet-read")
        self.labellers = ThreadPoolExecutor(max(1, min(LABELLERS, (os.cpu_count() or 1) - 1)), "napari-wnet-label")
        self.open: deque[_Work] = deque()

    def steps(self, items: Sequence[Item]) -> Generator[Report, None, None]:
        """Segment files."""
        group: list[_Plane] = []
        try:
            for found in self._planes(items):
                if not isinstance(found, _Plane):
                    yield found
                    continue
                if group and not found.goes_with(group[0]):
                    yield from self._predict(group)
                    group = []
                group.append(found)
                if len(group) >= self._most(found):
                    yield from self._predict(group)
                    group = []
            if group:
                yield from self._predict(group)
            while self.open:  # one may be done just after it was looked at, and before the others were waited for
                yield from self._finished(at_most=0)
        finally:
            for pool in (self.reader, self.labellers):
                pool.shutdown(cancel_futures=True)  # what is being written is written to its end

    def _most(self, plane: _Plane) -> int:
        """Return how many planes go to the network together: on a processor that gains nothing."""
        if choose_device(self.job.device).type == "cpu":
            return 1
        return max(1, min(GROUP, GROUP_PX // int(np.prod(plane.image.shape[-2:]))))

    def _planes(self, items: Sequence[Item]) -> Iterator[Report | _Plane]:
        """Yield the planes of all files as they are read, and results of files that are not segmented."""
        todo = iter(items)
        ahead: deque[tuple[Item, Future[Loaded | FileResult]]] = deque()
        while True:
            while len(ahead) <= AHEAD and (item := next(todo, None)) is not None:
                ahead.append((item, self.reader.submit(load, self.job, item)))
            if not ahead:
                return
            item, future = ahead.popleft()
            while not future.done():
                yield from self._finished(also=future)
            loaded = outcome(item.path, future.result)
            if isinstance(loaded, FileResult):
                yield loaded
                continue
            work = _Work(job=self.job, loaded=loaded)
            self.open.append(work)
            yield FileStarted(path=item.path)
            yield from self._size(work)
            for index in range(len(loaded.images)):
                if not work.error:
                    yield _Plane(work=work, index=index)

    def _size(self, work: _Work) -> Iterator[Report]:
        """Decide on the diameter of a file's objects, if that is to be estimated."""
        try:
            work.job, work.loaded = yield from sized_job_steps(work.job, work.loaded)
        except Exception as error:  # noqa: BLE001 - as for any other stage of a file
            work.error = failure(work.loaded.item.path, error).error

    def _predict(self, group: Sequence[_Plane]) -> Iterator[Report]:
        """Let the network look at planes, and pass their maps on."""
        job = group[0].work.job
        try:
            maps = yield from predict_group_steps(
                [plane.image for plane in group], job.model, job.params, device=job.device
            )
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with a file is that file's alone
            if len(group) > 1:  # it may be one of them only
                for plane in group:
                    yield from self._predict([plane])
                return
            work = group[0].work
            work.error = failure(work.loaded.item.path, error).error
        else:
            for plane, own in zip(group, maps, strict=True):
                self._label(plane, own)
        yield from self._finished(at_most=BEHIND)

    def _label(self, plane: _Plane, maps: Maps) -> None:
        work = plane.work
        work.planes.append(self.labellers.submit(label_plane, work.job, work.loaded, plane.index, maps))

    def _finished(
        self, *, at_most: int | None = None, also: Future[Loaded | FileResult] | None = None
    ) -> Iterator[FileResult]:
        """Yield the files that have been written.

        With `at_most`, wait until no more planes than that are being labelled, or files written; with `also`, wait for
        that or for any of them.
        """
        while True:
            for work in [work for work in self.open if work.labelled and work.stored is None]:
                self._store(work)
            for work in [work for work in self.open if work.stored is not None and work.stored.done()]:
                self.open.remove(work)
                yield self._result(work)
            waiting: list[Future[Any]] = [
                future for work in self.open for future in (*work.planes, work.stored) if future and not future.done()
            ]
            if also is not None:
                wait([also, *waiting], return_when=FIRST_COMPLETED)
                return
            if not waiting or at_most is None or len(waiting) <= at_most:
                return
            wait(waiting, return_when=FIRST_COMPLETED)

    def _store(self, work: _Work) -> None:
        def stored() -> FileResult:
            if work.error:
                return FileResult(path=work.loaded.item.path, state="failed", error=work.error)
            return store(work.job, work.loaded, [future.result() for future in work.planes])

        work.stored = self.labellers.submit(stored)

    def _result(self, work: _Work) -> FileResult:
        assert work.stored is not None
        seconds = monotonic() - work.began
        return replace(outcome(work.loaded.item.path, work.stored.result), seconds=seconds)
