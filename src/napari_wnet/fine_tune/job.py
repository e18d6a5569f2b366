"""Fine-tuning as a use case: pairs and a base model in, a new model and its comparison with the old one out."""

from __future__ import annotations

import datetime
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy.typing as npt
import torch

import napari_wnet
from napari_wnet.core.clustering import cluster
from napari_wnet.core.holdout import ImageSplit
from napari_wnet.core.image import normalize
from napari_wnet.core.partial import n_known
from napari_wnet.errors import ChannelsError, DeviceError, TrainingError
from napari_wnet.fine_tune.compare import Comparison, compare_steps
from napari_wnet.fine_tune.data import Prepared, TrainingPair, prepare
from napari_wnet.network.adapt import with_channels
from napari_wnet.network.checkpoint import Model, ModelHeader, save_model
from napari_wnet.network.dataset import Sample
from napari_wnet.network.device import choose_device, is_out_of_memory
from napari_wnet.network.registry import load_model
from napari_wnet.network.training import Trained, TrainingRun, train_steps
from napari_wnet.network.tuning import rank_clusterings
from napari_wnet.network.wnet import WNet
from napari_wnet.params import DEFAULT_MODEL, ClusteringParams, NormalizeParams, SegmentParams
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import EpochReport, Progress, drain
from napari_wnet.sample_data import SAMPLES, sample_path
from napari_wnet.train_params import FINE_TUNE, TrainParams

ENOUGH_TO_RANK = 100
SAVE_SECONDS = 30.0
"""What a crash costs at most, where a checkpoint is kept."""
"""Held-out objects from which on they may choose how maps are clustered; fewer choose by chance, and worse."""
NORMALIZED = NormalizeParams(method="none")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, eq=False)
class FineTuneJob:
    """What a fine-tuning starts from.

    Attributes
    ----------
    pairs : sequence of TrainingPair
        The order does not matter.
    base : str, Path or Model
        Model to start from and to compare with.
    params : TrainParams or None
        By default :func:`fine_tune_params` of the base.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    adapt_channels : bool
        Where the images have another number of channels than the base reads, change its first convolutions to fit.
    replay_images : sequence of (C, Y, X) arrays
        Images the base knows, for ``params.replay``; by default the bundled sample of the base's name.
    state : Path or None
        Checkpoint, written each half minute; where there is one, the training goes on from it.
    """

    pairs: Sequence[TrainingPair]
    base: str | Path | Model = DEFAULT_MODEL
    params: TrainParams | None = None
    device: str = "auto"
    adapt_channels: bool = False
    replay_images: Sequence[npt.NDArray[Any]] = ()
    state: Path | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class FineTuned:
    """The outcome of a fine-tuning.

    Attributes
    ----------
    network : WNet
        The best weights, in evaluation mode on the CPU.
    header : ModelHeader
        What its file will say, recommended parameters, provenance and scores included.
    comparison : Comparison
        New against current on the held-out pieces.
    splits : dict of str to ImageSplit
        By the image's name: which part trained and which was held out.
    step, steps_done : int
        Of the best weights, and in all.
    seconds : float
        Of training, validations included.
    problem : str
        Why the training ended before its time, if it did not end well.
    """

    network: WNet
    header: ModelHeader
    comparison: Comparison
    splits: dict[str, ImageSplit]
    step: int
    steps_done: int
    seconds: float
    problem: str = ""

    @property
    def better(self) -> bool:
        """Whether the new model beats the current one on the held-out pieces."""
        return self.comparison.better

    @property
    def model(self) -> Model:
        """The new model, ready to segment with, before it has a file."""
        return Model(network=self.network, header=self.header, sha256="", path=Path(self.header.name))

    def save(self, path: str | Path, *, name: str = "", overwrite: bool = False) -> str:
        """Write the model file, under a new name if one is given, and return its SHA-256.

        Raises
        ------
        OutputError
            If the file exists or cannot be written.
        """
        header = replace(self.header, name=name) if name else self.header
        return save_model(path, self.network, header, overwrite=overwrite)


