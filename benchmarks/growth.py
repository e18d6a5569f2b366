"""How time and memory grow with the pixels and the objects of an image.

OMP_NUM_THREADS=1 python benchmarks/growth.py --json benchmarks/results/growth.json

Each stage is measured by itself: the bare network and image to labels on the sample image, repeated until it is as
large as wanted; clustering, measurements and edits on made-up maps of touching objects. Their distance map has no
noise: noise of single pixels, which no network makes, gives large objects hundreds of seeds. First the image grows and
has as many objects for its size as it had, then the objects become more and smaller in an image of one size. Each point
has a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from memory import PeakMemory, resident_mb
from results import parse

from napari_wnet.core import edits
from napari_wnet.core.clustering import cluster
from napari_wnet.core.columns import ALL
from napari_wnet.core.measure import measure_plane
from napari_wnet.network.device import choose_device
from napari_wnet.network.inference import fused, inference
from napari_wnet.network.registry import load_model
from napari_wnet.params import ClusteringParams
from napari_wnet.pipeline import segment
from scenes import maps_of, repeated_sample, touching_cells

SIZES = (256, 512, 1024, 2048, 4096)
PER_MEGAPIXEL = 350
"""Objects a megapixel while the image grows, as in the sample image."""
FIXED, COUNTS = 1024, (10, 30, 100, 300, 1000, 3000)
CPU = torch.device("cpu")

Work = Callable[[], Any]


def forward(size: int, _: int) -> Work:
    """Return a call of the bare network, in tiles as it is used."""
    network = fused(load_model("nuclei").network)
    side = min(size, 1024)
    tile = torch.rand(1, 1, side, side).to(memory_format=torch.channels_last)

    def run() -> None:
        with inference(CPU):
            for _ in range((size // side) ** 2):
                network(tile)

    return run


def whole(size: int, _: int) -> Work:
    """Return image to labels."""
    model, image = load_model("nuclei"), repeated_sample(size)
    return lambda: segment(image, model, device=str(choose_device("cpu")))


def clustering(method: str) -> Callable[[int, int], Work]:
    """Return what makes a call of a clustering method."""

    def make(size: int, count: int) -> Work:
        maps = maps_of(touching_cells(size, count), distance_noise=0)
        return lambda: cluster(maps, ClusteringParams(method=method))

    return make


def measuring(size: int, count: int) -> Work:
    """Return a call that measures all columns."""
    labels = touching_cells(size, count)
    image = np.random.default_rng(0).integers(0, 4096, (1, size, size)).astype(np.uint16)
    return lambda: measure_plane(labels, image, properties=ALL)


def merging(size: int, count: int) -> Work:
    """Return an edit that joins two objects in the middle."""
    labels = touching_cells(size, count)
    middle = int(labels[size // 2, size // 2]) or int(labels.max()) // 2
    return lambda: edits.merge(labels, (middle, middle + 1))


def splitting(size: int, count: int) -> Work:
    """Return an edit that parts an object by two clicks, by the maps alone."""
    labels = touching_cells(size, count)
    maps = maps_of(labels)
    middle = int(labels.max()) // 2
    joined = np.where(labels == middle + 1, middle, labels)
    places = [np.argwhere(labels == number) for number in (middle, middle + 1)]
    points = tuple((int(row), int(column)) for row, column in (one[len(one) // 2] for one in places))
    return lambda: edits.split(joined, maps, points)


STAGES: dict[str, tuple[Callable[[int, int], Work], bool]] = {
    "network": (forward, False),
    "image to labels": (whole, False),
    "combined": (clustering("combined"), True),
    "angular": (clustering("angular"), True),
    "watershed": (clustering("watershed"), True),
    "measurements": (measuring, True),
    "merge": (merging, True),
    "split": (splitting, True),
}
"""What makes the call that is measured, and whether the number of objects can be chosen."""


def measured(stage: str, size: int, count: int, repeats: int) -> dict[str, Any]:
    """Return the seconds of each repetition, and the most memory over what was there before, in MB.

    Memory is that of the first call, which is not timed: what a call has freed, the process often keeps.
    """
    run = STAGES[stage][0](size, count)
    gc.collect()
    before = resident_mb()
    with PeakMemory() as watch:
        run()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds, "megabytes": max(0.0, watch.peak - before)}


def in_its_own_process(stage: str, size: int, count: int, repeats: int) -> dict[str, Any]:
    """Return what :func:`measured` returns there."""
    point = ["--point", stage, str(size), str(count), "--repeats", str(repeats)]
    done = subprocess.run([sys.executable, __file__, *point], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Measure all points, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="side of the largest image")
    parser.add_argument("--point", nargs=3, help=argparse.SUPPRESS)
    given, results = parse(parser)
    if given.point:
        stage, size, count = given.point
        print(json.dumps(measured(stage, int(size), int(count), given.repeats)))
        return
    for stage in given.stages:
        points = [("pixels", size, round(PER_MEGAPIXEL * size**2 / 2**20)) for size in SIZES if size <= given.largest]
        if STAGES[stage][1]:
            points += [("objects", FIXED, count) for count in COUNTS]
        for grows, size, count in points:
            found = in_its_own_process(stage, size, count, given.repeats)
            at = {"pixels": size**2, "objects": count, "grows": grows}
            seconds = results.add(stage, "s", found["seconds"], **at)
            megabytes = results.add(f"{stage}: memory", "MB", found["megabytes"], **at)
            told = f"{1000 * seconds:.1f} ms, {megabytes:.0f} MB"
            print(f"{stage}, {size} x {size} px, {count} objects: {told}", flush=True)
        results.write()  # after each stage, so that what is there stays if the rest is stopped


if __name__ == "__main__":
    main()
