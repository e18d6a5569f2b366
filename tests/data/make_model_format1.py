"""Made ``model_format1.safetensors`` and ``model_format1.json``: a file of the first model format and what it predicts.

Both stay as they are, so that the tests show that files of the first release load for good. Run this again only
before that release: ``python tests/data/make_model_format1.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from napari_wnet.network.checkpoint import ModelHeader, read_model, save_model
from napari_wnet.network.wnet import WNet
from napari_wnet.params import ClusteringParams, SegmentParams, WNetConfig

HERE = Path(__file__).parent


def pattern() -> torch.Tensor:
    """Return the image (1, 2, 16, 24) that the expected values belong to."""
    y, x = np.mgrid[:16, :24]
    image = np.stack([np.sin(0.7 * x + 0.2 * y), np.cos(0.3 * x * y)])
    return torch.from_numpy(image.astype(np.float32))[None]


def main() -> None:
    """Write the model and its predictions."""
    torch.manual_seed(0)
    network = WNet(WNetConfig(in_channels=2, embedding_dim=3, widths=(4, 6), stem=2, concat_channels=5)).train()
    for _ in range(20):  # running statistics that differ from their start
        network(pattern() + torch.randn(1, 2, 16, 24))
    header = ModelHeader(
        name="format1",
        description="Random weights, for a test.",
        config=network.config,
        params=SegmentParams(clustering=ClusteringParams(angle=40.0)),
        channels=("nuclei", "membrane"),
        diameter=17.5,
        licence="CC0-1.0",
        provenance={"seed": 0, "steps": 20},
        scores={"SBD": 0.0},
    )
    path = HERE / "model_format1.safetensors"
    save_model(path, network, header, overwrite=True)
    with torch.inference_mode():
        maps = read_model(path).network(pattern())
    values = {
        name: np.round(tensor[0, :, ::5, ::7].numpy().ravel(), 5).tolist() for name, tensor in maps._asdict().items()
    }
    (HERE / "model_format1.json").write_text(json.dumps(values) + "\n")


if __name__ == "__main__":
    main()
