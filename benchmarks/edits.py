"""Milliseconds from a click to changed labels, 2048 x 2048 px with 1,500 objects.

xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/edits.py

The first column is the plugin's own: from the click's pixel to the pixels that change. The second has everything that
happens within the window's event: napari's history, its refresh of the picture, and the dock.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import napari
import numpy as np
import numpy.typing as npt
from qtpy.QtWidgets import QApplication
from results import parse

from napari_wnet.core import changes, edits
from napari_wnet.core.clustering import cluster
from napari_wnet.core.maps import Maps
from napari_wnet.core.seeding import reseed, seed_points
from napari_wnet.network.inference import fused
from napari_wnet.network.outline.predict import predict_outline
from napari_wnet.network.registry import load_outline
from napari_wnet.params import ClusteringParams, EditParams
from napari_wnet.ui.repair_widget import RepairWidget
from scenes import maps_of, touching_cells

PARAMS = EditParams()
Point = tuple[int, int]
Labels = npt.NDArray[np.int32]


def median_ms(run: Callable[[], Any], repeats: int, between: Callable[[], Any] = lambda: None) -> float:
    """Return the median time of a call in milliseconds; what is done between calls does not count."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
        between()
    return 1000 * float(np.median(times))


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A scene with an error of each kind around the object in its middle."""

    maps: Maps
    labels: Labels
    missing: Labels
    merged: Labels
    seeds: list[Point]
    middle: int
    number: int
    beside: int

    @property
    def point(self) -> Point:
        """The middle object's innermost pixel."""
        return self.seeds[self.middle]

    @property
    def other(self) -> Point:
        """Its neighbour's."""
        return next(seed for seed in self.seeds if self.labels[seed] == self.beside)


