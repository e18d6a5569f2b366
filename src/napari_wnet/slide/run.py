"""A slide from beginning to end, block by block, with the labels that the whole would have."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from napari_wnet.core.intensities import BlockIntensities, has_contrast, pooled_range
from napari_wnet.errors import ImageError, OutputError, ParamsError
from napari_wnet.io.exports import write_table
from napari_wnet.io.sidecar import write_sidecar
from napari_wnet.network.checkpoint import Model, save_model
from napari_wnet.network.device import choose_device
from napari_wnet.network.registry import load_model
from napari_wnet.params import DEFAULT_MODEL, SegmentParams
from napari_wnet.pipeline import NOTHING_TO_FIND, rescaling
from napari_wnet.reports import Progress, drain
from napari_wnet.slide.assemble import create_labels, label_block, plan_levels, shrink
from napari_wnet.slide.grid import Grid
from napari_wnet.slide.job import BlockItem, Executor, SlideJob, block_name, in_process
from napari_wnet.slide.measuring import table
from napari_wnet.slide.merge import Numbers, compare, neighbour_pairs, number
from napari_wnet.slide.objects import cluster_alone, cluster_block, cluster_giant
from napari_wnet.slide.parts import GIANT, WITH_BLOCK, Plan, find_parts, load_parts, plan, save_plan
from napari_wnet.slide.predict import look, predict
from napari_wnet.slide.record import Outputs, bytes_needed, facts, labels_sha256, slide_info
from napari_wnet.slide.source import open_slide
from napari_wnet.slide.store import Work, begin, check_room, create_arrays

BLOCK = 2048
SMALLEST_BLOCK = 64
HALO_PART = 8
"""A component of the foreground may reach so many-th of a block beyond its block to be clustered with it."""
NO_OBJECT = "No object was found; try a lower seed threshold or another model."
Steps = Generator[Progress, None, None]


class SlideOptions(TypedDict, total=False):
    """How :func:`segment_zarr` goes about it; the labels do not depend on any of these.

    Attributes
    ----------
    block : int
        Side of a block in pixels; memory grows with its square.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    axes, channels : str or None
        See :func:`napari_wnet.slide.source.open_slide`.
    overwrite : bool
        Whether earlier results, and what an interrupted run with other settings has left, may be replaced.
    executor : Executor
        What runs the pieces of work; by default this process, one after another.
    """

    block: int
    device: str
    axes: str | None
    channels: str | None
    overwrite: bool
    executor: Executor


@dataclass(frozen=True, kw_only=True)
class SlideResult:
    """What a slide has become.

    Attributes
    ----------
    labels : Path
        OME-Zarr folder with the labels in several resolutions.
    table, sidecar : Path
        Measurements of each object, and how all this was made.
    n_objects : int
    notes : tuple of str
        What the user should know.
    """

    labels: Path
    table: Path
    sidecar: Path
    n_objects: int
    notes: tuple[str, ...] = ()


def segment_zarr(
    source: Any,
    out: str | Path,
    model: str | Path | Model = DEFAULT_MODEL,
    params: SegmentParams | None = None,
    **options: Unpack[SlideOptions],
) -> SlideResult:
    """Segment an image that need not fit into memory: the same labels as :func:`napari_wnet.segment`.

    Parameters
    ----------
    source : str, Path or array
        An OME-Zarr folder, a TIFF or NPY file, or an array of zarr, dask or NumPy: one plane, (Y, X), (C, Y, X) or
        (Y, X, 3 or 4).
    out : str or Path
        Folder of the labels, such as ``slide_labels.ome.zarr``; a table and a sidecar are written beside it. A run
        that was interrupted goes on where it stopped when it is started again.
    model : str, Path or Model
        Name of a known model, path of a model file, or a loaded model.
    params : SegmentParams, optional
        By default those that the model recommends.
    **options : SlideOptions
        `block`, `device`, `axes`, `channels`, `overwrite`, `executor`.

    Returns
    -------
    SlideResult

    Raises
    ------
    WNetError
        If the slide, the model, a parameter, the device or the disk cannot be used; the message names the remedy.
    """
    return drain(segment_zarr_steps(source, out, model, params, **options))


def segment_zarr_steps(
    source: Any,
    out: str | Path,
    model: str | Path | Model = DEFAULT_MODEL,
    params: SegmentParams | None = None,
    **options: Unpack[SlideOptions],
) -> Generator[Progress, None, SlideResult]:
    """Do what :func:`segment_zarr` does, reporting after each block; closed in between, it can be gone on with."""
    ready = model if isinstance(model, Model) else load_model(model)
    job, outputs = _prepared(source, Path(out), ready, params or ready.header.params, options)
    run = _Run(job, options.get("executor", in_process))
    if not (outputs.labels.exists() and run.is_complete):
        yield from run.all_steps()
    return _finished(run, ready, outputs, overwrite=options.get("overwrite", False))


def _prepared(
    source: Any, out: Path, model: Model, params: SegmentParams, options: SlideOptions
) -> tuple[SlideJob, Outputs]:
    """Check everything that can be checked before hours of work, and make the folder of temporary data."""
    config = model.header.config
    block, overwrite = options.get("block", BLOCK), options.get("overwrite", False)
    if block < SMALLEST_BLOCK:
        raise ParamsError(f"Blocks of {block} px are too small; take {SMALLEST_BLOCK} px or more.")
    choose_device(options.get("device", "auto"))
    slide = open_slide(source, config.in_channels, axes=options.get("axes"), channels=options.get("channels"))
    outputs = Outputs.beside(out)
    scale = rescaling(model.header.diameter, params.normalize)
    shown = max(SMALLEST_BLOCK, round(block / max(1.0, scale)))
    work = Work(outputs.work)
    job = SlideJob(
        source=slide,
        work=work,
        labels=outputs.work / "labels.ome.zarr",
        model=outputs.work / "model.safetensors",
        params=params,
        grid=Grid.of_tiles(slide.shape, shown, params.tiles.size, config.pooling_factor),
        halo=max(1, shown // HALO_PART),
        block=block,
        device=options.get("device", "auto"),
    )
    _refuse_existing(outputs, overwrite=overwrite)
    going_on = work.path.is_dir()
    if not going_on:
        check_room(work.path.parent, bytes_needed(slide.shape, config.embedding_dim))
    begin(work, facts(job, model), afresh=overwrite)
    create_arrays(work, job.grid, config.embedding_dim)
    _copy_model(model, job.model)
    return job, outputs


def _refuse_existing(outputs: Outputs, *, overwrite: bool) -> None:
    """Refuse to begin where results are, but for a run that was interrupted while it put them there."""
    there = [path for path in (outputs.labels, outputs.table, outputs.sidecar) if path.exists()]
    if there and not overwrite and not outputs.work.is_dir():
        raise OutputError(
            f"{there[0]} exists already; choose another folder (--out) or have it replaced (--overwrite)."
        )


def _copy_model(model: Model, path: Path) -> None:
    if path.is_file():
        return
    partial = path.with_suffix(".partial")
    if model.path.is_file():
        shutil.copyfile(model.path, partial)
    else:
        save_model(partial, model.network, model.header, half=False, overwrite=True)
    partial.replace(path)


class _Run:
    """The stages of a run, each of which leaves files from which the next one begins."""

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
        if known is not None and self.job.source.path is not None:
            return
        if self.job.source.path is None:
            shutil.rmtree(work.path / "intensities", ignore_errors=True)
        yield from self._stage("intensities", look, self._blocks, "intensities")
        blocks = [self._intensities(item.name) for item in self._blocks]
        digest = b"".join(block.digest for block in blocks)
        if known not in (None, digest):
            raise OutputError(
                f"{work.path} holds a run that was interrupted, of another image. Have it replaced (--overwrite) or "
                "choose another folder (--out)."
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
        alone = [self._item(index, made.own_window(job.grid, index), [index]) for index in made.alone()]
        yield from self._stage("alone", cluster_alone, alone, "large objects")
        giants = [
            BlockItem(job=job, index=index, facts={"own": self._giants_in(made, index), "context": made.context})
            for index in made.giant_blocks()
        ]
        yield from self._stage("giants", cluster_giant, giants, "giant objects")
        pairs = neighbour_pairs(job.grid, made.giant_blocks())
        compared = [BlockItem(job=job, index=n, facts={"pair": pair}) for n, pair in enumerate(pairs)]
        yield from self._stage("pairs", compare, compared, "seams")

    def _giants_in(self, made: Plan, block: int) -> list[int]:
        """Return the giant components that a window around a block may show."""
        near = [made.joined.whose[index] for index in self.job.grid.touching(self._around(block))]
        found = np.unique(np.concatenate(near))
        giants: list[int] = found[made.kinds[found] == GIANT].tolist()
        return giants

    def _around(self, block: int) -> tuple[slice, slice]:
        grid = self.job.grid
        return grid.wider(grid.window(block), max(grid.step))

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


def _finished(run: _Run, model: Model, outputs: Outputs, *, overwrite: bool) -> SlideResult:
    """Put the results in their places, the sidecar last, and delete the temporary data."""
    job = run.job
    count = int(job.work.load("complete", "all")["count"])
    if not job.work.load("range", "all")["informative"]:
        run.notes.append(NOTHING_TO_FIND)
    elif not count:
        run.notes.append(NO_OBJECT)
    if job.labels.is_dir():
        if outputs.labels.is_dir() and overwrite:
            shutil.rmtree(outputs.labels)
        job.labels.rename(outputs.labels)
    sha256 = labels_sha256(outputs.labels, job.grid.shape)
    # A file that is there is the one that the interrupted run wrote, or was to be replaced.
    write_table(outputs.table, run.columns(count), overwrite=True)
    notes = (*model.header.notes, *run.notes)
    write_sidecar(outputs.sidecar, slide_info(job, model, outputs, (count, sha256), notes), overwrite=True)
    job.work.remove()
    return SlideResult(
        labels=outputs.labels, table=outputs.table, sidecar=outputs.sidecar, n_objects=count, notes=notes
    )
