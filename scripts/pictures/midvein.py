"""Why a distance map and not an outline: a midvein is an edge, but no boundary."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import ndimage
from skimage.filters import sobel
from skimage.measure import profile_line, regionprops

from pictures.parts import INK, FloatMap, Scene, bright, leaves, new_figure, show, show_distance

AT = (330, 320)
"""A pixel of the leaf across which the profiles are taken."""
PROFILE_WIDTH_PX = 5
TOWARDS_PETIOLE, REACH = 0.14, 0.72
"""Where the line is and how far it goes to each side, as parts of the leaf's length and width."""

Place = tuple[float, float]


def across(made: Scene) -> tuple[Place, Place]:
    """Return the ends, (row, column), of a line across the blade where its midvein is strong."""
    own = regionprops((made.labels == made.labels[AT]).astype(np.int32))[0]
    along = np.array([np.cos(own.orientation), np.sin(own.orientation)])
    middle = np.array(own.centroid) - along * own.axis_major_length * TOWARDS_PETIOLE
    step = np.array([-along[1], along[0]]) * own.axis_minor_length * REACH
    return tuple(middle - step), tuple(middle + step)


def smoothed(values: npt.NDArray[np.floating]) -> FloatMap:
    """Return a map without its noise."""
    return np.asarray(ndimage.gaussian_filter(values.astype(np.float32), 1), np.float32)


def gradient_of(grey: FloatMap) -> FloatMap:
    """Return how fast a picture changes, 1 where it does so most."""
    gradient = sobel(grey)
    return np.asarray(gradient / gradient.max(), np.float32)


def grey_of(made: Scene) -> FloatMap:
    """Return the intensity of a scene without its noise, 0 to 1."""
    return smoothed(bright(made.image).mean(axis=-1)) / 255


def midvein() -> Figure:
    """Draw intensity, gradient and distance along a line across a blade."""
    made = leaves()
    start, stop = across(made)
    grey = grey_of(made)
    gradient = gradient_of(grey)
    box = ndimage.find_objects((made.labels == made.labels[AT]).astype(np.uint8))[0]
    window = tuple(slice(max(0, side.start - 12), side.stop + 12) for side in box)
    figure = new_figure(9.2, 5.4)
    grid = figure.add_gridspec(2, 3, height_ratios=(1.25, 1))
    panels = [figure.add_subplot(grid[0, column]) for column in range(3)]
    show(panels[0], bright(made.image)[window], "image")
    show(panels[1], gradient[window], "gradient of the image", vmax=0.6)
    show_distance(panels[2], made.distance[window], "distance map")
    corner = np.array([window[0].start, window[1].start])
    line = np.array([start, stop]) - corner
    for panel, colour in zip(panels, ("white", "#ffb000", "white"), strict=True):
        panel.plot(line[:, 1], line[:, 0], color=colour, lw=1.5, ls="--")
    _profiles(figure.add_subplot(grid[1, :]), made, {"intensity": grey, "gradient": gradient}, (start, stop))
    return figure


def _profiles(
    axes: Axes,
    made: Scene,
    maps: dict[str, FloatMap],
    ends: tuple[tuple[float, float], tuple[float, float]],
) -> None:
    """Draw what each map is along the line, and where the blade is."""
    inside = profile_line((made.labels == made.labels[AT]).astype(float), *ends, order=0) > 0.5
    shown = {**maps, "distance": made.distance}
    for (name, values), (colour, width) in zip(
        shown.items(), (("#5a8f29", 1.6), ("#777777", 1.6), ("#c2185b", 2.6)), strict=True
    ):
        axes.plot(profile_line(values, *ends, linewidth=PROFILE_WIDTH_PX), color=colour, lw=width, label=name)
    blade = np.flatnonzero(inside)
    axes.axvspan(blade[0], blade[-1], color="#5a8f29", alpha=0.10, lw=0)
    axes.text(blade[0] + 1, 0.96, "blade", color=INK, fontsize=9, va="top", transform=axes.get_xaxis_transform())
    axes.set_xlabel("place along the dashed line (px)")
    vein = int(profile_line(made.distance, *ends, linewidth=PROFILE_WIDTH_PX).argmax())
    axes.annotate(
        "midvein",
        (vein, 0.74),
        (vein - 17, 0.93),
        color=INK,
        fontsize=9,
        arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.8},
    )
    axes.set_ylim(0, 1.02)
    axes.margins(x=0)
    axes.legend(frameon=False, loc="upper right", fontsize=9)
