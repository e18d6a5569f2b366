"""What was edited is saved by itself, and comes back with the image."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from napari_wnet.errors import OutputError
from napari_wnet.project import ImageState, LabelsState, ProjectFolder, load_project
from napari_wnet.project.record import FORMAT
from napari_wnet.ui import archive
from napari_wnet.ui.repair_widget import RepairWidget
from napari_wnet.ui.settled import settled
from ui_stand_ins import blobs

TIMEOUT = 20_000


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def opened(viewer) -> RepairWidget:
    dock = RepairWidget(viewer)
    viewer.window.add_dock_widget(dock, name="Repair")
    return dock


def closed(dock) -> None:
    dock.close_down()
    assert dock.repairer.wait(60)


def labels_of(image) -> np.ndarray:
    labels = np.zeros(image.shape, np.int32)
    for number, value in enumerate(np.unique(image)[1:], start=1):
        labels[image == value] = number
    return labels


def test_edits_and_ticks_are_saved_and_restored_with_the_image(viewer, project_folder, qtbot):
    image = blobs()
    viewer.add_image(image, name="cells", scale=(0.5, 0.5))
    layer = viewer.add_labels(labels_of(image), name="mine", scale=(0.5, 0.5))
    dock = opened(viewer)
    assert not dock.saving.button.isVisibleTo(dock)
    dock.tools.choose("delete")
    dock.tools.click(tuple(np.argwhere(layer.data == 2)[40]))
    dock.repairer.tick([3])
    with qtbot.waitSignal(dock.repairer.autosaver.saved, timeout=TIMEOUT):
        dock.repairer.autosaver.save()
    assert dock.saving.label.text().startswith("Saved at")
    (saved,) = load_project(project_folder).images
    assert (saved.labels[0].labels == layer.data).all()
    closed(dock)
    viewer.layers.clear()
    viewer.add_image(image.copy(), name="the same again", scale=(0.5, 0.5))
    again = opened(viewer)
    qtbot.waitUntil(lambda: again.saving.button.isVisibleTo(again), timeout=TIMEOUT)
    again.saving.button.click()
    restored = viewer.layers["mine"]
    assert (restored.data == layer.data).all()
    assert restored.scale.tolist() == [0.5, 0.5]
    book = settled(restored)
    assert book.done(()) == {3}
    assert book.edited(()) == {2}
    assert (book.plane(()).cleared == (labels_of(image) == 2)).all()
    closed(again)


def test_closing_saves_what_was_not_saved_yet(viewer, project_folder, qtbot):
    image = blobs()
    viewer.add_image(image, name="cells")
    viewer.add_labels(labels_of(image), name="mine")
    dock = opened(viewer)
    dock.repairer.tick([1])
    closed(dock)
    (saved,) = load_project(project_folder).images
    assert saved.labels[0].done == {(): frozenset({1})}


def test_nothing_is_saved_where_nothing_was_touched(viewer, project_folder):
    viewer.add_image(blobs(), name="cells")
    viewer.add_labels(labels_of(blobs()), name="mine")
    dock = opened(viewer)
    dock.repairer.autosaver.save()
    closed(dock)
    assert not load_project(project_folder).images


def test_other_images_are_offered_nothing_and_work_on_several_is_kept(viewer, project_folder, qtbot):
    for number in (3, 4):
        image = blobs(number)
        viewer.add_image(image, name=f"cells {number}")
        viewer.add_labels(labels_of(image), name=f"mine {number}")
        dock = opened(viewer)
        assert not dock.saving.button.isVisibleTo(dock)
        dock.repairer.tick([1])
        closed(dock)
        viewer.layers.clear()
    assert [one.name for one in load_project(project_folder).images] == ["cells 3", "cells 4"]


def test_a_folder_that_cannot_be_used_is_said_and_edits_go_on(viewer, monkeypatch, tmp_path, qtbot):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NAPARI_WNET_PROJECT", str(tmp_path / "file" / "autosave"))
    image = blobs()
    viewer.add_image(image, name="cells")
    layer = viewer.add_labels(labels_of(image), name="mine")
    dock = opened(viewer)
    qtbot.waitUntil(lambda: "Autosave" in dock.status.text(), timeout=TIMEOUT)
    dock.tools.choose("delete")
    dock.tools.click(tuple(np.argwhere(layer.data == 2)[40]))
    assert 2 not in layer.data
    closed(dock)


KILLED = """
    import numpy as np, sys, time
    import napari
    from napari_wnet.ui.repair_widget import RepairWidget
    from napari_wnet.ui import autosave
    from qtpy.QtWidgets import QApplication
    autosave.INTERVAL_MS = 200
    sys.path.insert(0, {tests!r})
    from ui_stand_ins import blobs
    viewer = napari.Viewer(show=False)
    image = blobs()
    viewer.add_image(image, name="cells")
    layer = viewer.add_labels((image > 0).astype(np.int32), name="mine")
    dock = RepairWidget(viewer)
    viewer.window.add_dock_widget(dock)
    dock.repairer.autosaver.saved.connect(lambda when: print("saved", flush=True))
    step = 0
    while True:
        QApplication.processEvents()
        step += 1
        layer.data_setitem((np.array([step % 60]), np.array([step % 90])), 100 + step)
        time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_killed_viewer_leaves_its_last_save_whole(project_folder):
    tests = str(Path(__file__).parents[1])
    environment = {**os.environ, "NAPARI_WNET_PROJECT": str(project_folder)}
    script = textwrap.dedent(KILLED.format(tests=tests))
    child = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for _ in range(3):
        assert child.stdout.readline().strip() == "saved"
    time.sleep(0.05)  # into the next save, likely
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    child.stdout.close()
    state = load_project(project_folder)
    assert not state.problems
    (image,) = state.images
    assert image.labels[0].labels.max() > 100


