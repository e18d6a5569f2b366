"""The embedding loss beside the network that it trains: forward and backward, a batch of four 512 x 512 images.

python benchmarks/losses.py --objects 100 --network default paper

Processor time, so that what else runs on the machine counts for little; the two are measured in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from results import parse

from napari_wnet.core.targets import neighbours
from napari_wnet.network.device import fast_dtype
from napari_wnet.network.losses import embedding_loss, mask_loss
from napari_wnet.network.wnet import WNet, unit_length
from napari_wnet.params import WNetConfig
from napari_wnet.train_params import LossParams

BATCH, SIDE = 4, 512
CPU = torch.device("cpu")
CONFIGS = {"default": WNetConfig(), "paper": WNetConfig.paper(1)}


def scene(n_objects: int, seed: int) -> np.ndarray:
    """Return labels of disks on a jittered grid, which touch where they are many."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(n_objects**0.5))
    step = SIDE / side
    rows, columns = np.mgrid[:SIDE, :SIDE]
    labels = np.zeros((SIDE, SIDE), np.int64)
    for number in range(n_objects):
        row, column = (np.array(divmod(number, side)) + 0.5 + rng.uniform(-0.15, 0.15, 2)) * step
        labels[(rows - row) ** 2 + (columns - column) ** 2 < (0.45 * step) ** 2] = number + 1
    return labels


def seconds(work: Callable[[], torch.Tensor]) -> float:
    """Return the processor seconds of a forward and a backward pass."""
    began = time.process_time()
    work().backward()
    return time.process_time() - began


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--network", nargs="+", choices=CONFIGS, default=list(CONFIGS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    given, results = parse(parser)
    torch.set_num_threads(given.threads)
    planes = [scene(given.objects, seed) for seed in range(BATCH)]
    labels = torch.from_numpy(np.stack(planes))
    each = [torch.from_numpy(neighbours(plane, LossParams().neighbour_distance)) for plane in planes]
    pairs = torch.cat([torch.cat([torch.full((len(one), 1), i), one], dim=1) for i, one in enumerate(each)])
    raw = torch.randn(BATCH, 8, SIDE, SIDE).contiguous(memory_format=torch.channels_last).requires_grad_()
    image = torch.rand(BATCH, 1, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    dtype = fast_dtype(CPU)

    def embedding() -> torch.Tensor:
        return embedding_loss(raw, labels, pairs, LossParams())

    def mask() -> torch.Tensor:
        return mask_loss(unit_length(raw), labels, pairs, LossParams())

    for name in given.network:
        network = WNet(CONFIGS[name]).to(memory_format=torch.channels_last)

        def whole(network: WNet = network) -> torch.Tensor:
            with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
                output = network(image)
            return output.distance.float().mean() + output.embedding.float().mean()

        for work in (embedding, mask, whole):
            seconds(work)
        rows = [[seconds(work) for work in (embedding, mask, whole)] for _ in range(given.repeats)]
        loss, soft, network_s = (statistics.median(column) for column in zip(*rows, strict=True))
        at = {"network": name, "objects": given.objects}
        results.add("forward and backward of the network", "s", network_s, **at)
        results.add("embedding loss", "% of it", 100 * loss / network_s, **at)
        results.add("soft mask loss", "% of it", 100 * soft / network_s, **at)
        print(
            f"{name}: network {network_s:.2f} s, embedding loss {loss:.3f} s ({100 * loss / network_s:.1f} %), "
            f"soft mask loss {soft:.3f} s ({100 * soft / network_s:.1f} %); {given.objects} objects, "
            f"{len(pairs)} pairs, {given.threads} thread(s), {dtype}"
        )
    results.write()


if __name__ == "__main__":
    main()
