"""Cutting a plane into tiles whose maps, put together, equal those of the whole plane."""

from __future__ import annotations

from dataclasses import dataclass

from napari_wnet.params import TileParams

Window = tuple[slice, slice]


@dataclass(frozen=True, kw_only=True)
class Tile:
    """Where a piece of a plane is read, which part of its result counts, and where that is written.

    Attributes
    ----------
    read : (slice, slice)
        Window of the padded plane that the network reads.
    crop : (slice, slice)
        Part of the network's result, relative to `read`, that is kept.
    write : (slice, slice)
        Where that part belongs in the plane; the `write` windows cover every pixel once.
    """

    read: Window
    crop: Window
    write: Window


def padded_shape(shape: tuple[int, int], factor: int) -> tuple[int, int]:
    """Return the smallest multiples of `factor` that hold `shape`."""
    return -(-shape[0] // factor) * factor, -(-shape[1] // factor) * factor


def plan_tiles(
    shape: tuple[int, int], params: TileParams, *, factor: int, radius: int, window: Window | None = None
) -> list[Tile]:
    """Cut a plane, or a window of it, into tiles of nearly equal size.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the plane in pixels.
    params : TileParams
        Size of the written part, and overlap; -1 stands for `radius`.
    factor : int
        Pooling factor of the network; every window starts on its grid, since pooling is not shift-invariant.
    radius : int
        How far an output pixel sees; with that overlap the tiles' results equal the untiled one.
    window : (slice, slice), optional
        What is to be written, starting on the pooling grid. Where it starts with a tile of the plane, its tiles are
        the plane's.

    Returns
    -------
    list of Tile
        In raster order; a single tile where the plane fits into one.
    """
    overlap = padded_shape((radius if params.overlap < 0 else params.overlap, 0), factor)[0]
    wanted = window or (slice(0, shape[0]), slice(0, shape[1]))
    rows = _spans(shape[0], wanted[0], tile_step(shape[0], params.size, factor), (factor, overlap))
    columns = _spans(shape[1], wanted[1], tile_step(shape[1], params.size, factor), (factor, overlap))
    return [
        Tile(read=(row[0], column[0]), crop=(row[1], column[1]), write=(row[2], column[2]))
        for row in rows
        for column in columns
    ]


def tile_step(length: int, size: int, factor: int) -> int:
    """Return the distance from one tile to the next along an axis; they are balanced, so that none is a sliver."""
    count = -(-length // max(size, factor))
    return padded_shape((-(-length // count), 0), factor)[0]


def _spans(length: int, wanted: slice, step: int, grid: tuple[int, int]) -> list[tuple[slice, slice, slice]]:
    """Return (read, crop, write) along one axis; the grid is that of pooling, with the overlap."""
    factor, overlap = grid
    padded = padded_shape((length, 0), factor)[0]
    spans = []
    for start in range(wanted.start, wanted.stop, step):
        stop = min(start + step, wanted.stop)
        first, last = max(0, start - overlap), min(padded, padded_shape((stop, 0), factor)[0] + overlap)
        spans.append((slice(first, last), slice(start - first, stop - first), slice(start, stop)))
    return spans
