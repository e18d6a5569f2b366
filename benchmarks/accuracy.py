"""Scores of a model on the test or validation part of a folder of pairs, for each clustering by seeds.

python benchmarks/accuracy.py --images nuclei/images --labels nuclei/labels --part test

Images are crowded if they have 13 objects or more, of which half or more touch another.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from crowding import Scene, print_directions, print_scores

from napari_wnet.core.image import match_channels
from napari_wnet.datasets.folder import load_steps, pairs
from napari_wnet.datasets.split import split
from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import drain


def main() -> None:
    """Print the scores."""
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
    scenes = []
    for sample in samples:
        image, _ = match_channels(sample.image, model.header.config.in_channels)
        maps = drain(predict_steps(image, model, params, device=given.device))
        scenes.append(Scene(name=sample.name, labels=sample.labels, maps=maps))
    print(f"model {model.name} ({model.sha256[:12]}), {given.part}")
    print_directions(scenes)
    for true_foreground in (False, True):
        print_scores(scenes, params.clustering, true_foreground=true_foreground)


if __name__ == "__main__":
    main()
