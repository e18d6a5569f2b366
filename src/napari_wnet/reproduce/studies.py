"""What the paper compares, as settings, with the numbers that it reports; and what this project compares besides.

Source: Wu, Chen, Merhof 2020, arXiv 2007.06660, tables 1 to 3 and figure 6; mean symmetric best Dice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from napari_wnet.train_params import AugmentParams

MANY_DIMENSIONS = 32
"""From so many on, the paper halves its batch of four."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row: what differs from the W-Net of the paper, and what the paper found.

    Attributes
    ----------
    key : str
        Names the files of its runs; the same in every study that it belongs to.
    label : str
        For a person to read.
    network, loss, training : mapping
        Changes to the network's configuration, the loss, and the rest of the training.
    paper : mapping of str to float
        The paper's numbers, by measure or subset.
    repeated : bool
        Whether it is among those whose spread over seeds is given.
    subsets : tuple of str
        Parts of the data that are trained and scored on; empty: all.
    """

    key: str
    label: str
    network: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[str, float] = field(default_factory=dict)
    repeated: bool = False
    subsets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Study:
    """A table or a figure of the paper, or of this project.

    Attributes
    ----------
    name, title : str
    variants : tuple of Variant
    by_subset : bool
        Whether scores of subsets are given, and labels of what has none are written to be handed in.
    small_only : bool
        Whether it is about the small recipe.
    """

    name: str
    title: str
    variants: tuple[Variant, ...]
    by_subset: bool = False
    small_only: bool = False


SBD, MAP = "symmetric_best_dice", "mean_average_precision"


def _features(key: str, label: str, sbd: float, *, repeated: bool = False, **network: Any) -> Variant:
    return Variant(key=key, label=label, network=network, paper={SBD: sbd}, repeated=repeated)


def _dimensions(count: int, sbd: float | None = None) -> Variant:
    if count == 8:
        return W_NET
    return Variant(
        key=f"dimensions-{count}",
        label=f"{count} dimensions",
        network={"embedding_dim": count},
        paper={} if sbd is None else {SBD: sbd},
    )


def _lambda(weight: float) -> Variant:
    return Variant(
        key=f"lambda-{weight:g}",
        label=f"lambda {weight:g}",
        loss={"inter_weight": weight},
        paper={SBD: 0.879} if weight == 1 else {},
    )


W_NET = _features("dfeat-32", "D-feat 32 (W-Net)", 0.879, repeated=True, concat="dfeat", concat_channels=32)
U_NET = _features("none", "no second U-Net", 0.794, repeated=True, concat="none")


def _loss(key: str, label: str, **loss: Any) -> Variant:
    return Variant(key=key, label=label, loss=loss)


def _training(key: str, label: str, **training: Any) -> Variant:
    return Variant(key=key, label=label, training=training)


def _network(key: str, label: str, **network: Any) -> Variant:
    return Variant(key=key, label=label, network=network)


_SETTINGS = (
    W_NET,
    _lambda(1.0),
    _loss("near-10", "neighbours within 10 px", neighbour_distance=10.0),
    _loss("pixel", "each pixel counts the same in the pull", reduction="pixel"),
    _loss("square", "squared cosine in the push", inter="square"),
    _loss("raw", "the cosine itself in the push", inter="raw"),
    _loss("no-background", "background is no object", background=False),
    _loss("soft-dice", "the clustering rule in the loss", mask_weight=1.0),
    _loss("ring", "outermost pixels at distance 0", targets="ring"),
    _network("no-foreground", "no foreground head", foreground_head=False),
    _network("detached", "distance learns from itself alone", detach_features=True),
    _network("channel-norm", "norm of each pixel's channels", norm="channel"),
    _network("width-24", "24 channels at first", widths=(24, 48, 96, 192)),
    _network("width-32", "32 channels at first", widths=(32, 64, 128, 256)),
    _training("no-average", "last weights, not averaged", ema=0.0),
    _training("mean-std", "intensities by mean and deviation", normalize__method="standardize"),
    _training("scaled", "scale varied, .7 to 1.4", augment__scale_low=0.7, augment__scale_high=1.4),
    _training("crop-96", "crops of 96 px, eleven a step", crop_size=96, batch_size=11),
    _training("crop-256", "crops of 256 px, two a step", crop_size=256, batch_size=2),
    _training("varied", "all augmentation of the default preset", augment=AugmentParams()),
)
"""Of the small recipe, one changed at a time; larger crops are fewer, so that a step sees as many pixels."""

_ALL = (
    Study(
        name="table1",
        title="Table 1: what the second U-Net reads beside the image",
        variants=(
            U_NET,
            _features("coordinates", "no second U-Net, coordinates", 0.798, concat="coordinates"),
            _features("distmap", "distance map", 0.824, concat="distmap"),
            _features("dfeat-8", "D-feat 8", 0.864, concat="dfeat", concat_channels=8),
            W_NET,
            _features("efeat-32", "E-feat 32", 0.847, repeated=True, concat="efeat", concat_channels=32),
            _features("dfeat-efeat-16", "D-feat 16 + E-feat 16", 0.873, concat="dfeat+efeat", concat_channels=32),
        ),
    ),
    Study(
        name="table2",
        title="Table 2: which objects repel one another, and in how many dimensions",
        variants=(
            W_NET,
            _dimensions(64, 0.854),
            Variant(
                key="global-8",
                label="global, 8 dimensions",
                loss={"constraint": "global"},
                paper={SBD: 0.835},
                repeated=True,
            ),
            Variant(
                key="global-64",
                label="global, 64 dimensions",
                network={"embedding_dim": 64},
                loss={"constraint": "global"},
                paper={SBD: 0.823},
            ),
        ),
    ),
    Study(
        name="table3",
        title="Table 3: the leaf challenge",
        by_subset=True,
        variants=(
            Variant(key="leaf-A1", label="A1", subsets=("A1",), paper={"A1": 0.919}),
            Variant(key="leaf-A1-3", label="A1 to A3", subsets=("A1", "A2", "A3"), paper={"A1-3": 0.870}),
            Variant(key="leaf-A1-5", label="A1 to A5", paper={"A1-5": 0.879}),
        ),
    ),
    Study(
        name="fig6a",
        title="Figure 6a: dimensions of the embedding",
        variants=tuple(_dimensions(count, {64: 0.854}.get(count)) for count in (4, 8, 16, 32, 64)),
    ),
    Study(
        name="fig6b",
        title="Figure 6b: weight of the push between neighbours",
        variants=(
            *(_lambda(weight) for weight in (0.5, 1.0, 10.0, 100.0, 500.0)),
            Variant(key="inter-only", label="the push alone", loss={"intra_weight": 0.0}),
        ),
    ),
    Study(name="settings", title="Settings: what matters in training", variants=_SETTINGS, small_only=True),
    Study(
        name="bbbc006",
        title="BBBC006: nuclei, half of the images to train on, half to test",
        variants=(
            Variant(
                key="none", label="U-Net", network={"concat": "none"}, paper={SBD: 0.896, MAP: 0.577}, repeated=True
            ),
            Variant(
                key="dfeat-32",
                label="W-Net",
                network={"concat": "dfeat"},
                paper={SBD: 0.915, MAP: 0.664},
                repeated=True,
            ),
        ),
    ),
)
STUDIES: Mapping[str, Study] = MappingProxyType({study.name: study for study in _ALL})
