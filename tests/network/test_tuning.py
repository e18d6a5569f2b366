"""Choosing a clustering: every choice is scored as it would be used, and the best comes first."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_wnet.core.clustering import cluster
from napari_wnet.core.metrics import evaluate
from napari_wnet.network import tuning
from napari_wnet.network.dataset import Sample
from napari_wnet.network.tuning import (
    FOREGROUND_THRESHOLDS,
    METHODS,
    SEED_THRESHOLDS,
    Choice,
    rank_clusterings,
    recommended,
)
from napari_wnet.network.wnet import WNet
from napari_wnet.params import ClusteringParams, SegmentParams, WNetConfig
from scenes import cells, maps_of


@pytest.fixture
def samples(monkeypatch):
    """Return annotated images whose maps are those of their labels, with much noise."""
    samples = [Sample.checked(str(seed), np.full((1, 72, 72), seed, np.uint8), cells(72, 9, seed)) for seed in range(3)]
    maps = iter([])

    def predicted(*_, **__):
        nonlocal maps
        yield from ()
        return [next(maps)]

    def restart():
        nonlocal maps
        maps = iter([maps_of(sample.labels, 0.6, seed=seed) for seed, sample in enumerate(samples)])

    restart()
    monkeypatch.setattr(tuning, "predict_rescaled", predicted)
    return samples


def test_the_whole_grid_is_scored_and_the_best_comes_first(samples):
    network = WNet(WNetConfig(widths=(4, 4)))
    params = SegmentParams().replace(clustering__min_area=40)
    ranking = rank_clusterings(network, samples, params, torch.device("cpu"))
    choices = ranking.choices
    assert ranking.chosen in choices
    assert len(choices) == len(METHODS) * len(SEED_THRESHOLDS) * len(FOREGROUND_THRESHOLDS)
    assert len({choice.params for choice in choices}) == len(choices)
    assert all(choice.params.min_area == 40 for choice in choices)
    scores = [choice.mean_average_precision for choice in choices]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]
    for choice in (choices[0], choices[-1]):
        again = evaluate(
            (sample.name, sample.labels, cluster(maps_of(sample.labels, 0.6, seed=seed), choice.params))
            for seed, sample in enumerate(samples)
        ).mean
        assert choice.mean_average_precision == pytest.approx(again["mean_average_precision"])
        assert choice.symmetric_best_dice == pytest.approx(again["symmetric_best_dice"])


def test_the_preferred_method_wins_unless_another_is_clearly_better():
    def ranked(**scores):
        choices = [
            Choice(params=ClusteringParams(method=method), mean_average_precision=score, symmetric_best_dice=0.0)
            for method, score in scores.items()
        ]
        return sorted(choices, key=lambda choice: -choice.mean_average_precision)

    assert recommended(ranked(watershed=0.7, combined=0.696, angular=0.5)).params.method == "combined"
    assert recommended(ranked(watershed=0.7, combined=0.69, angular=0.698)).params.method == "angular"
    assert recommended(ranked(watershed=0.7, combined=0.69, angular=0.5)).params.method == "watershed"
