"""The columns of a table of objects: each is declared once, with its definition and its unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.objects import Objects

Values = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        Without its unit.
    power : int
        1 for a length, 2 for an area, 0 for what has no unit.
    about : str
        Its definition.
    """

    name: str
    power: int = 0
    about: str

    def title(self, known: bool) -> str:
        """Return the name with the unit: micrometres where the pixel size is known, else pixels."""
        if not self.power:
            return self.name
        return f"{self.name}_{('um', 'um2')[self.power - 1] if known else 'px'}"


@dataclass(frozen=True, kw_only=True)
class ShapeColumn(Column):
    """A column that follows from the labels; `values` are in the unit of the pixel size."""

    values: Callable[[Objects], Values]


@dataclass(frozen=True, kw_only=True)
class IntensityColumn(Column):
    """A column for each channel of the image."""

    values: Callable[[Objects, Values], Values]


def _circularity(objects: Objects) -> Values:
    return np.asarray(np.minimum(4 * np.pi * objects.area * _pixel_area(objects) / objects.perimeter**2, 1))


def _eccentricity(objects: Objects) -> Values:
    long, short = objects.variances
    return np.asarray(np.sqrt(1 - np.divide(short, long, out=np.ones_like(long), where=long > 0)))


def _at_border(objects: Objects) -> Values:
    top, left, bottom, right = objects.box
    height, width = objects.plane.shape
    return np.asarray((top == 0) | (left == 0) | (bottom == height) | (right == width))


def _area(objects: Objects) -> Values:
    size = _pixel_area(objects)
    return objects.area if size == 1 else objects.area * size


def _pixel_area(objects: Objects) -> float:
    return objects.pixel_size[0] * objects.pixel_size[1]


COLUMNS: tuple[ShapeColumn | IntensityColumn, ...] = (
    ShapeColumn(name="area", power=2, about="Number of pixels times the area of one.", values=_area),
    ShapeColumn(
        name="perimeter",
        power=1,
        about="Length of the outline, those of holes included, by Crofton's formula in four directions.",
        values=lambda objects: objects.perimeter,
    ),
    ShapeColumn(
        name="length",
        power=1,
        about="Long axis of the ellipse with the same second moments.",
        values=lambda objects: 4 * np.sqrt(objects.variances[0]),
    ),
    ShapeColumn(
        name="width",
        power=1,
        about="Short axis of that ellipse.",
        values=lambda objects: 4 * np.sqrt(objects.variances[1]),
    ),
    ShapeColumn(
        name="eccentricity",
        about="Of that ellipse: 0 for a circle, near 1 for a line.",
        values=_eccentricity,
    ),
    ShapeColumn(
        name="circularity",
        about="4 pi area / perimeter squared, 1 at most: 1 for a disc, less the longer the outline.",
        values=_circularity,
    ),
    ShapeColumn(
        name="solidity",
        about="Area over the area of the convex hull: 1 without dents.",
        values=lambda objects: objects.area / objects.hull_area,
    ),
    IntensityColumn(name="mean_intensity", about="Mean of the image's values in the object.", values=Objects.mean),
    IntensityColumn(
        name="sd_intensity",
        about="Their standard deviation, divided by the number of pixels.",
        values=Objects.spread,
    ),
    IntensityColumn(
        name="min_intensity",
        about="The smallest of them.",
        values=lambda objects, image: objects.extreme(image, np.minimum),
    ),
    IntensityColumn(
        name="max_intensity",
        about="The largest of them.",
        values=lambda objects, image: objects.extreme(image, np.maximum),
    ),
    ShapeColumn(
        name="centroid_y",
        power=1,
        about="Mean row of the pixels, 0 at the centre of the first.",
        values=lambda objects: objects.centroid[0] * objects.pixel_size[0],
    ),
    ShapeColumn(
        name="centroid_x",
        power=1,
        about="Mean column of the pixels, 0 at the centre of the first.",
        values=lambda objects: objects.centroid[1] * objects.pixel_size[1],
    ),
    ShapeColumn(
        name="at_border",
        about="Whether it touches the border of the image, and may go on beyond.",
        values=_at_border,
    ),
    ShapeColumn(
        name="bbox_top_px",
        about="First row of the bounding box; always in pixels, to cut the object out.",
        values=lambda objects: objects.box[0],
    ),
    ShapeColumn(name="bbox_left_px", about="First column of the bounding box.", values=lambda objects: objects.box[1]),
    ShapeColumn(name="bbox_bottom_px", about="The row after its last one.", values=lambda objects: objects.box[2]),
    ShapeColumn(name="bbox_right_px", about="The column after its last one.", values=lambda objects: objects.box[3]),
)
"""All that is measured of an object, in the order of the table."""
ALL = tuple(column.name for column in COLUMNS)
LIVE = ("area", "mean_intensity", "centroid_y", "centroid_x")
"""What the labels layer shows while sliders move."""
