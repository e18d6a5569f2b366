"""Every setting of training: losses, augmentation, schedule. Declared as those of :mod:`napari_wnet.params` are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from napari_wnet.fields import Params
from napari_wnet.params import NormalizeParams


@dataclass(frozen=True, kw_only=True)
class LossParams(Params):
    """Which errors training minimises and how they are weighed (method: Wu, Chen, Merhof 2020, section 2.2)."""

    distance_weight: Annotated[float, {"min": 0.0, "max": 1000.0, "tooltip": "Weight of the distance regression."}] = (
        1.0
    )
    embedding_weight: Annotated[float, {"min": 0.0, "max": 1000.0, "tooltip": "Weight of the embedding loss."}] = 1.0
    foreground_weight: Annotated[
        float, {"min": 0.0, "max": 1000.0, "tooltip": "Weight of the foreground head's BCE + Dice."}
    ] = 1.0
    mask_weight: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1000.0,
            "tooltip": "Weight of the soft Dice of what each object's mean direction claims; 0: not used.",
        },
    ] = 0.0
    mask_temperature: Annotated[
        float,
        {
            "min": 0.01,
            "max": 10.0,
            "tooltip": "Width, in cosine, over which a claim of that soft Dice goes from no to yes.",
        },
    ] = 0.1
    inter_weight: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1000.0,
            "tooltip": "Lambda: weight of the push between neighbours within the embedding loss.",
        },
    ] = 1.0
    intra_weight: Annotated[
        float,
        {"min": 0.0, "max": 1000.0, "tooltip": "Weight of the pull to an object's mean; 0: only the push counts."},
    ] = 1.0
    constraint: Annotated[
        Literal["local", "global"],
        {"tooltip": "Which objects must be orthogonal: neighbours, or all of an image."},
    ] = "local"
    reduction: Annotated[
        Literal["object", "pixel"],
        {"tooltip": "Whether each object or each pixel counts the same in the pull to the mean."},
    ] = "object"
    inter: Annotated[
        Literal["abs", "square", "raw"], {"tooltip": "How the cosine between neighbours' means is penalised."}
    ] = "abs"
    background: Annotated[bool, {"tooltip": "Background is an object, adjacent to every other."}] = True
    neighbour_distance: Annotated[
        float, {"min": 1.0, "max": 500.0, "tooltip": "Objects closer than this (network pixels) must be orthogonal."}
    ] = 10.0
    targets: Annotated[
        Literal["edt", "ring"],
        {"tooltip": "edt: distance to the boundary; ring: outermost pixels set to zero first, as the authors do."},
    ] = "edt"
    steady_weight: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1000.0,
            "tooltip": "Weight of the pull of distance and foreground to a steadier network's where nothing is "
            "labelled; 0: none.",
        },
    ] = 0.0
    steady: Annotated[
        Literal["base", "average"],
        {"tooltip": "That network: the model the training starts from, or the running average of the weights."},
    ] = "base"
    ring_background: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1000.0,
            "tooltip": "How much the ring around objects ticked as done counts as background for distance and "
            "foreground, relative to what is known; 0: not at all.",
        },
    ] = 0.0


@dataclass(frozen=True, kw_only=True)
class AugmentParams(Params):
    """How training crops are varied; 0 or off switches a transformation off."""

    flip: Annotated[bool, {"tooltip": "Mirrored at random."}] = True
    rotate: Annotated[bool, {"tooltip": "Any angle, not only quarter turns."}] = True
    scale_low: Annotated[float, {"min": 0.1, "max": 1.0, "tooltip": "Least factor of the size."}] = 0.7
    scale_high: Annotated[float, {"min": 1.0, "max": 10.0, "tooltip": "Largest factor of the size."}] = 1.4
    elastic: Annotated[float, {"min": 0.0, "max": 50.0, "tooltip": "Displacement of the elastic grid in px."}] = 3.0
    gamma: Annotated[float, {"min": 0.0, "max": 2.0, "tooltip": "Largest |log gamma|."}] = 0.4
    contrast: Annotated[float, {"min": 0.0, "max": 1.0, "tooltip": "Largest relative change of contrast."}] = 0.2
    brightness: Annotated[float, {"min": 0.0, "max": 1.0, "tooltip": "Largest shift of all intensities."}] = 0.1
    blur: Annotated[float, {"min": 0.0, "max": 10.0, "tooltip": "Largest sigma in px."}] = 1.2
    noise: Annotated[float, {"min": 0.0, "max": 1.0, "tooltip": "Largest standard deviation."}] = 0.06


@dataclass(frozen=True, kw_only=True)
class TrainParams(Params):
    """How a network is trained."""

    steps: Annotated[int, {"min": 1, "max": 10_000_000, "tooltip": "Optimiser steps in all."}] = 4000
    batch_size: Annotated[int, {"min": 1, "max": 512, "tooltip": "Crops per step."}] = 8
    epochs: Annotated[
        int,
        {
            "min": 0,
            "max": 1_000_000,
            "tooltip": "Passes over the images, in place of the number of steps; 0: as many steps as said.",
        },
    ] = 0
    whole: Annotated[
        bool,
        {
            "flag": "whole-images",
            "tooltip": "A crop is a whole image, stretched to the crop size; all come once before any comes again.",
        },
    ] = False
    smallest_object: Annotated[
        int,
        {"min": 1, "max": 1_000_000, "tooltip": "Objects of fewer pixels in a crop count as background there."},
    ] = 1
    fewest_objects: Annotated[
        int,
        {
            "min": 0,
            "max": 1_000_000,
            "tooltip": "Images with fewer objects are left out; 0: images without any teach what is background.",
        },
    ] = 1
    crop_size: Annotated[int, {"min": 32, "max": 2048, "tooltip": "Side of a training crop in network pixels."}] = 256
    learning_rate: Annotated[float, {"min": 1e-7, "max": 1.0, "tooltip": "Peak of the schedule."}] = 1e-3
    schedule: Annotated[
        Literal["cosine", "staircase", "constant"],
        {"tooltip": "cosine: warm-up, then down to 0; staircase: x0.9 every 5000 steps (paper)."},
    ] = "cosine"
    warmup_steps: Annotated[int, {"min": 0, "max": 100_000, "tooltip": "Steps until the rate is at its peak."}] = 200
    optimizer: Annotated[Literal["adamw", "adam"], {"tooltip": "How a step follows from the gradient."}] = "adamw"
    weight_decay: Annotated[float, {"min": 0.0, "max": 1.0, "tooltip": "Pull of the weights to 0."}] = 1e-4
    clip: Annotated[float, {"min": 0.0, "max": 1e6, "tooltip": "Largest gradient norm; 0: no clipping."}] = 1.0
    ema: Annotated[float, {"min": 0.0, "max": 0.99999, "tooltip": "Decay of the averaged weights; 0: none."}] = 0.998
    freeze_norm: Annotated[
        float, {"min": 0.0, "max": 1.0, "tooltip": "Part of the steps after which batch statistics stay as they are."}
    ] = 0.6
    validate_every: Annotated[int, {"min": 1, "max": 1_000_000, "tooltip": "Steps between validations."}] = 500
    keep: Annotated[
        Literal["best", "last"], {"tooltip": "Which weights are kept: those that validate best, or the last ones."}
    ] = "best"
    seed: Annotated[int, {"min": 0, "max": 2**31 - 1, "tooltip": "Of all chance."}] = 0
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], {"tooltip": "auto: bfloat16 where the hardware is faster with it."}
    ] = "auto"
    workers: Annotated[int, {"min": 0, "max": 64, "tooltip": "Processes that prepare crops; 0: none."}] = 0
    balance: Annotated[
        float, {"min": 0.0, "max": 1.0, "tooltip": "0: every image as often; 1: every kind of image as often."}
    ] = 0.5
    patience: Annotated[
        int,
        {"min": 0, "max": 100_000, "tooltip": "Validations without a better one after which it ends; 0: never."},
    ] = 0
    late_margin: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1.0,
            "tooltip": "Weights of a later validation are preferred unless it scores lower than the best by more than "
            "this over the root of the number of validation objects, which chance may do; 0: the best score wins.",
        },
    ] = 0.0
    report_every: Annotated[int, {"min": 0, "max": 1_000_000, "tooltip": "Steps between reports; 0: as usual."}] = 0
    freeze_first: Annotated[bool, {"tooltip": "Keep the first U-Net as it is; its heads and the second learn."}] = False
    replay: Annotated[
        float,
        {
            "min": 0.0,
            "max": 0.9,
            "tooltip": "Share of the crops taken from images the base model knows, with its own labels, against "
            "forgetting.",
        },
    ] = 0.0
    largest_diameter: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1000.0,
            "tooltip": "Fine-tuning shrinks the images if their objects' median diameter is above this many px; "
            "0: never.",
        },
    ] = 0.0
    normalize: NormalizeParams = field(default_factory=NormalizeParams)
    loss: LossParams = field(default_factory=LossParams)
    augment: AugmentParams = field(default_factory=AugmentParams)


FINE_TUNE = TrainParams(
    steps=500,
    batch_size=4,
    crop_size=128,
    learning_rate=2e-3,
    warmup_steps=20,
    validate_every=25,
    patience=8,
    late_margin=0.25,
    report_every=5,
    largest_diameter=28.0,
    loss=LossParams(steady_weight=1.0, steady="average", ring_background=1.0),
    augment=AugmentParams(scale_low=0.5),
)
"""Light defaults for fine-tuning on a few images; measured in ``docs/training-notes.md``."""


@dataclass(frozen=True, kw_only=True)
class OutlineParams(Params):
    """How the outline network is trained."""

    steps: Annotated[int, {"min": 1, "max": 1_000_000, "tooltip": "Optimiser steps."}] = 4000
    batch_size: Annotated[int, {"min": 2, "max": 1024, "tooltip": "Objects a step."}] = 64
    learning_rate: Annotated[float, {"min": 1e-6, "max": 1.0, "tooltip": "At its highest."}] = 3e-3
    weight_decay: Annotated[float, {"min": 0.0, "max": 1.0, "tooltip": "Of AdamW."}] = 1e-3
    warmup_steps: Annotated[int, {"min": 0, "max": 100_000, "tooltip": "Steps until the rate is at its highest."}] = 300
    ema: Annotated[float, {"min": 0.0, "max": 0.99999, "tooltip": "Of the averaged weights, which are kept."}] = 0.998
    clip: Annotated[float, {"min": 0.0, "max": 100.0, "tooltip": "Largest norm of the gradient; 0: any."}] = 1.0
    clicks: Annotated[float, {"min": 0.0, "max": 1.0, "tooltip": "Share of objects pointed at by a click."}] = 0.4
    others: Annotated[
        float, {"min": 0.0, "max": 1.0, "tooltip": "Share of objects with clicks on neighbours, as not being theirs."}
    ] = 0.3
    corrected: Annotated[
        float, {"min": 0.0, "max": 1.0, "tooltip": "Share of steps in which what is wrong at first is clicked at."}
    ] = 0.5
    hand_px: Annotated[float, {"min": 0.25, "max": 20.0, "tooltip": "How far boxes are off at most, in pixels."}] = 1.5
    hand_part: Annotated[float, {"min": 0.0, "max": 0.5, "tooltip": "The same, as a part of the side."}] = 0.05
    size_spread: Annotated[
        float, {"min": 0.0, "max": 2.0, "tooltip": "How far off the expected size is, as a factor's logarithm."}
    ] = 0.2
    small_px: Annotated[
        float, {"min": 1.0, "max": 1000.0, "tooltip": "Objects smaller than this are shown more often."}
    ] = 30.0
    gamma: Annotated[float, {"min": 0.0, "max": 2.0, "tooltip": "Logarithm of the largest exponent."}] = 0.4
    noise: Annotated[float, {"min": 0.0, "max": 5.0, "tooltip": "Largest standard deviation of added noise."}] = 0.4
    inverted: Annotated[float, {"min": 0.0, "max": 1.0, "tooltip": "Share of images turned into negatives."}] = 0.1
    validate_every: Annotated[int, {"min": 1, "max": 100_000, "tooltip": "Steps between validations."}] = 500
    seed: Annotated[int, {"min": 0, "max": 2**31 - 1, "tooltip": "Of all chance."}] = 0
