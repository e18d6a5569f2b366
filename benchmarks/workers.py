"""Images a second with two one-thread workers over one, on a scheduler of this machine.

python benchmarks/workers.py --images nuclei/images

Images of 520 x 696 (those of a folder, again and again under other names) are segmented by one worker process and by
two, one after the other, several times. The clock runs from the first image that is handed over, after each worker has
done one: how long processes take to start is another matter.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import tifffile
from results import parse

from napari_wnet.batch.distributed import distributed_work, segment_item
from napari_wnet.batch.inputs import Item, find_inputs
from napari_wnet.batch.job import BatchJob
from napari_wnet.io.images import read_image
from napari_wnet.network.registry import load_model
from napari_wnet.scheduler import Workers, workers

SHAPE = (520, 696)


def seconds(pool: Workers, job: BatchJob, items: list[Item]) -> float:
    """Return how long a pool takes for some files."""
    work = list(distributed_work(job, items, job.model.path, threads=1))
    began = time.perf_counter()
    results = list(pool(segment_item, work))
    assert all(result.state == "done" for result in results)
    taken = time.perf_counter() - began
    shutil.rmtree(job.out)
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=9)
    given, results = parse(parser)
    model = load_model("nuclei")
    files = (read_image(path).array for path in sorted(given.images.glob("*.png")))
    arrays = [array for array in files if array.shape == SHAPE]
    taken: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as name, workers("processes", 1) as one, workers("processes", 2) as two:
        folder = Path(name)
        (folder / "images").mkdir()
        for number in range(given.count):
            tifffile.imwrite(folder / "images" / f"{number:04}.tif", arrays[number % len(arrays)])
        job = BatchJob(model=model, params=model.header.params, out=folder / "out", device="cpu")
        items = list(find_inputs([str(folder / "images")], job.out).items)
        for pool in (one, two):
            seconds(pool, job, items[:8])
        for _ in range(given.repeats):
            for count, pool in ((1, one), (2, two)):
                taken[count].append(seconds(pool, job, items))
            print(
                f"one worker {taken[1][-1]:.1f} s, two {taken[2][-1]:.1f} s, {taken[1][-1] / taken[2][-1]:.2f} times",
                flush=True,
            )
    gains = [one / two for one, two in zip(taken[1], taken[2], strict=True)]
    ratio = results.add("images a second of two workers over one", "times", gains, images=given.count)
    print(
        f"{given.count} images: two workers do {ratio:.2f} times as many a second as one, median of {given.repeats}, "
        f"{min(taken[1]) / min(taken[2]):.2f} by the shortest of each; "
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    )
    results.write()


if __name__ == "__main__":
    main()
