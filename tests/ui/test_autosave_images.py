"""Labels are saved with the image that they are worked on with, and what is not saved is said."""

from __future__ import annotations

import gc

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_wnet.project import load_project, pixels_sha256
from napari_wnet.ui import archive, identity
from napari_wnet.ui.identity import image_key
from napari_wnet.ui.layers import MARK
from napari_wnet.ui.repair_widget import RepairWidget
from napari_wnet.ui.repairer import Repairer
from napari_wnet.ui.save_row import SaveRow
from napari_wnet.ui.settled import settled
from ui_stand_ins import blobs

TIMEOUT = 60_000


@pytest.fixture
def viewer(qapp):
    return ViewerModel()


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (48, 40), dtype=np.uint8)


def two_objects() -> np.ndarray:
    labels = np.zeros((48, 40), np.int32)
    labels[2:12, 2:12], labels[20:30, 20:30] = 1, 2
    return labels


def saved(project_folder) -> dict[str, list[str]]:
    """Return which labels are saved with which image."""
    return {image.name: [one.name for one in image.labels] for image in load_project(project_folder).images}


def test_labels_without_an_image_are_not_said_to_be_saved(viewer, repairer, project_folder, qtbot):
    layer = viewer.add_labels(two_objects(), name="mine")
    row = SaveRow(repairer.autosaver)
    qtbot.addWidget(row)
    heard, told = [], []
    repairer.autosaver.saved.connect(heard.append)
    repairer.autosaver.said.connect(lambda *what: told.append(what))
    repairer.choose(layer)
    repairer.tick([1])
    repairer.autosaver.save()
    qtbot.waitUntil(lambda: "'mine' is not saved" in row.label.text(), timeout=TIMEOUT)
    assert "Save Selected Layers" in row.label.text()
    row.look(None)
    assert "'mine' is not saved" in row.label.text()
    assert not heard
    assert told[0][1] == "warning"
    assert told[0][2]  # a notification
    repairer.autosaver.save()  # nothing has changed: it is not said over and over
    assert not repairer.autosaver._runner.busy
    # Its image is opened later: it is saved without a further edit.
    viewer.add_image(noise(1), name="cells")
    with qtbot.waitSignal(repairer.autosaver.saved, timeout=TIMEOUT):
        repairer.autosaver.save()
    assert row.label.text().startswith("Saved at")
    assert told[-1] == ("Autosave: now all edits are saved.", "info", "")
    n_told = len(told)
    repairer.tick([2])
    with qtbot.waitSignal(repairer.autosaver.saved, timeout=TIMEOUT):
        repairer.autosaver.save()
    assert len(told) == n_told  # a save that is no news
    assert saved(project_folder) == {"cells": ["mine"]}


def test_labels_beside_an_image_of_another_size_are_not_saved_and_others_are(viewer, repairer, project_folder, qtbot):
    viewer.add_image(noise(1), name="cells")
    viewer.add_image(blobs(), name="others")
    good = viewer.add_labels(two_objects(), name="good")
    lone = viewer.add_labels(np.ones((7, 9), np.int32), name="lone")
    for layer in (good, lone):
        repairer.choose(layer)
        repairer.tick([1])
    with qtbot.waitSignal(repairer.autosaver.left_out, timeout=TIMEOUT) as heard:
        repairer.autosaver.save()
    assert "'lone' is not saved" in heard.args[0]
    assert "'good'" not in heard.args[0]
    assert saved(project_folder) == {"cells": ["good"]}


def test_labels_whose_image_was_removed_go_to_no_other_image(viewer, repairer, project_folder, qtbot):
    first = viewer.add_image(noise(1), name="first")
    viewer.add_image(noise(2), name="second")
    layer = viewer.add_labels(two_objects(), name="mine")
    repairer.choose(layer, first)
    viewer.layers.remove("first")
    repairer.tick([1])
    with qtbot.waitSignal(repairer.autosaver.left_out, timeout=TIMEOUT) as heard:
        repairer.autosaver.save()
    assert "'first'" in heard.args[0]
    repairer.choose(layer, viewer.layers["second"])  # as the dock's chooser does by itself
    del first
    gc.collect()
    repairer.tick([2])
    with qtbot.waitSignal(repairer.autosaver.left_out, timeout=TIMEOUT):
        repairer.autosaver.save()
    repairer.choose(layer, viewer.layers["second"])  # as a person does
    with qtbot.waitSignal(repairer.autosaver.saved, timeout=TIMEOUT):
        repairer.autosaver.save()
    assert saved(project_folder) == {"second": ["mine"]}


def test_labels_that_were_made_from_a_closed_image_go_to_no_other_by_guess(viewer, repairer, project_folder, qtbot):
    viewer.add_image(noise(2), name="second")
    layer = viewer.add_labels(two_objects(), name="mine", metadata={MARK: {"kind": "labels", "source": "first"}})
    repairer.choose(layer)
    repairer.tick([1])
    with qtbot.waitSignal(repairer.autosaver.left_out, timeout=TIMEOUT) as heard:
        repairer.autosaver.save()
    assert "'first' is closed" in heard.args[0]
    viewer.add_image(noise(1), name="first")
    with qtbot.waitSignal(repairer.autosaver.saved, timeout=TIMEOUT):
        repairer.autosaver.save()
    assert saved(project_folder) == {"first": ["mine"]}


