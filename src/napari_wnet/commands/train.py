"""``napari-wnet train``: a model from folders of images and labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wnet.commands import fine_tune
from napari_wnet.commands.config_file import read_config
from napari_wnet.commands.console import add_threads, counted, run_training, say, warn, with_bar
from napari_wnet.errors import ParamsError
from napari_wnet.flags import add_flags, apply_flags
from napari_wnet.params import WNetConfig
from napari_wnet.train_params import TrainParams

if TYPE_CHECKING:
    from napari_wnet.train_job import TrainJob

FLAGS = (
    "images",
    "labels",
    "validation_images",
    "validation_labels",
    "out",
    "init",
    "split",
    "validate_on",
    "enlarge",
    "name",
    "description",
    "licence",
    "data",
    "tensorboard",
    "pictures",
)

TEXTS = (
    ("images", "folder of images"),
    ("labels", "folder of labels, matched by name"),
    ("validation-images", "folder of images that validate, in place of a part of --images"),
    ("validation-labels", "folder of their labels (default: the same folder)"),
    ("out", "model file to write (.safetensors); the log and the checkpoint go beside it"),
    ("init", "model to start from: a name or a file"),
    ("split", "tenths, validation or none (default validation): see the documentation"),
    ("name", "name of the model"),
    ("description", "what the model is for"),
    ("licence", "licence of the weights"),
    ("data", "what the data is, for the model's card"),
)
"""Flags whose value is a text, and what they say."""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "train",
        help="train a model",
        description="Train on pairs of images and labels. Ctrl-C ends the training and keeps the best so far.",
    )
    parser.add_argument("--config", type=Path, help="YAML file with the same settings; flags win over it")
    _add_job(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default %(default)s)")
    add_threads(parser)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier model")
    fine_tune.add(parser)
    add_flags(parser, WNetConfig, but=("in_channels",))
    add_flags(parser, TrainParams)
    parser.set_defaults(run=run)


def _add_job(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of what a job says beside its parameters."""
    for name, help_text in TEXTS:
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS, help=help_text)
    parser.add_argument(
        "--preset",
        default=argparse.SUPPRESS,
        help="what settings start from: default; paper, the published recipe; equation, its equation 1 to the letter",
    )
    parser.add_argument(
        "--validate-on",
        type=int,
        default=argparse.SUPPRESS,
        help="validate on so many images at most, evenly spread (default 0: all)",
    )
    parser.add_argument(
        "--enlarge",
        type=float,
        metavar="TIMES",
        default=argparse.SUPPRESS,
        help="have the network see images so many times larger, now and whenever it is used: for small objects",
    )
    parser.add_argument(
        "--tensorboard", metavar="FOLDER", default=argparse.SUPPRESS, help="write TensorBoard's event files there, too"
    )
    parser.add_argument(
        "--pictures",
        action="store_true",
        default=argparse.SUPPRESS,
        help="draw up to four validation images at each validation, into a folder beside --out",
    )


def read_job(given: argparse.Namespace, values: dict[str, Any]) -> TrainJob:
    """Return the job of a configuration file's values and the flags given.

    Raises
    ------
    ParamsError
        If a key is unknown or a value does not fit.
    """
    from napari_wnet.train_job import TrainJob

    flags = vars(given)
    job = TrainJob.from_dict(values | ({"preset": flags["preset"]} if "preset" in flags else {}))
    job = job.replace(**{name: flags[name] for name in FLAGS if name in flags})
    job = job.replace(network=apply_flags(job.network, flags), params=apply_flags(job.params, flags))
    missing = [f"--{name}" for name in ("images", "labels", "out") if not getattr(job, name)]
    if missing:
        raise ParamsError(f"Give {', '.join(missing)}, as flags or in the file of --config.")
    return job


def run(given: argparse.Namespace) -> int:
    """Train and write the model."""
    values = read_config(given.config)
    job = read_job(given, values)
    import torch

    from napari_wnet.train_data import load_data_steps
    from napari_wnet.train_job import history, model_file, train_job_steps

    if given.threads:
        torch.set_num_threads(given.threads)
    if given.fine_tune:
        return fine_tune.run(given, job, values.get("params", {}))
    if given.regions or given.done or given.adapt_channels:
        raise ParamsError("--regions, --done and --adapt-channels belong to --fine-tune; give that as well.")
    model_file(job.out, overwrite=given.overwrite, resume=given.resume)  # a refusal after minutes of reading is no use
    data = with_bar(load_data_steps(job))
    for problem in data.problems:
        warn(problem)
    say(f"{len(data.train)} images to train on, {len(data.validation)} to validate, {len(data.test_names)} left out")
    _tell_of_empty_images(data.n_without_objects, job.params)
    changed = history(job, data, resume=given.resume).now
    if changed:
        warn(f"goes on with other settings than before: {changed}")
    steps = train_job_steps(job, data, device=given.device, resume=given.resume, overwrite=given.overwrite)
    path, trained = run_training(steps)
    say(f"best weights, of step {trained.step}, written to {path}")
    if trained.problem:
        warn(trained.problem)
        return 1
    return 0


def _tell_of_empty_images(count: int, params: TrainParams) -> None:
    if count and params.fewest_objects:
        warn(
            f"{counted(count, 'image')} to train on without any object, left out; --fewest-objects 0 trains on such "
            "images as background."
        )
