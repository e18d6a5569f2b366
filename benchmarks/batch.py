"""A batch of files over the network's bare forward passes of the same images.

python benchmarks/batch.py --images nuclei/images --threads 1

200 images of 520 x 696 (those of a folder, again and again under other names) are written as TIFF and segmented into a
folder: labels, table and sidecar of each. That is set against as many forward passes of the network alone over the
same images, normalised and in memory, in the same process, with as many threads and with memory reused alike, one
measurement after the other, three times.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import tifffile
import torch
from results import parse

from napari_wnet.batch.inputs import find_inputs
from napari_wnet.batch.job import BatchJob
from napari_wnet.batch.run import batch_steps
from napari_wnet.core.image import normalize
from napari_wnet.io.images import read_image
from napari_wnet.network.allocator import reusing_memory
from napari_wnet.network.device import choose_device, fast_dtype
from napari_wnet.network.inference import fused, inference
from napari_wnet.network.registry import load_model
from napari_wnet.reports import drain

SHAPE = (520, 696)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    given, results = parse(parser)
    torch.set_num_threads(given.threads)
    device = choose_device(given.device)
    model = load_model("nuclei")
    files = (read_image(path).array for path in sorted(given.images.glob("*.png")))
    arrays = [array for array in files if array.shape == SHAPE]
    network = fused(model.network).to(device)
    normed = [torch.from_numpy(normalize(array[None], model.header.params.normalize))[None] for array in arrays]
    ratios, rates = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        for number in range(given.count):
            tifffile.imwrite(folder / "images" / f"{number:04}.tif", arrays[number % len(arrays)])
        for _ in range(given.repeats):
            began = time.perf_counter()
            with inference(device), reusing_memory() if device.type == "cpu" else nullcontext():
                for number in range(given.count):
                    network(normed[number % len(normed)].to(device, memory_format=torch.channels_last))
            if device.type == "cuda":
                torch.cuda.synchronize()
            bare = time.perf_counter() - began
            job = BatchJob(model=model, params=model.header.params, out=folder / "out", device=given.device)
            began = time.perf_counter()
            finished = drain(batch_steps(job, find_inputs([str(folder / "images")], job.out).items))
            whole = time.perf_counter() - began
            assert all(result.state == "done" for result in finished)
            shutil.rmtree(folder / "out")
            ratios.append(whole / bare)
            rates.append(given.count / whole)
            print(
                f"{given.count} images: forward {bare:.1f} s, batch {whole:.1f} s, {given.count / whole:.1f} images/s, "
                f"ratio {whole / bare:.2f}; {np.mean([result.n_objects for result in finished]):.0f} objects an image",
                flush=True,
            )
    ratio = results.add("batch over bare forward passes", "times", ratios, images=given.count, device=str(device))
    results.add("batch", "images/s", rates, images=given.count, device=str(device))
    results.write()
    print(
        f"ratio {ratio:.2f}, median of {given.repeats}; {given.threads} threads of "
        f"{os.cpu_count()} processors, {device}, {fast_dtype(device)}, load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
