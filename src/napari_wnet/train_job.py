"""Training as a use case: folders of image and labels pairs in, a model file, a log and a checkpoint out."""

from __future__ import annotations

import contextlib
import datetime
import platform
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch

import napari_wnet
from napari_wnet.core.metrics import DatasetScores
from napari_wnet.datasets.split import names_sha256
from napari_wnet.errors import OutputError, TrainingError
from napari_wnet.network.checkpoint import ModelHeader, save_model
from napari_wnet.network.dataset import Sample
from napari_wnet.network.device import choose_device
from napari_wnet.network.registry import load_model
from napari_wnet.network.training import Trained, TrainingRun, evaluate_network, scores_summary, train_steps
from napari_wnet.network.tuning import Choice, rank_clusterings
from napari_wnet.params import ClusteringParams, SegmentParams, WNetConfig
from napari_wnet.presets import PRESETS
from napari_wnet.reports import EpochReport
from napari_wnet.train_data import DataParams, TrainingData
from napari_wnet.train_history import History, resumed, settings_of
from napari_wnet.train_log import PICTURED, PICTURES, logged, pictures, tensorboard
from napari_wnet.train_params import TrainParams

STATE = ".state.safetensors"
"""Ending of the checkpoint beside a model."""


@dataclass(frozen=True, kw_only=True)
class TrainJob(DataParams):
    """A training as a configuration file describes it; every key of the file is a field here."""

    out: Annotated[str, {"tooltip": "Model file to write (.safetensors)."}] = ""
    init: Annotated[str, {"tooltip": "Model to start from: a name or a file."}] = ""
    name: Annotated[str, {"tooltip": "Name of the model; by default its file's."}] = ""
    description: str = ""
    licence: Annotated[str, {"tooltip": "Licence of the weights, as an SPDX name."}] = ""
    data: Annotated[str, {"tooltip": "What the data is and where it comes from, for the model's card."}] = ""
    channels: Annotated[tuple[str, ...], {"tooltip": "Names of the channels."}] = ()
    preset: Annotated[
        Literal["default", "paper", "equation"],
        {"tooltip": "What network, training and clustering start from; what else is said here changes it."},
    ] = "default"
    network: WNetConfig = field(default_factory=WNetConfig)
    params: TrainParams = field(default_factory=TrainParams)
    clustering: ClusteringParams = field(default_factory=ClusteringParams)
    tensorboard: Annotated[str, {"tooltip": "Folder for TensorBoard's event files; empty: none are written."}] = ""
    pictures: Annotated[
        bool, {"tooltip": "Draw up to four validation images at each validation, into a folder beside the model."}
    ] = False
    tune: Annotated[
        bool, {"tooltip": "Choose clustering and thresholds on the validation images; off: recommend those said here."}
    ] = True

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make a job of what a file says; what is missing is that of its preset, or the default.

        Raises
        ------
        ParamsError
            If a key or the preset is unknown, or a value does not fit.
        """
        job = super().from_dict(values)
        usual = PRESETS[job.preset]
        groups = {name: getattr(usual, name) for name in ("network", "params", "clustering")}
        said = {name: group.updated(values.get(name, {})) for name, group in groups.items()}
        return job.replace(**said, tune=values.get("tune", usual.tune))


def train_job_steps(
    job: TrainJob, data: TrainingData, *, device: str = "auto", resume: bool = False, overwrite: bool = False
) -> Generator[EpochReport, None, tuple[Path, Trained]]:
    """Train and write the model file; beside it a log (.csv) and a checkpoint (.state.safetensors) to resume from.

    Yields
    ------
    EpochReport

    Returns
    -------
    path : Path
        Of the model file.
    trained : Trained
        After Ctrl-C (KeyboardInterrupt) or a loss that diverges too: the best so far.

    Raises
    ------
    WNetError
        If the job cannot start, the loss diverges before the first validation, or a file cannot be written.
    """
    out = model_file(job.out, overwrite=overwrite, resume=resume)
    init = load_model(job.init).network if job.init else None
    config = init.config if init is not None else _fitted(job.network, data.train)
    state = out.with_suffix(STATE)
    told = history(job, data, resume=resume)
    run = TrainingRun(
        about=told.to_dict(),
        clustering=job.clustering,
        previews=PICTURED if job.pictures else 1,
        samples=data.train,
        validation=data.validation,
        config=config,
        params=job.params,
        device=device,
        init=init,
        state=state,
        resume=resume,
    )
    if overwrite and not resume:  # else, killed before its first checkpoint, it would be resumed from that of another
        state.unlink(missing_ok=True)
    with contextlib.ExitStack() as open_logs:
        also = [open_logs.enter_context(tensorboard(job.tensorboard, resume=resume))] if job.tensorboard else []
        if job.pictures:
            also.append(pictures(out.with_suffix(PICTURES), data.validation))
        trained = yield from logged(train_steps(run), out.with_suffix(".csv"), resume=resume, also=also)
    _write_model(out, job, data, trained, told)
    return out, trained


def history(job: TrainJob, data: TrainingData, *, resume: bool) -> History:
    """Return with which settings a training begins, or goes on from the checkpoint beside its model.

    Raises
    ------
    WNetError
        If the checkpoint cannot be read, or was validated on other images.
    """
    settings, checkpoint = settings_of(job.to_dict(), data), Path(job.out).with_suffix(STATE)
    return resumed(settings, checkpoint) if resume and checkpoint.exists() else History(settings=settings)


def model_file(out: str, *, overwrite: bool, resume: bool = False) -> Path:
    """Return the file that a training is to write, its folder made.

    Raises
    ------
    OutputError
        If it has another ending than a model's, it or the checkpoint of a training that was cut short exists and may
        not be replaced, or its folder cannot be made.
    """
    path = Path(out)
    if path.suffix != ".safetensors":
        raise OutputError(f"The model file must end in .safetensors, not '{out}'; choose another name with --out.")
    if not (overwrite or resume):
        _refuse_replacing(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {path.parent} cannot be made ({error.strerror or error}); choose another one with --out."
        ) from error
    return path


def _refuse_replacing(path: Path) -> None:
    """Refuse a name under which there is a model, or what a killed training has left: hours of work, maybe."""
    if path.exists():
        raise OutputError(f"{path} exists already; choose another name, or give --overwrite.")
    state = path.with_suffix(STATE)
    if state.exists():
        raise OutputError(
            f"{state} is left of a training that was cut short; go on with it (--resume), begin anew (--overwrite), or "
            "choose another name with --out."
        )


def _fitted(config: WNetConfig, samples: Sequence[Sample]) -> WNetConfig:
    """Return the configuration for the number of channels of the data."""
    counts = {sample.image.shape[0] for sample in samples}
    if len(counts) > 1:
        raise TrainingError(
            f"The images have different numbers of channels ({', '.join(map(str, sorted(counts)))}); "
            "train on images of one kind."
        )
    return config.replace(in_channels=counts.pop())


def _write_model(out: Path, job: TrainJob, data: TrainingData, trained: Trained, told: History) -> None:
    params = SegmentParams(normalize=job.params.normalize, clustering=job.clustering)
    scores: dict[str, Any] = {}
    if data.validation:
        device = choose_device("auto")
        if job.tune:
            ranking = rank_clusterings(trained.network, data.validation, params, device)
            params = params.replace(clustering=ranking.chosen.params)
            scores["validation_by_method"] = _best_of_each_method(ranking.choices)
        scores["validation"] = summary(evaluate_network(trained.network, data.validation, params, device))
    known = float(np.median([sample.diameter() for sample in data.train if sample.n_objects]))
    if job.enlarge != 1:  # whoever uses the model is to show it images as large as it saw them
        params = params.replace(normalize__diameter=round(known / job.enlarge, 2))
    header = ModelHeader(
        name=job.name or out.stem,
        config=trained.network.config,
        params=params,
        description=job.description,
        channels=job.channels,
        diameter=known,
        licence=job.licence,
        provenance=provenance(job, data, trained) | ({"changes": list(told.changes)} if told.changes else {}),
        scores=scores,
    )
    save_model(out, trained.network, header, overwrite=True)


def _best_of_each_method(choices: Sequence[Choice]) -> dict[str, float]:
    """Return the best mean average precision of each clustering method."""
    best: dict[str, float] = {}
    for choice in choices:  # best first
        best.setdefault(choice.params.method, round(choice.mean_average_precision, 4))
    return best


def summary(scores: DatasetScores) -> dict[str, float]:
    """Return the scores a model card shows: means over images, and pooled average precision."""
    pooled = {f"pooled_average_precision_{one.threshold:g}": one.average_precision for one in scores.pooled}
    wanted = ("pooled_average_precision_0.5", "pooled_average_precision_0.75")
    return {
        **scores_summary(scores.mean),
        "abs_count_difference": round(scores.mean["abs_count_difference"], 4),
        **{name: round(pooled[name], 4) for name in wanted if name in pooled},
        "n_images": len(scores.images),
    }


def provenance(job: TrainJob, data: TrainingData, trained: Trained) -> dict[str, Any]:
    """Return where a model comes from: data, split, steps, seed, code, date, hardware."""
    return {
        "data": job.data or Path(job.images).name,
        "split": "folders" if job.validation_images else job.split,
        "n_images": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test_names)},
        "enlarge": job.enlarge,
        "n_objects": sum(sample.n_objects for sample in data.train),
        "train_names_sha256": names_sha256(one.name for one in data.train),
        "validation_names_sha256": names_sha256(one.name for one in data.validation),
        "init": job.init,
        "best_step": trained.step,
        "steps_done": trained.steps_done,
        "seconds": round(trained.seconds),
        "params": job.params.to_dict(),
        **code_and_machine(),
    }


def code_and_machine() -> dict[str, str]:
    """Return with what, when and on what something is trained."""
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""
    return {
        "code": f"napari-wnet {napari_wnet.__version__}",
        "torch": torch.__version__,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "hardware": gpu or f"{platform.machine()} CPU, {torch.get_num_threads()} threads",
    }
