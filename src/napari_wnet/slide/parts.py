"""The components of the foreground: found block by block, then joined; which window each is clustered in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.clustering import smoothed_distance, unlike_ground
from napari_wnet.core.components import Components, context_px, reach_of_smoothing, with_rivals
from napari_wnet.core.maps import Maps
from napari_wnet.core.seams import SIDES, BlockParts, Joined, Rim, block_parts, join
from napari_wnet.core.tiling import Window
from napari_wnet.slide.grid import Grid, shared, size, within
from napari_wnet.slide.job import BlockItem, SlideJob, block_name
from napari_wnet.slide.store import Work, written_at

Array = npt.NDArray[Any]
WITH_BLOCK, ALONE, GIANT = 0, 1, 2
"""How a component that touches a block's border is clustered: with its block, in its own window, or piece by piece."""


def find_parts(item: BlockItem) -> int:
    """Find the components of a block's foreground, and count their seeds."""
    job = item.job
    window = job.grid.window(item.index)
    if job.work.load("maps", item.name)["empty"]:
        mask = np.zeros(size(window), bool)
        labels, found = block_parts(mask, mask, job.grid.place(window))
    else:
        mask = _mask(job, window)
        labels, found = block_parts(mask, mask & _deep(job, window), job.grid.place(window))
    job.work.write("parts", window, labels)
    job.work.save("parts", item.name, _flat(found))
    return item.index


def _mask(job: SlideJob, window: Window) -> npt.NDArray[np.bool_]:
    """Return the foreground: the user's, what the network's head says, or what is unlike the slide's background."""
    mask = job.work.read("mask", window) > 0
    if job.load_model().header.config.foreground_head or job.objects_given:
        return mask
    ground = job.work.load("ground", "all")
    if not ground["count"]:
        return mask
    return mask & unlike_ground(job.work.read("embedding", window), ground["sums"], job.params.clustering.angle)


def _deep(job: SlideJob, window: Window) -> npt.NDArray[np.bool_]:
    """Return where the smoothed distance is that of a seed."""
    wide = job.grid.wider(window, reach_of_smoothing(job.params.clustering) + 1)
    distance = job.work.read("distance", wide)
    maps = Maps(distance=distance, embedding=np.zeros((0, *distance.shape), np.int16))
    smooth = smoothed_distance(maps, job.params.clustering)
    return np.asarray(smooth[within(window, wide)] > job.params.clustering.seed_threshold)


def _flat(found: BlockParts) -> dict[str, Any]:
    """Return the parts of a block as arrays with names."""
    plain = {name: value for name, value in vars(found).items() if not isinstance(value, Rim)}
    rims = {f"{name}_{side}": line for name in ("rim", "seed_rim") for side, line in vars(getattr(found, name)).items()}
    return {**plain, **rims}


