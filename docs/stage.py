"""A real napari that is driven by mouse and keys as by hand, for the pictures of the documentation."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

PLUGIN = "napari-wnet"
SIZE = (1280, 800)
PATIENCE_S = 1200
SETTLE_S = 0.6
RING = (255, 196, 0)
STEPS = 150
"""Of training, as the tutorial says."""
NAME = "my cells"
Point = tuple[float, float]
Press = Callable[[QWidget], None]
MERGED: tuple[Point, ...] = ((400.0, 231.0), (414.0, 217.0))
"""In the sample of nuclei: two that the model takes for one, as row and column of a pixel in each."""
THREE: tuple[Point, ...] = ((132.0, 369.0), (148.0, 377.0), (161.0, 377.0))
SPECKS: tuple[Point, ...] = ((42.0, 8.0), (51.0, 2.0))


def wait_until(done: Callable[[], bool]) -> None:
    """Let the viewer work until something has happened."""
    began = time.monotonic()
    while not done():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() - began > PATIENCE_S:
            raise TimeoutError("The dock did not get there.")


def settle(seconds: float = SETTLE_S) -> None:
    """Let the viewer draw what has changed."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


class Stage:
    """One napari window of a fixed size, with places in it as pixels of its picture."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer(show_welcome_screen=False)
        self.viewer.window.resize(*SIZE)
        self._window: Any = self.viewer.window._qt_window  # napari has no other way to its window

    @property
    def _canvas(self) -> QWidget:
        return self.viewer.window._qt_viewer.canvas.native

    def dock(self, name: str) -> Any:
        """Open a dock of the plugin, or bring it to the front, and return it."""
        dock, widget = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        dock.show()
        dock.raise_()
        settle()
        return widget

    def look_at(self, point: Point, zoom: float) -> None:
        """Move the picture so that a pixel of the image (row, column) is in its middle."""
        self.viewer.scene.camera.center = (0.0, *point)
        self.viewer.scene.camera.zoom = zoom
        settle(0.3)

    def _in_canvas(self, point: Point) -> QPoint:
        camera, size = self.viewer.scene.camera, self._canvas.size()
        row, column = (np.array(point) - camera.center[-2:]) * camera.zoom
        return QPoint(round(column + size.width() / 2), round(row + size.height() / 2))

    def place(self, point: Point) -> tuple[int, int]:
        """Return where a pixel of the image (row, column) is in the picture of the window, as x, y."""
        found = self._canvas.mapTo(self._window, self._in_canvas(point))
        return found.x(), found.y()

    def place_of(self, widget: QWidget) -> tuple[int, int]:
        """Return where the middle of a widget is in the picture of the window, as x, y."""
        found = widget.mapTo(self._window, widget.rect().center())
        return found.x(), found.y()

    def click(self, point: Point, *, shift: bool = False) -> None:
        """Click a pixel of the image (row, column)."""
        modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        where = self._in_canvas(point)
        QTest.mouseMove(self._canvas, where)
        QTest.mouseClick(self._canvas, Qt.MouseButton.LeftButton, modifier, where)
        settle(0.2)

    def press(self, button: QWidget) -> None:
        """Click a button."""
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        settle(0.2)

    def part(self, picture: Image.Image, first: Point, last: Point) -> Image.Image:
        """Return the part of a picture between two pixels of the image (row, column)."""
        return picture.crop((*self.place(first), *self.place(last)))

    def picture(self) -> Image.Image:
        """Return what the window shows."""
        settle()
        return Image.fromarray(self.viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")


def open_cells(stage: Stage) -> Any:
    """Close what is open, open the sample of cells, and return the Segment dock."""
    stage.viewer.layers.clear()
    settle()  # as for a person, the window is drawn in between
    stage.viewer.open_sample(PLUGIN, "cells")
    dock = stage.dock("Segment")
    stage.viewer.reset_view()
    return dock


def run(dock: Any, press: Press, model: str = "") -> None:
    """Press Run, with a model if one is named, and wait for the labels."""
    if model:
        dock.inputs.model_box.setValue(model)
    wait_until(lambda: dock.ready)
    press(dock.run_button)
    wait_until(lambda: not dock.segmenter.busy)


def start_learning(stage: Stage, press: Press) -> tuple[Any, list[int]]:
    """Have `nuclei` learn from the open labels; return the dock, and the steps done, which grow."""
    dock = stage.dock("Fine-tune")
    wait_until(lambda: bool(dock.base_box.value()))
    dock.base_box.setValue("nuclei")
    dock.form.setValue(dock.form.value().replace(steps=STEPS))
    stage.viewer.reset_view()
    steps = [0]
    dock.trainer.reported.connect(lambda report: steps.append(getattr(report, "step", 0)))
    press(dock.start_button)
    return dock, steps


def wait_for_verdict(dock: Any) -> None:
    """Wait until both models have their scores, and name the new one."""
    wait_until(lambda: not dock.trainer.busy)
    dock.verdict.name_edit.setText(NAME)


def adopt(stage: Stage, dock: Any, press: Press) -> None:
    """Adopt the new model, and segment with it."""
    press(dock.verdict.adopt_button)
    wait_until(lambda: not dock.verdict.isVisible())
    segmenting = stage.dock("Segment")
    wait_until(lambda: segmenting.inputs.model_box.value() == NAME)
    run(segmenting, press)


def ring(image: Image.Image, place: tuple[int, int], text: str = "", radius: int = 26) -> None:
    """Draw a ring around a place of a picture, with a letter beside it."""
    draw = ImageDraw.Draw(image)
    x, y = place
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=RING, width=3)
    draw.text((x + 0.8 * radius, y - 1.5 * radius), text, fill=RING, font=ImageFont.load_default(26))


def save_small(image: Image.Image, path: Path, width: int = 1024) -> None:
    """Write a picture with few colours, so that a page of them loads fast."""
    height = round(image.height * width / image.width)
    small = image.resize((width, height), Image.Resampling.LANCZOS)
    small.quantize(224, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)


def save_beside(images: list[Image.Image], path: Path) -> None:
    """Write pictures of one size beside one another."""
    width, height = images[0].size
    row = Image.new("RGB", (len(images) * (width + 8) - 8, height), "white")
    for number, image in enumerate(images):
        row.paste(image, (number * (width + 8), 0))
    save_small(row, path, row.width)
