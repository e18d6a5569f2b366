"""Windows: parts of a plane that are looked at instead of the whole, so that what is done there costs little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Window = tuple[slice, slice]

SQUARE = np.ones((3, 3), bool)
"""Neighbourhood of eight, for ndimage."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a window lies in its image.

    Attributes
    ----------
    corner : (int, int)
        Row and column of its first pixel.
    frame : (int, int)
        Height and width of the image.
    """

    corner: tuple[int, int]
    frame: tuple[int, int]

    @classmethod
    def whole(cls, shape: tuple[int, ...]) -> Place:
        """Return the place of an image in itself."""
        return cls(corner=(0, 0), frame=(shape[0], shape[1]))


def widened(window: Window, margin: int, shape: tuple[int, ...]) -> Window:
    """Return a window with a margin around it, as far as the plane goes."""
    rows, columns = (
        slice(max(0, side.start - margin), min(side.stop + margin, length))
        for side, length in zip(window, shape, strict=True)
    )
    return rows, columns


def reaches_edge(claim: Mask, window: Window, shape: tuple[int, ...]) -> bool:
    """Tell whether a mask of a window touches a side of it where the plane goes on."""
    rows, columns = window
    return bool(
        (rows.start > 0 and claim[0].any())
        or (rows.stop < shape[0] and claim[-1].any())
        or (columns.start > 0 and claim[:, 0].any())
        or (columns.stop < shape[1] and claim[:, -1].any())
    )
