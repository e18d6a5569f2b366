"""How a package tells others to normalise an image, and the very arithmetic that they then do.

Means and standard deviations are napari-wnet's own. Percentiles are interpolated, from all pixels: for 8 and 16 bit,
napari-wnet takes the value of the pixel at that rank, which is another only where neighbouring ranks differ, and in
large images of other types it looks at a regular sample (:mod:`napari_wnet.core.image`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.image import CLIP
from napari_wnet.params import NormalizeParams

EPSILON = 1e-9
"""Added to each divisor, since the format wants something to be."""

Step = dict[str, Any]


def preprocessing(params: NormalizeParams) -> list[Step]:
    """Return the steps in the words of bioimage.io's model format, for an image with axes channel, y, x."""
    axes = ["channel", "y", "x"] if params.together else ["y", "x"]
    steps: list[Step] = []
    if params.method == "percentile":
        limits = {"min_percentile": params.low, "max_percentile": params.high}
        steps.append({"id": "scale_range", "kwargs": {"axes": axes, **limits, "eps": EPSILON}})
    elif params.method == "standardize":
        steps.append({"id": "zero_mean_unit_variance", "kwargs": {"axes": axes, "eps": EPSILON}})
    if params.invert:
        steps.append({"id": "scale_linear", "kwargs": {"gain": -1.0, "offset": _turned_at(params)}})
    if params.method == "percentile":
        steps.append({"id": "clip", "kwargs": {"min": CLIP[0], "max": CLIP[1]}})
    return steps


def declared(image: npt.NDArray[Any], params: NormalizeParams) -> npt.NDArray[np.float32]:
    """Do to an image, (C, Y, X), what :func:`preprocessing` says."""
    values = image.astype(np.float32)
    axes = (0, 1, 2) if params.together else (1, 2)
    if params.method == "percentile":
        low, high = np.percentile(values, (params.low, params.high), axis=axes, keepdims=True)
        values = (values - low) / (high - low + EPSILON)
    elif params.method == "standardize":
        values = (values - values.mean(axes, keepdims=True)) / (values.std(axes, keepdims=True) + EPSILON)
    if params.invert:
        values = _turned_at(params) - values
    if params.method == "percentile":
        values = np.clip(values, *CLIP)
    return values.astype(np.float32)


def _turned_at(params: NormalizeParams) -> float:
    return 1.0 if params.method == "percentile" else 0.0