def test_the_image_that_is_chosen_in_the_dock_wins_over_newer_ones(viewer, repairer, project_folder, qtbot):
    first = viewer.add_image(noise(1), name="first")
    viewer.add_image(noise(2), name="second")
    layer = viewer.add_labels(two_objects(), name="mine")
    repairer.choose(layer, first)
    repairer.tick([1])
    repairer.choose(None)
    viewer.add_image(noise(3), name="third")
    with qtbot.waitSignal(repairer.autosaver.saved, timeout=TIMEOUT):
        repairer.autosaver.save()
    assert saved(project_folder) == {"first": ["mine"]}
    repairer.choose(layer)
    assert repairer.image is first


def test_a_guess_stays_when_newer_images_are_opened(viewer, repairer, project_folder, qtbot):
    viewer.add_image(noise(1), name="cells")
    viewer.add_image(noise(2), name="other cells")
    layer = viewer.add_labels(two_objects(), name="cells_labels")
    repairer.choose(layer)
    assert repairer.image is viewer.layers["cells"]
    repairer.tick([1])
    layer.name = "mine"
    with qtbot.waitSignal(repairer.autosaver.saved, timeout=TIMEOUT):
        repairer.autosaver.save()
    assert saved(project_folder) == {"cells": ["mine"]}


def test_an_image_that_is_picked_anew_in_the_dock_is_taken(make_napari_viewer, project_folder, qtbot):
    viewer = make_napari_viewer()
    viewer.add_image(noise(1), name="first")
    viewer.add_image(noise(2), name="second")
    viewer.add_labels(two_objects(), name="mine")
    dock = RepairWidget(viewer)
    viewer.window.add_dock_widget(dock, name="Repair")
    dock.image_box.setLayer(viewer.layers["first"])
    dock.repairer.tick([1])
    viewer.layers.remove("first")
    assert dock.image_box.layer() is viewer.layers["second"]
    with qtbot.waitSignal(dock.repairer.autosaver.left_out, timeout=TIMEOUT):
        dock.repairer.autosaver.save()
    dock.image_box.activated.emit(dock.image_box.currentIndex())  # the same entry, but a person's choice
    with qtbot.waitSignal(dock.repairer.autosaver.saved, timeout=TIMEOUT):
        dock.repairer.autosaver.save()
    assert saved(project_folder) == {"second": ["mine"]}
    dock.close_down()
    assert dock.repairer.wait(60)


def test_earlier_work_is_offered_beside_labels_of_that_name_of_another_image(viewer, repairer, monkeypatch, qtbot):
    second = viewer.add_image(noise(2), name="second")
    layer = viewer.add_labels(two_objects())
    repairer.choose(layer, second)
    repairer.tick([1])
    repairer.close()
    assert repairer.wait(60)
    viewer.layers.clear()
    monkeypatch.setattr(archive, "_ours", set())  # another day
    again = Repairer(viewer)
    offered = []
    again.autosaver.found.connect(offered.append)
    first = viewer.add_image(noise(1), name="first")
    own = viewer.add_labels(two_objects())
    again.choose(own, first)
    again.tick([2])
    second = viewer.add_image(noise(2), name="second")
    again.autosaver.look(second)
    qtbot.waitUntil(lambda: bool(offered), timeout=TIMEOUT)
    (restored,) = again.autosaver.restore(offered[0])
    assert restored.name == "Labels [1]"  # the name is taken
    assert settled(restored).done(()) == {1}
    again.autosaver.look(second)
    assert again.autosaver._finder.wait(60)
    qtbot.waitUntil(lambda: not again.autosaver._finder.busy, timeout=TIMEOUT)
    assert len(offered) == 1  # what is open is no earlier work
    again.close()
    assert again.wait(60)


def test_a_huge_image_on_the_disk_is_not_read_to_be_known_again(tmp_path, monkeypatch):
    read = []

    def block(block_info=None):
        read.append(1)
        (rows, columns) = block_info[None]["array-location"]
        return np.add.outer(np.arange(*rows), np.arange(*columns)).astype(np.uint8)

    lazy = dask.array.map_blocks(block, chunks=((64,) * 40, (64,) * 40), dtype=np.uint8)
    path = tmp_path / "slide.tif"
    path.write_bytes(b"slide")
    monkeypatch.setattr(identity, "LARGEST_READ", 2**20)
    read.clear()
    key = image_key(lazy, str(path))
    assert len(read) < 40
    assert image_key(lazy, str(path)) == key
    assert image_key(lazy + 1, str(path)) != key  # another layer of the same file
    assert image_key(lazy, "") != key
    path.write_bytes(b"another slide")
    assert image_key(lazy, str(path)) != key
    assert image_key(dask.array.zeros((900, 900, 3), dtype=np.uint8), "")


def test_the_key_of_an_ordinary_image_is_that_of_its_pixels():
    assert image_key(blobs(), "/data/blobs.tif") == pixels_sha256(blobs())
    assert image_key(dask.array.asarray(blobs()), "") == pixels_sha256(blobs())
