"""Scores of the model `leaf` on fresh synthetic plants and on the ten real ones, for each clustering by seeds.

python benchmarks/leaf.py --plants 50
python benchmarks/leaf.py --pots tests/data/leaves

All clusterings start from the same maps and seeds; with the true foreground, and with the network's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from skimage.io import imread

from napari_wnet.clustering_params import BY_SEEDS
from napari_wnet.core.clustering import cluster
from napari_wnet.core.metrics import evaluate
from napari_wnet.datasets.rosettes.draw import rosette
from napari_wnet.datasets.rosettes.params import RosetteParams
from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import drain

CROWDED = 13
"""Plants with so many leaves or more count as crowded."""


def plants(count: int, seed: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Draw plants that no model was trained on, if the seed is another than that of its training."""
    for index in range(count):
        image, labels = rosette(seed, index, RosetteParams(size=(448, 448)))
        yield str(index), image, labels


def pots(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Read pairs of a folder."""
    for path in sorted((folder / "images").iterdir()):
        labels = imread(folder / "labels" / path.name).astype(np.int32)
        yield path.stem, np.moveaxis(imread(path)[..., :3], -1, 0), labels


def main() -> None:
    """Print the scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="leaf")
    parser.add_argument("--plants", type=int, default=0)
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--pots", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    model = load_model(given.model)
    params = model.header.params
    scenes = pots(given.pots) if given.pots else plants(given.plants, given.seed)
    found = [(name, labels, drain(predict_steps(image, model, params, device="cpu"))) for name, image, labels in scenes]
    crowded = np.array([labels.max() >= CROWDED for _, labels, _ in found])
    print(f"{model.name} ({model.sha256[:12]}), {len(found)} plants, {crowded.sum()} of them crowded")
    for method in BY_SEEDS:
        chosen = params.clustering.replace(method=method)
        for what in ("true", "own"):
            scores = evaluate(
                (name, labels, cluster(maps, chosen, labels > 0 if what == "true" else None))
                for name, labels, maps in found
            )
            sbd = np.array([image.symmetric_best_dice for image in scores.images])
            parts = [f"{sbd[part].mean():.3f}" if part.any() else "-" for part in (~crowded, crowded)]
            print(
                f"{method:10} {what:4} foreground: mSBD {sbd.mean():.3f} (others {parts[0]}, crowded {parts[1]})  "
                f"AP .5 {scores.mean['average_precision_0.5']:.3f}  |DiC| {scores.mean['abs_count_difference']:.2f}  "
                f"foreground Dice {scores.mean['foreground_dice']:.3f}"
            )


if __name__ == "__main__":
    main()
