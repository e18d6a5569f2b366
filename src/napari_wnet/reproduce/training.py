"""One run of a study: a network trained to the end of its budget, and its scores; what is there is used again."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_wnet.atomic import write_text
from napari_wnet.core.clustering import cluster
from napari_wnet.core.image import normalize
from napari_wnet.core.leaf_challenge import challenge_scores
from napari_wnet.core.metrics import DatasetScores, evaluate
from napari_wnet.datasets.annotated import AnnotatedImage
from napari_wnet.errors import OutputError
from napari_wnet.json_values import parse_json, value_of
from napari_wnet.network.checkpoint import ModelHeader, read_model, save_model
from napari_wnet.network.device import choose_device
from napari_wnet.network.inference import fused
from napari_wnet.network.rescaling import predict_rescaled
from napari_wnet.network.training import TrainingRun, train_steps
from napari_wnet.network.wnet import WNet
from napari_wnet.params import SegmentParams
from napari_wnet.reports import EpochReport, drain
from napari_wnet.reproduce.data import StudyData, true_foreground
from napari_wnet.reproduce.job import ReproduceJob, RunDone, run_name
from napari_wnet.reproduce.studies import Variant

SCORED_TRAINING_IMAGES = 20
"""So many of the images trained on tell whether a network has learnt its task at all."""


def run_steps(job: ReproduceJob, data: StudyData, variant: Variant, seed: int) -> Generator[EpochReport, None, RunDone]:
    """Train and score one row with one seed, going on where an earlier call was ended.

    Raises
    ------
    OutputError
        If the folder holds this run with other settings or other data.
    KeyboardInterrupt
        Once more, after the checkpoint is saved: a run that was ended is not finished.
    WNetError
        If it fails.
    """
    folder = job.out / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    settings = _settings(job, data, variant, seed)
    record = folder / f"{run_name(variant, seed)}.json"
    earlier = _earlier(record, settings)
    if earlier is not None:
        return RunDone(variant=variant, seed=seed, scores=earlier, reused=True)
    path = record.with_suffix(".safetensors")
    if not path.exists():
        yield from _trained(job, data, variant, (seed, path, settings))
    network = read_model(path).network
    scores = scores_of(network, data, job, variant)
    write_text(record, json.dumps({"settings": settings, "scores": scores}, indent=2) + "\n", overwrite=True)
    return RunDone(variant=variant, seed=seed, scores=scores)


def _settings(job: ReproduceJob, data: StudyData, variant: Variant, seed: int) -> dict[str, Any]:
    config = job.config(variant, data.train[0].image.shape[0])
    described = {
        "network": config.to_dict(),
        "params": job.params(variant, seed).to_dict(),
        "segment": job.segment_params(variant).to_dict(),
        "train": sorted(image.name for image in data.train),
        "test": sorted(image.name for image in data.test),
    }
    plain: dict[str, Any] = json.loads(json.dumps(described))
    return plain


def _earlier(record: Path, settings: Mapping[str, Any]) -> dict[str, float] | None:
    try:
        found = parse_json(record.read_bytes(), constants=True)
        scores = {str(name): float(score) for name, score in value_of(found, "scores", dict).items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, OverflowError):  # none, or damaged: it is made anew
        return None
    _check_same(record, found.get("settings"), settings)
    return scores


def _begun(path: Path) -> Any:
    try:
        return parse_json(path.read_bytes(), constants=True)
    except ValueError as error:
        raise OutputError(
            f"{path} is damaged; remove it and its checkpoint, or choose another folder (--out)."
        ) from error


def _check_same(path: Path, there: object, settings: Mapping[str, Any]) -> None:
    if there != settings:
        raise OutputError(f"{path} is of other settings or other data; choose another folder (--out).")


def _trained(
    job: ReproduceJob, data: StudyData, variant: Variant, run: tuple[int, Path, Mapping[str, Any]]
) -> Generator[EpochReport, None, None]:
    """Train and write the model; a checkpoint beside it is gone on with."""
    seed, path, settings = run
    begun = path.with_suffix(".begun.json")
    if begun.exists():
        _check_same(begun, _begun(begun), settings)
    write_text(begun, json.dumps(settings) + "\n", overwrite=True)
    state = path.with_suffix(".state.safetensors")
    training = TrainingRun(
        samples=[image.sample() for image in data.train],
        validation=(),
        config=job.config(variant, data.train[0].image.shape[0]),
        params=job.params(variant, seed),
        device=job.device,
        state=state,
        resume=state.exists(),
        save_seconds=60,
    )
    trained = yield from train_steps(training)
    if trained.interrupted:
        raise KeyboardInterrupt
    header = ModelHeader(
        name=f"{job.study.name}-{variant.key}",
        config=trained.network.config,
        params=job.segment_params(variant),
        description=f"{job.study.title}: {variant.label}, seed {seed}",
        provenance={"data": job.data, "seconds": round(trained.seconds), "params": training.params.to_dict()},
    )
    save_model(path, trained.network, header, overwrite=True)
    for leftover in (state, begun):
        leftover.unlink(missing_ok=True)


def scores_of(network: WNet, data: StudyData, job: ReproduceJob, variant: Variant) -> dict[str, float]:
    """Return what a network scores with the true foreground, as in the paper."""
    params, device = job.segment_params(variant), choose_device(job.device)
    ready = fused(network).to(device)
    chosen = data.train[:: max(1, len(data.train) // SCORED_TRAINING_IMAGES)][:SCORED_TRAINING_IMAGES]
    trained, tested = (_evaluated(ready, images, params, device) for images in (chosen, data.test))
    scores = {"train_symmetric_best_dice": trained.mean["symmetric_best_dice"], **tested.mean}
    subsets = [image.subset for image in data.test]
    scores |= {one.name: one.mean["symmetric_best_dice"] for one in challenge_scores(tested, subsets)}
    return {name: float(value) for name, value in scores.items()}


def _evaluated(
    network: WNet, images: Sequence[AnnotatedImage], params: SegmentParams, device: torch.device
) -> DatasetScores:
    def found() -> Iterator[tuple[str, npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
        for image in images:
            assert image.labels is not None
            yield image.name, image.labels, labels_of(network, image, params, device)

    return evaluate(found())


def labels_of(
    network: WNet, image: AnnotatedImage, params: SegmentParams, device: torch.device
) -> npt.NDArray[np.int32]:
    """Segment an image with its true foreground, if that is known."""
    normed = normalize(image.image, params.normalize)
    maps = drain(predict_rescaled(network, [normed], params, device=device))[0]
    return cluster(maps, params.clustering, true_foreground(image))
