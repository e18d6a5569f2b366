"""``napari-wnet segment`` for slides: OME-Zarr folders, and whatever is to be worked on in blocks."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic

from napari_wnet.batch.inputs import Item
from napari_wnet.commands.console import counted, say, warn, with_bar
from napari_wnet.errors import ParamsError, WNetError
from napari_wnet.io.ngff import is_zarr, open_ngff
from napari_wnet.network.checkpoint import Model
from napari_wnet.params import SegmentParams
from napari_wnet.scheduler import THREADS, check_scheduler, workers
from napari_wnet.slide.job import Executor, in_process
from napari_wnet.slide.run import BLOCK, segment_zarr_steps

LABELS = "_labels.ome.zarr"
LARGE_PX = 8192
"""Side of the largest square whose maps fit into the memory of a plain computer, by far."""


def take_slides(given: argparse.Namespace, items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Part what is to be worked on in blocks from the rest: OME-Zarr that is large, with ``--blocks`` everything.

    Raises
    ------
    ParamsError
        If something else was asked for that needs the image as a whole.
    """
    slides = [item for item in items if given.blocks is not None or _is_large(item.path)]
    others = [item for item in items if item not in slides]
    if slides and given.foreground is not None:
        raise ParamsError("A foreground mask cannot be read in blocks; leave out --foreground.")
    if slides and set(given.save.split(",")) != {"labels"}:
        raise ParamsError("Of an image in blocks only the labels are kept; leave out --save.")
    return slides, others


def _is_large(path: Path) -> bool:
    """Tell whether a zarr folder holds planes that had better not be read as a whole; what is damaged is told later."""
    if not is_zarr(path):
        return False
    try:
        height, width = open_ngff(path).levels[0].shape[-2:]
    except (WNetError, OSError):
        return False
    return int(height) * int(width) > LARGE_PX**2


def run_slides(given: argparse.Namespace, slides: Iterable[Item], model: Model, params: SegmentParams) -> list[bool]:
    """Segment slides one by one and tell of each whether it was; one that fails does not stop the others."""
    items = list(slides)
    if not items or check_scheduler(given.scheduler) == THREADS:
        return [_run_slide(given, item, model, params, in_process) for item in items]
    with workers(given.scheduler) as pool:
        return [_run_slide(given, item, model, params, pool) for item in items]


def _run_slide(given: argparse.Namespace, item: Item, model: Model, params: SegmentParams, executor: Executor) -> bool:
    began = monotonic()
    try:
        result = with_bar(
            segment_zarr_steps(
                item.path,
                given.out / (item.stem + LABELS),
                model,
                params,
                block=given.blocks or BLOCK,
                device=given.device,
                axes=given.axes,
                channels=given.channels,
                overwrite=given.overwrite,
                executor=executor,
            )
        )
    except ParamsError:
        raise
    except WNetError as error:
        warn(f"{item.path}: {error}")
        return False
    say(f"{item.path}: {counted(result.n_objects, 'object')}, {monotonic() - began:.1f} s")
    for note in result.notes:
        say(f"  {note}")
    return True
