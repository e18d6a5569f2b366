"""``napari-wnet export``: labels for ImageJ, QuPath, COCO tools and OME-Zarr viewers."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import say, warn

FORMATS = ("roi", "geojson", "coco", "outlines", "zarr")


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "export",
        help="write labels for other programs",
        description="Write labels as ImageJ ROIs, GeoJSON for QuPath, COCO JSON, outlines on the image, or OME-Zarr.",
    )
    parser.add_argument("labels", nargs="+", metavar="LABELS", help="labels files, folders of results, or patterns")
    parser.add_argument("--as", dest="formats", required=True, metavar="LIST", help=f"of {','.join(FORMATS)}")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument(
        "--image", type=Path, help="image of the labels, or folder of images; by default the one that was segmented"
    )
    parser.add_argument("--axes", help="what the axes of the labels are, such as TZYX, where the file does not say")
    parser.add_argument("--together", action="store_true", help="write one COCO file for all labels")
    parser.add_argument("--category", default="object", help="what the objects are (default %(default)s)")
    parser.add_argument(
        "--object-type",
        choices=("annotation", "detection"),
        default="annotation",
        help="what they are to QuPath: annotations can be edited, detections are faster (default %(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results")
    parser.set_defaults(run=run, error=parser.error)


def run(given: argparse.Namespace) -> int:
    """Export what was named; status 1 if any file failed."""
    formats = tuple(dict.fromkeys(given.formats.split(",")))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        given.error(f"--as knows {', '.join(FORMATS)}, not {', '.join(unknown)}")
    from napari_wnet.datasets.naming import find_labels
    from napari_wnet.export_job import ExportJob, export_steps

    job = ExportJob(
        formats=formats,
        out=given.out,
        image=given.image,
        axes=given.axes,
        together=given.together,
        category=given.category,
        object_type=given.object_type,
        overwrite=given.overwrite,
    )
    failed = 0
    for result in export_steps(job, find_labels(given.labels)):
        if result.error:
            failed += 1
            warn(f"{result.path}: {result.error}")
            continue
        for note in result.notes:
            say(f"{result.path}: {note}")
        for output in result.outputs:
            say(str(output))
    return 1 if failed else 0
