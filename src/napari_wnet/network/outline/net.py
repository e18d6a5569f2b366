"""The network that outlines one object: a square of the image around a prompt in, log odds of being the object out.

It complements the W-Net: where that sees an object wrongly, its maps are a poor ground for mending it. This one looks
at the image itself, with the object brought to one size, and knows which object is meant. Boxes and clicks as prompts
follow what is common in interactive segmentation (Sofiiuk et al. 2022, arXiv 2102.06583; Kirillov et al. 2023, arXiv
2304.02643).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_wnet.core.image import working_type
from napari_wnet.core.prompts import Frame, Prompt
from napari_wnet.fields import Params
from napari_wnet.network.wnet import UNet, initialize
from napari_wnet.params import WNetConfig

IN_CHANNELS = 6
"""Image, place within the box (two), pixels that are the object's and that are not, what is inside the image."""
MORE, LESS = 3, 4
"""Channels of the pixels that are the object's and that are not."""
SPOT_PX = 2.0
"""Radius of a click's spot, in pixels of the square."""
LEAST_SPREAD = 1e-6


@dataclass(frozen=True, kw_only=True)
class OutlineConfig(Params):
    """The shape of an outline network, fixed with its weights."""

    side: Annotated[int, {"min": 16, "max": 512}] = 64
    widths: Annotated[tuple[int, ...], {"min": 4, "max": 1024}] = (32, 64, 96)
    stem: Annotated[int, {"min": 1, "max": 4}] = 2
    decoder_convs: Annotated[int, {"min": 1, "max": 4}] = 2


class OutlineNet(nn.Module):
    """A U-Net over squares of one size.

    Parameters
    ----------
    config : OutlineConfig

    Notes
    -----
    ``forward`` takes (B, 6, side, side), see :func:`network_input`, and returns log odds (B, side, side).
    """

    def __init__(self, config: OutlineConfig) -> None:
        super().__init__()
        self.config = config
        shape = WNetConfig(
            widths=config.widths, stem=config.stem, norm="batch", upsample="conv1x1", decoder_convs=config.decoder_convs
        )
        self.unet = UNet(IN_CHANNELS * config.stem**2, shape)
        self.head = nn.Conv2d(config.widths[0], config.stem**2, 1)
        initialize(self)

    def forward(self, squares: Tensor) -> Tensor:
        """Return the log odds that pixels belong to the object that is meant."""
        stem = self.config.stem
        odds = self.head(self.unet(F.pixel_unshuffle(squares, stem)))
        return F.pixel_shuffle(odds, stem)[:, 0]


def resampled(square: Tensor, side: int) -> Tensor:
    """Bring (C, n, n) to (C, side, side), pixel centres kept."""
    sized: Tensor = F.interpolate(square[None], (side, side), mode="bilinear", antialias=True)[0]
    return sized


def read_square(image: npt.NDArray[Any], frame: Frame) -> npt.NDArray[np.float32]:
    """Return the mean of an image's channels, (C, Y, X), in a frame, (side, side); beyond, its rim is repeated.

    What is no number counts as 0: one such pixel would leave nothing of the answer.
    """
    rows, columns = frame.places(image.shape[1:])
    square = image[:, rows[:, np.newaxis], columns]
    mean = square.astype(working_type(image)).mean(axis=0)
    return np.asarray(np.nan_to_num(mean, posinf=0, neginf=0), np.float32)


def standardized(image: Tensor, inside: Tensor) -> Tensor:
    """Bring (..., side, side) to mean 0 and standard deviation 1 over what is inside; 0 elsewhere."""
    count = inside.sum((-2, -1), keepdim=True).clamp_min(1)
    centred = (image - (image * inside).sum((-2, -1), keepdim=True) / count) * inside
    spread = (centred.square().sum((-2, -1), keepdim=True) / count).sqrt()
    return centred / spread.clamp_min(LEAST_SPREAD)


def prompt_channels(prompt: Prompt, frame: Frame, side: int) -> Tensor:
    """Return what tells the network where to look, (4, side, side): in the box, in its ellipse, what is in and out."""
    step = frame.side / side
    across = []
    for start, (low, high) in zip((frame.top, frame.left), (prompt.rows, prompt.columns), strict=True):
        places = start + (torch.arange(side, dtype=torch.float32) + 0.5) * step
        across.append((2 * places - low - high) / (high - low))
    rows, columns = across[0][:, None].expand(side, side), across[1].expand(side, side)
    clicks = [
        spots([((y + 0.5 - frame.top) / step - 0.5, (x + 0.5 - frame.left) / step - 0.5) for y, x in points], side)
        for points in (prompt.more, prompt.less)
    ]
    if not prompt.exact:
        nothing = torch.zeros(side, side)
        return torch.stack([nothing, nothing, *clicks])
    box = 1 - torch.maximum(rows.abs(), columns.abs())
    return torch.stack([box.clamp(-1, 1), (1 - torch.hypot(rows, columns)).clamp(-1, 1), *clicks])


def spots(places: Sequence[tuple[float, float]], side: int) -> Tensor:
    """Return a map, (side, side), that is 1 at some places, rows and columns of it, and falls off around them."""
    shown = torch.zeros(side, side)
    axis = torch.arange(side, dtype=torch.float32)
    for row, column in places:
        near = torch.exp(-((axis - row) ** 2)[:, None] / SPOT_PX**2 - (axis - column) ** 2 / SPOT_PX**2)
        shown = torch.maximum(shown, near)
    return shown