def made(size: int, n_objects: int) -> Bench:
    """Return a scene."""
    maps = maps_of(touching_cells(size, n_objects))
    labels = cluster(maps, ClusteringParams(method="combined"))
    seeds = [(int(row), int(column)) for row, column in seed_points(labels)]
    middle = int(np.argmin([abs(row - size // 2) + abs(column - size // 2) for row, column in seeds]))
    number = int(labels[seeds[middle]])
    window = changes.window_of(labels, number, margin=2)
    beside = next(int(other) for other in np.unique(labels[window]) if other not in (0, number))
    return Bench(
        maps=maps,
        labels=labels,
        missing=edits.delete(labels, number).applied(labels),
        merged=edits.merge(labels, (number, beside)).applied(labels),
        seeds=seeds,
        middle=middle,
        number=number,
        beside=beside,
    )


class Window:
    """The same edits by clicks in a real viewer."""

    def __init__(self, bench: Bench) -> None:
        self.viewer = napari.Viewer(show_welcome_screen=False)
        self.image = self.viewer.add_image((bench.labels > 0).astype(np.uint8) * 200, name="cells")
        self.dock = RepairWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.dock)
        self.dock.repairer._hub.cache.put("maps", bench.maps)
        self.dock.repairer._hub.note_maps(self.image, {(): "maps"})
        while not self.dock.repairer.outliner.ready:
            settle()

    def median_ms(self, start: Labels, tool: str, clicks: tuple[Point, ...], repeats: int) -> float:
        """Return the time of the last of some clicks, taken back after each."""
        layer = self.viewer.add_labels(start.copy(), name=tool)
        self.dock.repairer.choose(layer, self.image)
        self.dock.tools.choose(tool)

        def first_clicks() -> None:
            for place in clicks[:-1]:
                self.dock.tools.click(place)
            settle()

        def again() -> None:
            layer.undo()
            self.dock.tools.choose("")
            self.dock.tools.choose(tool)
            first_clicks()

        first_clicks()
        result = median_ms(lambda: self.dock.tools.click(clicks[-1]), repeats, again)
        self.viewer.layers.remove(layer)
        return result

    def close(self) -> None:
        """Close it."""
        self.dock.close_down()
        self.viewer.close()


def settle() -> None:
    """Let the window do what it wants to after an edit."""
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        QApplication.processEvents()
        time.sleep(0.005)


Seen = Callable[[edits.Prompt], edits.Outline]


def add(bench: Bench, seen: Seen) -> edits.Change:
    """Outline what is clicked, as the dock does."""
    length = edits.expected_length(bench.missing, bench.maps, bench.point, 40.0, PARAMS)
    return edits.outline_at(bench.missing, seen(edits.Prompt.click(bench.point, length)), [bench.point])


def split(bench: Bench, seen: Seen) -> edits.Change:
    """Part what is clicked twice, as the dock does."""
    points = bench.point, bench.other
    prompts = [edits.Prompt.click(points[i], 40.0).without(points[1 - i]) for i in range(2)]
    return edits.split(bench.merged, bench.maps, points, [seen(prompt) for prompt in prompts])


def box_in(labels: Labels, bench: Bench, corners: edits.Box, seen: Seen) -> edits.Change:
    """Outline what is in a box, as the dock does."""
    return edits.enclose(labels, bench.maps, corners, outline=seen(edits.Prompt.box(corners)))


def main() -> None:
    """Print a row for each edit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--objects", type=int, default=1500)
    parser.add_argument("--repeats", type=int, default=9)
    given, results = parse(parser)
    at = {"pixels": given.size**2, "objects": given.objects}
    bench = made(given.size, given.objects)
    window = Window(bench)
    number, beside, point, other = bench.number, bench.beside, bench.point, bench.other
    network, image = fused(load_outline().network), window.image.data[np.newaxis]

    def seen(prompt: edits.Prompt) -> edits.Outline:
        return predict_outline(network, image, prompt)

    rows: dict[str, tuple[Callable[[], Any], Labels, str, tuple[Point, ...]]] = {
        "add": (lambda: add(bench, seen), bench.missing, "add", (point,)),
        "split": (lambda: split(bench, seen), bench.merged, "split", (point, other)),
        "merge": (lambda: edits.merge(bench.labels, (number, beside)), bench.labels, "join", (point, other)),
        "delete": (lambda: edits.delete(bench.labels, number), bench.labels, "delete", (point,)),
    }
    print(f"{given.size} x {given.size} px, {len(bench.seeds)} objects, median of {given.repeats}")
    for name, (own, start, tool, clicks) in rows.items():
        own_ms, all_ms = median_ms(own, given.repeats), window.median_ms(start, tool, clicks, given.repeats)
        results.add(f"{name}, own time", "ms", own_ms, **at)
        results.add(f"{name}, in the window", "ms", all_ms, **at)
        print(f"  {name}: {own_ms:.1f} ms; in the window {all_ms:.0f} ms")
    moved = [*bench.seeds[: bench.middle], (point[0] + 4, point[1]), *bench.seeds[bench.middle + 1 :]]
    rows_columns = np.nonzero(bench.labels == number)
    box = tuple((int(place.min()), int(place.max())) for place in rows_columns)
    corners = ((box[0][0], box[1][0]), (box[0][1], box[1][1]))
    for name, start in (("missed", bench.missing), ("merged", bench.merged)):
        own_ms = median_ms(lambda start=start: box_in(start, bench, corners, seen), given.repeats)
        results.add(f"box around a {name} object, own time", "ms", own_ms, **at)
        by_maps_ms = median_ms(lambda start=start: edits.enclose(start, bench.maps, corners), given.repeats)
        print(f"  a box around a {name} object: {own_ms:.1f} ms; by the maps alone {by_maps_ms:.1f} ms")
    by_maps_ms = median_ms(lambda: edits.add(bench.missing, bench.maps, point, PARAMS), given.repeats)
    print(f"  add by the maps alone: {by_maps_ms:.1f} ms")
    by_maps_ms = median_ms(lambda: edits.split(bench.merged, bench.maps, (point, other)), given.repeats)
    print(f"  split by the maps alone: {by_maps_ms:.1f} ms")
    own_ms = median_ms(lambda: reseed(bench.labels, bench.maps, (bench.seeds, moved), PARAMS), given.repeats)
    print(f"  move a seed: {own_ms:.1f} ms")
    results.add("move a seed, own time", "ms", own_ms, **at)
    results.write()
    window.close()


if __name__ == "__main__":
    main()
