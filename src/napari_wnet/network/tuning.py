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
from napari_wnet.core.partial import countable
from napari_wnet.network.dataset import Sample
from napari_wnet.network.inference import fused
from napari_wnet.network.rescaling import predict_rescaled
from napari_wnet.network.wnet import WNet
from napari_wnet.params import ClusteringParams, SegmentParams
from napari_wnet.reports import drain

METHODS = ("combined", "angular", "watershed")
"""In order of preference, where the scores hardly differ: what uses both maps leaves the user most to adjust."""
EQUIVALENT = 0.005
"""Mean average precision below which a difference is not worth a preferred method."""
SEED_THRESHOLDS = (0.4, 0.5, 0.6)
FOREGROUND_THRESHOLDS = (0.4, 0.5, 0.6)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One way of clustering and its mean scores over the images."""

    params: ClusteringParams
    mean_average_precision: float
    symmetric_best_dice: float


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """All choices, best mean average precision first, and the one to recommend."""

    choices: tuple[Choice, ...]
    chosen: Choice


def rank_clusterings(network: WNet, samples: Sequence[Sample], params: SegmentParams, device: torch.device) -> Ranking:
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
    Ranking
        Recommended is the first of :data:`METHODS` that, at its best thresholds, comes within :data:`EQUIVALENT` of the
        best choice of all.
    """
    grid = [
        params.clustering.replace(method=method, seed_threshold=seed, foreground_threshold=ground)
        for method, seed, ground in itertools.product(METHODS, SEED_THRESHOLDS, FOREGROUND_THRESHOLDS)
    ]
    ready = fused(network).to(device)
    scores = np.zeros((len(samples), len(grid), 2))
    for row, sample in enumerate(samples):
        # The network runs once an image; only its maps are clustered again.
        image = normalize(sample.image, params.normalize)
        maps = drain(predict_rescaled(ready, [image], params, device=device))[0]
        for column, choice in enumerate(grid):
            predicted = countable(cluster(maps, choice), sample.known)
            found = evaluate_image(countable(sample.labels, sample.known), predicted)
            scores[row, column] = found.mean_average_precision, found.symmetric_best_dice
    means = scores.mean(axis=0)
    choices = [
        Choice(params=choice, mean_average_precision=float(mean[0]), symmetric_best_dice=float(mean[1]))
        for choice, mean in zip(grid, means, strict=True)
    ]
    ranked = tuple(sorted(choices, key=lambda choice: -choice.mean_average_precision))
    return Ranking(choices=ranked, chosen=recommended(ranked))


def recommended(ranked: Sequence[Choice]) -> Choice:
    """Return the choice to recommend, of choices with the best first."""
    for method in METHODS:
        best = next(choice for choice in ranked if choice.params.method == method)
        if ranked[0].mean_average_precision - best.mean_average_precision < EQUIVALENT:
            return best
    return ranked[0]
