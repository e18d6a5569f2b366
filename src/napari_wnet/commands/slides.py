"""``napari-wnet segment`` for slides: OME-Zarr folders, and whatever is to be worked on in blocks."""

from __future__ import annotations

import argparse
import glob
from collections.abc import Iterable
from pathlib import Path
from time import monotonic

from napari_wnet.commands.console import counted, say, warn, with_bar
from napari_wnet.errors import OutputError, ParamsError, WNetError
from napari_wnet.io.images import is_image_name
from napari_wnet.io.ngff import is_zarr
from napari_wnet.network.checkpoint import Model
from napari_wnet.params import SegmentParams
from napari_wnet.slide.run import BLOCK, segment_zarr_steps

LABELS = "_labels.ome.zarr"


def take_slides(given: argparse.Namespace) -> list[Path]:
    """Take what is to be worked on in blocks out of the inputs: zarr folders, with ``--blocks`` everything.

    Raises
    ------
    ParamsError
        If something else was asked for that needs the image as a whole.
    """
    slides: dict[Path, Path] = {}
    others: list[str] = []
    for name in given.inputs:
        found = _named(name)
        taken = [path for path in found if given.blocks is not None or is_zarr(path)]
        slides.update({path.resolve(): path for path in taken})
        if len(taken) < len(found) or not found:
            others.append(name)
    given.inputs = others
    if slides and given.foreground is not None:
        raise ParamsError("A foreground mask cannot be read in blocks; leave out --foreground.")
    if slides and set(given.save.split(",")) != {"labels"}:
        raise ParamsError("Of an image in blocks only the labels are kept; leave out --save.")
    return list(slides.values())


def _named(name: str) -> list[Path]:
    """Return the images behind the name of a file, a zarr folder, a folder of either, or a pattern; no results."""
    path = Path(name)
    if path.is_file() or is_zarr(path):
        return [path]
    found = sorted(path.iterdir()) if path.is_dir() else sorted(map(Path, glob.glob(name, recursive=True)))  # noqa: PTH207 - a pattern may be absolute
    entries = (entry for entry in found if not entry.name.startswith(".") and not entry.name.endswith(LABELS))
    return [entry for entry in entries if is_zarr(entry) or is_image_name(entry)]


def run_slides(given: argparse.Namespace, slides: Iterable[Path], model: Model, params: SegmentParams) -> list[bool]:
    """Segment slides one by one and tell of each whether it was; one that fails does not stop the others."""
    done: list[bool] = []
    taken: dict[str, Path] = {}
    for path in slides:
        began = monotonic()
        stem = path.name.removesuffix(path.suffix).removesuffix(".ome")
        try:
            if stem in taken:
                raise OutputError(
                    f"Its results would have the same names as those of {taken[stem]}; "
                    "segment the two into different folders."
                )
            taken[stem] = path
            result = with_bar(
                segment_zarr_steps(
                    path,
                    given.out / (stem + LABELS),
                    model,
                    params,
                    block=BLOCK if given.blocks is None else given.blocks,
                    device=given.device,
                    axes=given.axes,
                    channels=given.channels,
                    overwrite=given.overwrite,
                )
            )
        except ParamsError:
            raise
        except WNetError as error:
            warn(f"{path}: {error}")
            done.append(False)
            continue
        say(f"{path}: {counted(result.n_objects, 'object')}, {monotonic() - began:.1f} s")
        for note in result.notes:
            say(f"  {note}")
        done.append(True)
    return done
