"""``napari-wnet train-outline``: the network that outlines what a person points at, from annotated images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wnet.commands.config_file import read_config
from napari_wnet.commands.console import add_threads, run_training, say, warn, with_bar
from napari_wnet.errors import ParamsError
from napari_wnet.flags import add_flags, apply_flags
from napari_wnet.train_params import OutlineParams

if TYPE_CHECKING:
    from napari_wnet.outline_job import OutlineJob

TEXT_FLAGS = ("images", "labels", "out", "split", "name", "description", "licence", "data")


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "train-outline",
        help="train the network that outlines what is clicked",
        description="Train the network that outlines the object in a box or under a click, on pairs of images and "
        "labels of any kind. Ctrl-C ends the training and keeps the best so far.",
    )
    parser.add_argument("--config", type=Path, help="YAML file with the same settings; flags win over it")
    for name, help_text in (
        ("images", "folders of images"),
        ("labels", "folders of labels, in the same order, matched by name"),
    ):
        parser.add_argument(f"--{name}", nargs="+", metavar="FOLDER", default=argparse.SUPPRESS, help=help_text)
    for name, help_text in (
        ("out", "file to write (.safetensors); the log and the checkpoint go beside it"),
        ("split", "tenths, validation or none (default validation), within each folder"),
        ("name", "name of the network"),
        ("description", "what it is for"),
        ("licence", "licence of the weights"),
        ("data", "what the data is"),
    ):
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS, help=help_text)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default %(default)s)")
    add_threads(parser)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier file")
    add_flags(parser, OutlineParams)
    parser.set_defaults(run=run)


def read_job(given: argparse.Namespace, values: dict[str, Any]) -> OutlineJob:
    """Return the job of a configuration file's values and the flags given.

    Raises
    ------
    ParamsError
        If a key is unknown, a value does not fit, or folders are missing.
    """
    from napari_wnet.outline_job import OutlineJob

    job = OutlineJob.from_dict(values)
    flags = vars(given)
    job = job.replace(**{name: flags[name] for name in TEXT_FLAGS if name in flags})
    job = job.replace(params=apply_flags(job.params, flags))
    missing = [f"--{name}" for name in ("images", "labels", "out") if not getattr(job, name)]
    if missing:
        raise ParamsError(f"Give {', '.join(missing)}, as flags or in the file of --config.")
    if len(job.images) != len(job.labels):
        raise ParamsError(
            f"There are {len(job.images)} folders of images and {len(job.labels)} of labels; give one for the other."
        )
    return job


def run(given: argparse.Namespace) -> int:
    """Train and write the network."""
    job = read_job(given, read_config(given.config))
    import torch

    from napari_wnet.outline_job import train_outline_job_steps
    from napari_wnet.train_data import DataParams, load_data_steps
    from napari_wnet.train_job import model_file

    if given.threads:
        torch.set_num_threads(given.threads)
    model_file(job.out, overwrite=given.overwrite, resume=given.resume)  # a refusal after minutes of reading is no use
    sets = []
    for images, labels in zip(job.images, job.labels, strict=True):
        data = with_bar(load_data_steps(DataParams(images=images, labels=labels, split=job.split)))
        for problem in data.problems:
            warn(problem)
        say(f"{images}: {len(data.train)} images to train on, {len(data.validation)} to validate")
        sets.append(data)
    steps = train_outline_job_steps(job, sets, device=given.device, resume=given.resume, overwrite=given.overwrite)
    path, trained = run_training(steps)
    say(f"best weights, of step {trained.step}, written to {path}")
    return 0
