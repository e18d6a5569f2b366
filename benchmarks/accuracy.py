"""Scores of a model on the test or validation part of a folder of pairs, for each clustering.

python benchmarks/accuracy.py --images nuclei/images --labels nuclei/labels --part test
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from napari_wnet.core.clustering import cluster
from napari_wnet.core.image import match_channels
from napari_wnet.core.metrics import evaluate
from napari_wnet.datasets.folder import load_steps, pairs
from napari_wnet.datasets.split import split
from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import drain


def main() -> None:
    """Print a row of scores for each clustering method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--part", choices=("test", "validation"), default="validation")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    found = pairs(given.images, given.labels)
    names = set(getattr(split([pair.name for pair in found.pairs]), given.part))
    samples = drain(load_steps(replace(found, pairs=tuple(pair for pair in found.pairs if pair.name in names)))).samples
    model = load_model(given.model)
    params = model.header.params
    maps = {}
    for sample in samples:
        image, _ = match_channels(sample.image, model.header.config.in_channels)
        maps[sample.name] = drain(predict_steps(image, model, params, device=given.device))
    print(f"model {model.name} ({model.sha256[:12]}), {given.part}: {len(samples)} images")
    for method in ("combined", "angular", "watershed"):
        chosen = params.clustering.replace(method=method)
        scores = evaluate((sample.name, sample.labels, cluster(maps[sample.name], chosen)) for sample in samples)
        mean, pooled = scores.mean, scores.pooled
        print(
            f"{method:<10} mSBD {mean['symmetric_best_dice']:.4f}  AP .5 {mean['average_precision_0.5']:.4f} "
            f"(pooled {pooled[0].average_precision:.4f})  mAP {mean['mean_average_precision']:.4f} "
            f"(pooled {scores.pooled_mean_average_precision:.4f})  |DiC| {mean['abs_count_difference']:.2f}  "
            f"foreground Dice {mean['foreground_dice']:.4f}"
        )


if __name__ == "__main__":
    main()
