"""Milliseconds from a click to changed labels, 2048 x 2048 px with 1,500 objects.

xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/edits.py

The first column is the plugin's own: from the click's pixel to the pixels that change. The second has everything that
happens within the window's event: napari's history, its refresh of the picture, and the dock.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_wnet.core import changes, edits
from napari_wnet.core.clustering import cluster
from napari_wnet.core.seeding import reseed, seed_points
from napari_wnet.params import ClusteringParams, EditParams
from napari_wnet.ui.repair_widget import RepairWidget
from scenes import maps_of, touching_cells

PARAMS = EditParams()
Point = tuple[int, int]


def median_ms(run: Callable[[], Any], repeats: int, between: Callable[[], Any] = lambda: None) -> float:
    """Return the median time of a call in milliseconds; what is done between calls does not count."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
        between()
    return 1000 * float(np.median(times))


def main() -> None:
    """Print a row for each edit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--objects", type=int, default=1500)
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    truth = touching_cells(given.size, given.objects)
    maps = maps_of(truth)
    labels = cluster(maps, ClusteringParams(method="combined"))
    seeds = [(int(row), int(column)) for row, column in seed_points(labels)]
    middle = int(np.argmin([abs(row - given.size // 2) + abs(column - given.size // 2) for row, column in seeds]))
    point = seeds[middle]
    number = int(labels[point])
    window = changes.window_of(labels, number, margin=2)
    beside = next(int(other) for other in np.unique(labels[window]) if other not in (0, number))
    missing = edits.delete(labels, number).applied(labels)
    merged = edits.merge(labels, (number, beside)).applied(labels)
    other = next(seed for seed in seeds if labels[seed] == beside)
    moved = [*seeds[:middle], (point[0] + 4, point[1]), *seeds[middle + 1 :]]

    viewer = napari.Viewer(show_welcome_screen=False)
    image = viewer.add_image((truth > 0).astype(np.uint8) * 200, name="cells")
    dock = RepairWidget(viewer)
    viewer.window.add_dock_widget(dock)
    dock.repairer._hub.cache.put("maps", maps)
    dock.repairer._hub.note_maps(image, {(): "maps"})

    def in_window(start: Any, tool: str, clicks: list[tuple[Point, ...]]) -> float:
        layer = viewer.add_labels(start.copy(), name=tool)
        dock.repairer.choose(layer, image)
        dock.tools.choose(tool)
        for place in clicks[0][:-1]:
            dock.tools.click(place)

        def again() -> None:
            layer.undo()
            dock.tools.choose("")
            dock.tools.choose(tool)
            for place in clicks[0][:-1]:
                dock.tools.click(place)
            settle()

        settle()
        result = median_ms(lambda: dock.tools.click(clicks[0][-1]), given.repeats, again)
        viewer.layers.remove(layer)
        return result

    def settle() -> None:
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            QApplication.processEvents()
            time.sleep(0.005)

    rows: dict[str, tuple[Callable[[], Any], Any, str, list[tuple[Point, ...]]]] = {
        "add": (lambda: edits.add(missing, maps, point, PARAMS), missing, "add", [(point,)]),
        "split": (lambda: edits.split(merged, maps, [point, other]), merged, "split", [(point, other)]),
        "merge": (lambda: edits.merge(labels, (number, beside)), labels, "join", [(point, other)]),
        "delete": (lambda: edits.delete(labels, number), labels, "delete", [(point,)]),
    }
    print(f"{given.size} x {given.size} px, {len(seeds)} objects, median of {given.repeats}")
    for name, (own, start, tool, clicks) in rows.items():
        print(
            f"  {name}: {median_ms(own, given.repeats):.1f} ms; in the window {in_window(start, tool, clicks):.0f} ms"
        )
    own_seed = median_ms(lambda: reseed(labels, maps, seeds, moved, PARAMS), given.repeats)
    print(f"  move a seed: {own_seed:.1f} ms")
    dock.close_down()
    viewer.close()


if __name__ == "__main__":
    main()
