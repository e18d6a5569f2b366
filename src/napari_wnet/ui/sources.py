"""What of an image layer goes with labels that were made from it."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels, Layer

from napari_wnet.ui.layers import Source, channel_axis_beside, read_source
from napari_wnet.ui.settings import SegmentSettings


def source_of(image: Layer, labels: Labels, settings: Any) -> Source:
    """Return what a model reads of an image: the channels that it read when the labels were made, else all."""
    axis = channel_axis_beside(image, labels)
    made = None if settings is None else SegmentSettings.from_dict(settings)
    channels = made.channels if made is not None and made.axis == axis else ()
    return read_source(image, channel_axis=axis, channels=channels)