def test_a_closed_dock_listens_no_more(viewer, project_folder):
    viewer.add_image(blobs(), name="cells")
    layer = viewer.add_labels(labels_of(blobs()), name="mine")
    dock = opened(viewer)
    dock.repairer.tick([1])
    autosaver = dock.repairer.autosaver
    closed(dock)
    before = autosaver._n_edits
    settled(layer).tick((), [2])
    assert autosaver._n_edits == before
    assert not settled(layer)._listeners  # neither the dock nor what it saves with is kept alive by the layer
    assert load_project(project_folder).images[0].labels[0].done == {(): frozenset({1})}


def test_labels_of_an_image_with_channels_come_back_over_it(viewer, project_folder, qtbot):
    image = np.stack([blobs(), blobs() // 2])
    viewer.add_image(image, name="cells", scale=(1, 0.5, 0.5), translate=(0, 3, 4))
    layer = viewer.add_labels(labels_of(blobs()), name="mine", scale=(0.5, 0.5), translate=(3, 4))
    dock = opened(viewer)
    dock.repairer.tick([1])
    closed(dock)
    viewer.layers.remove(layer)
    again = opened(viewer)
    qtbot.waitUntil(lambda: again.saving.button.isVisibleTo(again), timeout=TIMEOUT)
    again.saving.button.click()
    restored = viewer.layers["mine"]
    assert restored.scale.tolist() == [0.5, 0.5]
    assert restored.translate.tolist() == [3, 4]
    closed(again)


def test_a_folder_from_a_newer_version_is_left_alone_and_edits_are_saved_beside_it(viewer, project_folder, qtbot):
    project_folder.mkdir(parents=True)
    (project_folder / "project.json").write_text(f'{{"format": "{FORMAT}", "format_version": 99}}')
    before = (project_folder / "project.json").read_bytes()
    viewer.add_image(blobs(), name="cells")
    viewer.add_labels(labels_of(blobs()), name="mine")
    dock = opened(viewer)
    qtbot.waitUntil(lambda: "another folder" in dock.status.text(), timeout=TIMEOUT)
    assert "newer napari-wnet" in dock.status.text()
    dock.repairer.tick([1])
    closed(dock)
    assert (project_folder / "project.json").read_bytes() == before
    (saved,) = load_project(project_folder.with_name("autosave-2")).images
    assert saved.labels[0].done == {(): frozenset({1})}


def test_what_another_window_saved_is_offered(viewer, project_folder, qtbot):
    viewer.add_image(blobs(), name="cells")
    layer = viewer.add_labels(labels_of(blobs()), name="mine")
    with ProjectFolder(project_folder):  # a first window
        dock = opened(viewer)
        dock.repairer.tick([1])
        closed(dock)
        assert load_project(project_folder.with_name("autosave-2")).images
    viewer.layers.remove(layer)
    again = opened(viewer)
    qtbot.waitUntil(lambda: again.saving.button.isVisibleTo(again), timeout=TIMEOUT)
    assert again.repairer.autosaver.folder == project_folder
    again.saving.button.click()
    assert settled(viewer.layers["mine"]).done(()) == {1}
    closed(again)


def test_a_partly_deleted_folder_gives_what_is_left_and_says_what_is_not(viewer, project_folder, qtbot):
    viewer.add_image(blobs(), name="cells")
    for name in ("first", "second"):
        viewer.add_labels(labels_of(blobs()) * (1 if name == "first" else 2), name=name)
    dock = opened(viewer)
    for name in ("first", "second"):
        settled(viewer.layers[name]).tick((), [2])
        dock.repairer.autosaver.watch(viewer.layers[name])
    dock.repairer.tick([4])
    closed(dock)
    assert len(load_project(project_folder).images[0].labels) == 2
    next(iter(sorted(project_folder.glob("labels-*.tif")))).unlink()
    while len(viewer.layers) > 1:
        viewer.layers.pop()
    again = opened(viewer)
    qtbot.waitUntil(lambda: again.saving.button.isVisibleTo(again), timeout=TIMEOUT)
    assert "not complete" in again.status.text()
    again.saving.button.click()
    assert len([layer for layer in viewer.layers if layer.name in ("first", "second")]) == 1
    closed(again)


def test_the_oldest_images_are_forgotten_when_they_take_too_much(monkeypatch):
    def state(name):
        return ImageState(name=name, shape=(4, 4), labels=(LabelsState(name="mine", labels=np.ones((4, 4), np.int32)),))

    known = {name: state(name) for name in "abcd"}
    monkeypatch.setattr(archive, "MAX_BYTES", 2 * 64)
    archive._forget_oldest(known, 1)
    assert list(known) == ["c", "d"]
    monkeypatch.setattr(archive, "MAX_BYTES", 1)
    archive._forget_oldest(known, 1)
    assert list(known) == ["d"]  # what is open now stays, however large


def test_work_that_was_offered_and_not_restored_stays(viewer, project_folder, monkeypatch, qtbot):
    viewer.add_image(blobs(), name="cells")
    layer = viewer.add_labels(labels_of(blobs()), name="mine")
    dock = opened(viewer)
    dock.repairer.tick([1, 2])
    closed(dock)
    viewer.layers.remove(layer)
    monkeypatch.setattr(archive, "_ours", set())  # another day
    for _ in range(2):  # saved twice, and a dock that is opened anew
        again = opened(viewer)
        if "mine" not in viewer.layers:
            viewer.add_labels(labels_of(blobs()), name="mine")
        again.repairer.tick([4])
        closed(again)
    (saved,) = load_project(project_folder).images
    assert [sorted(one.done[()]) for one in saved.labels] == [[4], [1, 2]]
    assert saved.labels[1].name.startswith("mine (")
    viewer.layers.remove("mine")
    monkeypatch.setattr(archive, "_ours", set())
    last = opened(viewer)
    qtbot.waitUntil(lambda: last.saving.button.isVisibleTo(last), timeout=TIMEOUT)
    last.saving.button.click()
    assert len([one for one in viewer.layers if one.name.startswith("mine")]) == 2
    last.repairer.tick([3])
    closed(last)
    assert len(load_project(project_folder).images[0].labels) == 2


def test_a_save_that_failed_is_tried_again(viewer, project_folder, monkeypatch, qtbot):
    viewer.add_image(blobs(), name="cells")
    viewer.add_labels(labels_of(blobs()), name="mine")
    dock = opened(viewer)
    full = OutputError("The disk is full.")
    dock.repairer.tick([1])
    with monkeypatch.context() as patch:
        patch.setattr(archive.ProjectFolder, "save", lambda *_: (_ for _ in ()).throw(full))
        dock.repairer.autosaver.save()
        qtbot.waitUntil(lambda: "disk is full" in dock.status.text(), timeout=TIMEOUT)
        assert dock.repairer.autosaver.wait(10)
    with qtbot.waitSignal(dock.repairer.autosaver.saved, timeout=TIMEOUT):
        dock.repairer.autosaver.save()
    closed(dock)
    assert load_project(project_folder).images[0].labels[0].done == {(): frozenset({1})}


def test_labels_of_a_pyramid_are_saved(viewer, project_folder, qtbot):
    image = blobs()
    viewer.add_image([image, image[::2, ::2]], name="cells", multiscale=True)
    viewer.add_labels(labels_of(image), name="mine")
    dock = opened(viewer)
    dock.repairer.tick([1])
    closed(dock)
    (saved,) = load_project(project_folder).images
    assert saved.shape == image.shape
    assert saved.labels[0].done == {(): frozenset({1})}
