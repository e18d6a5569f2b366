"""All clusterings on the same maps: scores and time of each, with settings searched on the validation images.

python benchmarks/clusterings.py --model nuclei --images nuclei/images --labels nuclei/labels [--most 54]
python benchmarks/clusterings.py --model leaf.safetensors --rosettes 40
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_wnet.core.clustering import cluster
from napari_wnet.core.image import match_channels
from napari_wnet.core.maps import Maps
from napari_wnet.core.metrics import evaluate_image
from napari_wnet.datasets.folder import load_steps, pairs
from napari_wnet.datasets.rosettes.draw import rosette
from napari_wnet.datasets.split import split
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.registry import load_model
from napari_wnet.params import ClusteringParams
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import drain

ANGLES = (30.0, 45.0, 60.0)
GRIDS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "angular": {"seed_threshold": (0.4, 0.5, 0.6), "angle": ANGLES},
    "combined": {"seed_threshold": (0.4, 0.5, 0.6), "angle": ANGLES},
    "watershed": {"seed_threshold": (0.3, 0.4, 0.5, 0.6, 0.7), "seed_sigma": (1.0, 2.0)},
    "paper": {"peak_part": (0.5, 0.6, 0.7, 0.8), "angle": ANGLES},
    "authors": {"peak_part": (0.5, 0.7), "peak_sigma": (1.0, 2.0, 3.0), "peak_distance": (3, 5, 10)},
    "mutex": {"mutex_reach": (2, 3, 4, 8, 12), "mutex_weight": (0.75, 0.9, 1.0, 1.1, 1.5)},
    "meanshift": {"angle": (20.0, *ANGLES, 75.0)},
    "hdbscan": {"min_cluster_size": (20, 50, 100, 200, 400), "n_sampled": (2500, 10_000)},
}
SEED = 2**20
"""Of rosettes that no training draws."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """An image: what is known of it, and what the network says."""

    name: str
    labels: Any
    maps: Maps


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Mean scores of one choice, and milliseconds of the processor for an image."""

    params: ClusteringParams
    symmetric_best_dice: float
    mean_average_precision: float
    average_precision: float
    milliseconds: float


def grid(base: ClusteringParams, method: str) -> Iterator[ClusteringParams]:
    """Return the choices of a method, its own settings as they are declared first."""
    usual = base.replace(method=method)
    yield usual
    values = GRIDS[method]
    for chosen in itertools.product(*values.values()):
        params = usual.replace(**dict(zip(values, chosen, strict=True)))
        if params != usual:
            yield params


def cases_of(given: argparse.Namespace, model: Model) -> list[Case]:
    """Compute the maps of the images once."""
    if given.rosettes:
        drawn = [(f"rosette {index}", *rosette(SEED, index)) for index in range(given.rosettes)]
    else:
        found = pairs(given.images, given.labels)
        names = split([pair.name for pair in found.pairs]).validation[: given.most]
        chosen = replace(found, pairs=tuple(pair for pair in found.pairs if pair.name in names))
        drawn = [(sample.name, sample.image, sample.labels) for sample in drain(load_steps(chosen)).samples]
    cases = []
    for name, image, labels in drawn:
        ready, _ = match_channels(image, model.header.config.in_channels, rgb=bool(given.rosettes))
        maps = drain(predict_steps(ready, model, model.header.params, device=given.device))
        cases.append(Case(name=name, labels=labels, maps=maps))
    return cases


def score(cases: Sequence[Case], params: ClusteringParams) -> Outcome:
    """Cluster all images in one way."""
    rows, seconds = [], []
    cluster(cases[0].maps, params)  # what is imported at first use is not timed
    for case in cases:
        began = time.process_time()
        labels = cluster(case.maps, params)
        seconds.append(time.process_time() - began)
        found = evaluate_image(case.labels, labels)
        rows.append((found.symmetric_best_dice, found.mean_average_precision, found.matches[0].average_precision))
    sbd, precision, at_half = np.mean(rows, axis=0)
    return Outcome(
        params=params,
        symmetric_best_dice=float(sbd),
        mean_average_precision=float(precision),
        average_precision=float(at_half),
        milliseconds=1000 * float(np.mean(seconds)),
    )


def settings(params: ClusteringParams) -> str:
    """Return the settings that were searched, in words."""
    return ", ".join(f"{name} {getattr(params, name):g}" for name in GRIDS[params.method])


def print_table(outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """Print the best choice of each method by SBD, best method first, and what its declared settings give."""
    best = {
        method: max(rows, key=lambda row: (row.symmetric_best_dice, row.mean_average_precision))
        for method, rows in outcomes.items()
    }
    print("| clustering | best settings | SBD | mAP | AP .5 | ms an image | SBD, mAP as delivered |")
    print("|---|---|---|---|---|---|---|")
    for method, row in sorted(best.items(), key=lambda item: -item[1].symmetric_best_dice):
        usual = outcomes[method][0]
        print(
            f"| {method} | {settings(row.params)} | {row.symmetric_best_dice:.4f} | {row.mean_average_precision:.4f} "
            f"| {row.average_precision:.4f} | {row.milliseconds:.0f} "
            f"| {usual.symmetric_best_dice:.4f}, {usual.mean_average_precision:.4f} |"
        )


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--rosettes", type=int, default=0, help="Draw so many rosettes instead of reading images.")
    parser.add_argument("--most", type=int, default=None, help="Look at the first so many images only.")
    parser.add_argument("--methods", default=",".join(GRIDS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    if not given.rosettes and not (given.images and given.labels):
        parser.error("give --images and --labels, or --rosettes N")
    model = load_model(given.model)
    cases = cases_of(given, model)
    print(f"{model.name} ({model.sha256[:12]}), {len(cases)} images, {sum(int(c.labels.max()) for c in cases)} objects")
    outcomes = {}
    with ProcessPoolExecutor(given.processes) as pool:
        for method in given.methods.split(","):
            choices = list(grid(model.header.params.clustering, method))
            outcomes[method] = list(pool.map(partial(score, cases), choices))
            for row in outcomes[method]:
                print(
                    f"{method}, {settings(row.params)}: SBD {row.symmetric_best_dice:.4f}, "
                    f"mAP {row.mean_average_precision:.4f}, {row.milliseconds:.0f} ms",
                    flush=True,
                )
    print_table(outcomes)


if __name__ == "__main__":
    main()
