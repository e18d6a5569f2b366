"""``napari-wnet measure``: tables of objects, images and growth from labels files."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import counted, say, warn, with_bar


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "measure",
        help="measure labelled objects",
        description="Write tables of labels files: a row for each object (--out), each image (--traits), each frame "
        "of a time series (--growth); CSV or Parquet by the ending of the name.",
    )
    parser.add_argument("inputs", nargs="+", metavar="LABELS", help="labels files, folders, or patterns in quotes")
    parser.add_argument("--out", type=Path, help="table of objects: FILE.csv or FILE.parquet")
    parser.add_argument("--traits", type=Path, help="table of images: count, total area, diameter, compactness")
    parser.add_argument("--growth", type=Path, help="table of frames, for time series: traits and growth rate")
    parser.add_argument("--image", type=Path, help="the labelled image, or the folder of images, for intensities")
    parser.add_argument("--channels", help="channels of the images, in order, counted from 0, such as 2,0")
    parser.add_argument("--pixel-size", metavar="UM", help="of a pixel, or height,width, where the file does not say")
    parser.add_argument("--axes", help="axes of the labels, one letter each, such as TYX, where the file does not say")
    parser.add_argument("--properties", metavar="LIST", help="columns, without units, such as area,solidity")
    parser.add_argument("--interval", type=float, default=1.0, help="time between frames (default %(default)s)")
    parser.add_argument("--time-unit", default="frame", help="unit of the interval, such as h (default %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace earlier tables")
    parser.set_defaults(run=run, error=parser.error)


def run(given: argparse.Namespace) -> int:
    """Measure what was named; status 1 if any file failed."""
    outputs = {kind: path for kind in ("objects", "traits", "growth") if (path := _path(given, kind)) is not None}
    if not outputs:
        given.error("name a table to write: --out, --traits or --growth")
    from napari_wnet.atomic import refuse_existing
    from napari_wnet.core.columns import ALL
    from napari_wnet.core.measure import check_pixel_size, check_properties
    from napari_wnet.datasets.naming import find_labels
    from napari_wnet.io.tables import check_ending, write_table
    from napari_wnet.measuring import MeasureJob, measure_files_steps

    for path in outputs.values():  # before any work is done for them
        check_ending(path)
        refuse_existing(path, overwrite=given.overwrite)
    properties = ALL if given.properties is None else tuple(given.properties.split(","))
    check_properties(properties)
    job = MeasureJob(
        image=given.image,
        channels=given.channels,
        pixel_size=check_pixel_size(_size(given)),
        axes=given.axes,
        properties=properties,
        with_growth="growth" in outputs,
        interval=given.interval,
        time_unit=given.time_unit,
    )
    files = find_labels(given.inputs)
    done = with_bar(measure_files_steps(job, files))
    for problem in done.problems:
        warn(problem)
    for path, count in done.counts.items():
        say(f"{path}: {counted(count, 'object')}")
    if not done.counts:
        return 1
    for kind, path in outputs.items():
        write_table(path, getattr(done, kind), overwrite=given.overwrite)
        say(f"{kind} of {len(done.counts)} of {counted(len(files), 'file')} in {path}")
    return 1 if done.problems else 0


def _path(given: argparse.Namespace, kind: str) -> Path | None:
    path: Path | None = given.out if kind == "objects" else getattr(given, kind)
    return path


def _size(given: argparse.Namespace) -> tuple[float, float] | None:
    """Return the pixel size that was given: one number for square pixels, or height and width."""
    if given.pixel_size is None:
        return None
    try:
        numbers = [float(part) for part in given.pixel_size.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        given.error(f"--pixel-size {given.pixel_size} is no pixel size; write for example 0.65 or 0.5,0.25")
    return numbers[0], numbers[-1]
