"""``napari-wnet synthesize``: made-up images with exact labels, to train on."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import counted, say, with_bar
from napari_wnet.datasets.rosettes.params import RosetteParams
from napari_wnet.flags import add_flags, apply_flags

KINDS = {"rosettes": "plants from above, each leaf labelled"}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "synthesize",
        help="draw images with labels to train on",
        description="Draw OUT/images and OUT/labels: " + "; ".join(f"{name} ({told})" for name, told in KINDS.items()),
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--n", type=int, required=True, help="how many images")
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed gives other images, the same the same (default %(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--workers", type=int, default=1, help="processes to draw with (default %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results")
    add_flags(parser, RosetteParams)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Draw the images and say how many leaves they show."""
    from napari_wnet.datasets.rosettes.write import Series, synthesize_steps

    series = Series(n_images=given.n, seed=given.seed, params=apply_flags(RosetteParams(), vars(given)))
    drawn = with_bar(synthesize_steps(given.out, series, workers=given.workers, overwrite=given.overwrite))
    images, leaves = counted(len(drawn.names), "image"), f"{drawn.n_objects} leaves"
    say(f"{images} with {leaves} written to {given.out}")
    return 0
