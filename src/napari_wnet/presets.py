"""Settings that belong together: what the paper did, what its equation says, and what this project found better.

Source of ``paper``: Wu, Chen, Merhof 2020, section 3.1, and facts read from its authors' published code.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_wnet.params import ClusteringParams, NormalizeParams, WNetConfig
from napari_wnet.train_params import AugmentParams, LossParams, TrainParams

SIDE = 512
"""Pixels of the square to which the paper stretches every image."""
PLAIN = AugmentParams(
    flip=False, rotate=False, scale_low=1, scale_high=1, elastic=0, gamma=0, contrast=0, brightness=0, blur=0, noise=0
)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What a training starts from.

    Attributes
    ----------
    network : WNetConfig
    params : TrainParams
    clustering : ClusteringParams
        How maps become labels, in validations and in what the model recommends.
    tune : bool
        Whether another clustering may be recommended, if it is better on the validation images.
    """

    network: WNetConfig
    params: TrainParams
    clustering: ClusteringParams
    tune: bool


PAPER_TRAINING = TrainParams(
    epochs=500,
    batch_size=4,
    crop_size=SIDE,
    whole=True,
    smallest_object=25,
    fewest_objects=2,
    learning_rate=1e-4,
    schedule="staircase",
    warmup_steps=0,
    optimizer="adam",
    weight_decay=0,
    clip=0,
    ema=0,
    freeze_norm=1,
    keep="last",
    precision="float32",
    balance=0,
    validate_every=2000,
    normalize=NormalizeParams(method="standardize", together=True, square=SIDE),
    loss=LossParams(reduction="pixel", inter="abs", background=True, targets="ring", foreground_weight=0),
    augment=PLAIN,
)

PRESETS = {
    "default": Preset(network=WNetConfig(), params=TrainParams(), clustering=ClusteringParams(), tune=True),
    "paper": Preset(
        network=WNetConfig.paper(),
        params=PAPER_TRAINING,
        clustering=ClusteringParams(method="paper", fill=False),
        tune=False,
    ),
    "equation": Preset(
        network=WNetConfig.paper(),
        params=PAPER_TRAINING.replace(loss__reduction="object", loss__inter="raw"),
        clustering=ClusteringParams(method="paper", fill=False),
        tune=False,
    ),
}
