"""The settings of clustering: how maps become labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from napari_wnet.fields import Params

BY_SEEDS = ("angular", "combined", "watershed")
"""Clusterings whose objects depend on what is near them alone, so that a slide can be clustered in blocks."""
BY_PEAKS = ("paper", "authors")
BY_ANGLE = ("angular", "combined", *BY_PEAKS, "meanshift", "hdbscan")


@dataclass(frozen=True, kw_only=True)
class ClusteringParams(Params):
    """How maps become labels; the only stage re-run when a slider moves.

    ``"only_for"`` names the methods that a field is for; a form shows it while one of them is chosen.
    """

    method: Annotated[
        Literal["combined", "angular", "watershed", "paper", "authors", "mutex", "meanshift", "hdbscan"],
        {
            "flag": "clustering",
            "label": "method",
            "tooltip": "angular: seeds grown by the embedding's angle (W-Net). watershed: by the distance map alone. "
            "combined: by the angle where it is clear, else by the distance map. To compare with - paper, authors: "
            "W-Net to the letter, and as its authors' program has it; mutex, meanshift, hdbscan: without seeds.",
        },
    ] = "angular"
    seed_threshold: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1.0,
            "step": 0.01,
            "label": "seed threshold",
            "tooltip": "Distance above which pixels form a seed. Higher splits more and drops doubtful objects.",
            "only_for": BY_SEEDS,
        },
    ] = 0.5
    seed_sigma: Annotated[
        float,
        {
            "min": 0.0,
            "max": 10.0,
            "step": 0.1,
            "label": "seed smoothing (px)",
            "tooltip": "Gaussian smoothing of the distance map before seeds are taken.",
            "only_for": BY_SEEDS,
        },
    ] = 1.0
    peak_part: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1.0,
            "step": 0.01,
            "label": "peaks above",
            "tooltip": "A seed is a local maximum of the distance map above this part of the image's maximum.",
            "only_for": BY_PEAKS,
        },
    ] = 0.7
    peak_sigma: Annotated[
        float,
        {
            "min": 0.0,
            "max": 10.0,
            "step": 0.1,
            "label": "peak smoothing (px)",
            "tooltip": "Gaussian smoothing of the distance map before its peaks are sought.",
            "only_for": ("authors",),
        },
    ] = 3.0
    peak_distance: Annotated[
        int,
        {
            "min": 1,
            "max": 100,
            "label": "peaks apart (px)",
            "tooltip": "Of two peaks that are no further apart than this, the lower one is no seed.",
            "only_for": ("authors",),
        },
    ] = 10
    angle: Annotated[
        float,
        {
            "min": 1.0,
            "max": 90.0,
            "step": 1.0,
            "label": "angle (degrees)",
            "tooltip": "A pixel joins an object when its embedding lies within this angle of the seed's; without "
            "seeds, of the middle of a cluster of embeddings.",
            "only_for": BY_ANGLE,
        },
    ] = 45.0
    mutex_reach: Annotated[
        int,
        {
            "min": 2,
            "max": 64,
            "label": "compare at (px)",
            "tooltip": "Pixels this far apart, and twice as far, keep objects apart where their embeddings differ. "
            "Objects narrower than this may stay joined.",
            "only_for": ("mutex",),
        },
    ] = 8
    mutex_weight: Annotated[
        float,
        {
            "min": 0.1,
            "max": 3.0,
            "step": 0.05,
            "label": "weight of differences",
            "tooltip": "How much a difference between far pixels counts against the likeness of neighbours. "
            "Higher splits more.",
            "only_for": ("mutex",),
        },
    ] = 1.0
    min_cluster_size: Annotated[
        int,
        {
            "min": 2,
            "max": 2000,
            "label": "smallest cluster",
            "tooltip": "Fewer embeddings of the sample than this form no cluster. Higher joins more.",
            "only_for": ("hdbscan",),
        },
    ] = 50
    n_sampled: Annotated[
        int,
        {
            "min": 100,
            "max": 10_000,
            "step": 100,
            "label": "pixels sampled",
            "tooltip": "Clusters are sought among so many pixels of the foreground. More finds rarer ones, but above "
            "3,000 the window stands still meanwhile, up to seconds.",
            "only_for": ("hdbscan",),
        },
    ] = 2500
    foreground_threshold: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1.0,
            "step": 0.01,
            "label": "foreground threshold",
            "tooltip": "Probability above which a pixel belongs to some object. Lower gives larger objects.",
        },
    ] = 0.5
    foreground_use: Annotated[
        Literal["objects", "region"],
        {
            "label": "your foreground is",
            "tooltip": "What a foreground of yours says. objects: where objects are, in place of the network's own. "
            "region: where to look for them; the network still tells objects from background there.",
        },
    ] = "objects"
    min_area: Annotated[
        int,
        {
            "min": 0,
            "max": 1_000_000,
            "label": "minimum area (px)",
            "tooltip": "Smaller objects are dropped.",
        },
    ] = 25
    fill: Annotated[
        bool,
        {
            "label": "fill",
            "tooltip": "Close holes in objects and give leftover foreground that touches an object to it.",
        },
    ] = True
