"""Make the animated tour of README.md: open, run, split, learn, adopt, done by mouse in a real napari.

xvfb-run -s "-screen 0 1600x1000x24" python docs/tour.py [--out FILE]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from qtpy.QtWidgets import QWidget
from stage import (
    MERGED,
    STEPS,
    Stage,
    adopt,
    open_cells,
    run,
    start_learning,
    wait_for_verdict,
    wait_until,
)

WIDTH = 900
COLOURS = 240
EVERY = 10
"""Steps from picture to picture while it learns."""
POINTER = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (13, 12))
GREEN = (47, 133, 90)
Place = tuple[int, int]


class Film:
    """Pictures of a stage, with a pointer and a caption, and how long each is shown."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.caption = ""
        self._pointer: Place = (640, 400)
        self._frames: list[Image.Image] = []
        self._durations_ms: list[int] = []

    def show(self, duration_ms: int = 400) -> None:
        """Take a picture."""
        self._add(self.stage.picture(), duration_ms)

    def point(self, place: Place) -> None:
        """Move the pointer to a place of the window, half way first."""
        still = self.stage.picture()
        (x, y), before = place, self._pointer
        for part in (0.5, 1.0):
            self._pointer = (round(before[0] + part * (x - before[0])), round(before[1] + part * (y - before[1])))
            self._add(still, 100 if part < 1 else 280)

    def press(self, button: QWidget) -> None:
        """Point at a button and press it."""
        self.point(self.stage.place_of(button))
        self.stage.press(button)

    def click(self, point: tuple[float, float]) -> None:
        """Point at a pixel of the image (row, column) and click it."""
        self.point(self.stage.place(point))
        self.stage.click(point)
        self.show(350)

    def save(self, path: Path) -> None:
        """Write an animation whose pictures share their colours, so that only what changes is stored."""
        sheet = Image.new("RGB", (self._frames[0].width, self._frames[0].height * 3))
        for place, frame in enumerate((self._frames[1], self._frames[len(self._frames) // 2], self._frames[-1])):
            sheet.paste(frame, (0, place * frame.height))
        palette = sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
        first, *rest = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self._frames)
        first.save(path, save_all=True, append_images=rest, duration=self._durations_ms, loop=0, optimize=True)

    def _add(self, picture: Image.Image, duration_ms: int) -> None:
        picture = picture.copy()
        draw = ImageDraw.Draw(picture)
        x, y = self._pointer
        draw.polygon([(x + dx, y + dy) for dx, dy in POINTER], fill="white", outline="black")
        draw.rectangle((0, picture.height - 46, picture.width, picture.height), fill=GREEN)
        draw.text((18, picture.height - 38), self.caption, fill="white", font=ImageFont.load_default(24))
        height = round(picture.height * WIDTH / picture.width)
        self._frames.append(picture.resize((WIDTH, height), Image.Resampling.LANCZOS))
        self._durations_ms.append(duration_ms)


def segment(film: Film) -> None:
    """Open the sample and press Run."""
    stage, film.caption = film.stage, "Open an image, press Run"
    stage.viewer.open_sample("napari-wnet", "nuclei")
    dock = stage.dock("Segment")
    wait_until(lambda: dock.ready)
    stage.viewer.reset_view()
    film.show(700)
    run(dock, film.press)
    film.show(800)


def split(film: Film) -> None:
    """Part a pair that was taken for one."""
    stage, film.caption = film.stage, "Two nuclei taken for one? Two clicks part them"
    labels = stage.viewer.layers[-1]
    dock = stage.dock("Repair")
    wait_until(lambda: dock.model.rowCount() > 0)
    labels.contour = 2
    stage.look_at(MERGED[0], 5)
    film.show(500)
    film.press(dock.buttons["split"])
    for point in MERGED:
        film.click(point)
    film.show(700)
    labels.contour = 0
    stage.viewer.reset_view()


def unknown(film: Film) -> None:
    """Show what the model makes of a kind of image that it has never seen, and label that by another model."""
    stage, film.caption = film.stage, "Images that the model has never seen?"
    dock = open_cells(stage)
    run(dock, stage.press)
    film.show(1000)
    run(dock, stage.press, "cells")
    film.caption = "Have it learn from an image with labels ..."
    film.show(800)


def learn(film: Film) -> None:
    """Have a model learn from that, adopt it, and use it."""
    dock, steps = start_learning(film.stage, film.press)
    film.caption = "... in the background, in a minute or two"
    for step in range(EVERY, STEPS + 1, EVERY):
        wait_until(lambda step=step: max(steps) >= step)
        film.show(120)
    wait_for_verdict(dock)
    film.caption = "Better on a piece that never trained: adopt it"
    film.show(800)
    adopt(film.stage, dock, film.press)
    film.caption = "It is yours, for the next image too"
    film.show(1500)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images" / "tour.gif")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_WNET_USER_MODELS"] = str(Path(folder) / "models")
        os.environ["NAPARI_WNET_PROJECT"] = str(Path(folder) / "project")
        film = Film(Stage())
        segment(film)
        split(film)
        unknown(film)
        learn(film)
        film.save(given.out)
        film.stage.viewer.close()


if __name__ == "__main__":
    main()
