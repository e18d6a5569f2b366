"""A batch in one call."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from napari_wnet.batch.inputs import EVERYTHING, find_inputs
from napari_wnet.batch.job import BatchJob, FileResult
from napari_wnet.batch.kinds import KINDS
from napari_wnet.batch.run import batch_steps
from napari_wnet.errors import ParamsError
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.device import threads as using_threads
from napari_wnet.network.registry import load_model
from napari_wnet.params import DEFAULT_MODEL, SegmentParams
from napari_wnet.reports import drain
from napari_wnet.scheduler import THREADS

logger = logging.getLogger("napari_wnet")


class FolderOptions(TypedDict, total=False):
    """What :func:`segment_folder` can be told beside what it is to segment."""

    recursive: bool
    patterns: Sequence[str]
    scheduler: str
    threads: int | None
    save: Sequence[str]
    device: str
    foreground: str | Path | None
    axes: str | None
    channels: str | None
    overwrite: bool
    report: bool


def segment_folder(
    folder: str | Path,
    out: str | Path,
    model: str | Path | Model = DEFAULT_MODEL,
    params: SegmentParams | None = None,
    **options: Unpack[FolderOptions],
) -> tuple[FileResult, ...]:
    """Segment the images of a folder, as ``napari-wnet segment`` and the Batch dock do.

    What an earlier call has finished is skipped; a file that fails is noted in its result and in ``failed.csv``.

    Parameters
    ----------
    folder : str or Path
        A folder; or an image, or a pattern such as ``"plates/*.tif"``.
    out : str or Path
        Folder of the results.
    model : str, Path or Model
        Name of a known model, path of a model file, or a loaded model.
    params : SegmentParams, optional
        By default those that the model recommends.
    recursive : bool
        Look into the folders of the folder.
    patterns : sequence of str
        Only files like these, such as ``"*.tif"``.
    save : sequence of str
        Kinds of :data:`napari_wnet.batch.kinds.KINDS`; labels, table and sidecar are always written.
    scheduler : str
        ``threads`` (this process), ``processes``, or the address of a Dask scheduler.
    threads : int, optional
        Processor threads of the network in this process.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    foreground : str or Path, optional
        A mask file, or a folder with a mask of the same name for each image.
    axes, channels : str, optional
        What the axes are, such as ``"TCYX"``, and which channels to use, such as ``"2,0"``.
    overwrite : bool
        Replace earlier results, also those that were corrected by hand.
    report : bool
        Write ``report.html``; by default if there is more than one image.

    Returns
    -------
    tuple of FileResult
        In the order in which they were finished.

    Raises
    ------
    WNetError
        If nothing can be segmented or written at all; the message names the remedy.
    """
    job_options: dict[str, Any] = {"report": True, "save": ("labels",), **options}
    recursive, patterns = job_options.pop("recursive", False), job_options.pop("patterns", EVERYTHING)
    scheduler, count = job_options.pop("scheduler", THREADS), job_options.pop("threads", None)
    unknown = [kind for kind in job_options["save"] if kind not in KINDS]
    if unknown:
        raise ParamsError(f"There is nothing called {', '.join(unknown)} to save; choose of {', '.join(KINDS)}.")
    if count is not None and count < 1:
        raise ParamsError(f"threads is {count}; give 1 or more, or leave it out.")
    ready = model if isinstance(model, Model) else load_model(model)
    foreground = options.get("foreground")
    job_options["foreground"] = masks = None if foreground is None else Path(foreground)
    inputs = find_inputs([str(folder)], Path(out), recursive=recursive, patterns=patterns, foreground=masks)
    for problem in inputs.problems:
        logger.warning(problem)
    job_options["save"] = tuple(job_options["save"])
    job = BatchJob(model=ready, params=params or ready.header.params, out=Path(out), **job_options)
    with using_threads(count):
        return drain(batch_steps(job, inputs.items, scheduler=scheduler))
