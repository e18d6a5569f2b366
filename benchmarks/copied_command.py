"""Whether the command that the Fine-tune dock copies gives what the dock gave.

xvfb-run python benchmarks/copied_command.py --steps 60

The dock fine-tunes `nuclei` on the bundled image with the labels that it finds itself; then the copied command does the
same from the saved layers. Compared are the losses of all reports, and the scores of the validations.
"""

from __future__ import annotations

import argparse
import csv
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication
from skimage.io import imread

from napari_wnet.pipeline import segment
from napari_wnet.sample_data import sample_path
from napari_wnet.train_params import FINE_TUNE

COMMAND = "import sys; from napari_wnet.cli import main; sys.exit(main())"
MAX_WAIT_S = 1800


def until(condition: Callable[[], bool]) -> None:
    """Let napari work until something holds."""
    end = time.monotonic() + MAX_WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("the dock did not finish")
        QApplication.processEvents()
        time.sleep(0.01)


def rows(path: Path) -> list[dict[str, str]]:
    """Read the log of a training."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Train twice and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    steps = parser.parse_args().steps
    folder = Path(tempfile.mkdtemp())
    os.environ["NAPARI_WNET_PROJECT"] = str(folder / "autosave")
    image = imread(sample_path("nuclei"))
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.add_image(image, name="nuclei")
    viewer.add_labels(segment(image).labels, name="labels")
    _, dock = viewer.window.add_plugin_dock_widget("napari-wnet", "Fine-tune")
    until(lambda: dock.base_box.value() == "nuclei")
    dock.form.setValue(FINE_TUNE.replace(steps=steps))
    words = shlex.split(dock.copy_command(str(folder / "layers")))
    dock.start()
    until(lambda: dock.trainer.outcome is not None)
    by_dock = rows(dock.trainer.outcome.path.with_suffix(".csv"))
    dock.close_down()
    viewer.close()
    subprocess.run([sys.executable, "-c", COMMAND, *words[1:]], check=True, capture_output=True)
    by_command = rows(folder / "layers" / "new.csv")
    differences = [
        abs(float(one[name]) - float(other[name]))
        for one, other in zip(by_dock, by_command, strict=True)
        for name in one
        if name.startswith(("loss_", "validation_")) and one[name]
    ]
    print(f"{len(by_dock)} reports of {steps} steps, {len(differences)} values: largest difference {max(differences)}")


if __name__ == "__main__":
    main()
