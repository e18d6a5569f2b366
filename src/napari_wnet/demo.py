"""The main job on a bundled image with the bundled weights: needs neither a display nor a network connection."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import BatchJob, FileResult, Report
from napari_wnet.batch.run import batch_steps
from napari_wnet.network.registry import load_model
from napari_wnet.sample_data import sample_path

MODEL = "nuclei"


def demo_steps(out: Path, *, device: str = "auto") -> Generator[Report, None, tuple[FileResult, ...]]:
    """Segment the bundled nuclei into a folder, with every kind of output; a former demo there is replaced.

    Yields
    ------
    Progress, FileStarted, FileResult
    """
    model = load_model(MODEL)
    job = BatchJob(
        model=model,
        params=model.header.params,
        out=out,
        save=("labels", "distmap", "pca", "overlay"),
        device=device,
        overwrite=True,
    )
    return (yield from batch_steps(job, [Item(path=sample_path(MODEL), stem=MODEL)]))
