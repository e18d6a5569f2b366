"""Accuracy after an equal number of steps against speed, for networks of several widths, depths and stems.

python benchmarks/architecture.py --images nuclei/images --labels nuclei/labels --steps 400 --out architecture.csv

Networks that the file has already are not trained again, so that it can be made in pieces. When all are there, their
speed is measured, one after the other, and the whole table printed; the machine should do nothing else then.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_wnet.network.device import choose_device
from napari_wnet.network.inference import fused, inference
from napari_wnet.network.training import TrainingRun, evaluate_network, train_steps
from napari_wnet.network.wnet import WNet, n_parameters, receptive_radius
from napari_wnet.params import SegmentParams, WNetConfig
from napari_wnet.reports import drain
from napari_wnet.train_data import load_data_steps
from napari_wnet.train_job import TrainJob
from napari_wnet.train_params import TrainParams

CONFIGS = {
    "24-48-96, stem 2": WNetConfig(),
    "32-64-128, stem 2": WNetConfig(widths=(32, 64, 128)),
    "24-48-96-192, stem 2": WNetConfig(widths=(24, 48, 96, 192)),
    "16-32-64, stem 1": WNetConfig(widths=(16, 32, 64), stem=1),
    "24-48-96, stem 2, two decoder convolutions": WNetConfig(decoder_convs=2),
    "24-48-96, stem 2, channel norm": WNetConfig(norm="channel"),
    "16-32-64, stem 2": WNetConfig(widths=(16, 32, 64)),
}


def speed(config: WNetConfig, device: torch.device) -> tuple[float, float]:
    """Return GFLOP and seconds per megapixel of the fused network at 1024 x 1024."""
    network = fused(WNet(config).eval()).to(device)
    image = torch.rand(1, config.in_channels, 1024, 1024).to(device, memory_format=torch.channels_last)
    with FlopCounterMode(display=False) as counter, inference(device):
        network(image)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        with inference(device):
            network(image)
        times.append(time.perf_counter() - began)
    megapixels = 1024**2 / 1e6
    return counter.get_total_flops() / 1e9 / megapixels, float(np.median(times)) / megapixels


def main() -> None:
    """Train each network and append its row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True)
    parser.add_argument("--labels", required=True)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("architecture.csv"))
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    data = drain(load_data_steps(TrainJob(images=given.images, labels=given.labels, split="tenths")))
    device = choose_device(given.device)
    params = TrainParams(
        steps=given.steps, batch_size=4, crop_size=192, learning_rate=2e-3, warmup_steps=50, ema=0.98,
        validate_every=given.steps,
    )  # fmt: skip
    done = {row["network"] for row in csv.DictReader(given.out.open())} if given.out.exists() else set()
    for name, config in CONFIGS.items():
        if name in done:
            continue
        run = TrainingRun(samples=data.train, validation=(), config=config, params=params, device=given.device)
        trained = drain(train_steps(run))
        scores = evaluate_network(trained.network, data.validation, SegmentParams(normalize=params.normalize), device)
        row = {
            "network": name,
            "steps": given.steps,
            "training_seconds": round(trained.seconds),
            "validation_sbd": round(scores.mean["symmetric_best_dice"], 4),
            "validation_ap50": round(scores.mean["average_precision_0.5"], 4),
            "validation_foreground_dice": round(scores.mean["foreground_dice"], 4),
        }
        print(row, flush=True)
        new = not given.out.exists()
        with given.out.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
    print("| network | parameters | sees px | GFLOP/MP | s/MP | training s | SBD | AP .5 | foreground dice |")
    for row in csv.DictReader(given.out.open()):
        config = CONFIGS[row["network"]]
        gflop, seconds = speed(config, device)
        scores = " | ".join(row[name] for name in row if name not in ("network", "steps"))
        sizes = f"{n_parameters(WNet(config)):,} | {receptive_radius(config)} | {gflop:.0f} | {seconds:.2f}"
        print(f"| {row['network']} | {sizes} | {scores} |")


if __name__ == "__main__":
    main()
