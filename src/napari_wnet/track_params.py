"""Every setting of linking objects over time; see :mod:`napari_wnet.params` for how a field is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from napari_wnet.fields import Params


@dataclass(frozen=True, kw_only=True)
class TrackParams(Params):
    """How objects are linked over the frames of a time series."""

    by: Annotated[
        Literal["overlap", "distance"],
        {
            "label": "link by",
            "tooltip": "overlap: for what grows or moves less than its size, such as leaves. distance: for what moves "
            "further, such as cells.",
        },
    ] = "overlap"
    least_overlap: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1.0,
            "step": 0.05,
            "label": "least overlap",
            "tooltip": "Part of the smaller of two objects that both share, if they are to be one.",
        },
    ] = 0.3
    largest_distance: Annotated[
        float,
        {
            "min": 0.5,
            "max": 10_000.0,
            "step": 1.0,
            "label": "largest distance (px)",
            "tooltip": "How far an object's centre moves from frame to frame at most.",
        },
    ] = 30.0
    gap: Annotated[
        int,
        {
            "min": 0,
            "max": 20,
            "label": "frames bridged",
            "tooltip": "In how many frames in a row an object may be missing.",
        },
    ] = 1
    divisions: Annotated[
        bool, {"label": "divisions", "tooltip": "An object may become two, which are then tracks of their own."}
    ] = False
