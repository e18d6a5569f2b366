"""``napari-wnet evaluate``: score predicted labels against true ones."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import say, warn


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score predicted labels",
        description="Compare label images of the same name: symmetric best Dice, counts, average precision. Names such "
        "as A1_plant001 tell subsets of the leaf challenge, whose scores are then given too.",
    )
    parser.add_argument("--labels", type=Path, required=True, help="folder of true labels")
    parser.add_argument(
        "--predictions", type=Path, required=True, help="folder of predicted labels, or results of segment"
    )
    parser.add_argument("--csv", type=Path, help="write a table with a row for each image")
    parser.add_argument("--groups", type=Path, help="write a table with a row for each subset of the leaf challenge")
    parser.add_argument("--overwrite", action="store_true", help="replace earlier tables")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Print the scores; status 1 if anything could not be scored."""
    from napari_wnet.score import score_folders

    result = score_folders(given.labels, given.predictions)
    for problem in result.problems:
        warn(problem)
    for line in result.lines():
        say(line)
    from napari_wnet.io.tables import write_table

    if given.csv is not None:
        write_table(given.csv, result.scores.table(), overwrite=given.overwrite)
    if given.groups is not None:
        write_table(given.groups, result.groups_table(), overwrite=given.overwrite)
    return 1 if result.problems else 0
