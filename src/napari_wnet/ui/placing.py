"""Where labels lie on an image: over the whole of it, or over a part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_wnet.errors import ImageError
from napari_wnet.ui.layers import MARK, channel_axis_beside, fits, full_size, placement, read_source
from napari_wnet.ui.slides import cropped

Corner = tuple[int, int]
"""Row and column of the pixel of an image on which the first pixel of labels lies."""
TOLERANCE_PX = 0.25


def shape_of(image: Layer) -> tuple[int, ...]:
    """Return the shape of an image at full resolution, without colours."""
    return tuple(int(n) for n in full_size(image).shape[: image.ndim])


def made_from(labels: Layer) -> str:
    """Return the name of the image that labels were made from here; nothing for those from elsewhere."""
    return str(labels.metadata.get(MARK, {}).get("source", ""))


def goes_with(image: Layer, labels: Layer) -> bool:
    """Tell whether labels can be those of an image: they have its size, or were made from a part of it."""
    return bool(fits(image, tuple(labels.data.shape))) or (image.name == made_from(labels) and lies_on(image, labels))


def lies_on(image: Layer, labels: Layer) -> bool:
    """Tell whether labels have the size of an image, or cover a part of it pixel on pixel."""
    return bool(fits(image, tuple(labels.data.shape))) or corner_in(image, labels) is not None


def corner_in(image: Layer, labels: Layer) -> Corner | None:
    """Return where labels lie that cover a part of an image, pixel on pixel; None if they do not."""
    shape, sides = tuple(labels.data.shape), shape_of(image)[-2:]
    if len(shape) < 2 or not fits(image, (*shape[:-2], *sides)):
        return None
    ends = np.zeros(len(shape)), np.subtract(shape, 1)
    first, last = (np.asarray(image.world_to_data(labels.data_to_world(end)))[-2:] for end in ends)
    corner = np.round(first)
    on_pixels = np.allclose(first, corner, rtol=0, atol=TOLERANCE_PX)
    as_large = np.allclose(last - first, np.subtract(shape[-2:], 1), rtol=0, atol=TOLERANCE_PX)
    inside = (corner >= 0).all() and (corner + shape[-2:] <= sides).all()
    return (int(corner[0]), int(corner[1])) if on_pixels and as_large and inside else None


def put_over(labels: Layer, image: Layer, corner: Corner | None) -> None:
    """Put labels over an image, or over the part of it that begins at a corner.

    Raises
    ------
    ImageError
        If the labels do not go there.
    """
    if corner is None:
        options: Mapping[str, Any] = placement(image, dropped_axis=channel_axis_beside(image, labels))
    else:
        shape, sides = tuple(labels.data.shape), shape_of(image)[-2:]
        axes = fits(image, (*shape[:-2], *sides))
        rows, columns = (slice(begin, begin + side) for begin, side in zip(corner, shape[-2:], strict=True))
        if not axes or rows.stop > sides[0] or columns.stop > sides[1]:
            raise ImageError(
                f"'{labels.name}' lies at {corner} and is {shape}, '{image.name}' is {shape_of(image)}: it does not "
                "reach so far. Choose the image that they were made from."
            )
        options = cropped(read_source(image, channel_axis=axes[0]), image, (rows, columns)).placement
    for option, value in options.items():
        setattr(labels, option, value)
