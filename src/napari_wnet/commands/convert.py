"""``napari-wnet convert``: public data sets as folders of images and labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import counted, say, warn, with_bar

SETS = {
    "nuclei": "BBBC038, the 2018 Data Science Bowl with corrected masks",
    "cells": "T98G cells in phase contrast, Usiigaci",
    "cvppp": "the leaf segmentation challenge, as folders A1 to A5 or as HDF5",
    "bbbc006": "nuclei of U2OS cells, BBBC006",
}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "convert",
        help="convert a public data set for training",
        description="Write OUT/images and OUT/labels, and OUT/foreground where there are masks, from a copy of: "
        + "; ".join(f"{name} ({told})" for name, told in SETS.items()),
    )
    parser.add_argument("dataset", choices=SETS)
    parser.add_argument("source", type=Path, help="folder (or HDF5 file) of the copy, as published")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Convert the set and say what was left out."""
    from napari_wnet.datasets import bbbc006, cvppp, dsb2018, usiigaci

    converter = {"nuclei": dsb2018, "cells": usiigaci, "cvppp": cvppp, "bbbc006": bbbc006}[given.dataset]
    converted = with_bar(converter.convert_steps(given.source, given.out, overwrite=given.overwrite))
    for note in converted.notes:
        warn(note)
    pairs, objects = counted(len(converted.names), "image"), counted(converted.n_objects, "object")
    say(f"{pairs} with {objects} written to {given.out}")
    if converted.unlabelled:
        say(f"{counted(len(converted.unlabelled), 'image')} without labels written to {given.out / 'unlabelled'}")
    return 0
