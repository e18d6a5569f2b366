"""A tiny model to fine-tune, trained by nobody."""

from __future__ import annotations

from pathlib import Path

import torch

from napari_wnet.network.checkpoint import Model, ModelHeader
from napari_wnet.network.wnet import WNet
from napari_wnet.params import WNetConfig

CONFIG = WNetConfig(widths=(8, 16), stem=1, embedding_dim=4, concat_channels=4)


def tiny_model() -> Model:
    """Return a model with random weights, always the same."""
    generator = torch.get_rng_state()
    torch.manual_seed(11)
    network = WNet(CONFIG).eval()
    torch.set_rng_state(generator)
    header = ModelHeader(name="tiny", config=CONFIG, diameter=16.0)
    return Model(network=network, header=header, sha256="0" * 64, path=Path("tiny.safetensors"))


TINY_MODEL = tiny_model()