def fine_tune_params(base: Model) -> TrainParams:
    """Return light defaults for fine-tuning a model, which sees intensities as it is used to."""
    return FINE_TUNE.replace(normalize=base.header.params.normalize)


def train(
    pairs: Sequence[TrainingPair],
    base: str | Path | Model = DEFAULT_MODEL,
    params: TrainParams | None = None,
    *,
    device: str = "auto",
    adapt_channels: bool = False,
) -> FineTuned:
    """Fine-tune a model on a few images, labelled wholly or in part.

    Parameters
    ----------
    pairs : sequence of TrainingPair
        Images with labels.
    base : str, Path or Model
        Model to start from: a name, a file, or a loaded model.
    params : TrainParams, optional
        By default :func:`napari_wnet.fine_tune.fine_tune_params` of the base.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    adapt_channels : bool
        Change the base's first convolutions to fit the images' number of channels.

    Returns
    -------
    FineTuned
        The new model, and how it compares with the base on held-out pieces; `better` tells in a word.

    Raises
    ------
    WNetError
        If a pair or the base cannot be used, or there is too little to learn from; the message names the remedy.
    """
    return drain(
        fine_tune_steps(
            FineTuneJob(pairs=pairs, base=base, params=params, device=device, adapt_channels=adapt_channels)
        )
    )


def fine_tune_steps(job: FineTuneJob) -> Generator[Progress | EpochReport, None, FineTuned]:
    """Do what :func:`train` does, reporting on the way.

    Yields
    ------
    Progress
        While preparing and comparing.
    EpochReport
        While training.

    Returns
    -------
    FineTuned
        Also after KeyboardInterrupt thrown in while training, and if the loss diverges after a validation: the best so
        far. Closing the generator keeps nothing.

    Raises
    ------
    WNetError
        As for :func:`train`.
    """
    yield Progress(done=0, total=1, what="preparing the images")
    base = job.base if isinstance(job.base, Model) else load_model(job.base)
    params = job.params or fine_tune_params(base)
    data = prepare(job.pairs, base, params)
    start = _fitting(base, data, adapt=job.adapt_channels)
    run = TrainingRun(
        samples=data.train,
        validation=data.validation,
        config=start.header.config,
        params=params.replace(normalize=NORMALIZED),
        device=job.device,
        init=start.network,
        replay=_replayed(job, start, params),
        clustering=_at_scale(base.header.params.clustering, data.scale),
        state=job.state,
        resume=job.state is not None and job.state.exists(),
        save_seconds=SAVE_SECONDS,
    )
    trained = yield from _within_memory(train_steps(run))
    header = _header(base, start, data, params)
    new = Model(network=trained.network, header=header, sha256="", path=Path(header.name))
    comparison = yield from _to_the_end(compare_steps(data.pieces, start, new, job.device))
    scores = {"held_out": {"current": comparison.current, "new": comparison.new, "better": comparison.better}}
    return FineTuned(
        network=trained.network,
        header=replace(
            header,
            params=header.params.replace(clustering=_clustering(trained.network, base, data, job.device)),
            provenance=_provenance(base, data, params, trained),
            scores=scores,
        ),
        comparison=comparison,
        splits={pair.name: split for pair, split in zip(data.pairs, data.splits, strict=True)},
        step=trained.step,
        steps_done=trained.steps_done,
        seconds=trained.seconds,
        problem=trained.problem,
    )


def _fitting(base: Model, data: Prepared, *, adapt: bool) -> Model:
    """Return the base, or a copy that reads as many channels as the images have."""
    reads, has = base.header.config.in_channels, data.in_channels
    if reads == has:
        return base
    if not adapt:
        raise ChannelsError(
            f"The images have {has} channel(s), the model {base.name} reads {reads}. Train on {reads} of the channels, "
            "choose another base model, or let its first layer be adapted (a tick in the dock; --adapt-channels; "
            "adapt_channels): each channel then counts as the old ones did on average."
        )
    network = with_channels(base.network, has).eval()
    channels = base.header.channels if len(base.header.channels) == has else ()
    return replace(base, network=network, header=replace(base.header, config=network.config, channels=channels))


