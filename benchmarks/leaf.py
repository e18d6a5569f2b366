"""Scores of the model `leaf` on fresh synthetic plants and on the ten real ones, for each clustering by seeds.

python benchmarks/leaf.py --plants 50
python benchmarks/leaf.py --pots tests/data/leaves
python benchmarks/leaf.py --plants 32 --seed 321 --seed-threshold 0.4 --enlarge 1.3

All clusterings start from the same maps and seeds; with the true foreground, and with the network's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from crowding import Scene, print_directions, print_scores
from skimage.io import imread

from napari_wnet.datasets.rosettes.draw import rosette
from napari_wnet.datasets.rosettes.params import RosetteParams
from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import drain


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
    parser.add_argument("--seed-threshold", type=float, help="in place of the model's own")
    parser.add_argument("--enlarge", type=float, default=1.0, help="factor by which the network sees images larger")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    model = load_model(given.model)
    params = model.header.params
    if given.seed_threshold is not None:
        params = params.replace(clustering__seed_threshold=given.seed_threshold)
    if given.enlarge != 1:
        params = params.replace(normalize__diameter=model.header.diameter / given.enlarge)
    scenes = pots(given.pots) if given.pots else plants(given.plants, given.seed)
    found = [
        Scene(name=name, labels=labels, maps=drain(predict_steps(image, model, params, device="cpu")))
        for name, image, labels in scenes
    ]
    print(f"model {model.name} ({model.sha256[:12]})")
    print_directions(found)
    for true_foreground in (True, False):
        print_scores(found, params.clustering, true_foreground=true_foreground)


if __name__ == "__main__":
    main()
