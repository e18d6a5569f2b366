"""How late napari's events come while a model is fine-tuned on the processor, against the same napari idle.

xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/gui_delay.py --seconds 60

A timer of 10 ms says when it should have fired and when it did; the mouse is not moved.
"""

from __future__ import annotations

import argparse
import time

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from results import parse
from skimage.io import imread

from napari_wnet.pipeline import segment
from napari_wnet.sample_data import sample_path

PERIOD_MS = 10
MAX_WAIT_S = 120


def delays(seconds: float) -> np.ndarray:
    """Return by how many milliseconds each tick of a timer was late."""
    ticks: list[float] = []
    timer = QTimer()
    timer.setInterval(PERIOD_MS)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.0005)
    timer.stop()
    return np.diff(ticks) * 1000 - PERIOD_MS


def main() -> None:
    """Measure idle, then while training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    given, results = parse(parser)
    seconds = given.seconds
    image = imread(sample_path("nuclei"))
    labels = segment(image).labels
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.add_image(image, name="nuclei")
    viewer.add_labels(labels, name="labels")
    _, dock = viewer.window.add_plugin_dock_widget("napari-wnet", "Fine-tune")
    until = time.monotonic() + 10
    while time.monotonic() < until:
        QApplication.processEvents()
    rows = {"idle": delays(seconds)}
    dock.start()
    until = time.monotonic() + MAX_WAIT_S
    while not dock.plot.points("loss")[0] and time.monotonic() < until:
        QApplication.processEvents()
    rows["fine-tuning"] = delays(seconds)
    print(f"reports meanwhile: {len(dock.plot.points('loss')[0])}, still training: {dock.trainer.busy}")
    for name, late in rows.items():
        middle, high, highest = np.percentile(late, [50, 99.9, 100])
        results.add("lateness of the window's events, 99.9th percentile", "ms", float(high), meanwhile=name)
        print(f"{name}: median {middle:.1f} ms late, 99.9th percentile {high:.1f} ms, most {highest:.1f} ms")
    results.write()
    dock.close_down()
    viewer.close()


if __name__ == "__main__":
    main()
