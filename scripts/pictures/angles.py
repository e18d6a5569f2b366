"""Directions of touching objects, and why objects far apart may share one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke
from scipy import ndimage

from napari_wnet.core.targets import neighbours
from pictures.parts import (
    INK,
    ROSETTE,
    FloatMap,
    angles_to,
    bright,
    degrees,
    directions_of,
    leaves,
    new_figure,
    scene,
    show,
)

NEAR_PX = 10
LARGE_PX = 1500
"""Smaller leaves are in the table only: there is no room for a number on them."""
SHARED_AT = (325, 245)
"""A pixel of the cell whose direction others share."""
RIM = (Stroke(linewidth=2.5, foreground="black"), Normal())
SQUARE = np.ones((3, 3), bool)


def touching() -> Figure:
    """Draw leaves with the angles between neighbours, and a table of all angles."""
    made = leaves()
    directions = directions_of(made)
    angles = degrees(directions @ directions.T)
    np.fill_diagonal(angles, 0)  # rounded directions are not quite of unit length
    pairs = neighbours(made.labels, NEAR_PX)
    figure = new_figure(9.2, 5.1)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.12))
    show(left, made.colours[ROSETTE], "embedding; angles between some neighbours")
    middles = np.array(ndimage.center_of_mass(np.ones_like(made.labels), made.labels, range(1, len(angles) + 1)))
    middles -= (ROSETTE[0].start, ROSETTE[1].start)
    areas = np.bincount(made.labels.ravel())[1:]
    large = np.flatnonzero(areas > 1500)
    for a, b in pairs - 1:
        if a < b and a in large and b in large:
            _joined(left, middles[[a, b]], angles[a, b])
    for number in large:
        row, column = middles[number]
        left.text(
            column, row, f"{number + 1}", ha="center", va="center", weight="bold", color="white", path_effects=RIM
        )
    _matrix(right, angles, pairs - 1)
    return figure


def _joined(axes: Axes, middles: npt.NDArray[np.float64], angle: float) -> None:
    row, column = middles.mean(axis=0)
    axes.plot(middles[:, 1], middles[:, 0], color="white", lw=1)
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.9}
    axes.text(column, row, f"{angle:.0f}°", ha="center", va="center", fontsize=8, color=INK, bbox=box)


def _matrix(axes: Axes, angles: FloatMap, pairs: npt.NDArray[np.int64]) -> None:
    """Show angles as a table, those of neighbours boxed."""
    count = len(angles)
    axes.imshow(angles, cmap="Blues_r", vmin=0, vmax=180)
    for a in range(count):
        for b in range(count):
            colour = "white" if angles[a, b] < 70 else INK
            axes.text(b, a, f"{angles[a, b]:.0f}", ha="center", va="center", fontsize=7.5, color=colour)
    for a, b in pairs:
        axes.add_patch(Rectangle((b - 0.46, a - 0.46), 0.92, 0.92, fill=False, ec="#d1495b", lw=1.4))
    axes.set_xticks(range(count), [str(number + 1) for number in range(count)], fontsize=8)
    axes.set_yticks(range(count), [str(number + 1) for number in range(count)], fontsize=8)
    axes.tick_params(length=0)
    axes.set_title("angles in degrees; neighbours are boxed", color=INK)


def shared() -> Figure:
    """Draw the cells that have one cell's direction, and the part of them that is connected to it."""
    made = scene("cells", "cells")
    number = int(made.labels[SHARED_AT])
    angle = made.params.clustering.angle
    mask = made.labels > 0
    like = (angles_to(made, directions_of(made)[number - 1]) <= angle) & mask
    parts, _ = ndimage.label(like, SQUARE)
    own = parts == np.bincount(parts[(made.labels == number) & like]).argmax()
    figure = new_figure(9.2, 3.5)
    panels = figure.subplots(1, 3)
    show(panels[0], made.colours, "embedding; one cell is outlined")
    show(panels[1], _lit(made.image, like), f"within {angle:g}° of that cell's direction")
    show(panels[2], _lit(made.image, own), "of these, what is connected to it")
    for axes in panels:
        axes.contour(made.labels == number, levels=[0.5], colors="white", linewidths=1.6)
    return figure


def _lit(image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Return a grey image, darkened, with the pixels of a mask in yellow."""
    grey = bright(image) // 2
    return np.stack(
        [np.where(mask, level // 4 + grey // 2 + level // 2, grey) for level in (255, 205, 40)], axis=-1
    ).astype(np.uint8)
