"""When the objects that were found are of another size than a model knows, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from napari_wnet.core.sizes import diameters
from napari_wnet.params import SegmentParams
from napari_wnet.ui.requests import Labels

if TYPE_CHECKING:
    from napari_wnet.network.header import ModelHeader

TELLING = 3
"""So many objects tell whether they are of another size than those trained on."""
FITTING = (0.6, 3.0)
"""Sizes of the objects found, as parts of that trained on, with which nothing need be said: beyond, objects are lost or
fall apart."""


def size_advice(planes: Iterable[Labels], params: SegmentParams, header: ModelHeader) -> str:
    """Return advice to set the diameter where the objects found are of quite another size than those trained on."""
    if params.normalize.diameter or params.normalize.square or not header.diameter:
        return ""
    sizes = np.concatenate([np.zeros(0), *map(diameters, planes)])
    if len(sizes) < TELLING:
        return ""
    found = float(np.median(sizes))
    low, high = (part * header.diameter for part in FITTING)
    if low <= found <= high:
        return ""
    return (
        f"The objects found are about {found:.0f} px wide; the model was trained on {header.diameter:.0f} px. If yours "
        "are of another size, press Estimate beside the object diameter, then Run."
    )
