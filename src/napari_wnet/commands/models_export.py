"""``napari-wnet models export``: a model as a file for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import say, with_bar

FORMATS = ("safetensors", "onnx", "bioimageio")


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the action."""
    parser = actions.add_parser(
        "export",
        help="write a model for other programs",
        description="Write a model as its own file (.safetensors), as an ONNX file (.onnx) that gives the same maps in "
        "any program, or as a package for bioimage.io (.zip).",
    )
    parser.add_argument("model", metavar="NAME", help="name or file of a model")
    parser.add_argument("--format", choices=FORMATS, required=True, help="what to write")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument(
        "--author",
        action="append",
        default=[],
        dest="authors",
        metavar="NAME",
        help="who made a model of your own, for bioimageio; once for each author",
    )
    parser.add_argument(
        "--licence", default="", metavar="SPDX", help="licence of the weights, for bioimageio; by default the model's"
    )
    parser.add_argument(
        "--image", type=Path, help="picture of your own to test with and to show, for bioimageio; it is published"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier file")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Export the model and say what was written."""
    from napari_wnet.model_export.job import ModelExportJob, export_model_steps
    from napari_wnet.model_export.publication import Publication

    job = ModelExportJob(
        model=given.model,
        out=given.out,
        format=given.format,
        publication=Publication(authors=tuple(given.authors), licence=given.licence, image=given.image),
        overwrite=given.overwrite,
    )
    exported = with_bar(export_model_steps(job))
    for note in exported.notes:
        say(note)
    if given.format != "safetensors":
        say(f"largest difference of the maps: {exported.deviation:.1e}")
    say(f"{exported.path}, SHA-256 {exported.sha256}")
    return 0
