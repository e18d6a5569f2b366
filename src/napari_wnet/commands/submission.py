"""``napari-wnet submission``: what is handed in to the leaf segmentation challenge."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import counted, say


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "submission",
        help="write labels of plants as the leaf challenge takes them",
        description="Write labels named like A1_plant001 into one HDF5 file, as the leaf segmentation challenge takes "
        "them: A1/plant001/label.",
    )
    parser.add_argument("labels", type=Path, help="folder of labels, or results of segment")
    parser.add_argument("out", type=Path, help="file to write (.h5)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier file")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Write the file and say how many plants are in it."""
    from napari_wnet.datasets.cvppp_hdf5 import write_submission
    from napari_wnet.datasets.naming import LABELS_SUFFIX, find_labels, stem
    from napari_wnet.io.images import read_labels

    found = find_labels([str(given.labels)])
    plants = ((LABELS_SUFFIX.sub("", stem(path)), read_labels(path)) for path in found)
    n_plants = write_submission(given.out, plants, overwrite=given.overwrite)
    say(f"labels of {counted(n_plants, 'plant')} written to {given.out}")
    return 0
