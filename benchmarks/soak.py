"""Many rounds of work in one napari window: what grows although nothing is kept?

xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/soak.py --rounds 500 --out soak.json

A round is what a person does to an image: Run, edit (split, delete, undo), move sliders, Run again and Cancel, and
close the labels; every tenth fine-tunes for two steps in a process of its own, compares, discards, and closes image and
maps too. After each round: resident memory, after garbage collection and after the C library has given back what it
holds free; threads, layers, Qt objects, and callbacks connected to the viewer's events. The slope of a straight line
through the last four fifths tells growth.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import napari
import numpy as np
from loop import User, wait_until
from napari.utils.events import EmitterGroup, EventEmitter
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication
from skimage.io import imread

from napari_wnet.sample_data import sample_path

PIECE = (slice(60, 290), slice(360, 590))
WHOLE_EVERY = 10
FIRST_PART = 0.2
"""Of the rounds, in which caches fill."""


def callbacks(group: Any) -> int:
    """Return how many callbacks a group of emitters has."""
    emitters = [group, *group.emitters.values()] if isinstance(group, EmitterGroup) else [group]
    return sum(len(one.callbacks) for one in emitters if isinstance(one, EventEmitter))


def connections(viewer: napari.Viewer) -> int:
    """Return how many callbacks are connected to what outlives a round."""
    parts = (viewer, viewer.layers, viewer.layers.selection, viewer.dims, viewer.scene.camera, viewer.cursor)
    return sum(callbacks(part.events) for part in parts)


def state(viewer: napari.Viewer) -> dict[str, float]:
    """Return what must not grow."""
    # `get_objects` shows tuples that another thread is still making, which then fail to be made.
    wait_until(lambda: threading.active_count() == 1)
    # A window's own event loop deletes what is to be deleted later; here there is none, only single events.
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    for _ in range(3):
        gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "memory_mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "threads": threading.active_count(),
        "layers": len(viewer.layers),
        "qt_objects": sum(issubclass(type(one), QObject) for one in gc.get_objects()),
        "connections": connections(viewer),
    }


class Round:
    """A person at work in the open docks."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self.user, self.viewer = User(viewer), viewer
        self.segment, self.repair, self.tune = (
            self.user.open_dock(name) for name in ("Segment", "Repair", "Fine-tune")
        )
        wait_until(lambda: self.segment.ready and bool(self.tune.base_box.value()))
        self.tune.form.setValue(self.tune.form.value().replace(steps=2, validate_every=1))
        self.image = imread(sample_path("nuclei"))[PIECE]

    def go(self, number: int) -> None:
        """Do one round."""
        if not self.viewer.layers:
            self.viewer.add_image(self.image + np.uint8(number % 7), name="nuclei")
        self._run()
        self._edit()
        if number % WHOLE_EVERY == 0:
            self._fine_tune()
        self._slide()
        self.segment.run_button.click()
        wait_until(lambda: self.segment.segmenter.busy)
        self.segment.cancel_button.click()
        wait_until(lambda: not self.segment.segmenter.busy)
        for layer in [
            one for one in self.viewer.layers if number % WHOLE_EVERY == 0 or isinstance(one, napari.layers.Labels)
        ]:
            self.viewer.layers.remove(layer)
        # napari 0.9 crashes in OpenGL where all layers go and others come within one event, with or without plugins.
        QApplication.processEvents()
        wait_until(lambda: not (self.segment.segmenter.tuning or self.segment.segmenter.busy))

    def _run(self) -> None:
        self.segment.run_button.click()
        wait_until(lambda: self._labels() is not None and not self.segment.segmenter.busy)

    def _labels(self) -> napari.layers.Labels | None:
        return next((one for one in self.viewer.layers if isinstance(one, napari.layers.Labels)), None)

    def _edit(self) -> None:
        labels = self._labels()
        self.viewer.layers.selection.active = labels
        centres = {n: tuple(np.argwhere(labels.data == n).mean(0).astype(int)) for n in np.unique(labels.data)[1:4]}
        before = labels.data.copy()
        for key, place in zip("DAS", centres.values(), strict=False):
            self.user.key(labels, key)
            if key == "S":
                self.user.drag(labels, (place[0] - 12, place[1]), (place[0] + 12, place[1]))
            else:
                self.user.drag(labels, place)
        if np.array_equal(before, labels.data):
            raise RuntimeError("No edit changed anything.")
        labels.undo()
        self.user.actions.clear()

    def _slide(self) -> None:
        slider = self.segment.form.editor("clustering__seed_threshold").parts[0]
        for value in (0.4, 0.6, 0.5):
            slider.value = value
            wait_until(lambda: not self.segment.segmenter.tuning)

    def _fine_tune(self) -> None:
        self.tune.start_button.click()
        wait_until(lambda: not self.tune.trainer.busy)
        if self.tune.trainer.outcome is None:
            raise RuntimeError("The fine-tuning did not end with a model.")
        self.tune.verdict.discard_button.click()


def slope(values: list[float]) -> float:
    """Return the growth over the rounds of a straight line through the values."""
    return float(np.polyfit(np.arange(len(values)), values, 1)[0] * (len(values) - 1)) if len(values) > 1 else 0.0


def main() -> None:
    """Work, watch, and tell what grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    os.environ["NAPARI_WNET_USER_MODELS"] = tempfile.mkdtemp()
    os.environ["NAPARI_WNET_PROJECT"] = str(Path(tempfile.mkdtemp(), "autosave"))
    viewer = napari.Viewer(show_welcome_screen=False)
    work = Round(viewer)
    rows, began = [], time.monotonic()
    for number in range(1, given.rounds + 1):
        work.go(number)
        rows.append(state(viewer))
        if number % WHOLE_EVERY == 0:
            print(number, f"{time.monotonic() - began:.0f} s", rows[-1], flush=True)
    late = rows[int(FIRST_PART * len(rows)) :]
    growth = {key: slope([row[key] for row in late]) for key in late[0]}
    print(f"growth over the last {len(late)} rounds:", {key: round(value, 2) for key, value in growth.items()})
    if given.out:
        given.out.write_text(json.dumps({"rounds": rows, "growth": growth}, indent=1))
    viewer.close()


if __name__ == "__main__":
    main()
