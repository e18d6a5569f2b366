"""``napari-wnet segment``: labels for files, folders and patterns."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_wnet.batch.kinds import KINDS
from napari_wnet.commands.console import add_threads, counted, say, show_files, warn
from napari_wnet.flags import add_flags, apply_flags
from napari_wnet.params import DEFAULT_MODEL, SegmentParams

if TYPE_CHECKING:
    from napari_wnet.batch.job import BatchJob
    from napari_wnet.network.header import ModelHeader


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "segment",
        help="segment images",
        description="Write NAME_labels.tif, NAME.csv and NAME.json for each image.",
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="image files, folders, or patterns in quotes")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name or file of a model (default %(default)s)")
    parser.add_argument("--save", default="labels", metavar="LIST", help=f"of {','.join(KINDS)} (default %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default %(default)s)")
    parser.add_argument(
        "--foreground", type=Path, help="mask file, or folder of masks named like the images; see --foreground-use"
    )
    parser.add_argument("--axes", help="what the axes are, one letter each, such as TCYX, where the file does not say")
    parser.add_argument(
        "--plane", help="of an image in blocks with several planes, the one to segment, such as T=0,Z=3, counted from 0"
    )
    parser.add_argument("--channels", help="channels to use, in order, counted from 0, such as 2,0")
    _add_batch(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results, also finished ones")
    add_flags(parser, SegmentParams)
    parser.set_defaults(run=run, error=parser.error)


def _add_batch(parser: argparse.ArgumentParser) -> None:
    """Declare what matters for many images, and for large ones."""
    parser.add_argument("--recursive", action="store_true", help="look into the folders of a folder")
    parser.add_argument(
        "--pattern",
        action="append",
        help="in folders, only files like this, such as '*.tif'; may be given more than once",
    )
    parser.add_argument(
        "--report",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write report.html, a page on all images, if there is more than one",
    )
    parser.add_argument(
        "--scheduler",
        default="threads",
        help="threads (this process), processes (one for each processor), or the address of a Dask scheduler, "
        "such as tcp://host:8786 (default %(default)s)",
    )
    add_threads(parser)
    parser.add_argument(
        "--blocks",
        type=int,
        metavar="SIZE",
        help="work in blocks of SIZE px, for images that do not fit into memory; an OME-Zarr of more than 8192 x 8192 "
        "px always is, in blocks of 2048",
    )


def run(given: argparse.Namespace) -> int:
    """Segment what was named; status 1 if any file failed."""
    save = tuple(dict.fromkeys(given.save.split(",")))
    unknown = [kind for kind in save if kind not in KINDS]
    if unknown:
        given.error(f"--save knows {', '.join(KINDS)}, not {', '.join(unknown)}")
    from napari_wnet.batch.inputs import EVERYTHING, find_inputs
    from napari_wnet.batch.run import batch_steps

    job = _job(given, save)
    inputs = find_inputs(
        given.inputs,
        given.out,
        recursive=given.recursive,
        patterns=given.pattern or EVERYTHING,
        foreground=given.foreground,
    )
    for problem in inputs.problems:
        warn(problem)
    if given.threads:
        import torch

        torch.set_num_threads(given.threads)
    results = show_files(batch_steps(job, inputs.items, scheduler=given.scheduler), len(inputs.items))
    return _sum_up(given.out, [not result.error for result in results])


def _job(given: argparse.Namespace, save: tuple[str, ...]) -> BatchJob:
    """Return what is to be done with each file; wrong values are told before anything is loaded."""
    from napari_wnet.batch.job import BatchJob
    from napari_wnet.network.device import choose_device
    from napari_wnet.network.registry import load_model

    checked = apply_flags(SegmentParams(), vars(given))
    choose_device(given.device)
    model = load_model(given.model)
    return BatchJob(
        model=model,
        params=apply_flags(_resized(model.header, checked.normalize.diameter), vars(given)),
        out=given.out,
        save=save,
        device=given.device,
        foreground=given.foreground,
        axes=given.axes,
        channels=given.channels,
        overwrite=given.overwrite,
        report=given.report,
        blocks=given.blocks,
        plane=given.plane,
    )


def _resized(header: ModelHeader, diameter: float) -> SegmentParams:
    """Return what a model recommends for objects of a size; ``auto`` is decided on for each image."""
    return header.params.with_diameter(diameter, header.diameter) if diameter > 0 else header.params


def _sum_up(out: Path, done: Sequence[bool]) -> int:
    """Say how many images were segmented, and where it is told why others were not; return the exit status."""
    say(f"{sum(done)} of {len(done)} images segmented into {out}")
    if not all(done) and len(done) > 1:  # of a single one the reason has just been said
        from napari_wnet.batch.failures import failures_path

        failed = counted(len(done) - sum(done), "image")
        warn(f"{failed} failed, see {failures_path(out)}; the same command tries them again")
    return 0 if all(done) else 1
