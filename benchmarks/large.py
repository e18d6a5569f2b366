"""Peak memory and time of a large grey image in tiles, against one tile: python benchmarks/large.py --size 8192."""

from __future__ import annotations

import argparse
import resource
import threading
import time
from pathlib import Path

import numpy as np
from skimage.io import imread

from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import segment
from napari_wnet.sample_data import sample_path


def resident_mb() -> float:
    """Return the resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class PeakMemory(threading.Thread):
    """Samples resident memory every 20 ms until stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        self.running = True

    def run(self) -> None:
        """Sample until told to stop."""
        while self.running:
            self.peak = max(self.peak, resident_mb())
            time.sleep(0.02)


def main() -> None:
    """Print seconds per megapixel and peak memory over the loaded model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    model = load_model(given.model)
    params = model.header.params.replace(tiles__size=given.tile)
    sample = imread(sample_path("nuclei"))
    repeats = -(-given.size // min(sample.shape))
    image = np.tile(sample, (repeats, repeats))[: given.size, : given.size].copy()
    small = image[: given.tile, : given.tile]
    times: list[float] = []

    def time_one_tile() -> None:
        segment(small, model, params, device=given.device)
        for _ in range(3):
            began = time.perf_counter()
            segment(small, model, params, device=given.device)
            times.append(time.perf_counter() - began)

    time_one_tile()
    before, watch = resident_mb(), PeakMemory()
    watch.start()
    began = time.perf_counter()
    result = segment(image, model, params, device=given.device)
    seconds = time.perf_counter() - began
    watch.running = False
    watch.join()
    time_one_tile()  # before and after, as the machine's speed may drift
    one_tile = float(np.median(times)) / (small.size / 1e6)
    per_megapixel = seconds / (image.size / 1e6)
    print(f"{given.size}x{given.size} uint8, tiles of {given.tile}, {result.n_objects} objects, {seconds:.0f} s")
    print(f"peak memory over the loaded model {(watch.peak - before) / 1000:.2f} GB (image included before)")
    print(f"{per_megapixel:.3f} s/MP against {one_tile:.3f} in one tile: {per_megapixel / one_tile:.2f}")


if __name__ == "__main__":
    main()
