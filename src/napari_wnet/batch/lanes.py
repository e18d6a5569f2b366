"""Files side by side on the processor: each is done from reading to writing by one thread, several at a time.

A network that has all processors to itself has to wait where one of its threads is held up by the labelling of the
image before; several networks with a thread each wait for nobody, and their labels, tables and files get done between.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from time import monotonic
from typing import TypeVar

import torch

from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import BatchJob, FileResult, FileStarted, Report
from napari_wnet.batch.outcome import outcome
from napari_wnet.batch.reading import Loaded, load
from napari_wnet.batch.sizing import sized_job_steps
from napari_wnet.batch.writing import label_plane, store
from napari_wnet.errors import WNetError
from napari_wnet.network.device import threads as using_threads
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import Progress
from napari_wnet.scheduler import POLL_S

Result = TypeVar("Result")
MOST_LANES = 4
FILES_A_LANE = 4
"""With fewer, the last files would leave most processors idle for too large a part of the time."""
ENDED = "The batch was ended before this was done; start it again."
LARGE_PX = 16 * 2**20
"""Images of more pixels are done one at a time: their maps take memory."""


def count_lanes(n_items: int) -> int:
    """Return how many files are best done at once with the processor threads that torch has; 1: one by one."""
    count = min(MOST_LANES, torch.get_num_threads())
    return count if n_items >= FILES_A_LANE * count else 1


def segment_loaded(job: BatchJob, loaded: Loaded, ended: Callable[[], bool]) -> FileResult:
    """Segment an image that has been read, and write its results.

    Parameters
    ----------
    job : BatchJob
    loaded : Loaded
    ended : callable
        Tells whether the batch has been ended, so that nobody waits for this any more; asked after each tile.

    Raises
    ------
    WNetError
        If it has; or as for any image.
    """
    job, loaded = _unless(sized_job_steps(job, loaded), ended)
    planes = []
    for index, image in enumerate(loaded.images):
        maps = _unless(predict_steps(image, job.model, job.params, device=job.device), ended)
        planes.append(label_plane(job, loaded, index, maps))
    return store(job, loaded, planes)


def _unless(steps: Generator[Progress, None, Result], ended: Callable[[], bool]) -> Result:
    """Run a generator of reports to its end, unless the batch ends before."""
    with contextlib.closing(steps):
        while True:
            if ended():
                raise WNetError(ENDED)
            try:
                next(steps)
            except StopIteration as stop:
                result: Result = stop.value
                return result


def lane_steps(job: BatchJob, items: Sequence[Item], n_lanes: int) -> Generator[Report, None, None]:
    """Segment files, some at a time, each by one of some threads that share torch's among them.

    Yields
    ------
    FileStarted, FileResult, None
        See :func:`napari_wnet.batch.run.batch_steps`.

    Raises
    ------
    NoRoomError
        If the disk is full.
    """
    each = max(1, torch.get_num_threads() // n_lanes)
    large, ended = threading.Lock(), threading.Event()

    def work(item: Item) -> FileResult:
        began = monotonic()
        result = outcome(item.path, lambda: _segment(job, item, large, ended.is_set))
        return result if result.state == "skipped" else replace(result, seconds=monotonic() - began)

    todo = iter(items)
    running: set[Future[FileResult]] = set()
    with using_threads(None):  # each lane sets its own number, and with it that of threads to come
        pool = ThreadPoolExecutor(n_lanes, "napari-wnet-lane", torch.set_num_threads, (each,))
        try:
            while True:
                while len(running) < n_lanes and (item := next(todo, None)) is not None:
                    running.add(pool.submit(work, item))
                    yield FileStarted(path=item.path)
                if not running:
                    return
                done, running = wait(running, POLL_S, FIRST_COMPLETED)
                if not done:
                    yield None
                for future in done:
                    yield future.result()
        finally:
            ended.set()
            pool.shutdown(cancel_futures=True)  # what is being written is written to its end


def _segment(job: BatchJob, item: Item, large: threading.Lock, ended: Callable[[], bool]) -> FileResult:
    loaded = load(job, item)
    if isinstance(loaded, FileResult):
        return loaded
    if loaded.images[0].shape[-2] * loaded.images[0].shape[-1] <= LARGE_PX:
        return segment_loaded(job, loaded, ended)
    with large:
        return segment_loaded(job, loaded, ended)
