"""Seconds per megapixel from image to labels, beside the bare network and the machine's matrix rate.

python benchmarks/speed.py --model nuclei --size 1024
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from results import Results, parse
from torch.utils.flop_counter import FlopCounterMode

from napari_wnet.network.device import choose_device, fast_dtype
from napari_wnet.network.inference import fused, inference
from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import Segmentation, segment
from scenes import repeated_sample


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


def print_limit(results: Results, device: torch.device, reached: float) -> None:
    """Print which part of the machine's own rate is reached, and its rate in the other number format."""
    used = fast_dtype(device)
    rate = results.add("rate of a matrix product", "GFLOP/s", matrix_rate(device, used), precision=str(used))
    print(f"matrix product {rate:.0f} GFLOP/s in {used}; the forward pass reaches {100 * reached / rate:.0f} %")
    if used != torch.bfloat16:
        other = matrix_rate(device, torch.bfloat16, side=256)  # a larger one takes minutes without the instructions
        results.add("rate of a matrix product", "GFLOP/s", other, precision="torch.bfloat16")
        print(f"matrix product {other:.1f} GFLOP/s in torch.bfloat16, so not used here")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=7)
    given, results = parse(parser)
    device = choose_device(given.device)
    model = load_model(given.model)
    image = repeated_sample(given.size)
    megapixels = image.size / 1e6
    network = fused(model.network).to(device)
    batch = torch.from_numpy(image.astype(np.float32) / 255)[None, None].to(device, memory_format=torch.channels_last)
    params = model.header.params.replace(tiles__size=max(1024, given.size))

    def forward() -> None:
        with inference(device):
            network(batch)

    def whole() -> Segmentation:
        return segment(image, model, params, device=given.device)

    forward()  # at the first one the processor itself is measured
    with FlopCounterMode(display=False) as counter:
        forward()
    # Alternating, so that a drift of the machine's speed cannot favour one of the two.
    pairs = [(timed(forward, device, 1)[0], timed(whole, device, 1)[0]) for _ in range(given.repeats)]
    at = {"model": model.name, "pixels": image.size, "device": str(device)}
    names = ("network", "image to labels")
    per_megapixel = [[one / megapixels for one in times] for times in zip(*pairs, strict=True)]
    bare, full = (results.add(what, "s/MP", times, **at) for what, times in zip(names, per_megapixel, strict=True))
    ratio = results.add("image to labels over network", "times", [second / first for first, second in pairs], **at)
    print(f"model {model.name}, {given.size}x{given.size}, {whole().n_objects} objects, {device}")
    print(f"end to end     {full:.3f} s/MP, median of {given.repeats}, {torch.get_num_threads()} threads")
    print(f"bare forward   {bare:.3f} s/MP; end to end over it: {ratio:.3f}")
    if device.type == "cuda":
        memory = results.add("memory of the card", "MB", card_memory(whole) / 1e6, **at)
        print(f"memory         {memory:.0f} MB at most on {torch.cuda.get_device_name()}")
    work = counter.get_total_flops() / 1e9 / megapixels
    results.add("network's rate", "GFLOP/s", work / bare, **at)
    print(f"network        {work:.1f} GFLOP/MP, {work / bare:.0f} GFLOP/s")
    print_limit(results, device, work / bare)
    results.write()


if __name__ == "__main__":
    main()
