"""The outline network at work: an image and a prompt in, an outline at the image's own size out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from napari_wnet.core.prompts import Frame, Outline, Prompt
from napari_wnet.network.inference import inference
from napari_wnet.network.outline.net import OutlineNet, prompt_channels, read_square, resampled, standardized


def predict_outline(network: OutlineNet, image: npt.NDArray[Any], prompt: Prompt) -> Outline:
    """Outline the object that is pointed at.

    Parameters
    ----------
    network : OutlineNet
        In evaluation mode, on the CPU: what it looks at is too small to be worth a transfer. Faster when
        :func:`~napari_wnet.network.inference.fused`.
    image : (C, Y, X) array
        Any scale of intensities: only those around the prompt count, relative to one another.
    prompt : Prompt

    Returns
    -------
    Outline
        The mean of what the network says of the square and of its mirror images.
    """
    side, frame = network.config.side, Frame.around(prompt)
    inside = frame.inside(image.shape[1:])
    square = torch.from_numpy(np.stack([read_square(image, frame), inside], dtype=np.float32, casting="unsafe"))
    sized, seen = resampled(square, side)
    seen = (seen > 0.5).float()
    shown = torch.cat([standardized(sized, seen)[None], prompt_channels(prompt, frame, side), seen[None]])
    mirrors: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
    with inference(torch.device("cpu")):
        shown_all = torch.stack([shown.flip(axes) for axes in mirrors])
        odds = network(shown_all.contiguous(memory_format=torch.channels_last)).float()
        mean = torch.stack([odds[i].flip(axes) for i, axes in enumerate(mirrors)]).mean(dim=0)
        native = F.interpolate(mean[None, None], (frame.side, frame.side), mode="bilinear")[0, 0]
    return Outline(frame=frame, log_odds=native.numpy())
