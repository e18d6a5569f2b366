"""Fine-tuning for another process: plain arrays and names in, a model file and plain values out."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_wnet.atomic import write_text
from napari_wnet.core.holdout import ImageSplit
from napari_wnet.core.image import match_channels
from napari_wnet.errors import ImageError
from napari_wnet.fine_tune.compare import Comparison
from napari_wnet.fine_tune.data import TrainingPair
from napari_wnet.fine_tune.files import read_pairs_steps
from napari_wnet.fine_tune.interrupted import save_request
from napari_wnet.fine_tune.job import FineTuneJob, fine_tune_steps
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.registry import load_model
from napari_wnet.params import NormalizeParams
from napari_wnet.project.training import STATE
from napari_wnet.reports import EpochReport, Progress, watched
from napari_wnet.train_log import as_csv, log_row
from napari_wnet.train_params import TrainParams


@dataclass(frozen=True, kw_only=True, eq=False)
class FineTuneRequest:
    """What is to be learned; everything in it can be sent to another process.

    Attributes
    ----------
    pairs : tuple of TrainingPair
        Images as (C, Y, X).
    colour : tuple of str
        Names of the pairs whose channels are red, green and blue.
    base : str
        Name or path of a model.
    params : TrainParams
        With the usual normalisation, the base model's own is taken.
    device : str
    adapt_channels : bool
    images_dir, labels_dir : str
        Folders with further pairs, wholly labelled; empty: none.
    out : Path
        Model file to write; the log goes beside it.
    resumable : bool
        Whether what is asked for and how far it has come are kept beside the model, to be taken up again from there
        after a crash.
    """

    pairs: tuple[TrainingPair, ...]
    base: str
    params: TrainParams
    device: str
    out: Path
    colour: tuple[str, ...] = ()
    adapt_channels: bool = False
    images_dir: str = ""
    labels_dir: str = ""
    resumable: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class FineTuneOutcome:
    """What was learned.

    Attributes
    ----------
    path : Path
        Of the new model's file.
    base : str
        Name of the model it was made from.
    comparison : Comparison
        New against current on the held-out pieces.
    splits : dict of str to ImageSplit
    step, steps_done : int
    seconds : float
    problem : str
    """

    path: Path
    base: str
    comparison: Comparison
    splits: dict[str, ImageSplit]
    step: int
    steps_done: int
    seconds: float
    problem: str = ""


def fine_tune_to_file(
    request: FineTuneRequest,
) -> Generator[Progress | EpochReport, None, FineTuneOutcome]:
    """Fine-tune a model and write its file, to be run by :func:`napari_wnet.process.in_process`.

    Yields
    ------
    Progress, EpochReport

    Raises
    ------
    WNetError
        As for :func:`napari_wnet.fine_tune.train`, or if the file cannot be written.
    """
    state = request.out.parent / STATE if request.resumable else None
    if state is not None and not state.exists():
        yield Progress(done=0, total=0, what="keeping the labels")
        save_request(request)
    yield Progress(done=0, total=0, what="reading the model")
    base = load_model(request.base)
    pairs = _matched(request.pairs, request.colour, base.header.config.in_channels)
    if request.images_dir:
        read = yield from read_pairs_steps(request.images_dir, request.labels_dir or request.images_dir)
        pairs = (*pairs, *read.pairs)
    job = FineTuneJob(
        pairs=pairs,
        base=base,
        params=_with_normalization_of(base, request.params),
        device=request.device,
        adapt_channels=request.adapt_channels,
        state=state,
    )
    rows: list[dict[str, Any]] = []

    def note(report: Progress | EpochReport) -> None:
        if isinstance(report, EpochReport):
            rows.append(log_row(report))

    tuned = yield from watched(fine_tune_steps(job), note)
    tuned.save(request.out, overwrite=True)
    write_text(request.out.with_suffix(".csv"), as_csv(rows), overwrite=True)
    return FineTuneOutcome(
        path=request.out,
        base=base.name,
        comparison=tuned.comparison,
        splits=tuned.splits,
        step=tuned.step,
        steps_done=tuned.steps_done,
        seconds=tuned.seconds,
        problem=tuned.problem,
    )


def _with_normalization_of(base: Model, params: TrainParams) -> TrainParams:
    unchanged = params.normalize == NormalizeParams()
    return params.replace(normalize=base.header.params.normalize) if unchanged else params


def _matched(pairs: Sequence[TrainingPair], colour: Sequence[str], in_channels: int) -> tuple[TrainingPair, ...]:
    """Return the pairs with colours turned to what the base reads, as segmenting does; other images as they are."""
    matched = []
    for pair in pairs:
        image = pair.image
        if pair.name in colour:
            try:
                image, _ = match_channels(image, in_channels, rgb=True)
            except ImageError:
                image = pair.image[:3]  # the message of fine-tuning says what can be done
        matched.append(replace(pair, image=image))
    return tuple(matched)
