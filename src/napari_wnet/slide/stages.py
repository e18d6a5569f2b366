"""The order in which the blocks of a slide are worked on, and what is put together in between."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

import numpy as np

from napari_wnet.core.intensities import BlockIntensities, has_contrast, pooled_range
from napari_wnet.errors import ImageError, OutputError
from napari_wnet.reports import Progress
from napari_wnet.slide.assemble import create_labels, label_block, plan_levels, shrink
from napari_wnet.slide.job import BlockItem, Executor, SlideJob, block_name
from napari_wnet.slide.measuring import table
from napari_wnet.slide.merge import Numbers, compare, neighbour_pairs, number
from napari_wnet.slide.objects import cluster_alone, cluster_block, cluster_giant
from napari_wnet.slide.parts import GIANT, WITH_BLOCK, Plan, find_parts, load_parts, plan, save_plan
from napari_wnet.slide.predict import look, predict

Steps = Generator[Progress, None, None]


class OtherImageError(OutputError):
    """What an interrupted run has left is of another image, or of another foreground."""


class Stages:
    """The stages of a run, each of which leaves files from which the next one begins.

    Parameters
    ----------
    job : SlideJob
    executor : Executor
        What runs the pieces of work of a stage.
    """

    def __init__(self, job: SlideJob, executor: Executor) -> None:
        self.job, self.executor = job, executor
        self.notes: list[str] = list(job.source.notes)

    @property
    def is_complete(self) -> bool:
        """Whether all labels are written."""
        return self.job.work.is_done("complete", "all")

    @property
    def _blocks(self) -> list[BlockItem]:
        return [BlockItem(job=self.job, index=index) for index in range(len(self.job.grid))]

    def all_steps(self) -> Steps:
        """Do all that is not done yet, with a report after each piece."""
        yield from self._look()
        informative = bool(self.job.work.load("range", "all")["informative"])
        numbers: Numbers | None = None
        giants: list[int] = []
        if informative:
            yield from self._stage("maps", predict, self._blocks, "maps")
            self._sum_up_ground()
            yield from self._stage("parts", find_parts, self._blocks, "foreground")
            made = plan(self.job, [load_parts(self.job.work, item.name) for item in self._blocks])
            save_plan(self.job.work, made)
            giants = made.giant_blocks()
            yield from self._cluster(made)
            numbers = self._number(made)
        yield from self._label(numbers, giants)

    def _stage(self, stage: str, function: Callable[[BlockItem], int], items: Sequence[BlockItem], what: str) -> Steps:
        """Do the pieces of work that are not done yet."""
        left = [item for item in items if not self.job.work.is_done(stage, item.name)]
        if not left:
            return
        done = len(items) - len(left)
        yield Progress(done=done, total=len(items), what=what)
        with contextlib.closing(_closable(self.executor(function, left))) as results:
            for _ in results:
                done += 1
                yield Progress(done=done, total=len(items), what=what)

    def _look(self) -> Steps:
        """Find the range of intensities; a source without a file behind it must be looked at again to be known."""
        work = self.job.work
        known = work.load("range", "all")["digest"].tobytes() if work.is_done("range", "all") else None
        if known is not None and self.job.has_paths:
            return
        if not self.job.has_paths:
            shutil.rmtree(work.path / "intensities", ignore_errors=True)
        yield from self._stage("intensities", look, self._blocks, "intensities")
        blocks = [self._intensities(item.name) for item in self._blocks]
        digest = b"".join(block.digest for block in blocks)
        if known not in (None, digest):
            raise OtherImageError(
                f"{work.path} holds a run that was interrupted, of another image or foreground. Have it replaced "
                "(--overwrite) or choose another folder (--out)."
            )
        n_bad = sum(block.n_bad for block in blocks)
        if n_bad:
            work.remove()
            raise ImageError(
                f"The image has {n_bad} NaN or infinite values; replace them, for example with numpy.nan_to_num."
            )
        offset, divisor = pooled_range(blocks, self.job.params.normalize)
        found = {"offset": offset, "divisor": divisor, "informative": has_contrast(blocks)}
        work.save("range", "all", {**found, "digest": np.frombuffer(digest, np.uint8)})

    def _intensities(self, name: str) -> BlockIntensities:
        arrays: dict[str, Any] = self.job.work.load("intensities", name)
        plain = {"count": int(arrays["count"]), "n_bad": int(arrays["n_bad"]), "digest": arrays["digest"].tobytes()}
        return BlockIntensities(**{**arrays, **plain})

    def _sum_up_ground(self) -> None:
        found = [self.job.work.load("maps", item.name) for item in self._blocks]
        count, sums = sum(int(block["n_ground"]) for block in found), np.sum([b["ground"] for b in found], axis=0)
        self.job.work.save("ground", "all", {"count": count, "sums": sums})

    def _cluster(self, made: Plan) -> Steps:
        job = self.job
        with_block = made.kinds == WITH_BLOCK
        blocks = [
            self._item(index, made.block_window(job.grid, index), np.flatnonzero(with_block & (made.owners == index)))
            for index in range(len(job.grid))
        ]
        yield from self._stage("objects", cluster_block, blocks, "objects")
        alone = [self._item(index, made.own_window(index), [index]) for index in made.alone()]
        yield from self._stage("alone", cluster_alone, alone, "large objects")
        own = np.flatnonzero(made.kinds == GIANT).tolist()  # few, as each of them is larger than two blocks
        giants = [BlockItem(job=job, index=index, facts={"own": own}) for index in made.giant_blocks()]
        yield from self._stage("giants", cluster_giant, giants, "giant objects")
        pairs = neighbour_pairs(job.grid, made.giant_blocks())
        compared = [BlockItem(job=job, index=n, facts={"pair": pair}) for n, pair in enumerate(pairs)]
        yield from self._stage("pairs", compare, compared, "seams")

    def _item(self, index: int, window: tuple[slice, slice], own: Iterable[int]) -> BlockItem:
        corners = (window[0].start, window[1].start, window[0].stop, window[1].stop)
        return BlockItem(job=self.job, index=index, facts={"window": corners, "own": [int(each) for each in own]})

    def _number(self, made: Plan) -> Numbers:
        windows = [("objects", item.name) for item in self._blocks]
        windows += [("alone", block_name(index)) for index in made.alone()]
        windows += [("giants", block_name(index)) for index in made.giant_blocks()]
        numbers = number(self.job, windows, neighbour_pairs(self.job.grid, made.giant_blocks()))
        self.job.work.save("ranks", "all", {"ranks": numbers.ranks, "count": numbers.count})
        return numbers

    def _label(self, numbers: Numbers | None, giants: Sequence[int]) -> Steps:
        job = self.job
        levels = plan_levels(job.grid)
        count = 0 if numbers is None else numbers.count
        create_labels(job.labels, levels, count, job.source.pixel_size)
        if numbers is not None and count:
            items = [self._label_item(index, numbers, index in giants) for index in range(len(job.grid))]
            yield from self._stage("labels", label_block, items, "labels")
            index = 0
            for level in levels[1:]:
                shrunk = [
                    BlockItem(job=job, index=index + block, facts={"level": level, "block": block})
                    for block in range(len(level.grid))
                ]
                index += len(shrunk)
                yield from self._stage("levels", shrink, shrunk, f"labels, level {level.number}")
        job.work.save("complete", "all", {"count": count})

    def _label_item(self, index: int, numbers: Numbers, giant: bool) -> BlockItem:
        name = block_name(index)
        spills = [
            (*window, numbers.offsets[window])
            for window in numbers.spills.get(index, [])
            if window != ("objects", name)
        ]
        facts = {
            "offset": numbers.offsets["objects", name],
            "giant": numbers.offsets["giants", name] if giant else None,
            "spills": spills,
        }
        return BlockItem(job=self.job, index=index, facts=facts)

    def columns(self, count: int) -> dict[str, Any]:
        """Return the table of all objects."""
        job = self.job
        rows, columns = job.grid.window(0)
        n_channels = len(job.source.read_raw((slice(rows.start, 1), slice(columns.start, 1))))
        sums = (job.work.load("labels", item.name) for item in self._blocks) if count else ()
        return table(sums, job.grid.shape, count, n_channels=n_channels, pixel_size=job.source.pixel_size)


def _closable(results: Iterable[int]) -> Generator[int, None, None]:
    yield from results
