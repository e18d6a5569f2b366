"""Milliseconds to measure the objects of an image, against scikit-image's regionprops_table.

OMP_NUM_THREADS=1 python benchmarks/measure.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from results import parse
from skimage.measure import regionprops_table

from napari_wnet.core.columns import ALL, LIVE
from napari_wnet.core.measure import measure_plane
from napari_wnet.core.tables import measure
from napari_wnet.core.traits import plane_traits
from scenes import touching_cells

THEIRS = (
    "label", "area", "perimeter_crofton", "axis_major_length", "axis_minor_length", "eccentricity", "solidity",
    "centroid", "bbox", "intensity_mean", "intensity_std", "intensity_min", "intensity_max",
)  # fmt: skip
SCENES = (("520 x 696 px", (520, 696), 720, 139), ("2048 x 2048 px", (2048, 2048), 2048, 1500))


def median_ms(run: Callable[[], Any], repeats: int) -> float:
    """Return the median time of a call in milliseconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times))


def rows(labels: npt.NDArray[Any], image: npt.NDArray[Any]) -> dict[str, Callable[[], Any]]:
    """Return what is timed."""
    return {
        "what the docks show while sliders move": lambda: measure_plane(labels, image, properties=LIVE),
        "all columns": lambda: measure_plane(labels, image, properties=ALL),
        "all columns, as a data frame": lambda: measure(labels, image),
        "traits of the image": lambda: plane_traits(labels),
        "the same columns by regionprops_table": lambda: regionprops_table(labels, image[0], properties=THEIRS),
    }


def main() -> None:
    """Print a row for each scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    given, results = parse(parser)
    rng = np.random.default_rng(0)
    for name, shape, size, n_objects in SCENES:
        labels = np.ascontiguousarray(touching_cells(size, n_objects)[: shape[0], : shape[1]])
        image = rng.integers(0, 4096, (1, *shape)).astype(np.uint16)
        print(f"{name}, {len(np.unique(labels)) - 1} objects, one channel, median of {given.repeats}")
        for what, run in rows(labels, image).items():
            taken = results.add(what, "ms", median_ms(run, given.repeats), pixels=labels.size, objects=n_objects)
            print(f"  {what}: {taken:.1f} ms")
    results.write()


if __name__ == "__main__":
    main()
