"""From image to labels: the whole way in one picture, and what the maps look like for other objects."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

from pictures.parts import (
    ACCENT,
    INK,
    ROSETTE,
    Window,
    bright,
    coloured,
    leaves,
    new_figure,
    numbered,
    scene,
    seeds_of,
    show,
    show_distance,
)

NUCLEI: Window = (slice(92, 258), slice(466, 632))
CELLS: Window = (slice(60, 316), slice(190, 446))
GREY = 70
ARROW = {"arrowstyle": "-|>", "mutation_scale": 16, "color": ACCENT, "lw": 2}


def pipeline() -> Figure:
    """Draw image, distance map, embedding, seeds and labels, and what leads from one to the other."""
    made, params = leaves(), leaves().params.clustering
    figure = new_figure(9.2, 5.9, placed=True)
    side, wide = 0.40, 0.245
    places = {"image": (0.01, 0.28), "distance": (0.375, 0.53), "embedding": (0.375, 0.02)}
    places |= {"seeds": (0.74, 0.53), "labels": (0.74, 0.02)}
    panels = {name: figure.add_axes((x, y, wide, side)) for name, (x, y) in places.items()}
    seeds = numbered(seeds_of(made).labels, made.labels)
    marked = np.repeat(np.where(made.labels > 0, GREY, 0).astype(np.uint8)[..., None], 3, axis=-1)
    marked[seeds > 0] = coloured(seeds)[seeds > 0]
    show(panels["image"], bright(made.image)[ROSETTE], "image")
    show_distance(panels["distance"], made.distance[ROSETTE], "distance map")
    show(panels["embedding"], made.colours[ROSETTE], "embedding, as colours")
    show(panels["seeds"], marked[ROSETTE], "seeds")
    show(panels["labels"], coloured(made.labels)[ROSETTE], "labels")
    for (tail, start), (tip, stop), (place, text) in (
        (("image", (1.03, 0.72)), ("distance", (-0.03, 0.45)), ((0.293, 0.70), "first U-Net")),
        (("image", (1.03, 0.28)), ("embedding", (-0.03, 0.55)), ((0.28, 0.252), "second U-Net")),
        (("distance", (0.5, -0.03)), ("embedding", (0.5, 1.16)), ((0.51, 0.495), "features of the first")),
        (("distance", (1.03, 0.5)), ("seeds", (-0.03, 0.5)), ((0.68, 0.755), f"above {params.seed_threshold:g}")),
        (("embedding", (1.03, 0.5)), ("labels", (-0.03, 0.5)), ((0.68, 0.245), f"within {params.angle:g}°")),
        (("seeds", (0.5, -0.03)), ("labels", (0.5, 1.16)), ((0.875, 0.495), "grow")),
    ):
        line = ConnectionPatch(start, stop, panels[tail].transAxes, panels[tip].transAxes, **ARROW)
        figure.add_artist(line)
        figure.text(*place, text, ha="left" if start[0] == 0.5 else "center", va="center", color=ACCENT)
    return figure


def other_objects() -> Figure:
    """Draw the same maps of nuclei and of cells."""
    figure = new_figure(9.2, 4.9)
    panels = figure.subplots(2, 4)
    titles = ("image", "distance map", "embedding", "labels")
    for row, (model, window) in zip(panels, (("nuclei", NUCLEI), ("cells", CELLS)), strict=True):
        made = scene(model, model)
        show(row[0], bright(made.image)[window])
        show_distance(row[1], made.distance[window])
        show(row[2], made.colours[window])
        show(row[3], coloured(made.labels)[window])
        row[0].set_ylabel(f"{model}", color=INK)
    for axes, title in zip(panels[0], titles, strict=True):
        axes.set_title(title, color=INK)
    return figure
