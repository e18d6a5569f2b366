"""What an embedding is for: each clustering from the same maps and seeds, crowded images apart from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wnet.core.clustering import cluster
from napari_wnet.core.maps import Maps
from napari_wnet.core.metrics import evaluate
from napari_wnet.core.targets import neighbours
from napari_wnet.core.whole import mean_directions
from napari_wnet.params import BY_SEEDS, ClusteringParams

TOUCH_PX = 2.0
CROWDED_FROM, CROWDED_OBJECTS = 0.5, 13
"""An image is crowded if it has so many objects or more, and so large a part of them touch another."""

ALIKE = 0.7
"""Two directions whose cosine is above this, about 45 degrees, are one to the clustering."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An image's true labels, and what the network says of it."""

    name: str
    labels: npt.NDArray[np.int32]
    maps: Maps


def is_crowded(labels: npt.NDArray[np.int32]) -> bool:
    """Say whether there are many objects, and at least half of them touch another one."""
    n_objects = np.count_nonzero(np.unique(labels))
    return n_objects >= CROWDED_OBJECTS and len(np.unique(neighbours(labels, TOUCH_PX))) >= CROWDED_FROM * n_objects


def print_directions(scenes: Sequence[Scene]) -> None:
    """Print how many pairs of touching objects have nearly one direction, whatever the clustering."""
    cosines = []
    for scene in scenes:
        pairs = neighbours(scene.labels, TOUCH_PX)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]] - 1
        directions = mean_directions(np.moveaxis(scene.maps.embedding, 0, -1), scene.labels)
        cosines.append(np.abs((directions[pairs[:, 0]] * directions[pairs[:, 1]]).sum(axis=1)))
    every = np.concatenate(cosines)
    print(f"{len(every)} pairs of touching objects; |cosine| above {ALIKE}: {100 * np.mean(every > ALIKE):.0f} %")


def print_scores(scenes: Sequence[Scene], params: ClusteringParams, *, true_foreground: bool) -> None:
    """Print a row for each clustering by seeds: all maps, seeds and thresholds are the same."""
    crowded = np.array([is_crowded(scene.labels) for scene in scenes])
    print(f"{len(scenes)} images, {crowded.sum()} crowded; {'true' if true_foreground else 'own'} foreground")
    for method in BY_SEEDS:
        chosen = params.replace(method=method)
        scores = evaluate(
            (scene.name, scene.labels, cluster(scene.maps, chosen, scene.labels > 0 if true_foreground else None))
            for scene in scenes
        )
        sbd = np.array([image.symmetric_best_dice for image in scores.images])
        apart = [f"{sbd[part].mean():.4f}" if part.any() else "-" for part in (~crowded, crowded)]
        mean, pooled = scores.mean, scores.pooled
        print(
            f"{method:<10} mSBD {sbd.mean():.4f} (others {apart[0]}, crowded {apart[1]})  "
            f"AP .5 {mean['average_precision_0.5']:.4f} (pooled {pooled[0].average_precision:.4f})  "
            f"mAP {mean['mean_average_precision']:.4f} (pooled {scores.pooled_mean_average_precision:.4f})  "
            f"|DiC| {mean['abs_count_difference']:.2f}  foreground Dice {mean['foreground_dice']:.4f}"
        )
