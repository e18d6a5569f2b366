"""``napari-wnet track``: objects of time series get numbers that last."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import counted, say, warn
from napari_wnet.flags import add_flags, apply_flags
from napari_wnet.track_params import TrackParams


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "track",
        help="link labelled objects over time",
        description="Link the objects of time series: NAME_tracked.tif has labels whose numbers last, NAME_tracks.csv "
        "a row for each object. Then 'napari-wnet measure NAME_tracked.tif --growth FILE' measures their growth.",
    )
    parser.add_argument("inputs", nargs="+", metavar="LABELS", help="labels files, folders, or patterns in quotes")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results")
    add_flags(parser, TrackParams)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Link each file; status 1 if any failed."""
    params = apply_flags(TrackParams(), vars(given))
    from napari_wnet.datasets.naming import find_labels, stem
    from napari_wnet.errors import WNetError
    from napari_wnet.export_job import take_name

    failed = False
    taken: dict[str, Path] = {}
    for path in find_labels(given.inputs):
        try:
            take_name(taken, stem(path), path)
            say(f"{path}: {counted(_track(path, given.out, params, overwrite=given.overwrite), 'track')}")
        except WNetError as error:
            warn(f"{path}: {error}")
            failed = True
    return 1 if failed else 0


def _track(path: Path, out: Path, params: TrackParams, *, overwrite: bool) -> int:
    from napari_wnet.atomic import refuse_existing
    from napari_wnet.core.tracking import link
    from napari_wnet.datasets.naming import stem
    from napari_wnet.io.images import labels_of, read_image, write_labels
    from napari_wnet.io.tables import write_table

    labels_path, table_path = out / f"{stem(path)}_tracked.tif", out / f"{stem(path)}_tracks.csv"
    for target in (labels_path, table_path):
        refuse_existing(target, overwrite=overwrite)
    file = read_image(path, indices=True)
    tracks = link(labels_of(file), params)
    write_labels(labels_path, tracks.labels, file.pixel_size, axes="TYX", overwrite=overwrite)
    write_table(table_path, tracks.table(), overwrite=overwrite)
    return tracks.n_tracks
