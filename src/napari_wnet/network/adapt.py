"""A network for another number of channels, made from one that exists."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_wnet.network.wnet import UNet, WNet


def with_channels(network: WNet, in_channels: int) -> WNet:
    """Return a copy that reads another number of channels.

    The first convolution of either U-Net takes from each channel what it took, on average, from the old ones, scaled
    so that an image whose channels are all alike gives the same output as before.

    Parameters
    ----------
    network : WNet
    in_channels : int
    """
    old = network.config.in_channels
    adapted = WNet(network.config.replace(in_channels=in_channels))
    state = dict(network.state_dict())
    for name, unet in (("unet1", adapted.unet1), ("unet2", adapted.unet2)):
        if unet is None:
            continue
        key = f"{name}.{_first_weight(unet)}"
        state[key] = _repeated(state[key], (old, in_channels), network.config.stem**2)
    adapted.load_state_dict(state)
    return adapted.train(network.training)


def _first_weight(unet: UNet) -> str:
    return "encoder.0." + next(name for name, value in unet.encoder[0].named_parameters() if value.ndim == 4)


def _repeated(weight: Tensor, channels: tuple[int, int], cell: int) -> Tensor:
    """Replace the part of (out, in, k, k) weights that reads the folded image; what follows it stays."""
    old, new = channels
    image, rest = weight[:, : old * cell], weight[:, old * cell :]
    # Pixel unshuffling puts the cell's pixels of one channel next to one another.
    mean = image.reshape(len(image), old, cell, *image.shape[2:]).mean(1) * (old / new)
    return torch.cat([mean.repeat(1, new, 1, 1), rest], dim=1)
