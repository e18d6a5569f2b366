"""Peak memory and time of a large grey image in tiles, against one tile: python benchmarks/large.py --size 8192."""

from __future__ import annotations

import argparse
import time

import numpy as np
from memory import PeakMemory, resident_mb
from results import parse

from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import segment
from scenes import repeated_sample


def main() -> None:
    """Print seconds per megapixel and peak memory over the loaded model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--device", default="cpu")
    given, results = parse(parser)
    model = load_model(given.model)
    params = model.header.params.replace(tiles__size=given.tile)
    image = repeated_sample(given.size)
    small = image[: given.tile, : given.tile]
    times: list[float] = []

    def time_one_tile() -> None:
        segment(small, model, params, device=given.device)
        for _ in range(3):
            began = time.perf_counter()
            segment(small, model, params, device=given.device)
            times.append(time.perf_counter() - began)

    time_one_tile()
    before = resident_mb()
    began = time.perf_counter()
    with PeakMemory() as watch:
        result = segment(image, model, params, device=given.device)
    seconds = time.perf_counter() - began
    time_one_tile()  # before and after, as the machine's speed may drift
    one_tile = float(np.median(times)) / (small.size / 1e6)
    per_megapixel = seconds / (image.size / 1e6)
    print(f"{given.size}x{given.size} uint8, tiles of {given.tile}, {result.n_objects} objects, {seconds:.0f} s")
    print(f"peak memory over the loaded model {(watch.peak - before) / 1000:.2f} GB (image included before)")
    print(f"{per_megapixel:.3f} s/MP against {one_tile:.3f} in one tile: {per_megapixel / one_tile:.2f}")
    at = {"pixels": image.size, "objects": result.n_objects, "tile": given.tile}
    results.add("image to labels in tiles", "s/MP", per_megapixel, **at)
    results.add("one tile", "s/MP", one_tile, **at)
    results.add("memory over the loaded model", "MB", watch.peak - before, **at)
    results.write()


if __name__ == "__main__":
    main()
