"""From objects of windows to numbers of the slide: pieces of giant components joined, all in raster order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from napari_wnet.slide.grid import Grid, shared, within
from napari_wnet.slide.job import BlockItem, SlideJob, block_name

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]
SAME = 0.5
"""Two objects of neighbouring blocks are one when they share more than this part of their union, where both are seen.

Above a half, no object has two such partners in one block.
"""


def compare(item: BlockItem) -> int:
    """Find out which objects of two neighbouring blocks are the same."""
    job = item.job
    one, other = item.facts["pair"]
    halo = job.halo // 2
    bands = [job.grid.wider(job.grid.window(block), halo) for block in (one, other)]
    common = shared(*bands)
    found = [job.work.load("giants", block_name(block)) for block in (one, other)]
    views = [result["band"][within(common, band)] for result, band in zip(found, bands, strict=True)]
    job.work.save("pairs", item.name, {"pairs": same_objects(views[0], views[1], [r["area"] for r in found])})
    return item.index


def same_objects(one: Array, other: Array, areas: Sequence[Array]) -> Indices:
    """Return pairs of labels, (n, 2), of two views of one place that are the same object.

    Parameters
    ----------
    one, other : (Y, X) int32 arrays
    areas : two arrays of int
        How many pixels each label, from 1, has in its own block; those without any do not count.
    """
    both = (one > 0) & (other > 0)
    pairs, overlap = np.unique(np.stack([one[both], other[both]], axis=1), axis=0, return_counts=True)
    if not len(pairs):
        return np.zeros((0, 2), np.int64)
    sizes = [np.bincount(view.ravel(), minlength=len(area) + 1) for view, area in zip((one, other), areas, strict=True)]
    union = sizes[0][pairs[:, 0]] + sizes[1][pairs[:, 1]] - overlap
    there = (areas[0][pairs[:, 0] - 1] > 0) & (areas[1][pairs[:, 1] - 1] > 0)
    return np.asarray(pairs[there & (overlap > SAME * union)], np.int64)


def neighbour_pairs(grid: Grid, blocks: Sequence[int]) -> list[tuple[int, int]]:
    """Return the pairs among blocks that touch, at corners too."""
    there = {grid.cell(block): block for block in blocks}
    steps = ((0, 1), (1, -1), (1, 0), (1, 1))
    return [
        (block, there[row + down, column + right])
        for (row, column), block in there.items()
        for down, right in steps
        if (row + down, column + right) in there
    ]


@dataclass(frozen=True, kw_only=True, eq=False)
class Numbers:
    """The number in the slide of each object of each window.

    Attributes
    ----------
    ranks : int32 array
        A 0 and the numbers of the objects 1..N of a window, window after window; 0 for an object that is dropped.
    offsets : mapping of (str, str) to int
        Where a window begins, by stage and name.
    count : int
        Objects in the slide.
    spills : mapping of int to list of (str, str)
        For each block the windows beyond it that have labels in it.
    """

    ranks: npt.NDArray[np.int32]
    offsets: Mapping[tuple[str, str], int]
    count: int
    spills: Mapping[int, list[tuple[str, str]]]


def number(job: SlideJob, windows: Sequence[tuple[str, str]], pairs: Sequence[tuple[int, int]]) -> Numbers:
    """Give all objects the numbers that they have in the whole slide: in raster order of their first pixel, from 1."""
    first, area, lead = [], [], []
    offsets: dict[tuple[str, str], int] = {}
    spills: dict[int, list[tuple[str, str]]] = {}
    seeded = []
    total = 0
    for stage, name in windows:
        found = job.work.load(stage, name)
        offsets[stage, name] = total
        # Each window begins with its background, so that labels are places.
        first.append(np.concatenate([[np.iinfo(np.int64).max], found["first"]]))
        area.append(np.concatenate([[0], found["area"]]))
        lead.append(np.arange(total, total + len(first[-1])))
        seeded.append(np.arange(len(first[-1])) <= found.get("n_seeded", len(first[-1])))
        total += len(first[-1])
        for block in found.get("spill_blocks", np.zeros(0, np.int64)).tolist():
            spills.setdefault(block, []).append((stage, name))
    joined = _joined(job, offsets, pairs, total)
    ranks, count = _ranked(
        (np.concatenate(first), np.concatenate(area), np.concatenate(seeded)),
        joined,
        job.params.clustering.min_area,
    )
    return Numbers(ranks=ranks, offsets=offsets, count=count, spills=spills)


def _joined(
    job: SlideJob, offsets: Mapping[tuple[str, str], int], pairs: Sequence[tuple[int, int]], total: int
) -> Indices:
    """Return for each object a number that it shares with those it is one with."""
    edges = [np.zeros((0, 2), np.int64)]
    for index, blocks in enumerate(pairs):
        begins = [offsets["giants", block_name(block)] for block in blocks]
        edges.append(job.work.load("pairs", block_name(index))["pairs"] + np.array(begins))
    rows, columns = np.concatenate(edges).T
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(total, total))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _ranked(
    objects: tuple[Indices, Indices, npt.NDArray[np.bool_]], joined: Indices, min_area: int
) -> tuple[npt.NDArray[np.int32], int]:
    first, area, seeded = objects
    n_groups = int(joined.max(initial=-1)) + 1
    starts = np.full(n_groups, np.iinfo(np.int64).max)
    np.minimum.at(starts, joined, first)
    areas = np.bincount(joined, weights=area, minlength=n_groups)
    # Foreground in a giant component that no seed was in sight of is part of an object only if it is one elsewhere.
    real = np.zeros(n_groups, bool)
    real[joined[seeded]] = True
    kept = np.flatnonzero(real & (areas >= max(min_area, 1)))
    ranks = np.zeros(n_groups, np.int32)
    ranks[kept[starts[kept].argsort()]] = np.arange(1, len(kept) + 1)
    return ranks[joined], len(kept)
