"""W-Net by a configuration of training/, from scratch in a given time; with no time, the bundled model of that name."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import exchange
import numpy as np
import torch
import yaml

from napari_wnet import load_model, segment
from napari_wnet.network.training import evaluate_network
from napari_wnet.params import SegmentParams
from napari_wnet.reports import drain, watched
from napari_wnet.train_data import load_data_steps
from napari_wnet.train_job import TrainJob, train_job_steps

CONFIGS = Path(__file__).parents[2] / "training"
TRIAL_STEPS, WARMED_UP = 40, 10
VALIDATIONS = 4


def job_of(data: Path, out: Path) -> TrainJob:
    """Return the training of the bundled model, with the folders of the benchmark."""
    job = TrainJob.from_dict(yaml.safe_load((CONFIGS / f"{given.recipe}.yaml").read_text()))
    folders = {
        f"{prefix}{kind}": str(data / part / kind)
        for prefix, part in (("", "train"), ("validation_", "validation"))
        for kind in ("images", "labels")
    }
    return job.replace(**folders, split="none", out=str(out))


def train() -> None:
    """Train within the time."""
    given.model.mkdir(parents=True, exist_ok=True)
    job = job_of(given.data, given.model / "model.safetensors")
    data = drain(load_data_steps(job))
    trial = job.replace(
        out=str(given.model / "trial.safetensors"),
        tune=False,
        params=job.params.replace(steps=TRIAL_STEPS, validate_every=TRIAL_STEPS, report_every=WARMED_UP, workers=0),
    )
    marks = {}
    steps = train_job_steps(trial, data, device="cpu", overwrite=True)
    _, trained = drain(watched(steps, lambda report: marks.setdefault(report.step, time.monotonic())))
    a_step = (marks[TRIAL_STEPS - WARMED_UP] - marks[WARMED_UP]) / (TRIAL_STEPS - 2 * WARMED_UP)
    began = time.monotonic()
    evaluate_network(trained.network, data.validation, SegmentParams(), torch.device("cpu"))
    validation = time.monotonic() - began
    n_steps = int((given.minutes * 60 - VALIDATIONS * validation) / a_step)
    params = job.params.replace(steps=n_steps, validate_every=-(-n_steps // VALIDATIONS), workers=0, seed=given.seed)
    steps = train_job_steps(job.replace(params=params), data, device="cpu", overwrite=True)
    _, trained = drain(watched(steps, lambda report: print(report.step, report.losses, report.validation, flush=True)))
    exchange.write(given.model / "trained.json", {"seconds": trained.seconds, "steps": trained.steps_done})


def main() -> None:
    """Train or predict."""
    torch.set_num_threads(given.threads)
    if given.task == "train":
        if given.minutes:
            train()
        else:
            given.model.mkdir(parents=True, exist_ok=True)
            shutil.copy(load_model(given.recipe).path, given.model / "model.safetensors")
            exchange.write(given.model / "trained.json", {"seconds": 0, "steps": 0})
        return
    path = given.model / "model.safetensors"
    model = load_model(path)
    exchange.predict(
        given,
        lambda image: np.asarray(segment(image, model, device="cpu").labels),
        size_bytes=exchange.size_of(path),
        about={"parameters": sum(one.numel() for one in model.network.parameters())},
    )


given = exchange.arguments()

if __name__ == "__main__":
    main()