def load_parts(work: Work, name: str) -> BlockParts:
    """Read the parts of a block."""
    arrays: dict[str, Any] = work.load("parts", name)
    for rim in ("seed_rim", "rim"):
        arrays[rim] = Rim(**{side: arrays.pop(f"{rim}_{side}") for side in SIDES})
    return BlockParts(**arrays)


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Which component is clustered where.

    Attributes
    ----------
    joined : Joined
    kinds : (G,) int array
        :data:`WITH_BLOCK`, :data:`ALONE` or :data:`GIANT` for each component that touches a block's border.
    owners : (G,) int array
        Block of its first pixel.
    """

    joined: Joined
    kinds: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]

    def block_window(self, grid: Grid, index: int) -> Window:
        """Return the window that holds a block and all components that are clustered with it."""
        rows, columns = grid.window(index)
        boxes = self.joined.boxes[(self.owners == index) & (self.kinds == WITH_BLOCK) & (self.joined.n_seeds > 0)]
        low = np.minimum(boxes[:, :2].min(axis=0, initial=np.iinfo(np.int64).max), (rows.start, columns.start))
        high = np.maximum(boxes[:, 2:].max(axis=0, initial=0), (rows.stop, columns.stop))
        return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))

    def own_window(self, component: int) -> Window:
        """Return the window of a component."""
        top, left, bottom, right = self.joined.boxes[component].tolist()
        return slice(top, bottom), slice(left, right)

    def alone(self) -> list[int]:
        """Return the components that are clustered in windows of their own."""
        return np.flatnonzero((self.kinds == ALONE) & (self.joined.n_seeds > 0)).tolist()

    def giant_blocks(self) -> list[int]:
        """Return the blocks that hold a piece of a component too large for any window."""
        giant = (self.kinds == GIANT) & (self.joined.n_seeds > 0)
        return [index for index, whose in enumerate(self.joined.whose) if giant[whose].any()]


def plan(job: SlideJob, blocks: list[BlockParts]) -> Plan:
    """Join the components of all blocks and decide where each is clustered."""
    grid = job.grid
    joined = join(blocks, [grid.cell(index) for index in range(len(grid))])
    rows, columns = np.divmod(joined.first, grid.shape[1])
    cells = np.stack([rows // grid.step[0], columns // grid.step[1]], axis=1)
    low, high = cells * grid.step - job.halo, (cells + 1) * grid.step + job.halo
    boxes = joined.boxes
    fits = (boxes[:, :2] >= low).all(axis=1) & (boxes[:, 2:] <= high).all(axis=1)
    sides = boxes[:, 2:] - boxes[:, :2] + 2 * context_px(job.params.clustering)
    kinds = np.where(fits, WITH_BLOCK, np.where(sides.prod(axis=1) <= job.most_pixels, ALONE, GIANT))
    return Plan(joined=joined, kinds=kinds, owners=cells[:, 0] * grid.counts[1] + cells[:, 1])


def save_plan(work: Work, made: Plan) -> None:
    """Write what workers must know of the plan."""
    counts = [len(whose) for whose in made.joined.whose]
    work.save(
        "plan",
        "all",
        {
            "kinds": made.kinds,
            "owners": made.owners,
            "n_seeds": made.joined.n_seeds,
            "seed_boxes": made.joined.seed_boxes,
            "ends": np.cumsum([0, *counts]),
            "numbers": np.concatenate(made.joined.numbers),
            "whose": np.concatenate(made.joined.whose),
        },
    )


@lru_cache(maxsize=1)
def _read_plan(path: Path, _: int) -> Mapping[str, Array]:
    return Work(path).load("plan", "all")


def window_around(job: SlideJob, base: Window) -> Window:
    """Return the window that components in another one are clustered in: with what else has a say in them.

    Rivals of half a block and more are left out where they would take more memory than blocks are meant to.
    """
    params = job.params.clustering
    if params.method == "combined":
        most = job.grid.wider(base, min(job.grid.step) // 2)
        made = _read_plan(job.work.path, written_at(job.work.result("plan", "all")))
        near = job.grid.touching(job.grid.wider(base, min(job.grid.step)))
        inner = [job.work.load("parts", block_name(block))["inner_boxes"] for block in near]
        base = shared(with_rivals(base, np.concatenate([made["seed_boxes"], *inner])), most)
    return job.grid.wider(base, context_px(params))


def components_in(job: SlideJob, window: Window, own: tuple[int, Iterable[int]]) -> Components:
    """Return the components in a window as they are known from the whole slide.

    Parameters
    ----------
    job : SlideJob
    window : (slice, slice)
    own : int and iterable of int
        What is clustered here: the block whose own components are (-1: none), and components that touch borders.
    """
    made = _read_plan(job.work.path, written_at(job.work.result("plan", "all")))
    index, chosen = own
    n_joined = len(made["kinds"])
    n_seeds, is_own = [np.concatenate([[0], made["n_seeds"]])], [np.zeros(n_joined + 1, bool)]
    is_own[0][1 + np.fromiter(chosen, np.int64)] = True
    total = n_joined + 1
    labels = np.zeros(size(window), np.int32)
    for block in job.grid.touching(window):
        table = job.work.load("parts", block_name(block))["n_seeds"]
        if len(table) == 1:
            continue
        common = shared(window, job.grid.window(block))
        numbers = np.arange(total - 1, total - 1 + len(table), dtype=np.int32)
        numbers[0] = 0
        begin, end = made["ends"][block : block + 2]
        numbers[made["numbers"][begin:end]] = made["whose"][begin:end] + 1
        labels[within(common, window)] = numbers[job.work.read("parts", common)]
        n_seeds.append(table[1:])
        is_own.append(np.full(len(table) - 1, block == index))
        total += len(table) - 1
    return Components(
        labels=labels, n_seeds=np.concatenate(n_seeds), own=np.concatenate(is_own), given=job.given(window)
    )
