"""``napari-wnet reproduce``: the paper's tables, trained and scored again."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import add_threads, report_line, say, warn
from napari_wnet.reports import EpochReport
from napari_wnet.reproduce.studies import STUDIES


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "reproduce",
        help="make the tables of the W-Net paper again",
        description="Train and score every row of a table or figure of the paper: "
        + "; ".join(f"{study.name} ({study.title.split(': ')[1]})" for study in STUDIES.values())
        + ". It can be ended at any time; the same command goes on where it was. Rows in common to several tables are "
        "trained once, if the folder is the same.",
    )
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument(
        "--data",
        required=True,
        help="folder of a data set, as published or converted; or 'synthetic' for plants that are drawn",
    )
    parser.add_argument("--out", type=Path, help="folder for runs and tables (default reproduce/STUDY)")
    parser.add_argument(
        "--recipe",
        choices=("small", "paper"),
        help="paper: as published, for a graphics card; small: a comparison that a processor can do "
        "(default: small for synthetic data and settings, else paper)",
    )
    parser.add_argument(
        "--rows",
        nargs="+",
        default=[],
        metavar="KEY",
        help="train these rows only, so that several calls share the work",
    )
    parser.add_argument("--steps", type=int, default=0, help="optimiser steps of each run (default: the recipe's)")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of the rows whose spread is given (default 3)")
    parser.add_argument("--images", type=int, default=200, help="synthetic plants to train on (default 200)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    add_threads(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Run a study; status 1 if a run failed."""
    import torch

    from napari_wnet.reproduce.job import SYNTHETIC, Budget, Recipe, ReproduceJob, RunDone
    from napari_wnet.reproduce.run import reproduce_steps

    if given.threads:
        torch.set_num_threads(given.threads)
    study = STUDIES[given.study]
    recipe: Recipe = given.recipe or ("small" if given.data == SYNTHETIC or study.small_only else "paper")
    job = ReproduceJob(
        study=study,
        data=given.data,
        out=given.out or Path("reproduce", given.study),
        budget=Budget(recipe=recipe, steps=given.steps, n_seeds=given.seeds, n_images=given.images),
        device=given.device,
        rows=tuple(given.rows),
    )
    steps = reproduce_steps(job)
    while True:
        try:
            report = next(steps)
        except StopIteration as stop:
            result = stop.value
            break
        if isinstance(report, EpochReport):
            say("  " + report_line(report))
        elif isinstance(report, RunDone):
            say(_line(report))
    for note in result.notes:
        warn(note)
    for run_ in result.failed:
        warn(f"{run_.name} failed: {run_.error}")
    say("written: " + ", ".join(map(str, result.files)))
    return 1 if result.failed else 0


def _line(done: object) -> str:
    from napari_wnet.reproduce.job import RunDone

    assert isinstance(done, RunDone)
    if done.error:
        return f"{done.name}: failed, {done.error}"
    scores = done.scores
    again = " (there already)" if done.reused else ""
    return (
        f"{done.name}: mSBD {scores['symmetric_best_dice']:.3f}, on training images "
        f"{scores['train_symmetric_best_dice']:.3f}{again}"
    )
