"""The state of a training: what a checkpoint holds, so that a resumed run ends at the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from napari_wnet.errors import TrainingError
from napari_wnet.fields import Params
from napari_wnet.network.checkpoint import load_state, save_state
from napari_wnet.network.outline.net import OutlineNet
from napari_wnet.network.wnet import WNet

Network = TypeVar("Network", WNet, OutlineNet)


@dataclass(kw_only=True, eq=False)
class State(Generic[Network]):
    """What changes while training, and is saved and restored whole.

    Attributes
    ----------
    network, average : WNet or OutlineNet
        The weights that learn and their running average, which is what is validated and kept.
    optimizer : torch.optim.Optimizer
    base : the same, or None
        What the training started from, if it steadies the network; never changed, so not saved.
    step, validated : int
        Steps done, and how many were when it was last validated.
    seconds : float
    best : dict of str to Tensor
        Weights of the best validation so far.
    best_step, best_scores
        When it was, and its scores.
    top : float
        The highest score of any validation; the best weights may be later ones that come as near as chance allows.
    about : mapping
        JSON values that the checkpoint keeps for whoever goes on from it; not restored.
    """

    network: Network
    average: Network
    optimizer: torch.optim.Optimizer
    base: Network | None = None
    step: int = 0
    validated: int = 0
    seconds: float = 0.0
    best: dict[str, Tensor] = field(default_factory=dict)
    best_step: int = 0
    best_scores: dict[str, float] = field(default_factory=dict)
    top: float = -1.0
    about: Mapping[str, Any] = field(default_factory=dict)

    def keep_best(self, scores: dict[str, float], step: int) -> None:
        """Remember the averaged weights as the best so far."""
        self.best = {
            name: value.detach().to("cpu", copy=True).contiguous() for name, value in self.average.state_dict().items()
        }
        self.best_step, self.best_scores = step, scores

    def save(self, path: Path, params: Params) -> None:
        """Write a checkpoint."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
        info = {
            "step": self.step,
            "validated": self.validated,
            "seconds": self.seconds,
            "best_step": self.best_step,
            "best_scores": self.best_scores,
            "top": self.top,
            "config": self.network.config.to_dict(),
            "params": params.to_dict(),
            "about": dict(self.about),
        }
        save_state(path, {name: value.contiguous() for name, value in tensors.items()}, info)

    def restore(self, path: Path) -> None:
        """Go back to a checkpoint.

        Raises
        ------
        WNetError
            If it cannot be read, is not complete or belongs to a network of another shape.
        """
        tensors, info = load_state(path)
        try:
            self._take(tensors, info, path)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, OverflowError) as error:
            reason = " ".join(str(error).split())[:200]
            raise TrainingError(f"{path} is not complete ({reason}); start the training without --resume.") from error

    def _take(self, tensors: dict[str, Tensor], info: dict[str, Any], path: Path) -> None:
        if info["config"] != self.network.config.to_dict():
            raise TrainingError(f"{path} belongs to a network of another shape; resume with its configuration.")
        groups: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            group, _, rest = name.partition(".")
            groups.setdefault(group, {})[rest] = value
        self.network.load_state_dict(groups["network"])
        self.average.load_state_dict(groups["average"])
        self.best = groups.get("best", {})
        shapes = {name: value.shape for name, value in self.network.state_dict().items()}
        if self.best and {name: value.shape for name, value in self.best.items()} != shapes:
            raise ValueError("its best weights are of another network")
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in groups.get("optimizer", {}).items():
            index, _, rest = name.partition(".")
            moments.setdefault(int(index), {})[rest] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.step, self.seconds = int(info["step"]), float(info["seconds"])
        self.validated = int(info.get("validated", self.step))
        self.best_step, self.best_scores = int(info["best_step"]), dict(info["best_scores"])
        self.top = float(info.get("top", self.best_scores.get("symmetric_best_dice", -1.0)))
