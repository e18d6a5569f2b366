"""Traits of a whole image: how many objects, how much area, how far spread; for a rosette its leaves and its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist

from napari_wnet.core.columns import Column
from napari_wnet.core.hulls import corners
from napari_wnet.core.labels import check_labels
from napari_wnet.core.measure import PixelSize, check_pixel_size
from napari_wnet.core.objects import Objects
from napari_wnet.errors import ImageError

Values = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """What the traits of an image are made of: its objects' areas, and all of them taken as one object."""

    areas: Values
    union: Objects

    @property
    def pixel_area(self) -> float:
        """Of one pixel."""
        return self.union.pixel_size[0] * self.union.pixel_size[1]

    @property
    def hull_area(self) -> float:
        """Of the convex hull of all objects together."""
        return float(self.union.hull_area.sum() * self.pixel_area)

    @property
    def diameter(self) -> float:
        """The largest distance between two points of the outline."""
        if not self.areas.size:
            return 0.0
        return float(pdist(corners(self.union.sides) * self.union.pixel_size).max())

    def of_areas(self, statistic: Callable[[Values], Any], least: int = 1) -> float:
        """Return a statistic of the areas, NaN where there are fewer than it needs."""
        return float(statistic(self.areas)) if self.areas.size >= least else np.nan


@dataclass(frozen=True, kw_only=True)
class Trait(Column):
    """A column of the table of images."""

    value: Callable[[Picture], float | int]


TRAITS: tuple[Trait, ...] = (
    Trait(name="n_objects", about="Number of objects; leaves, in a rosette.", value=lambda picture: picture.areas.size),
    Trait(
        name="total_area",
        power=2,
        about="Area of all objects together; projected leaf area, in a rosette seen from above.",
        value=lambda picture: picture.areas.sum(),
    ),
    Trait(
        name="cover",
        about="Share of the image that is covered by objects, 0 to 1.",
        value=lambda picture: picture.areas.sum() / (picture.union.plane.size * picture.pixel_area or 1),
    ),
    Trait(
        name="diameter",
        power=1,
        about="Largest distance between two points of the outline of all objects together (maximum Feret diameter); "
        "rosette diameter.",
        value=lambda picture: picture.diameter,
    ),
    Trait(
        name="hull_area",
        power=2,
        about="Area of the convex hull of all objects together.",
        value=lambda picture: picture.hull_area,
    ),
    Trait(
        name="compactness",
        about="total_area over hull_area: 1 without gaps; empty where there is no object.",
        value=lambda picture: picture.areas.sum() / picture.hull_area if picture.areas.size else np.nan,
    ),
    Trait(
        name="mean_area",
        power=2,
        about="Mean of the objects' areas; of the leaves'.",
        value=lambda picture: picture.of_areas(np.mean),
    ),
    Trait(
        name="sd_area",
        power=2,
        about="Their standard deviation, divided by one less than their number; empty below two objects.",
        value=lambda picture: picture.of_areas(lambda areas: np.std(areas, ddof=1), 2),
    ),
    Trait(name="min_area", power=2, about="The smallest.", value=lambda picture: picture.of_areas(np.min)),
    Trait(
        name="q1_area",
        power=2,
        about="First quartile: a quarter of the objects is smaller (linear between neighbours).",
        value=lambda picture: picture.of_areas(lambda areas: np.quantile(areas, 0.25)),
    ),
    Trait(name="median_area", power=2, about="Median.", value=lambda picture: picture.of_areas(np.median)),
    Trait(
        name="q3_area",
        power=2,
        about="Third quartile.",
        value=lambda picture: picture.of_areas(lambda areas: np.quantile(areas, 0.75)),
    ),
    Trait(name="max_area", power=2, about="The largest.", value=lambda picture: picture.of_areas(np.max)),
)
"""All that is said of an image, in the order of the table."""


def plane_traits(labels: npt.ArrayLike, pixel_size: PixelSize | None = None) -> dict[str, float | int]:
    """Describe the objects of a plane as a whole.

    Parameters
    ----------
    labels : (Y, X) integer array
        0 is background.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.

    Returns
    -------
    dict of str to number
        One entry for each of :data:`TRAITS`, with the unit in its name.

    Raises
    ------
    ImageError
        If the labels are not a plane of labels.
    ParamsError
        If the pixel size is not two positive numbers.
    """
    plane = check_labels(labels)
    if plane.ndim != 2:
        raise ImageError(f"The labels have {plane.ndim} dimensions; give one plane, (Y, X), at a time.")
    size = check_pixel_size(pixel_size)
    union = Objects((plane != 0).view(np.uint8), size or (1.0, 1.0))
    areas = Objects(plane).area
    picture = Picture(areas=areas if size is None else areas * (size[0] * size[1]), union=union)
    return {trait.title(size is not None): np.asarray(trait.value(picture)).item() for trait in TRAITS}
