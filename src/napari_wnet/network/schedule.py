"""What trainings have in common: the learning rate over the steps, and the running average of the weights."""

from __future__ import annotations

import math

import torch
from torch import nn

from napari_wnet.train_params import TrainParams

STAIRCASE_STEPS, STAIRCASE_DECAY = 5000, 0.9  # Wu, Chen, Merhof 2020, section 3.1


def rate_at(step: int, steps: int, warmup_steps: int, peak: float) -> float:
    """Return the learning rate at a step: a linear rise, under half a cosine from the peak down to zero."""
    warm = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    return peak * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))


def learning_rate(step: int, params: TrainParams) -> float:
    """Return the learning rate at a step of the schedule."""
    if params.schedule == "cosine":
        return rate_at(step, params.steps, params.warmup_steps, params.learning_rate)
    warm = min(1.0, (step + 1) / params.warmup_steps) if params.warmup_steps else 1.0
    if params.schedule == "staircase":
        warm *= STAIRCASE_DECAY ** (step // STAIRCASE_STEPS)
    return params.learning_rate * warm


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the running average of all weights and statistics towards their present values."""
    # Early on the average forgets faster, or it would remember the random start.
    decay = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
