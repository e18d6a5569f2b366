"""What the pictures of docs/how-it-works.md have in common: scenes, colours, panels, small files."""

from __future__ import annotations

import colorsys
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

import napari_wnet
from napari_wnet.core.clustering import find_seeds, foreground_mask, smoothed_distance
from napari_wnet.core.embedding_view import embedding_rgb
from napari_wnet.core.growth import Seeds, canonical
from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.whole import mean_directions
from napari_wnet.io.images import read_image
from napari_wnet.params import SegmentParams
from napari_wnet.sample_data import sample_path

Labels = npt.NDArray[np.int32]
Picture = npt.NDArray[np.uint8]
FloatMap = npt.NDArray[np.float32]
Window = tuple[slice, slice]

DPI = 110
LARGEST_FILE = 240_000
# An opaque page: black letters are read on it whether the page around is light or dark.
STYLE = {
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
}
INK = "#222222"
ACCENT = "#1b6ca8"
DISTANCE_COLOURS = "magma"
WHOLE: Window = (slice(None), slice(None))
ROSETTE: Window = (slice(14, 420), slice(14, 400))


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """A bundled image and what a bundled model makes of it.

    Attributes
    ----------
    image : (Y, X) or (Y, X, 3) uint8 array
    maps : Maps
    labels : (Y, X) int32 array
    params : SegmentParams
    """

    image: Picture
    maps: Maps
    labels: Labels
    params: SegmentParams

    @property
    def distance(self) -> FloatMap:
        """Distance map, (Y, X), 0 to 1."""
        return np.asarray(self.maps.distance, np.float32)

    @property
    def colours(self) -> Picture:
        """Embedding as colours, (Y, X, 3)."""
        return embedding_rgb(self.maps.embedding, self.maps.foreground)


@lru_cache
def scene(model: str, sample: str) -> Scene:
    """Return a bundled image, segmented as its model recommends."""
    image = read_image(sample_path(sample)).array
    result = napari_wnet.segment(image, model=model, device="cpu")
    return Scene(image=image, maps=result.maps, labels=result.labels, params=result.params)


def leaves() -> Scene:
    """Return the rosette with the maps and labels of its leaves."""
    return scene("leaf", "rosette")


def seeds_of(made: Scene) -> Seeds:
    """Return the seeds from which labels grow."""
    params = made.params.clustering
    mask = foreground_mask(made.maps, params)
    found = find_seeds(smoothed_distance(made.maps, params), mask, params)
    return canonical(np.moveaxis(made.maps.embedding, 0, -1), found)


def numbered(seeds: Labels, labels: Labels) -> Labels:
    """Return seeds with the numbers of the objects that they became, to be shown in their colours."""
    return np.where(seeds > 0, labels, 0).astype(np.int32)


def directions_of(made: Scene) -> FloatMap:
    """Return the unit vector of each object's mean embedding, (N, E)."""
    return mean_directions(np.moveaxis(made.maps.embedding, 0, -1), made.labels)


def degrees(cosines: npt.NDArray[np.floating]) -> FloatMap:
    """Return angles of cosines."""
    return np.asarray(np.degrees(np.arccos(np.clip(cosines, -1, 1))), np.float32)


def angles_to(made: Scene, direction: FloatMap) -> FloatMap:
    """Return the angle of each pixel's embedding to a unit vector, (Y, X), in degrees."""
    return degrees(made.maps.vectors(WHOLE) @ direction / UNIT)


def palette(count: int) -> npt.NDArray[np.float64]:
    """Return colours (count + 1, 3) of labels, 0 to 1, far apart for numbers next to each other; 0 is black."""
    hues = [
        colorsys.hsv_to_rgb(number * 0.618 % 1, (0.62, 0.38)[number % 2], (0.9, 0.98)[number // 2 % 2])
        for number in range(count + 1)
    ]
    return np.array([(0.0, 0.0, 0.0), *hues[1:]])


def coloured(labels: Labels, count: int = 0) -> Picture:
    """Return labels as colours, black where there is none; `count` fixes the colours of a part of an image."""
    table = palette(max(count, int(labels.max(initial=0))))
    return np.asarray(np.rint(255 * table[labels]), np.uint8)


def bright(image: Picture) -> Picture:
    """Return an image with its contrast stretched: many are dark."""
    low, high = np.percentile(image, (0.5, 99.7))
    return np.asarray(np.rint(np.clip((image - low) / max(high - low, 1.0), 0, 1) * 255), np.uint8)


def show(axes: Axes, picture: npt.NDArray[np.generic], title: str = "", **how: object) -> None:
    """Show a picture in a panel without ticks."""
    options: dict[str, object] = {"interpolation": "nearest", "cmap": "gray", **how}
    axes.imshow(picture, **options)
    axes.set_title(title, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def show_distance(axes: Axes, distance: FloatMap, title: str = "") -> None:
    """Show a distance map, black at 0 and brightest at 1."""
    show(axes, distance, title, cmap=DISTANCE_COLOURS, vmin=0, vmax=1)


def new_figure(width: float, height: float, *, placed: bool = False) -> Figure:
    """Return an empty figure of a size in inches; `placed`: its panels are put where they are told."""
    return Figure(figsize=(width, height), dpi=DPI, layout=None if placed else "constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG: with all colours where the file stays small, else with 256."""
    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi=DPI, metadata={"Software": None})
    with Image.open(whole) as picture:
        drawn = picture.convert("RGB")
    small = io.BytesIO()
    drawn.save(small, format="PNG", optimize=True)
    if small.tell() > LARGEST_FILE:
        small = io.BytesIO()
        drawn.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=4).save(small, format="PNG", optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(small.getvalue())
