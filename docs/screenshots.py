"""Make the pictures of the documentation: the docks at work on a bundled image, as a user would drive them.

    xvfb-run -s "-screen 0 1600x1000x24" python docs/screenshots.py [--model NAME_OR_FILE] [--image FILE] [--out DIR]

Writes ``docs/images/segment-*.png``, ``measure.png``, ``repair.png``, ``fine-tune.png``, ``batch.png`` and
``models.png``; for the batch, the image is cut into a folder of pieces, and the models are the package's and a copy of
one of them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import napari
import numpy as np
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from stage import SIZE, settle, wait_until

from napari_wnet.io.images import read_image
from napari_wnet.network.addition import Addition
from napari_wnet.sample_data import sample_path
from napari_wnet.ui.batch_table import STATE
from napari_wnet.ui.launch import prepare
from napari_wnet.ui.section import Section
from napari_wnet.ui.segment_widget import SegmentWidget


def take_pictures(image: Path, model: str, out: Path) -> None:
    """Open the image, press Run, move a slider, look at the maps; a picture of each."""

    def picture(name: str) -> None:
        settle()
        viewer.screenshot(str(out / f"{name}.png"), canvas_only=False, flash=False)

    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    widget = prepare(viewer, image, model=model, run=False)
    wait_until(lambda: widget.ready)
    picture("segment-open")
    widget.run_button.click()
    wait_until(lambda: not widget.segmenter.busy)
    picture("segment-labels")
    labels, embedding = viewer.layers[-1], viewer.layers[-2]
    labels.contour, embedding.visible = 2, True
    widget.findChildren(Section)[0].setOpened(True)
    picture("segment-embedding")
    labels.visible = False
    compare(widget, labels)
    picture("segment-angle")
    widget.angle_button.click()
    labels.visible = True
    labels.contour, embedding.visible = 0, False
    measure(viewer, labels)
    picture("measure")
    repair(viewer, labels)
    picture("repair")
    fine_tune(viewer)
    picture("fine-tune")
    with tempfile.TemporaryDirectory() as folder:
        batch(viewer, image, Path(folder) / "plate 1")
        picture("batch")
        models(viewer, Path(folder) / "models")
        picture("models")
        viewer.close()


def compare(widget: SegmentWidget, labels: napari.layers.Labels) -> None:
    """Compare the middles of the two largest nuclei."""
    widget.angle_button.click()
    largest = np.argsort(-np.bincount(labels.data[labels.data > 0]))[:2]
    for number in largest:
        row, column = np.argwhere(labels.data == number).mean(axis=0)
        widget.segmenter.pixel_angle.click((round(row), round(column)))


def measure(viewer: napari.Viewer, labels: napari.layers.Labels) -> None:
    """Look at the largest objects in the Measure dock."""
    _, dock = viewer.window.add_plugin_dock_widget("napari-wnet", "Measure", tabify=True)
    viewer.layers.selection.active = labels
    dock.size_box.setValue((0.65, 0.65))
    dock.size_box.valueChanged.emit()
    wait_until(lambda: dock.model.rowCount() > 0 and not dock.measurer.busy)
    dock.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    dock.table.selectRow(2)


def repair(viewer: napari.Viewer, labels: napari.layers.Labels) -> None:
    """Mend a few objects in the Repair dock."""
    _, dock = viewer.window.add_plugin_dock_widget("napari-wnet", "Repair", tabify=True)
    viewer.layers.selection.active = labels
    wait_until(lambda: dock.model.rowCount() > 0)
    dock.tools.choose("delete")
    row, column = dock.model.place(0)
    dock.tools.click((round(row), round(column)))
    wait_until(lambda: dock.model.rowCount() < int(labels.data.max()))
    for _ in range(4):
        dock.step(1)
        dock.repairer.tick([labels.selected_label])
    dock.tools.choose("split")


def fine_tune(viewer: napari.Viewer) -> None:
    """Learn from the labels for a minute in the Fine-tune dock."""
    _, dock = viewer.window.add_plugin_dock_widget("napari-wnet", "Fine-tune", tabify=True)
    wait_until(lambda: bool(dock.base_box.value()))
    dock.form.setValue(dock.form.value().replace(steps=60, validate_every=10))
    dock.start()
    wait_until(lambda: not dock.trainer.busy)
    viewer.reset_view()


def batch(viewer: napari.Viewer, image: Path, folder: Path) -> None:
    """Segment a folder in the Batch dock, and look at one of its images."""
    folder.mkdir()
    array = read_image(image).array
    for number, (row, column) in enumerate(np.ndindex(4, 4)):
        height, width = array.shape[0] // 4, array.shape[1] // 4
        piece = array[row * height : (row + 1) * height, column * width : (column + 1) * width]
        tifffile.imwrite(folder / f"well {number + 1:02d}.tif", piece)
    (folder / "well 17.tif").write_bytes(b"not copied to its end")
    viewer.layers.clear()
    _, dock = viewer.window.add_plugin_dock_widget("napari-wnet", "Batch", tabify=True)
    wait_until(lambda: bool(dock.form.model_box.value()))
    dock.form.folder_edit.setValue(str(folder))
    wait_until(lambda: dock.batcher.files.rowCount() > 0)
    dock.start()
    wait_until(lambda: not dock.batcher.busy)
    dock.table.sortByColumn(STATE, Qt.SortOrder.AscendingOrder)
    dock.open_place(2)
    wait_until(lambda: dock.reviewer.opened is not None)
    for edit in (dock.form.folder_edit, dock.form.out_edit):  # as a reader would call it, not as a temporary folder is
        edit.edit.setText(f"/data/{Path(edit.value()).name}")
    for message in [widget for widget in QApplication.allWidgets() if type(widget).__name__ == "NapariQtNotification"]:
        message.close()  # it lies over the picture


def models(viewer: napari.Viewer, folder: Path) -> None:
    """Add a model in the Models dock, and look at it."""
    os.environ["NAPARI_WNET_USER_MODELS"] = str(folder)
    _, dock = viewer.window.add_plugin_dock_widget("napari-wnet", "Models", tabify=True)
    wait_until(lambda: dock.table.rowCount() > 0)
    dock.librarian.add(Addition(source=str(dock.chosen().path), name="spiky cells"))
    wait_until(lambda: dock.table.name().startswith("spiky"))
    dock.table.choose("leaf")


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
