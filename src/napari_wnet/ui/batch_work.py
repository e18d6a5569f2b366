"""What the Batch dock does outside the GUI thread: generators without Qt."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from napari_wnet.batch.inputs import Inputs, Item, find_inputs
from napari_wnet.batch.job import BatchJob, FileResult
from napari_wnet.batch.outputs import output_paths
from napari_wnet.errors import ImageError, WNetError
from napari_wnet.io.sidecar import read_sidecar
from napari_wnet.reports import Progress
from napari_wnet.scheduler import THREADS
from napari_wnet.ui.batch_settings import BatchSettings, Order
from napari_wnet.ui.trainer import n_threads
from napari_wnet.ui.work import Models

Result = TypeVar("Result")
PAUSE_S = 0.05


@dataclass(frozen=True, kw_only=True)
class BatchDone:
    """The end of a batch.

    Attributes
    ----------
    report, failures : Path or None
        The page on all images, and the list of those that failed, where there is one.
    n_corrected : int
        Above 0 nothing was done, as labels that were corrected by hand would have been replaced.
    """

    report: Path | None = None
    failures: Path | None = None
    n_corrected: int = 0


def listing_steps(settings: BatchSettings) -> Generator[None, None, Inputs]:
    """List the images that a batch would segment.

    Raises
    ------
    ImageError
        If there are none.
    """
    yield None
    return _inputs(settings)


def batch_work_steps(
    order: Order, models: Models, again: Sequence[Item] = (), earlier: Sequence[FileResult] = (), *, sure: bool = True
) -> Generator[Any, None, BatchDone]:
    """Segment a folder.

    Parameters
    ----------
    order : Order
    models : Models
    again : sequence of Item
        Files to segment in place of all of the folder's.
    earlier : sequence of FileResult
        Of the folder's other files.
    sure : bool
        Whether labels that were corrected by hand may be replaced, where earlier results are.

    Yields
    ------
    Inputs
        The files, where all of the folder's are segmented.
    Progress, FileStarted, FileResult
        See :func:`napari_wnet.batch.run.batch_steps`.

    Raises
    ------
    WNetError
        If nothing can be segmented or written.
    """
    yield Progress(done=0, total=0, what="getting ready")
    from napari_wnet.batch.failures import failures_path  # torch: seconds, and not on the GUI thread
    from napari_wnet.batch.report import report_path
    from napari_wnet.batch.run import batch_steps
    from napari_wnet.network.device import threads

    settings = order.settings
    items = again
    if not items:
        inputs = _inputs(settings)
        items = inputs.items
        n_corrected = 0 if sure or not settings.overwrite else sum(_is_corrected(settings, item) for item in items)
        if n_corrected:
            return BatchDone(n_corrected=n_corrected)
        yield inputs
    model = yield from models.steps(settings.model)
    job = BatchJob(
        model=model,
        params=order.used(model.header.params),
        out=Path(settings.out),
        save=settings.save,  # type: ignore[arg-type]  # the order was checked
        device=settings.device,
        foreground=_masks(settings),
        axes=settings.axes or None,
        channels=settings.channels or None,
        overwrite=settings.overwrite,
        report=True,
    )
    with threads(batch_threads(settings)):
        yield from batch_steps(job, items, scheduler=settings.scheduler, earlier=earlier)
    several = len(items) + len(earlier) > 1
    report, failures = report_path(job.out), failures_path(job.out)
    return BatchDone(
        report=report if several and report.exists() else None,
        failures=failures if several and failures.exists() else None,
    )


def batch_threads(settings: BatchSettings) -> int | None:
    """Return how many processor threads the network takes in this window: one core is left to the viewer.

    None where it runs elsewhere: on a graphics card, or in other processes.

    Raises
    ------
    DeviceError
        If there is no such device.
    """
    import torch

    from napari_wnet.network.device import choose_device

    if settings.scheduler != THREADS or choose_device(settings.device).type != "cpu":
        return None
    return min(torch.get_num_threads(), n_threads())


def pausable(steps: Generator[Any, None, Result], paused: threading.Event) -> Generator[Any, None, Result]:
    """Pass on what a generator yields, and do not advance it while an event is set."""
    with closing(steps):
        while True:
            while paused.is_set():
                yield None  # the chance to cancel
                time.sleep(PAUSE_S)
            try:
                report = next(steps)
            except StopIteration as end:
                return end.value
            yield report


def _is_corrected(settings: BatchSettings, item: Item) -> bool:
    sidecar = output_paths(Path(settings.out), item.stem, ())["sidecar"]
    try:
        return bool(read_sidecar(sidecar)["result"].get("edited"))
    except (WNetError, KeyError, AttributeError):  # it has no result, or it is somebody else's
        return False


def _inputs(settings: BatchSettings) -> Inputs:
    if not Path(settings.folder).is_dir():
        raise ImageError(f"There is no folder {settings.folder}; check its name, or whether its disk is there.")
    return find_inputs(
        [settings.folder],
        Path(settings.out),
        recursive=settings.recursive,
        patterns=settings.patterns,
        foreground=_masks(settings),
    )


def _masks(settings: BatchSettings) -> Path | None:
    return Path(settings.foreground) if settings.foreground else None
