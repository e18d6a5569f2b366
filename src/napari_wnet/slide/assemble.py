"""The labels of a slide, block by block, with what is measured of each object on the way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import write_text, writing
from napari_wnet.core.tiling import Window
from napari_wnet.io.tiff import PixelSize
from napari_wnet.slide.grid import Grid, size
from napari_wnet.slide.job import BlockItem
from napari_wnet.slide.measuring import block_sums
from napari_wnet.slide.store import open_array

Labels = npt.NDArray[np.int32]
Array = npt.NDArray[Any]
SMALLEST_LEVEL = 256
"""Levels are made, each half of the one before, until the longest side is at most this."""


def label_block(item: BlockItem) -> int:
    """Write the labels of a block, and note what is measured of the objects in it."""
    job = item.job
    window = job.grid.window(item.index)
    ranks: npt.NDArray[np.int32] = job.work.load("ranks", "all")["ranks"]
    labels = np.zeros(size(window), np.int32)
    if item.facts["giant"] is not None:
        labels = ranks[item.facts["giant"] + job.work.read("pieces", window)]
    own = job.work.read("objects", window)
    labels = np.where(own > 0, ranks[item.facts["offset"] + own], labels)
    flat = labels.reshape(-1)
    for stage, name, offset in item.facts["spills"]:
        spilt = job.work.load(stage, name)
        order = int(np.flatnonzero(spilt["spill_blocks"] == item.index)[0])
        part = slice(*spilt["spill_ends"][order : order + 2])
        flat[spilt["spill_places"][part]] = ranks[offset + spilt["spill_labels"][part]]
    labels = flat.reshape(labels.shape)
    found: dict[str, Array] = {}
    if labels.any():
        with writing(job.labels):
            level = open_array(job.labels / "0")
            level[window] = labels.astype(level.dtype)
        found = block_sums(labels, job.source.read_raw(window), window)
    job.work.save("labels", item.name, found)
    return item.index


@dataclass(frozen=True, kw_only=True)
class Level:
    """A level of the labels' pyramid: every so many-th pixel."""

    number: int
    grid: Grid

    def source(self, window: Window) -> Window:
        """Return which pixels of the level below a window is made of."""
        rows, columns = (slice(2 * side.start, 2 * side.stop) for side in window)
        return rows, columns


def plan_levels(grid: Grid) -> list[Level]:
    """Return the levels, the full resolution first."""
    levels = [Level(number=0, grid=grid)]
    while max(levels[-1].grid.shape) > SMALLEST_LEVEL:
        rows, columns = (-(-length // 2) for length in levels[-1].grid.shape)
        levels.append(Level(number=len(levels), grid=Grid(shape=(rows, columns), step=grid.step)))
    return levels


def shrink(item: BlockItem) -> int:
    """Write a block of a level: every second pixel of the level below, as numbers cannot be averaged."""
    level: Level = item.facts["level"]
    window = level.grid.window(item.facts["block"])
    below, here = (open_array(item.job.labels / str(number)) for number in (level.number - 1, level.number))
    part = np.asarray(below[level.source(window)])[::2, ::2]
    if part.any():
        with writing(item.job.labels):
            here[window] = part
    item.job.work.save("levels", item.name, {})
    return item.index


def create_labels(path: Path, levels: Sequence[Level], n_objects: int, pixel_size: PixelSize | None) -> None:
    """Make an OME-Zarr folder (NGFF 0.4) for labels, its arrays still zero."""
    import zarr
    from numcodecs import Blosc

    dtype = np.uint16 if n_objects <= np.iinfo(np.uint16).max else np.uint32
    chunk = levels[0].grid.chunk
    with writing(path):
        for level in levels:
            if (path / str(level.number) / ".zarray").is_file():
                continue
            zarr.create_array(
                str(path / str(level.number)),
                shape=level.grid.shape,
                chunks=chunk,
                dtype=dtype,
                fill_value=0,
                zarr_format=2,
                chunk_key_encoding={"name": "v2", "separator": "/"},
                compressors=Blosc(cname="zstd"),
                overwrite=True,
            )
    sizes = pixel_size or (1.0, 1.0)
    axes = [{"name": name, "type": "space", **({"unit": "micrometer"} if pixel_size else {})} for name in "yx"]
    datasets = [
        {
            "path": str(level.number),
            "coordinateTransformations": [{"type": "scale", "scale": [side * 2**level.number for side in sizes]}],
        }
        for level in levels
    ]
    name = path.name.split(".")[0]
    described = {
        "multiscales": [{"version": "0.4", "name": name, "axes": axes, "datasets": datasets}],
        "image-label": {"version": "0.4"},
    }
    write_text(path / ".zattrs", json.dumps(described, indent=2) + "\n", overwrite=True)
    write_text(path / ".zgroup", json.dumps({"zarr_format": 2}) + "\n", overwrite=True)
