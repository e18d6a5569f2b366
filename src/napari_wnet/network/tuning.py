"""Choosing how maps are clustered, on images that were not trained on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_wnet.core.clustering import cluster
from napari_wnet.core.image import normalize
from napari_wnet.core.metrics import evaluate_image
from napari_wnet.network.dataset import Sample
from napari_wnet.network.inference import fused, predict_tiles
from napari_wnet.network.wnet import WNet
from napari_wnet.params import ClusteringParams, SegmentParams
from napari_wnet.reports import drain

METHODS = ("combined", "angular", "watershed")
SEED_THRESHOLDS = (0.4, 0.5, 0.6)
FOREGROUND_THRESHOLDS = (0.4, 0.5, 0.6)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One way of clustering and its mean scores over the images."""

    params: ClusteringParams
    mean_average_precision: float
    symmetric_best_dice: float


def rank_clusterings(
    network: WNet, samples: Sequence[Sample], params: SegmentParams, device: torch.device
) -> list[Choice]:
    """Score every method and threshold of a small grid.

    Parameters
    ----------
    network : WNet
    samples : sequence of Sample
        Annotated, and not trained on.
    params : SegmentParams
        What is not on the grid is taken from here.
    device : torch.device

    Returns
    -------
    list of Choice
        Best mean average precision first; of equals the one that the grid names first.
    """
    grid = [
        params.clustering.replace(method=method, seed_threshold=seed, foreground_threshold=ground)
        for method, seed, ground in itertools.product(METHODS, SEED_THRESHOLDS, FOREGROUND_THRESHOLDS)
    ]
    ready = fused(network).to(device)
    scores = np.zeros((len(samples), len(grid), 2))
    for row, sample in enumerate(samples):
        # The network runs once an image; only its maps are clustered again.
        maps = drain(predict_tiles(ready, normalize(sample.image, params.normalize), params.tiles, device=device))
        for column, choice in enumerate(grid):
            found = evaluate_image(sample.labels, cluster(maps, choice))
            scores[row, column] = found.mean_average_precision, found.symmetric_best_dice
    means = scores.mean(axis=0)
    choices = [
        Choice(params=choice, mean_average_precision=float(mean[0]), symmetric_best_dice=float(mean[1]))
        for choice, mean in zip(grid, means, strict=True)
    ]
    return sorted(choices, key=lambda choice: -choice.mean_average_precision)
