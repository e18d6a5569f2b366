"""The parts of a mask found block by block, and which of them are one across the blocks' borders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from napari_wnet.core.labels import connected_parts, run_starts
from napari_wnet.core.windows import Mask, Place

Labels = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]
Cell = tuple[int, int]
SIDES = ("top", "bottom", "left", "right")


@dataclass(frozen=True, kw_only=True, eq=False)
class Rim:
    """What a block shows of its parts along its border.

    Attributes
    ----------
    top, bottom, left, right : (n,) int32 arrays
        The outermost row or column: number of the part, 0 for none.
    """

    top: Labels
    bottom: Labels
    left: Labels
    right: Labels

    @classmethod
    def of(cls, numbers: Labels) -> Rim:
        """Return the rim of (Y, X) numbers."""
        return cls(
            top=numbers[0].copy(), bottom=numbers[-1].copy(), left=numbers[:, 0].copy(), right=numbers[:, -1].copy()
        )

    def numbers(self) -> Indices:
        """Return the numbers that occur, ascending, without 0."""
        found = np.unique(np.concatenate([getattr(self, side) for side in SIDES]))
        return found[found > 0].astype(np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockParts:
    """The components of a block's foreground, and its seeds.

    Attributes
    ----------
    n_seeds : (N + 1,) int32 array
        How many seeds that do not touch the block's border each component has.
    rim, seed_rim : Rim
    boxes : (N + 1, 4) int64 array
        First row, first column, and those after the last, in the whole image.
    first : (N + 1,) int64 array
        First pixel in raster order, as its place in the whole image in flat order.
    seeds : (S,) int64 array
        Numbers of the seeds that touch the border.
    seed_homes : (S,) int64 array
        The component each of those lies in.
    seed_boxes : (S, 4) int64 array
    inner_boxes : (n, 4) int64 array
        Of the seeds that do not touch the border.
    """

    n_seeds: npt.NDArray[np.int32]
    rim: Rim
    seed_rim: Rim
    boxes: Indices
    first: Indices
    seeds: Indices
    seed_homes: Indices
    seed_boxes: Indices
    inner_boxes: Indices


def block_parts(mask: Mask, seeds: Mask, place: Place) -> tuple[Labels, BlockParts]:
    """Find the components of a block's foreground.

    Parameters
    ----------
    mask : (Y, X) bool array
        Foreground.
    seeds : (Y, X) bool array
        Pixels of seeds, within `mask`.
    place : Place
        Where the block lies.

    Returns
    -------
    (Y, X) int32 array
        The components, 1..N.
    BlockParts
    """
    parts = connected_parts(mask)
    cores = connected_parts(seeds, connectivity=4)
    count = int(parts.max(initial=0))
    n_cores = int(cores.max(initial=0))
    homes = np.zeros(n_cores + 1, np.int64)
    homes[cores.ravel()] = parts.ravel()
    homes[0] = 0
    seed_rim = Rim.of(cores)
    at_rim = seed_rim.numbers()
    inside = np.ones(n_cores + 1, bool)
    inside[0] = inside[at_rim] = False
    boxes, seed_boxes = _boxes(parts, place), _boxes(cores, place)
    return parts, BlockParts(
        n_seeds=np.bincount(homes[inside], minlength=count + 1).astype(np.int32),
        rim=Rim.of(parts),
        seed_rim=seed_rim,
        boxes=boxes,
        first=_first(parts, place),
        seeds=at_rim,
        seed_homes=homes[at_rim],
        seed_boxes=seed_boxes[at_rim],
        inner_boxes=seed_boxes[inside],
    )


def _boxes(numbers: Labels, place: Place) -> Indices:
    found = ndimage.find_objects(numbers)
    boxes = np.zeros((len(found) + 1, 4), np.int64)
    for number, box in enumerate(found, start=1):
        boxes[number] = (box[0].start, box[1].start, box[0].stop, box[1].stop)
    boxes[1:] += np.array([*place.corner, *place.corner])
    return boxes


def _first(numbers: Labels, place: Place) -> Indices:
    starts = run_starts(numbers)
    first = np.zeros(int(numbers.max(initial=0)) + 1, np.int64)
    first[numbers.ravel()[starts[::-1]]] = starts[::-1]
    rows, columns = np.divmod(first, numbers.shape[1])
    return np.asarray((rows + place.corner[0]) * place.frame[1] + columns + place.corner[1], np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Joined:
    """Components that touch the border of a block, whole.

    Attributes
    ----------
    numbers : tuple of (k,) int64 arrays
        For each block its components that touch its border.
    whose : tuple of (k,) int64 arrays
        For each of those the component of the whole image it is part of, from 0.
    boxes : (G, 4) int64 array
    first : (G,) int64 array
    n_seeds : (G,) int64 array
    seed_boxes : (S, 4) int64 array
        Of the seeds that touch the border of a block, whole.
    """

    numbers: tuple[Indices, ...]
    whose: tuple[Indices, ...]
    boxes: Indices
    first: Indices
    n_seeds: Indices
    seed_boxes: Indices


@dataclass(eq=False)
class _Groups:
    """Numbers of all blocks in one row, and which of them are one."""

    offsets: dict[Cell, int] = field(default_factory=dict)
    total: int = 0
    pairs: list[Indices] = field(default_factory=list)

    def add(self, cell: Cell, count: int) -> None:
        self.offsets[cell], self.total = self.total, self.total + count

    def meet(self, cells: tuple[Cell, Cell], lines: tuple[Labels, Labels]) -> None:
        one, other = (line.astype(np.int64) - 1 + self.offsets[cell] for cell, line in zip(cells, lines, strict=True))
        both = (lines[0] > 0) & (lines[1] > 0)
        self.pairs.append(np.unique(np.stack([one[both], other[both]], axis=1), axis=0))

    def groups(self) -> tuple[int, Indices]:
        rows, columns = np.concatenate([np.zeros((0, 2), np.int64), *self.pairs]).T
        graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(self.total, self.total))
        count, groups = connected_components(graph, directed=False)
        return int(count), groups.astype(np.int64)


def join(blocks: Sequence[BlockParts], cells: Sequence[Cell]) -> Joined:
    """Find out which components and seeds of blocks are one: components touch at corners too, seeds at sides only.

    Parameters
    ----------
    blocks : sequence of BlockParts
    cells : sequence of (int, int)
        Row and column of each block in the grid of blocks.
    """
    by_cell = dict(zip(cells, blocks, strict=True))
    components, seeds = _Groups(), _Groups()
    numbers = {cell: block.rim.numbers() for cell, block in by_cell.items()}
    for cell, block in by_cell.items():
        components.add(cell, len(numbers[cell]))
        seeds.add(cell, len(block.seeds))
    rims = {cell: _compact(block.rim, numbers[cell]) for cell, block in by_cell.items()}
    seed_rims = {cell: _compact(block.seed_rim, block.seeds) for cell, block in by_cell.items()}
    for pair, lines in _meetings(rims, corners=True):
        components.meet(pair, lines)
    for pair, lines in _meetings(seed_rims, corners=False):
        seeds.meet(pair, lines)
    count, whose = components.groups()
    n_seeds, seed_boxes = _counted(by_cell, (numbers, components.offsets, whose), seeds, count)
    boxes, first = _whole(by_cell, numbers, whose, count)
    ends = [components.offsets[cell] for cell in by_cell]
    return Joined(
        numbers=tuple(numbers[cell] for cell in by_cell),
        whose=tuple(np.split(whose, ends[1:])),
        boxes=boxes,
        first=first,
        n_seeds=n_seeds,
        seed_boxes=seed_boxes,
    )


def _compact(rim: Rim, numbers: Indices) -> Rim:
    """Give what touches the border the numbers 1..k."""
    return Rim(**{
        side: np.where(getattr(rim, side) > 0, np.searchsorted(numbers, getattr(rim, side)) + 1, 0).astype(np.int32)
        for side in SIDES
    })  # fmt: skip


def _meetings(rims: dict[Cell, Rim], *, corners: bool) -> Iterator[tuple[tuple[Cell, Cell], tuple[Labels, Labels]]]:
    """Yield lines of numbers that lie side by side, of two blocks; with `corners` also shifted by one pixel."""
    for (row, column), rim in rims.items():
        for other, near, far in (((row, column + 1), rim.right, "left"), ((row + 1, column), rim.bottom, "top")):
            if other not in rims:
                continue
            line = getattr(rims[other], far)
            yield ((row, column), other), (near, line)
            if corners:
                yield ((row, column), other), (near[1:], line[:-1])
                yield ((row, column), other), (near[:-1], line[1:])
        if not corners:
            continue
        for shift, near, end in ((1, rim.bottom[-1:], slice(0, 1)), (-1, rim.bottom[:1], slice(-1, None))):
            diagonal = row + 1, column + shift
            if diagonal in rims:
                yield ((row, column), diagonal), (near, rims[diagonal].top[end])


def _counted(
    blocks: dict[Cell, BlockParts],
    known: tuple[dict[Cell, Indices], dict[Cell, int], Indices],
    seeds: _Groups,
    count: int,
) -> tuple[Indices, Indices]:
    """Return how many seeds each component has, and the boxes of those that touch borders."""
    numbers, offsets, whose = known
    total, groups = seeds.groups()
    home, boxes, n_seeds = np.zeros(total, np.int64), np.zeros((total, 4), np.int64), np.zeros(count, np.int64)
    boxes[:, :2] = np.iinfo(np.int64).max
    for cell, block in blocks.items():
        mine = whose[offsets[cell] : offsets[cell] + len(numbers[cell])]
        np.add.at(n_seeds, mine, block.n_seeds[numbers[cell]])
        group = groups[seeds.offsets[cell] : seeds.offsets[cell] + len(block.seeds)]
        home[group] = mine[np.searchsorted(numbers[cell], block.seed_homes)]
        np.minimum.at(boxes[:, :2], group, block.seed_boxes[:, :2])
        np.maximum.at(boxes[:, 2:], group, block.seed_boxes[:, 2:])
    n_seeds += np.bincount(home, minlength=count)
    return n_seeds, boxes


def _whole(
    blocks: dict[Cell, BlockParts], numbers: dict[Cell, Indices], whose: Indices, count: int
) -> tuple[Indices, Indices]:
    """Return the boxes and the first pixels of whole components."""
    pieces = np.concatenate([np.zeros((0, 4), np.int64), *(b.boxes[numbers[c]] for c, b in blocks.items())])
    starts = np.concatenate([np.zeros(0, np.int64), *(b.first[numbers[c]] for c, b in blocks.items())])
    boxes = np.full((count, 4), np.iinfo(np.int64).max)
    boxes[:, 2:] = 0
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(boxes[:, :2], whose, pieces[:, :2])
    np.maximum.at(boxes[:, 2:], whose, pieces[:, 2:])
    np.minimum.at(first, whose, starts)
    return boxes, first
