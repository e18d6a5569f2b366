"""Measuring a model on its sets of images."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cards.sources import ImageSet, Scene
from napari_wnet.core.clustering import cluster
from napari_wnet.core.image import match_channels
from napari_wnet.core.metrics import DatasetScores, evaluate
from napari_wnet.core.size_classes import by_size
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.measured import MeasuredSet
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import drain

MEANS = (
    "symmetric_best_dice",
    "average_precision_0.5",
    "average_precision_0.75",
    "average_precision_0.9",
    "mean_average_precision",
    "abs_count_difference",
    "foreground_dice",
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a model found in an image."""

    scene: Scene
    labels: npt.NDArray[np.int32]
    score: float


def measure(model: Model, images: ImageSet, root: Path) -> tuple[MeasuredSet, tuple[Found, ...]]:
    """Segment a set with the recommended parameters and score it."""
    scenes, found = [], []
    for scene in images.scenes(root):
        image, _ = match_channels(scene.image, model.header.config.in_channels)
        maps = drain(predict_steps(image, model, model.header.params))
        foreground = scene.labels > 0 if images.true_foreground else None
        scenes.append(scene)
        found.append(cluster(maps, model.header.params.clustering, foreground))
    scores = evaluate((scene.name, scene.labels, labels) for scene, labels in zip(scenes, found, strict=True))
    classes = by_size((scene.labels, labels) for scene, labels in zip(scenes, found, strict=True))
    measured = MeasuredSet(
        title=images.title,
        seen=images.seen,
        n_images=len(scenes),
        n_objects=sum(image.n_true for image in scores.images),
        scores=rounded(scores),
        by_size=tuple(
            {
                "label": one.label,
                "n_true": one.n_true,
                "recall": round(one.recall, 3),
                "best_dice": round(one.best_dice, 3),
            }
            for one in classes
        ),
    )
    rows = zip(scenes, found, scores.images, strict=True)
    return measured, tuple(Found(scene=s, labels=f, score=one.symmetric_best_dice) for s, f, one in rows)


def rounded(scores: DatasetScores) -> dict[str, float]:
    """Return the scores of a card: means over images, and average precision of all objects pooled."""
    mean = scores.mean
    pooled = {f"pooled_average_precision_{one.threshold:g}": one.average_precision for one in scores.pooled}
    chosen = {name: mean[name] for name in MEANS}
    chosen |= {name: value for name, value in pooled.items() if name.removeprefix("pooled_") in MEANS}
    chosen["pooled_mean_average_precision"] = scores.pooled_mean_average_precision
    return {name: round(value, 4) for name, value in chosen.items()}


def plain(measured: Sequence[MeasuredSet]) -> list[dict[str, object]]:
    """Return sets as values for JSON."""
    return [dataclasses.asdict(one) for one in measured]
