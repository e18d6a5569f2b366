"""Synthetic rosettes a second on one core, and what they show.

python benchmarks/rosettes.py --n 200 --size 448
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from napari_wnet.datasets.rosettes.draw import rosette
from napari_wnet.datasets.rosettes.params import RosetteParams


def quantiles(values: list[float] | np.ndarray, digits: int) -> str:
    """Return five quantiles as text."""
    return "  ".join(f"{value:.{digits}f}" for value in np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--size", type=int, default=448)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    params = RosetteParams(size=(given.size,))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    began = time.perf_counter()
    rosette(given.seed, given.n, params)
    print(f"first picture, textures included: {time.perf_counter() - began:.2f} s")
    seconds, leaves, covered, areas = [], [], [], []
    for index in range(given.n):
        began = time.perf_counter()
        _, labels = rosette(given.seed, index, params)
        seconds.append(time.perf_counter() - began)
        sizes = np.bincount(labels.ravel())
        leaves.append(len(sizes) - 1)
        covered.append(1 - sizes[0] / labels.size)
        areas += sizes[1:].tolist()
    print(f"{given.n / sum(seconds):.1f} images of {given.size} x {given.size} a second on one core")
    print("quantiles                 5 %   25 %   50 %   75 %   95 %")
    print(f"seconds an image         {quantiles(seconds, 3)}")
    print(f"leaves an image          {quantiles(leaves, 0)}")
    print(f"share covered by leaves  {quantiles(covered, 3)}")
    print(f"area of a leaf (px)      {quantiles(areas, 0)}")


if __name__ == "__main__":
    main()