def _replayed(job: FineTuneJob, base: Model, params: TrainParams) -> list[Sample]:
    """Return images that the base knows, with its own labels."""
    if params.replay == 0:
        return []
    images = list(job.replay_images)
    if not images and base.name in SAMPLES:
        from napari_wnet.io.images import read_image

        images = [read_image(sample_path(base.name)).array[None]]
    samples = []
    for place, image in enumerate(images):
        if image.shape[0] != base.header.config.in_channels:
            raise TrainingError(
                f"An image against forgetting has {image.shape[0]} channel(s), the network reads "
                f"{base.header.config.in_channels}; give others, or set replay to 0."
            )
        maps = drain(predict_steps(image, base, base.header.params, device=job.device))
        labels = cluster(maps, base.header.params.clustering)
        samples.append(Sample.checked(f"replay {place}", normalize(image, base.header.params.normalize), labels))
    if not samples:
        raise TrainingError(
            f"There are no images that {base.name} knows to mix in against forgetting; give some, or set replay to 0."
        )
    return samples


def _at_scale(clustering: ClusteringParams, scale: float) -> ClusteringParams:
    return clustering.replace(min_area=round(clustering.min_area * scale**2))


def _within_memory(steps: Generator[EpochReport, None, Trained]) -> Generator[EpochReport, None, Trained]:
    try:
        return (yield from steps)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError("There is not enough memory to train; set a smaller batch or crop size.") from error


def _to_the_end(steps: Generator[Progress, None, Result]) -> Generator[Progress, None, Result]:
    """Let an interrupt that comes once the training is over not cost its result."""
    while True:
        try:
            report = next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        try:
            yield report
        except KeyboardInterrupt:
            continue


def _header(base: Model, start: Model, data: Prepared, params: TrainParams) -> ModelHeader:
    rescaled = data.scale != 1.0
    size = (params.normalize.diameter or data.diameter) if rescaled else 0.0
    recommended = SegmentParams(
        normalize=params.normalize.replace(diameter=size),
        tiles=base.header.params.tiles,
        clustering=base.header.params.clustering,
    )
    return replace(
        start.header,
        name=f"{base.name}-tuned",
        description=f"Fine-tuned from {base.name} on {len(data.pairs)} image(s).",
        params=recommended,
        diameter=size * data.scale if rescaled else data.diameter,
        notes=(),
    )


def _clustering(network: WNet, base: Model, data: Prepared, device: str) -> ClusteringParams:
    """Choose the clustering on the held-out pieces, if there are objects enough to tell."""
    clustering = base.header.params.clustering
    if sum(n_known(sample.labels, sample.known) for sample in data.validation) < ENOUGH_TO_RANK:
        return clustering
    params = SegmentParams(normalize=NORMALIZED, clustering=_at_scale(clustering, data.scale))
    chosen = rank_clusterings(network, data.validation, params, choose_device(device)).chosen.params
    return chosen.replace(min_area=clustering.min_area)


def _provenance(base: Model, data: Prepared, params: TrainParams, trained: Trained) -> dict[str, Any]:
    return {
        "fine_tuned_from": {"name": base.name, "sha256": base.sha256},
        "images": [pair.provenance(split) for pair, split in zip(data.pairs, data.splits, strict=True)],
        "n_objects": sum(n_known(sample.labels, sample.known) for sample in data.train),
        "scale": data.scale,
        "params": params.to_dict(),
        "best_step": trained.step,
        "steps_done": trained.steps_done,
        "seconds": round(trained.seconds),
        "code": f"napari-wnet {napari_wnet.__version__}",
        "torch": torch.__version__,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
