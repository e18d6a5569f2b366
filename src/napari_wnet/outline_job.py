"""Training the outline network as a use case: folders of annotated images in, its file, a log and a checkpoint out."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from napari_wnet.datasets.split import names_sha256
from napari_wnet.fields import Params
from napari_wnet.network.outline.file import save_outline
from napari_wnet.network.outline.net import OutlineConfig
from napari_wnet.network.outline.training import OutlineRun, TrainedOutline, train_outline_steps
from napari_wnet.reports import EpochReport
from napari_wnet.train_data import TrainingData
from napari_wnet.train_job import STATE, code_and_machine, model_file
from napari_wnet.train_log import logged
from napari_wnet.train_params import OutlineParams


@dataclass(frozen=True, kw_only=True)
class OutlineJob(Params):
    """A training of the outline network as a configuration file describes it; every key of the file is a field here."""

    images: Annotated[tuple[str, ...], {"tooltip": "Folders of images."}] = ()
    labels: Annotated[tuple[str, ...], {"tooltip": "Folders of labels, in the same order."}] = ()
    out: Annotated[str, {"tooltip": "File to write (.safetensors)."}] = ""
    split: Annotated[
        Literal["tenths", "validation", "none"],
        {"tooltip": "As for 'train', within each folder: tenths, validation or none."},
    ] = "validation"
    name: str = "outline"
    description: str = ""
    licence: Annotated[str, {"tooltip": "Licence of the weights, as an SPDX name."}] = ""
    data: Annotated[str, {"tooltip": "What the data is and where it comes from."}] = ""
    network: OutlineConfig = field(default_factory=OutlineConfig)
    params: OutlineParams = field(default_factory=OutlineParams)


def train_outline_job_steps(
    job: OutlineJob,
    sets: Sequence[TrainingData],
    *,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
) -> Generator[EpochReport, None, tuple[Path, TrainedOutline]]:
    """Train and write the file; beside it a log (.csv) and a checkpoint (.state.safetensors) to resume from.

    Yields
    ------
    EpochReport

    Returns
    -------
    path : Path
        Of the file.
    trained : TrainedOutline

    Raises
    ------
    WNetError
        If the job cannot start, the loss diverges, or a file cannot be written.
    """
    out = model_file(job.out, overwrite=overwrite, resume=resume)
    state = out.with_suffix(STATE)
    run = OutlineRun(
        samples=[data.train for data in sets],
        validation=[data.validation for data in sets],
        config=job.network,
        params=job.params,
        device=device,
        state=state,
        resume=resume,
    )
    if overwrite and not resume:  # else, killed before its first checkpoint, it would be resumed from that of another
        state.unlink(missing_ok=True)
    trained = yield from logged(train_outline_steps(run), out.with_suffix(".csv"), resume=resume)
    save_outline(out, trained.network, _card(job, sets, trained), overwrite=True)
    return out, trained


def _card(job: OutlineJob, sets: Sequence[TrainingData], trained: TrainedOutline) -> dict[str, Any]:
    """Return what the file says of the network."""
    return {
        "name": job.name,
        "description": job.description,
        "licence": job.licence,
        "scores": {"validation": {name: round(value, 4) for name, value in trained.scores.items()}},
        "provenance": {
            "data": job.data or ", ".join(Path(folder).name for folder in job.images),
            "split": job.split,
            "n_images": {
                "train": [len(data.train) for data in sets],
                "validation": [len(data.validation) for data in sets],
                "test": [len(data.test_names) for data in sets],
            },
            "n_objects": [sum(sample.n_objects for sample in data.train) for data in sets],
            "train_names_sha256": [names_sha256(one.name for one in data.train) for data in sets],
            "best_step": trained.step,
            "steps_done": trained.steps_done,
            "seconds": round(trained.seconds),
            "params": job.params.to_dict(),
            **code_and_machine(),
        },
    }
