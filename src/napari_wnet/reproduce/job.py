"""What is to be made again, on what, and within which budget; and what is reported on the way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from napari_wnet.errors import ParamsError
from napari_wnet.params import ClusteringParams, NormalizeParams, SegmentParams, WNetConfig
from napari_wnet.presets import PLAIN, PRESETS
from napari_wnet.reproduce.studies import MANY_DIMENSIONS, Study, Variant
from napari_wnet.train_params import LossParams, TrainParams

Recipe = Literal["small", "paper"]
SMALL_WIDTHS = (16, 32, 64, 128)
# As in the paper, images are not varied, but for flips and quarter turns: so a small budget is enough to learn them.
SMALL_AUGMENTATION = PLAIN.replace(flip=True)
# Between objects that touch, a push of 1 does not overcome the pull in so few steps: one direction is kept for all.
SMALL_LAMBDA = 4.0
SMALL_TRAINING = TrainParams(
    steps=1500,
    batch_size=4,
    crop_size=160,
    learning_rate=2e-3,
    keep="last",
    validate_every=1_000_000,
    normalize=NormalizeParams(together=True),
    loss=LossParams(inter_weight=SMALL_LAMBDA),
    augment=SMALL_AUGMENTATION,
)
SYNTHETIC = "synthetic"
SYNTHETIC_SIDE = 160
NEIGHBOURS_PART = 0.02
"""Objects are neighbours that are closer than this part of the width: 10 pixels at the paper's 512."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much is trained.

    Attributes
    ----------
    recipe : {"small", "paper"}
        paper: the published recipe, for a graphics card. small: the same comparison with a network of base width 16 on
        a grid of 2 x 2 pixels, on crops, for a processor.
    steps : int
        Of each run; 0: as the recipe says.
    n_seeds : int
        For the rows whose spread is given; the others have one.
    n_images : int
        Synthetic plants to train on; a fifth as many more are tested on.
    """

    recipe: Recipe = "small"
    steps: int = 0
    n_seeds: int = 3
    n_images: int = 200


@dataclass(frozen=True, kw_only=True)
class ReproduceJob:
    """A study on a data set.

    Attributes
    ----------
    study : Study
    data : str
        A folder of any layout that can be read, or ``synthetic``.
    out : Path
    budget : Budget
    device : str
    rows : tuple of str
        Keys of the variants that are trained; empty: all. Several calls can so share the work; one for all then finds
        their runs done.

    Raises
    ------
    ParamsError
        If the study has no such row, or is not about this recipe.
    """

    study: Study
    data: str
    out: Path
    budget: Budget = field(default_factory=Budget)
    device: str = "auto"
    rows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = [variant.key for variant in self.study.variants]
        for key in self.rows:
            if key not in known:
                raise ParamsError(f"{self.study.name} has no row '{key}'; choose among {', '.join(known)}.")
        if self.study.small_only and self.budget.recipe != "small":
            raise ParamsError(f"'{self.study.name}' compares settings of the small recipe; give --recipe small.")

    def runs(self) -> list[tuple[Variant, int]]:
        """Return the rows with their seeds, first seeds first, so that a table without spread is there early."""
        return [
            (variant, seed)
            for seed in range(max(1, self.budget.n_seeds))
            for variant in self.study.variants
            if (seed == 0 or variant.repeated) and (not self.rows or variant.key in self.rows)
        ]

    def config(self, variant: Variant, in_channels: int) -> WNetConfig:
        """Return the network of a row."""
        base = PRESETS["paper"].network if self.budget.recipe == "paper" else WNetConfig(widths=SMALL_WIDTHS)
        return base.replace(in_channels=in_channels, **variant.network)

    def params(self, variant: Variant, seed: int) -> TrainParams:
        """Return the training of a row."""
        base = PRESETS["paper"].params if self.budget.recipe == "paper" else SMALL_TRAINING
        if self.budget.steps:
            base = base.replace(steps=self.budget.steps, epochs=0)
        if self.budget.recipe == "paper" and variant.network.get("embedding_dim", 0) >= MANY_DIMENSIONS:
            base = base.replace(batch_size=base.batch_size // 2)
        if self.budget.recipe == "small" and self.data == SYNTHETIC:
            # Else all leaves of a small plant are neighbours, more than there are directions at right angles.
            base = base.replace(loss__neighbour_distance=NEIGHBOURS_PART * SYNTHETIC_SIDE)
        changes = {f"loss__{name}": value for name, value in variant.loss.items()}
        return base.replace(seed=seed, **changes, **variant.training)

    def segment_params(self, variant: Variant) -> SegmentParams:
        """Return how maps are made and become labels; the same for all rows but for the intensities trained on."""
        if self.budget.recipe == "paper":
            preset = PRESETS["paper"]
            return SegmentParams(normalize=preset.params.normalize, clustering=preset.clustering)
        return SegmentParams(normalize=self.params(variant, 0).normalize, clustering=ClusteringParams())


@dataclass(frozen=True, kw_only=True)
class RunDone:
    """A run that is finished, or failed.

    Attributes
    ----------
    variant : Variant
    seed : int
    scores : mapping of str to float
        Means over the test images, by measure; ``train_symmetric_best_dice`` over training images; scores of subsets
        under their names.
    error : str
        Why there are none.
    reused : bool
        Whether it was there already.
    """

    variant: Variant
    seed: int
    scores: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    reused: bool = False

    @property
    def name(self) -> str:
        """Name of the run's files."""
        return run_name(self.variant, self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without what only this process knows."""
        row = dataclasses.asdict(self)
        return {"key": self.variant.key, "seed": row["seed"], "scores": dict(row["scores"])}


def run_name(variant: Variant, seed: int) -> str:
    """Return the name of a run's files."""
    return f"{variant.key}-seed{seed}"
