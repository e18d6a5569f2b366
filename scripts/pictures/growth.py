"""From seeds to labels, step by step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import ndimage

from napari_wnet.core.clustering import foreground_mask, smoothed_distance
from napari_wnet.core.filling import keep_seeded
from napari_wnet.core.growth import Seeds, grow
from napari_wnet.core.labels import renumber
from pictures.parts import (
    INK,
    Labels,
    Scene,
    Window,
    angles_to,
    bright,
    coloured,
    leaves,
    new_figure,
    numbered,
    palette,
    seeds_of,
    show,
    show_distance,
)

WINDOW: Window = (slice(205, 345), slice(195, 375))
CLAIMS_AT = ((255, 255), (260, 335))
"""Pixels of the two leaves whose claims are shown."""
SQUARE = np.ones((3, 3), bool)
TICKS = (0, 45, 90, 135)


def growth() -> Figure:
    """Draw seed threshold, seeds, two claims, the best claim of each pixel, and the labels."""
    made = leaves()
    params = made.params.clustering
    seeds = seeds_of(made)
    smooth = smoothed_distance(made.maps, params)
    figure = new_figure(9.2, 5.6)
    panels = figure.subplots(2, 3)
    show_distance(panels[0, 0], smooth[WINDOW], f"1  distance above {params.seed_threshold:g}")
    panels[0, 0].contour(smooth[WINDOW], levels=[params.seed_threshold], colors="white", linewidths=1.4)
    marked = bright(made.image) // 2
    marked[seeds.labels > 0] = coloured(numbered(seeds.labels, made.labels))[seeds.labels > 0]
    show(panels[0, 1], marked[WINDOW], "2  a seed for each connected part")
    for axes, at, title in zip(
        (panels[0, 2], panels[1, 0]), CLAIMS_AT, ("3  a claim", "4  its neighbour's claim"), strict=True
    ):
        _show_claim(axes, made, seeds, (at, title))
    bar = figure.colorbar(panels[1, 0].images[0], ax=panels, location="bottom", shrink=0.45, aspect=40, pad=0.03)
    bar.set_ticks(TICKS, labels=[f"{angle}°" for angle in TICKS], color=INK)
    bar.set_label("3 and 4: angle to the direction of the seed", color=INK)
    bar.outline.set_visible(False)
    count = int(made.labels.max())
    show(panels[1, 1], coloured(best_claims(made, seeds), count)[WINDOW], "5  each pixel to its best claim")
    show(panels[1, 2], coloured(made.labels, count)[WINDOW], "6  leftovers to the object beside")
    return figure


def _show_claim(axes: Axes, made: Scene, seeds: Seeds, what: tuple[tuple[int, int], str]) -> None:
    """Show the angle of all foreground to a seed's direction, and an outline around what the seed claims."""
    at, title = what
    number = int(made.labels[at])
    params = made.params.clustering
    mask = foreground_mask(made.maps, params)
    seed = int(np.bincount(seeds.labels[(made.labels == number) & (seeds.labels > 0)]).argmax())
    angles = angles_to(made, seeds.directions[seed - 1])
    own = seeds.labels == seed
    parts, _ = ndimage.label((angles < params.angle) & mask | own, SQUARE)
    claim = np.isin(parts, np.unique(parts[own]))
    shown = np.ma.masked_where(~mask, angles)
    axes.set_facecolor("black")
    show(axes, shown[WINDOW], title, cmap="viridis_r", vmin=0, vmax=TICKS[-1])
    axes.contour(claim[WINDOW], levels=[0.5], colors="white", linewidths=1.6)
    axes.contourf(own[WINDOW], levels=[0.5, 1.5], colors=[tuple(palette(number)[number])])


def best_claims(made: Scene, seeds: Seeds) -> Labels:
    """Return the best claim on each pixel, with the numbers of the objects that seeds became; 0 where there is none."""
    params = made.params.clustering
    embedding = np.moveaxis(made.maps.embedding, 0, -1)
    claims, parents = grow(embedding, seeds, foreground_mask(made.maps, params), params.angle)
    renumber(claims, parents)
    joined = seeds.labels.copy()
    renumber(joined, parents)
    keep_seeded(claims, joined)
    numbers = np.zeros(len(parents), np.int32)
    at: npt.NDArray[np.bool_] = joined > 0
    numbers[joined[at]] = made.labels[at]
    renumber(claims, numbers)
    return claims
