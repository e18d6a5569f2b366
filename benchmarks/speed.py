"""Seconds per megapixel from image to labels, beside the bare network and the machine's matrix rate.

python benchmarks/speed.py --model nuclei --size 1024
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from skimage.io import imread
from torch.utils.flop_counter import FlopCounterMode

from napari_wnet.network.device import choose_device, fast_dtype
from napari_wnet.network.inference import fused, inference
from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import Segmentation, segment
from napari_wnet.sample_data import sample_path


def timed(work: Callable[[], object], device: torch.device, repeats: int) -> list[float]:
    """Return the seconds of each repetition, after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return times


def matrix_rate(device: torch.device, dtype: torch.dtype, side: int = 2048) -> float:
    """Return the rate of a square matrix product in GFLOP/s, the best of five."""
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / min(timed(lambda: left @ right, device, 5)) / 1e9


def card_memory(work: Callable[[], object]) -> int:
    """Return the most bytes that some work takes on the card."""
    torch.cuda.reset_peak_memory_stats()
    work()
    return torch.cuda.max_memory_allocated()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    device = choose_device(given.device)
    model = load_model(given.model)
    sample = imread(sample_path("nuclei"))
    tiles = -(-given.size // min(sample.shape))
    image = np.tile(sample, (tiles, tiles))[: given.size, : given.size]
    megapixels = image.size / 1e6
    network = fused(model.network).to(device)
    batch = torch.from_numpy(image.astype(np.float32) / 255)[None, None].to(device, memory_format=torch.channels_last)
    params = model.header.params.replace(tiles__size=max(1024, given.size))

    def forward() -> None:
        with inference(device):
            network(batch)

    def whole() -> Segmentation:
        return segment(image, model, params, device=given.device)

    with FlopCounterMode(display=False) as counter:
        forward()
    # Alternating, so that a drift of the machine's speed cannot favour one of the two.
    pairs = [(timed(forward, device, 1)[0], timed(whole, device, 1)[0]) for _ in range(given.repeats)]
    bare, full = (np.median(times) for times in zip(*pairs, strict=True))
    ratio = np.median([second / first for first, second in pairs])
    dtype = fast_dtype(device)
    rate = matrix_rate(device, dtype)
    work = counter.get_total_flops() / 1e9
    print(f"model {model.name}, {given.size}x{given.size}, {whole().n_objects} objects, {device}")
    print(f"threads {torch.get_num_threads()}, {dtype}, median of {given.repeats}")
    print(f"end to end     {full / megapixels:.3f} s/MP")
    print(f"bare forward   {bare / megapixels:.3f} s/MP; end to end over it: {ratio:.3f}")
    if device.type == "cuda":
        print(f"memory         {card_memory(whole) / 1e6:.0f} MB at most on {torch.cuda.get_device_name()}")
    print(f"network        {work / megapixels:.1f} GFLOP/MP, {work / bare:.0f} GFLOP/s")
    print(f"matrix product {rate:.0f} GFLOP/s in {dtype}; the forward pass reaches {100 * work / bare / rate:.0f} %")
    if dtype != torch.bfloat16:
        emulated = matrix_rate(device, torch.bfloat16, side=256)  # a larger one takes minutes without the instructions
        print(f"matrix product {emulated:.1f} GFLOP/s in torch.bfloat16, so not used here")


if __name__ == "__main__":
    main()
