"""Make the pictures of the documentation: the Segment dock at work on a bundled image, as a user would drive it.

    xvfb-run -s "-screen 0 1600x1000x24" python docs/screenshots.py [--model NAME_OR_FILE] [--image FILE] [--out DIR]

Writes ``docs/images/segment-*.png``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

from napari_wnet.sample_data import sample_path
from napari_wnet.ui.launch import prepare
from napari_wnet.ui.section import Section

SIZE = (1280, 800)
PATIENCE_S = 300
SETTLE_S = 0.6


def wait_until(done: Callable[[], bool]) -> None:
    """Let the viewer work until something has happened."""
    began = time.monotonic()
    while not done():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() - began > PATIENCE_S:
            raise TimeoutError("The dock did not get there.")


def settle() -> None:
    """Let the viewer draw what has changed."""
    end = time.monotonic() + SETTLE_S
    wait_until(lambda: time.monotonic() > end)


def take_pictures(image: Path, model: str, out: Path) -> None:
    """Open the image, press Run, move a slider, look at the maps; a picture of each."""

    def picture(name: str) -> None:
        settle()
        viewer.screenshot(str(out / f"segment-{name}.png"), canvas_only=False, flash=False)

    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    widget = prepare(viewer, image, model=model, run=False)
    wait_until(lambda: widget.ready)
    picture("open")
    widget.run_button.click()
    wait_until(lambda: not widget.segmenter.busy)
    picture("labels")
    labels, embedding = viewer.layers[-1], viewer.layers[-2]
    labels.contour, embedding.visible = 2, True
    widget.findChildren(Section)[0].setOpened(True)
    picture("embedding")
    viewer.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", type=Path, default=sample_path("nuclei"))
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    take_pictures(given.image, given.model, given.out)


if __name__ == "__main__":
    main()
