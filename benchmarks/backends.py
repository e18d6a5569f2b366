"""The network's forward pass as torch computes it here, and by what else could: OpenVINO, ONNX Runtime, torch.compile.

OMP_NUM_THREADS=1 python benchmarks/backends.py --json benchmarks/results/backends.json

All take turns, so that a drift of the machine's speed favours none. Beside the time stands how far each one's maps are
from torch's in float32. Needs `pip install openvino` besides the extra `export`, and a C++ compiler for torch.compile.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import openvino
import torch
from results import parse

from napari_wnet.core.image import normalize
from napari_wnet.io.images import read_image
from napari_wnet.network import inference as own
from napari_wnet.network.allocator import reusing_memory
from napari_wnet.network.inference import fused
from napari_wnet.network.onnx_file import INPUT, MapsNetwork, to_onnx
from napari_wnet.network.registry import load_model
from napari_wnet.sample_data import sample_path

SAMPLES = {"nuclei": "nuclei", "leaf": "rosette", "cells": "cells"}
Planes = Sequence[npt.NDArray[np.floating]]
Backend = Callable[[npt.NDArray[np.float32]], Planes]


def by_torch(network: torch.nn.Module, dtype: torch.dtype) -> Backend:
    """Return torch, with memory reused as in the package."""

    def run(image: npt.NDArray[np.float32]) -> Planes:
        batch = torch.from_numpy(image).to(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32), reusing_memory():
            return [one.float().numpy() for one in network(batch)]

    return run


def by_openvino(file: Path, threads: int, precision: str) -> Backend:
    """Return OpenVINO."""
    core = openvino.Core()
    hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(core.read_model(file), "CPU", hints)
    return lambda image: list(compiled(image).values())


def by_onnxruntime(file: Path, threads: int) -> Backend:
    """Return ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {INPUT: image})


def main() -> None:
    """Print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=SAMPLES, default="nuclei")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=7)
    given, results = parse(parser)
    model, threads = load_model(given.model), torch.get_num_threads()
    picture = read_image(sample_path(SAMPLES[given.model])).array
    channels = np.moveaxis(picture, -1, 0) if picture.ndim == 3 else picture[None]
    plane = normalize(channels, model.header.params.normalize)
    times = [1, *(-(-given.size // side) for side in plane.shape[1:])]
    image = np.ascontiguousarray(np.tile(plane, times)[None, :, : given.size, : given.size])
    network = MapsNetwork(fused(model.network))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(to_onnx(model.network, {}))
        backends = {
            "torch, float32": by_torch(network, torch.float32),
            "torch, bfloat16": by_torch(network, torch.bfloat16),
            "torch.compile, float32": by_torch(torch.compile(network), torch.float32),
            "ONNX Runtime, float32": by_onnxruntime(file, threads),
            "OpenVINO, float32": by_openvino(file, threads, "f32"),
            "OpenVINO, bfloat16": by_openvino(file, threads, "bf16"),
        }
        first = {name: run(image) for name, run in backends.items()}
        seconds: dict[str, list[float]] = {name: [] for name in backends}
        for _ in range(given.repeats):
            for name, run in backends.items():
                began = time.perf_counter()
                run(image)
                seconds[name].append((time.perf_counter() - began) / (given.size**2 / 1e6))
    exact = first["torch, float32"]
    chosen = f"torch, {str(own.fast_dtype(torch.device('cpu'))).removeprefix('torch.')}"
    for name, taken in seconds.items():
        gains = [base / one for base, one in zip(seconds[chosen], taken, strict=True)]
        off = max(float(np.abs(one - other).max()) for one, other in zip(exact, first[name], strict=True))
        at = {"backend": name, "model": model.name, "pixels": given.size**2}
        middle, gain = results.add("network", "s/MP", taken, **at), results.add("gain", "times", gains, **at)
        results.add("largest difference of the maps", "", off, **at)
        print(f"{name:24} {middle:.3f} s/MP, {gain:.2f} times as fast as {chosen}; maps differ by {off:.1e} at most")
    results.write()


if __name__ == "__main__":
    main()
