"""Make the pictures of docs/tutorial.md: its steps, done by mouse in a real napari.

xvfb-run -s "-screen 0 1600x1000x24" python docs/tutorial_pictures.py [--out DIR]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from stage import (
    MERGED,
    SPECKS,
    THREE,
    Stage,
    adopt,
    open_cells,
    ring,
    run,
    save_beside,
    save_small,
    start_learning,
    wait_for_verdict,
    wait_until,
)

AROUND = ((366.0, 197.0), (434.0, 265.0))
"""Two corners of what is shown of the merged pair."""
SHOWN = 100
"""After which the picture of the curves is taken."""


def segment(stage: Stage, out: Path) -> None:
    """Open the sample, and press Run."""
    stage.viewer.open_sample("napari-wnet", "nuclei")
    dock = stage.dock("Segment")
    wait_until(lambda: dock.ready)
    stage.viewer.reset_view()
    opened = stage.picture()
    ring(opened, stage.place_of(dock.run_button), radius=40)
    save_small(opened, out / "tutorial-open.png")
    run(dock, stage.press)
    save_small(stage.picture(), out / "tutorial-run.png")


def repair(stage: Stage, out: Path) -> None:
    """Split a pair and a chain of three, and delete two bright specks."""
    labels = stage.viewer.layers[-1]
    dock = stage.dock("Repair")
    wait_until(lambda: dock.model.rowCount() > 0)
    labels.contour = 2
    stage.viewer.reset_view()
    whole = stage.picture()
    for letter, point in zip("ABC", (MERGED[0], THREE[1], SPECKS[0]), strict=True):
        ring(whole, stage.place(point), letter)
    save_small(whole, out / "tutorial-wrong.png")
    stage.look_at(MERGED[0], 5)
    stage.press(dock.buttons["split"])
    before = stage.picture()
    for number, point in enumerate(MERGED, start=1):
        ring(before, stage.place(point), str(number), radius=14)
    for point in MERGED:
        stage.click(point)
    save_beside([stage.part(picture, *AROUND) for picture in (before, stage.picture())], out / "tutorial-split.png")
    stage.look_at(THREE[1], 5)
    for number, point in enumerate(THREE):
        stage.click(point, shift=number == 2)
    stage.look_at(SPECKS[0], 5)
    stage.press(dock.buttons["delete"])
    for point in SPECKS:
        stage.click(point)
    labels.contour = 0


def unknown(stage: Stage, out: Path) -> None:
    """Show what the model makes of a kind of image that it has never seen, and label that by another model."""
    dock = open_cells(stage)
    run(dock, stage.press)
    before = stage.picture()
    run(dock, stage.press, "cells")
    corners = ((0, 0), stage.viewer.layers[0].data.shape)
    save_beside([stage.part(picture, *corners) for picture in (before, stage.picture())], out / "tutorial-unknown.png")


def fine_tune(stage: Stage, out: Path) -> None:
    """Learn from these labels, adopt the new model, and use it."""
    dock, steps = start_learning(stage, stage.press)
    wait_until(lambda: max(steps) >= SHOWN)
    save_small(stage.picture(), out / "tutorial-learn.png")
    wait_for_verdict(dock)
    save_small(stage.picture(), out / "tutorial-verdict.png")
    adopt(stage, dock, stage.press)
    save_small(stage.picture(), out / "tutorial-adopted.png")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_WNET_USER_MODELS"] = str(Path(folder) / "models")
        os.environ["NAPARI_WNET_PROJECT"] = str(Path(folder) / "project")
        stage = Stage()
        segment(stage, out)
        repair(stage, out)
        unknown(stage, out)
        fine_tune(stage, out)
        stage.viewer.close()


if __name__ == "__main__":
    main()
