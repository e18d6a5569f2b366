"""The diameter of a batch's objects, where it is to be estimated: decided once for each file, over its planes."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from napari_wnet.batch.job import BatchJob
from napari_wnet.batch.reading import Loaded
from napari_wnet.params import AUTO
from napari_wnet.reports import Progress
from napari_wnet.sizing import sized_steps


def sized_job_steps(job: BatchJob, loaded: Loaded) -> Generator[Progress, None, tuple[BatchJob, Loaded]]:
    """Return the job with a number for the diameter, and the file with what is to be told of it."""
    if job.params.normalize.diameter != AUTO:
        return job, loaded
    params, notes = yield from sized_steps(loaded.images, job.model, job.params, device=job.device)
    return replace(job, params=params), replace(loaded, notes=(*loaded.notes, *notes), estimated=True)
