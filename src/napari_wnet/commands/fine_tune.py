"""``napari-wnet train --fine-tune``: a model adapted to a few images, and whether it is better for them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wnet.commands.console import report_line, say, warn, with_bar
from napari_wnet.errors import ParamsError
from napari_wnet.flags import apply_flags
from napari_wnet.params import DEFAULT_MODEL
from napari_wnet.reports import EpochReport, Progress, drain, watched

if TYPE_CHECKING:
    from napari_wnet.fine_tune import FineTuned, FineTuneJob
    from napari_wnet.train_job import TrainJob
    from napari_wnet.train_params import TrainParams

SCORES = (
    ("symmetric_best_dice", "SBD"),
    ("average_precision_0.5", "AP .5"),
    ("average_precision_0.75", "AP .75"),
    ("n_predicted", "objects"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    group = parser.add_argument_group("fine-tuning on a few images")
    group.add_argument(
        "--fine-tune",
        action="store_true",
        help="start from --init (default nuclei) with light settings, hold pieces out, compare new with current; "
        "--split, --resume and the network's shape do not apply",
    )
    group.add_argument(
        "--regions", type=Path, help="folder of masks, named as the images: elsewhere nothing is labelled"
    )
    group.add_argument(
        "--done", type=Path, help="JSON file: by image, the numbers of the objects that are right; the rest is unknown"
    )
    group.add_argument(
        "--adapt-channels", action="store_true", help="let the first layer be changed to the images' channels"
    )


def run(given: argparse.Namespace, job: TrainJob, configured: Mapping[str, Any]) -> int:
    """Fine-tune, write the model file and its log, and say which model is better; exit status 1 if the old one is."""
    from napari_wnet.fine_tune import FineTuneJob, fine_tune_params
    from napari_wnet.fine_tune.files import read_pairs_steps
    from napari_wnet.network.registry import load_model
    from napari_wnet.train_job import model_file

    if given.resume:
        raise ParamsError("A fine-tuning is short and cannot be resumed; leave out --resume.")
    if job.validation_images or job.validation_labels or job.tensorboard or job.pictures:
        raise ParamsError(
            "A fine-tuning holds pieces of its images out and shows nothing on the way; leave out --validation-images, "
            "--validation-labels, --tensorboard and --pictures."
        )
    if job.enlarge != 1:
        raise ParamsError("How large a fine-tuning sees its objects is said by --diameter; leave out --enlarge.")
    out = model_file(job.out, overwrite=given.overwrite)
    base = load_model(job.init or DEFAULT_MODEL)
    params = apply_flags(_merged(fine_tune_params(base), configured), vars(given))
    read = with_bar(read_pairs_steps(job.images, job.labels, given.regions, given.done))
    for problem in read.problems:
        warn(problem)
    tuned, rows = _followed(
        FineTuneJob(
            pairs=read.pairs, base=base, params=params, device=given.device, adapt_channels=given.adapt_channels
        )
    )
    return _written(out, job, tuned, rows)


def _merged(params: TrainParams, values: Mapping[str, Any]) -> TrainParams:
    """Return the parameters with those of a configuration file."""
    flat = {
        f"{name}__{inner}" if isinstance(value, dict) else name: deeper if isinstance(value, dict) else value
        for name, value in values.items()
        for inner, deeper in (value.items() if isinstance(value, dict) else ((name, value),))
    }
    return params.replace(**flat)


def _followed(job: FineTuneJob) -> tuple[FineTuned, list[dict[str, Any]]]:
    from napari_wnet.fine_tune import fine_tune_steps
    from napari_wnet.train_log import log_row

    rows: list[dict[str, Any]] = []

    def show(report: EpochReport | Progress) -> None:
        if isinstance(report, EpochReport):
            rows.append(log_row(report))
            say(report_line(report))
        else:
            say(report.what)

    steps = watched(fine_tune_steps(job), show)
    return drain(steps), rows


def _written(out: Path, job: TrainJob, tuned: FineTuned, rows: list[dict[str, Any]]) -> int:
    from dataclasses import replace

    from napari_wnet.atomic import write_text
    from napari_wnet.network.checkpoint import save_model
    from napari_wnet.train_log import as_csv

    header = replace(
        tuned.header,
        name=job.name or out.stem,
        description=job.description or tuned.header.description,
        licence=job.licence or tuned.header.licence,
    )
    save_model(out, tuned.network, header, overwrite=True)
    write_text(out.with_suffix(".csv"), as_csv(rows), overwrite=True)
    for name, label in SCORES:
        say(f"{label:<8} current {tuned.comparison.current[name]:8.3f}   new {tuned.comparison.new[name]:8.3f}")
    say(
        f"{len(tuned.comparison.pieces)} held-out pieces, {tuned.comparison.new['n_true']:.0f} objects labelled in them"
    )
    say(f"best weights, of step {tuned.step} of {tuned.steps_done}, written to {out}")
    if tuned.problem:
        warn(tuned.problem)
    if not tuned.better:
        warn("The new model is no better than the current one on the held-out pieces; do not use it unseen.")
    return 0 if tuned.better and not tuned.problem else 1
