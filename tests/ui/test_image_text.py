"""What the Segment dock copies gives the labels that the dock gave."""

from __future__ import annotations

import runpy
import shlex

import numpy as np
import pytest
import tifffile
from qtpy.QtGui import QGuiApplication

from napari_wnet import cli
from napari_wnet.io.images import read_labels
from napari_wnet.ui.segment_widget import SegmentWidget

TIMEOUT = 60_000
SIDE = 96


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer, qtbot):
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    qtbot.waitUntil(lambda: widget.ready, timeout=TIMEOUT)
    widget.inputs.device_box.setCurrentText("cpu")
    yield widget
    widget.close_down()
    assert widget.segmenter.wait(60)


@pytest.fixture
def crops(nuclei_image):
    return [nuclei_image[0, :SIDE, n * SIDE : (n + 1) * SIDE] for n in range(4)]


def run(dock, viewer, qtbot) -> np.ndarray:
    with qtbot.waitSignal(dock.segmenter.busyChanged, timeout=TIMEOUT, check_params_cb=lambda busy: not busy):
        dock.run_button.click()
    return viewer.layers[-1].data


def copied(button) -> str:
    QGuiApplication.clipboard().setText("nothing")
    button.click()
    return QGuiApplication.clipboard().text()


def made_by_command(dock, out, stem) -> np.ndarray:
    words = shlex.split(copied(dock.copy_row.command_button))
    assert words[:2] == ["napari-wnet", "segment"]
    assert cli.main(words[1:]) == 0
    return read_labels(out / f"{stem}_labels.tif")


def made_by_code(dock, tmp_path, viewer=None) -> np.ndarray:
    script = tmp_path / "script.py"
    script.write_text(copied(dock.copy_row.code_button))
    return runpy.run_path(str(script), init_globals={"viewer": viewer})["labels"]


def test_an_image_from_a_file(dock, viewer, crops, tmp_path, qtbot):
    path = tmp_path / "an image.tif"
    tifffile.imwrite(path, crops[0])
    viewer.open(path, plugin="napari")
    dock.form.setValue(dock.form.value().replace(clustering__angle=31.0, clustering__min_area=40))
    labels = run(dock, viewer, qtbot)
    assert labels.any()
    np.testing.assert_array_equal(made_by_command(dock, tmp_path / "an image-wnet", "an image"), labels)
    np.testing.assert_array_equal(made_by_code(dock, tmp_path), labels)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "authors", "peak_sigma": 1.5, "peak_distance": 4},
        {"method": "mutex", "mutex_reach": 6, "mutex_weight": 0.8},
        {"method": "meanshift", "angle": 35.0},
        {"method": "hdbscan", "n_sampled": 900, "min_cluster_size": 30},
    ],
    ids=lambda changes: changes["method"],
)
def test_every_clustering_goes_with_it(dock, viewer, crops, tmp_path, qtbot, changes):
    path = tmp_path / "an image.tif"
    tifffile.imwrite(path, crops[0])
    viewer.open(path, plugin="napari")
    value = dock.form.value()
    dock.form.setValue(value.replace(clustering=value.clustering.replace(**changes)))
    labels = run(dock, viewer, qtbot)
    assert labels.any()
    np.testing.assert_array_equal(made_by_command(dock, tmp_path / "an image-wnet", "an image"), labels)
    np.testing.assert_array_equal(made_by_code(dock, tmp_path), labels)


def test_a_stack_of_channels_from_a_file(dock, viewer, crops, tmp_path, qtbot):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack(crops).reshape(2, 2, SIDE, SIDE))
    viewer.open(path, plugin="napari")
    dock.inputs.axis_box.setCurrentIndex(dock.inputs.axis_box.findData(1))
    dock.inputs.channel_picker.setValue((1,))
    labels = run(dock, viewer, qtbot)
    assert labels.shape == (2, SIDE, SIDE)
    np.testing.assert_array_equal(made_by_command(dock, tmp_path / "a-wnet", "a"), labels)
    np.testing.assert_array_equal(made_by_code(dock, tmp_path), labels)
    dock.inputs.planes_box.setCurrentIndex(1)
    assert copied(dock.copy_row.command_button) == "nothing"
    assert "all planes" in dock.status.text()
    viewer.dims.set_current_step(0, 1)
    np.testing.assert_array_equal(made_by_code(dock, tmp_path), labels[1])


def test_a_colour_stack_and_a_plain_one(dock, viewer, crops, tmp_path, qtbot):
    for name, array in (("rgb", np.stack([np.stack(crops[:2])] * 3, axis=-1)), ("plain", np.stack(crops[:2]))):
        viewer.layers.clear()
        viewer.add_image(array, name=name, rgb=name == "rgb")
        labels = run(dock, viewer, qtbot)
        assert labels.shape == (2, SIDE, SIDE)
        np.testing.assert_array_equal(made_by_code(dock, tmp_path, viewer), labels)


def test_a_layer_of_no_file_is_copied_as_code_for_the_console(dock, viewer, crops, tmp_path, qtbot):
    viewer.add_image(crops[0], name="cells", scale=(0.5, 0.5))
    labels = run(dock, viewer, qtbot)
    assert copied(dock.copy_row.command_button) == "nothing"
    assert "save it" in dock.status.text()
    np.testing.assert_array_equal(made_by_code(dock, tmp_path, viewer), labels)
    assert tuple(viewer.layers[-1].scale) == (0.5, 0.5)


def test_a_foreground_goes_with_it(dock, viewer, crops, tmp_path, qtbot):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, 20:] = 1
    for name, array in (("a", crops[0]), ("mask", mask)):
        tifffile.imwrite(tmp_path / f"{name}.tif", array)
    viewer.open(tmp_path / "a.tif", plugin="napari")
    viewer.open(tmp_path / "mask.tif", plugin="napari", layer_type="labels")
    dock.inputs.foreground_box.setLayer(viewer.layers["mask"])
    labels = run(dock, viewer, qtbot)
    np.testing.assert_array_equal(made_by_command(dock, tmp_path / "a-wnet", "a"), labels)
    np.testing.assert_array_equal(made_by_code(dock, tmp_path), labels)
    drawn = viewer.add_labels(mask.copy(), name="drawn")
    dock.inputs.foreground_box.setLayer(drawn)
    assert copied(dock.copy_row.command_button) == "nothing"
    np.testing.assert_array_equal(made_by_code(dock, tmp_path, viewer), labels)
    shape = viewer.add_shapes([np.array([[0, 0], [0, 9], [9, 9]])], shape_type="polygon")
    dock.inputs.foreground_box.setLayer(shape)
    assert copied(dock.copy_row.code_button) == "nothing"
    assert "Convert to Labels" in dock.status.text()


def test_without_an_image_nothing_is_copied(dock):
    assert copied(dock.copy_row.command_button) == "nothing"
    assert "Open an image" in dock.status.text()
