"""Seconds to turn cached maps into labels, and how good they are: python benchmarks/clustering.py."""

from __future__ import annotations

import argparse
import time

import numpy as np
from results import parse

from napari_wnet.core.clustering import cluster
from napari_wnet.core.metrics import evaluate_image
from napari_wnet.params import ClusteringParams
from scenes import maps_of, touching_cells


def main() -> None:
    """Print a row for each size and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--methods", default="combined,angular,watershed")
    given, results = parse(parser)
    repeats = given.repeats
    for size, count in ((512, 100), (2048, 1500)):
        labels = touching_cells(size, count)
        maps = maps_of(labels)
        for method in given.methods.split(","):
            params = ClusteringParams(method=method)
            found = cluster(maps, params)
            times = []
            for _ in range(repeats):
                began = time.perf_counter()
                cluster(maps, params)
                times.append(time.perf_counter() - began)
            scores = evaluate_image(labels, found)
            at = {"pixels": size**2, "objects": count, "method": method}
            results.add("maps to labels", "ms", [1000 * one for one in times], **at)
            results.add("SBD", "", scores.symmetric_best_dice, **at)
            print(
                f"{size}x{size}, {count} objects, {method}: median {1000 * np.median(times):.0f} ms, "
                f"best {1000 * min(times):.0f} ms, SBD {scores.symmetric_best_dice:.3f}"
            )
    results.write()


if __name__ == "__main__":
    main()
