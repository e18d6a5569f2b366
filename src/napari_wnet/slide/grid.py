"""The blocks of a slide: what is worked on at once."""

from __future__ import annotations

from dataclasses import dataclass

from napari_wnet.core.tiling import Window, tile_step
from napari_wnet.core.windows import Place, widened

MOST_PIECES = 8
CHUNK_PX = 512
"""Longest side of a chunk of temporary data and of labels: small enough that the margin of a block costs little."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A plane cut into blocks of one size; the last ones may be smaller.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the plane.
    step : (int, int)
        Height and width of a block.
    tile : int
        Largest side of the network's tiles.
    """

    shape: tuple[int, int]
    step: tuple[int, int]
    tile: int = 64

    @classmethod
    def of_tiles(cls, shape: tuple[int, int], block: int, tile: int, factor: int) -> Grid:
        """Return blocks of whole tiles, at least one: the network then computes the very tiles of the whole plane."""
        tile = min(tile, block)
        steps = [tile_step(length, tile, factor) for length in shape]
        rows, columns = (step * max(1, block // step) for step in steps)
        return cls(shape=shape, step=(rows, columns), tile=tile)

    @property
    def counts(self) -> tuple[int, int]:
        """How many rows and columns of blocks there are."""
        return -(-self.shape[0] // self.step[0]), -(-self.shape[1] // self.step[1])

    def __len__(self) -> int:
        return self.counts[0] * self.counts[1]

    def cell(self, index: int) -> tuple[int, int]:
        """Return the row and the column of a block in the grid."""
        return divmod(index, self.counts[1])

    def window(self, index: int) -> Window:
        """Return which pixels of the plane are a block's."""
        rows, columns = (
            slice(cell * step, min((cell + 1) * step, length))
            for cell, step, length in zip(self.cell(index), self.step, self.shape, strict=True)
        )
        return rows, columns

    def place(self, window: Window) -> Place:
        """Return where a window lies in the plane."""
        return Place(corner=(window[0].start, window[1].start), frame=self.shape)

    def wider(self, window: Window, margin: int) -> Window:
        """Return a window with a margin around it, as far as the plane goes."""
        return widened(window, margin, self.shape)

    def touching(self, window: Window) -> list[int]:
        """Return the blocks that have pixels in a window."""
        rows, columns = (
            range(side.start // step, -(-side.stop // step)) for side, step in zip(window, self.step, strict=True)
        )
        return [row * self.counts[1] + column for row in rows for column in columns]

    def block_at(self, flat: int) -> int:
        """Return the block of a pixel that is given by its place in flat order."""
        row, column = divmod(flat, self.shape[1])
        return (row // self.step[0]) * self.counts[1] + column // self.step[1]

    @property
    def chunk(self) -> tuple[int, int]:
        """Size of chunks that blocks consist of, so that two blocks never write into one chunk."""
        rows, columns = (_piece(step) for step in self.step)
        return rows, columns


def _piece(step: int) -> int:
    """Return the largest part of a length that divides it and is no longer than a chunk; all of it if there is none."""
    least = -(-step // CHUNK_PX)
    return next((step // n for n in range(least, least * MOST_PIECES) if step % n == 0), step)


def shared(window: Window, other: Window) -> Window:
    """Return what two windows have in common; not empty only where each side's stop is after its start."""
    rows, columns = (slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(window, other, strict=True))
    return rows, columns


def within(window: Window, origin: Window) -> Window:
    """Return a window's place relative to the beginning of another."""
    rows, columns = (
        slice(side.start - base.start, side.stop - base.start) for side, base in zip(window, origin, strict=True)
    )
    return rows, columns


def size(window: Window) -> tuple[int, int]:
    """Return height and width of a window."""
    return window[0].stop - window[0].start, window[1].stop - window[1].start
