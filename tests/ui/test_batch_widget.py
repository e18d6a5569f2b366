"""The Batch dock as a user drives it: choose a folder, press, wait, look, correct."""

from __future__ import annotations

import importlib
import json
import runpy
import shlex
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QGuiApplication

from napari_wnet import cli, save_labels
from napari_wnet.batch.job import CORRECTED, FileResult, FileStarted
from napari_wnet.errors import NoRoomError, OutputError, SchedulerError
from napari_wnet.io import ngff
from napari_wnet.io.images import read_labels
from napari_wnet.reports import Progress
from napari_wnet.ui import batch_work
from napari_wnet.ui.batch_settings import BatchSettings, in_the_dock, proposed_out
from napari_wnet.ui.batch_widget import BatchWidget
from napari_wnet.ui.layers import MARK
from napari_wnet.ui.review_row import CANCEL, DISCARD, SAVE
from napari_wnet.ui.segment_widget import SegmentWidget
from napari_wnet.ui.tally import Tally, in_words
from slide.test_source import as_ngff

TIMEOUT = 60_000
SIDE = 96


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def images(tmp_path, nuclei_image):
    """Return a folder with three images, one of them two folders deep, and one that is broken."""
    folder = tmp_path / "plate 1"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(("a.tif", "b.tif", "more/c.tif")):
        tifffile.imwrite(folder / name, nuclei_image[0, :SIDE, number * SIDE : (number + 1) * SIDE])
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def dock(viewer, qtbot):
    widget = BatchWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Batch")
    qtbot.waitUntil(lambda: widget.form.model_box.value() == "nuclei", timeout=TIMEOUT)
    widget.form.device_box.setCurrentText("cpu")
    yield widget
    widget.close_down()
    assert widget.batcher.wait(60)
    assert widget.reviewer.wait(60)


class Steps:
    """Stands in for the batch: a test lets it do one file after the other."""

    def __init__(self) -> None:
        self.allowed = threading.Semaphore(0)
        self.error: Exception | None = None
        self.calls = []
        self.closed = 0
        self.fails = ("broken.png",)

    def batch_steps(self, job, items, *, scheduler, earlier=()):
        self.calls.append((job, [item.path.name for item in items], scheduler, [one.path.name for one in earlier]))
        results = []
        try:
            for item in items:
                yield FileStarted(path=item.path)
                while not self.allowed.acquire(timeout=0.02):
                    yield Progress(done=0, total=1, what="tiles")
                if self.error is not None:
                    raise self.error
                failed = item.path.name in self.fails
                state = {"state": "failed", "error": "damaged"} if failed else {"n_objects": 3}
                results.append(FileResult(path=item.path, seconds=0.5, **state))
                yield results[-1]
        except GeneratorExit:
            self.closed += 1
            raise
        return tuple(results)

    def allow(self, n: int) -> None:
        self.allowed.release(n)


@pytest.fixture
def steps(monkeypatch):
    steps = Steps()
    monkeypatch.setattr(importlib.import_module("napari_wnet.batch.run"), "batch_steps", steps.batch_steps)
    return steps


def choose(dock, folder, qtbot, n: int = 3) -> None:
    dock.form.folder_edit.setValue(str(folder))
    qtbot.waitUntil(lambda: dock.batcher.files.rowCount() == n, timeout=TIMEOUT)


def finished(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.batcher.busy, timeout=TIMEOUT)


def states(dock) -> dict[str, str]:
    files = dock.batcher.files
    return {files.row(place).item.path.name: files.row(place).state for place in range(files.rowCount())}


def opened(dock, name: str, qtbot) -> None:
    qtbot.waitUntil(
        lambda: dock.reviewer.opened is not None and dock.reviewer.opened.item.path.name == name, timeout=TIMEOUT
    )


def test_a_folder_is_listed_segmented_and_reported(dock, images, qtbot, monkeypatch):
    assert not dock.start_button.isEnabled()
    choose(dock, images, qtbot)
    assert states(dock) == {"a.tif": "waiting", "b.tif": "waiting", "broken.png": "waiting"}
    out = images.with_name("plate 1-wnet")
    assert dock.value().out == str(out)
    dock.start_button.click()
    assert not dock.form.isEnabled()
    finished(dock, qtbot)
    assert states(dock) == {"a.tif": "done", "b.tif": "done", "broken.png": "failed"}
    n_objects = sum(dock.batcher.files.row(place).result.n_objects for place in range(2))
    assert dock.status.text() == (
        f"Done: 2 of 3 images; {n_objects} objects. 1 failed: click one for why, or see failed.csv with the results."
    )
    assert dock.progress_bar.format() == "3 of 3, 1 failed"
    row = dock.batcher.files.row(0)
    assert row.result.n_objects == read_labels(out / "a_labels.tif").max()
    urls = []
    monkeypatch.setattr(QDesktopServices, "openUrl", urls.append)
    dock.report_button.click()
    assert [url.toLocalFile() for url in urls] == [str(out / "report.html")]
    dock.table.clicked.emit(dock.batcher.files.index(2, 0))
    assert "broken.png is no PNG" in dock.status.text()
    dock.start_button.click()
    finished(dock, qtbot)
    assert states(dock) == {"a.tif": "finished before", "b.tif": "finished before", "broken.png": "failed"}
    assert "Done: 2 of 3 images, 2 of them before;" in dock.status.text()


def test_only_what_failed_is_done_again_and_report_and_list_are_of_all(dock, images, qtbot):
    choose(dock, images, qtbot)
    out = images.with_name("plate 1-wnet")
    dock.start_button.click()
    finished(dock, qtbot)
    report = (out / "report.html").read_text()
    assert "broken.png" in (out / "failed.csv").read_text()
    from PIL import Image

    Image.fromarray(tifffile.imread(images / "a.tif")).save(images / "broken.png")
    dock.retry_button.click()
    finished(dock, qtbot)
    assert states(dock) == {"a.tif": "done", "b.tif": "done", "broken.png": "done"}
    assert dock.progress_bar.format() == "1 of 1"
    assert not (out / "failed.csv").exists()
    assert not dock.retry_button.isEnabled()
    after = (out / "report.html").read_text()
    assert after != report
    assert all(name in after for name in ("a.tif", "b.tif", "broken.png"))


def test_slides_of_a_folder_are_segmented_in_blocks_tried_again_and_looked_at_from_the_disk(
    dock, viewer, images, nuclei_image, qtbot, monkeypatch
):
    monkeypatch.setattr(ngff, "LARGE_PX", 100)
    (images / "broken.png").unlink()
    slide = as_ngff(images, nuclei_image[0, :150, :SIDE])
    chunk = slide / "0" / "c" / "0" / "0" / "0" / "0"
    good = chunk.read_bytes()
    chunk.write_bytes(b"nonsense")
    slide.rename(images / "s.ome.zarr")
    chunk = images / "s.ome.zarr" / chunk.relative_to(slide)
    choose(dock, images, qtbot)
    out = images.with_name("plate 1-wnet")
    dock.start_button.click()
    finished(dock, qtbot)
    assert states(dock) == {"a.tif": "done", "b.tif": "done", "s.ome.zarr": "failed"}
    assert "s.ome.zarr" in (out / "failed.csv").read_text()
    chunk.write_bytes(good)
    dock.retry_button.click()
    finished(dock, qtbot)
    assert states(dock) == {"a.tif": "done", "b.tif": "done", "s.ome.zarr": "done"}
    assert not (out / "failed.csv").exists()
    assert (out / "report.html").read_text().count("data:image/jpeg") == 3
    dock.table.opened.emit(2)
    opened(dock, "s.ome.zarr", qtbot)
    image, labels = (viewer.layers[name] for name in ("s", "s labels"))
    np.testing.assert_array_equal(np.asarray(image.data), nuclei_image[0, :150, :SIDE])
    assert not isinstance(image.data, np.ndarray)
    assert not isinstance(labels.data, np.ndarray)
    np.testing.assert_array_equal(image.extent.world, labels.extent.world)
    assert not dock.reviewer.can_save
    assert "cannot be painted on" in dock.status.text()
    dock.review_row.previous_button.click()
    opened(dock, "b.tif", qtbot)
    assert [layer.name for layer in viewer.layers] == ["b", "b labels"]


def test_paused_nothing_goes_on_until_it_is_resumed(dock, images, steps, qtbot):
    choose(dock, images, qtbot)
    dock.start_button.click()
    steps.allow(1)
    qtbot.waitUntil(lambda: dock.batcher.tally.done == 1, timeout=TIMEOUT)
    dock.pause_button.click()
    assert dock.pause_button.text() == "Resume"
    qtbot.wait(300)  # what was on its way has arrived
    steps.allow(2)
    seen = dict(states(dock))
    qtbot.wait(300)
    assert states(dock) == seen
    assert "Paused" in dock.status.text()
    dock.pause_button.click()
    assert dock.pause_button.text() == "Pause"
    finished(dock, qtbot)
    assert states(dock) == {"a.tif": "done", "b.tif": "done", "broken.png": "failed"}


def test_paused_workers_finish_what_they_have_and_it_is_said(dock, images, steps, qtbot):
    choose(dock, images, qtbot)
    dock.form.place_box.setCurrentIndex(1)
    dock.start_button.click()
    qtbot.waitUntil(lambda: bool(steps.calls), timeout=TIMEOUT)
    assert steps.calls[0][2] == "processes"
    dock.pause_button.click()
    assert "workers finish what they have in hand" in dock.status.text()
    dock.cancel_button.click()
    finished(dock, qtbot)
    assert steps.closed == 1


def test_a_paused_batch_can_be_cancelled_and_goes_on_from_there(dock, images, steps, qtbot):
    choose(dock, images, qtbot)
    dock.start_button.click()
    steps.allow(1)
    qtbot.waitUntil(lambda: dock.batcher.tally.done == 1, timeout=TIMEOUT)
    dock.pause_button.click()
    dock.cancel_button.click()
    finished(dock, qtbot)
    assert steps.closed == 1
    assert states(dock) == {"a.tif": "done", "b.tif": "waiting", "broken.png": "waiting"}
    assert dock.form.isEnabled()
    steps.allow(3)
    dock.start_button.click()
    finished(dock, qtbot)
    # Finished files are skipped by the batch itself, which compares what they were made of.
    assert [call[1] for call in steps.calls] == [["a.tif", "b.tif", "broken.png"]] * 2
    assert not dock.batcher.paused


def test_replacing_what_was_cancelled_goes_on_with_the_rest(dock, images, steps, qtbot):
    choose(dock, images, qtbot)
    dock.form.overwrite_box.setChecked(True)
    dock.start_button.click()
    steps.allow(1)
    qtbot.waitUntil(lambda: dock.batcher.tally.done == 1, timeout=TIMEOUT)
    dock.cancel_button.click()
    finished(dock, qtbot)
    steps.allow(9)
    dock.start_button.click()
    finished(dock, qtbot)
    assert steps.calls[1][1::2] == (["b.tif", "broken.png"], ["a.tif"])
    assert states(dock) == {"a.tif": "done", "b.tif": "done", "broken.png": "failed"}
    dock.start_button.click()  # it was not cancelled: all of them anew
    finished(dock, qtbot)
    assert len(steps.calls[2][1]) == 3


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NoRoomError("The disk is full. Make room or choose another disk (--out)."), "choose another disk."),
        (SchedulerError("The scheduler is gone."), "The scheduler is gone."),
        (OutputError("x exists; have it replaced (--overwrite)."), "replace earlier results"),
        (RuntimeError("odd"), "unexpected"),
    ],
)
def test_what_ends_a_batch_is_said_once_in_the_words_of_the_dock(dock, images, steps, qtbot, error, text):
    choose(dock, images, qtbot)
    steps.error = error
    steps.allow(1)
    dock.start_button.click()
    finished(dock, qtbot)
    assert text in dock.status.text()
    assert "--" not in dock.status.text()
    assert set(states(dock).values()) == {"waiting"}
    assert dock.start_button.isEnabled()


def test_a_folder_in_use_or_that_cannot_be_is_said(dock, images, qtbot, tmp_path):
    choose(dock, images, qtbot)
    (tmp_path / "file").write_text("")
    dock.form.out_edit.setValue(str(tmp_path / "file"))
    dock.start_button.click()
    finished(dock, qtbot)
    assert "cannot be written" in dock.status.text()
    dock.form.place_box.setCurrentText("somewhere")
    dock.start_button.click()
    assert "'somewhere' is no scheduler; choose this window" in dock.status.text()
    dock.form.folder_edit.setValue(str(tmp_path / "nowhere"))
    qtbot.waitUntil(lambda: "There is no folder" in dock.status.text(), timeout=TIMEOUT)


def test_where_all_fail_the_reason_is_said(dock, images, qtbot):
    segmented(dock, images, qtbot)
    dock.form.save_boxes["pca"].setChecked(True)
    dock.start_button.click()
    finished(dock, qtbot)
    assert "None of 3 images" in dock.status.text()
    assert "with other outputs" in dock.status.text()
    assert "'replace earlier results'" in dock.status.text()


def test_two_docks_do_not_run_at_once(dock, viewer, images, steps, qtbot):
    choose(dock, images, qtbot)
    other = BatchWidget(viewer)
    viewer.window.add_dock_widget(other, name="another")
    qtbot.waitUntil(lambda: bool(other.form.model_box.value()), timeout=TIMEOUT)
    choose(other, images, qtbot)
    dock.start_button.click()
    other.start_button.click()
    assert "going on already" in other.status.text()
    assert len(steps.calls) <= 1
    steps.allow(6)
    finished(dock, qtbot)
    other.start_button.click()
    finished(other, qtbot)
    assert states(other)["a.tif"] == "done"
    other.close_down()


def test_closing_the_dock_ends_the_batch(dock, viewer, images, steps, qtbot):
    choose(dock, images, qtbot)
    dock.start_button.click()
    steps.allow(1)
    qtbot.waitUntil(lambda: dock.batcher.tally.done == 1, timeout=TIMEOUT)
    viewer.window.remove_dock_widget(dock)
    assert dock.batcher.wait(30)
    assert steps.closed == 1


def test_one_core_is_left_to_the_viewer_and_given_back(dock, images, steps, qtbot, monkeypatch):
    seen = []
    steps_of = steps.batch_steps

    def noted(*arguments, **options):
        seen.append(torch.get_num_threads())
        return (yield from steps_of(*arguments, **options))

    monkeypatch.setattr(importlib.import_module("napari_wnet.batch.run"), "batch_steps", noted)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        monkeypatch.setattr(batch_work, "n_threads", lambda: 3)
        choose(dock, images, qtbot)
        steps.allow(9)
        dock.start_button.click()
        finished(dock, qtbot)
        assert seen == [3]
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_settings_come_back_as_they_were_set_and_list_the_files(dock, images, qtbot, tmp_path):
    settings = BatchSettings(
        folder=str(images), recursive=True, pattern="*.tif, more/*", out=str(tmp_path / "out"), model="nuclei",
        save=("labels", "pca", "overlay"), scheduler="tcp://10.0.0.5:8786", device="cpu", axes="YX", channels="0",
        foreground=str(tmp_path / "masks"), foreground_use="region", overwrite=True,
    )  # fmt: skip
    dock.setValue(settings)
    assert dock.value() == settings
    qtbot.waitUntil(lambda: list(states(dock)) == ["a.tif", "b.tif", "c.tif"], timeout=TIMEOUT)


def test_a_folder_can_be_dropped(dock, images, qtbot):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(images / "a.tif"))])
    none = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PySide6 has another form of it, which PyQt6 lacks
        enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, *none)
    enter.ignore()
    dock.dragEnterEvent(enter)
    assert enter.isAccepted()
    dock.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, *none))
    assert dock.value().folder == str(images)
    qtbot.waitUntil(lambda: dock.batcher.files.rowCount() == 3, timeout=TIMEOUT)


def test_results_are_proposed_beside_and_never_among_results(images, tmp_path):
    assert proposed_out(images) == tmp_path / "plate 1-wnet"
    out = tmp_path / "out"
    assert cli.main(["segment", str(images), "--out", str(out), "--recursive", "--device", "cpu"]) == 1
    assert proposed_out(out / "more") == tmp_path / "out-wnet"
    assert proposed_out(type(out)("/")).parent == type(out)("/")


def test_a_typed_output_folder_stays_when_the_images_change(dock, images, qtbot, tmp_path):
    choose(dock, images, qtbot)
    dock.form.folder_edit.setValue(str(images / "more"))
    assert dock.value().out == str(images / "more-wnet")
    dock.form.out_edit.setValue(str(tmp_path / "mine"))
    dock.form.folder_edit.setValue(str(images))
    assert dock.value().out == str(tmp_path / "mine")


def segmented(dock, images, qtbot) -> None:
    choose(dock, images, qtbot)
    dock.start_button.click()
    finished(dock, qtbot)


def test_a_file_is_opened_with_its_labels_in_the_place_of_the_one_before(dock, viewer, images, qtbot):
    segmented(dock, images, qtbot)
    viewer.add_image(np.zeros((4, 4)), name="mine")
    dock.table.opened.emit(0)
    opened(dock, "a.tif", qtbot)
    image, labels = viewer.layers["a"], viewer.layers["a labels"]
    np.testing.assert_array_equal(image.data, tifffile.imread(images / "a.tif"))
    np.testing.assert_array_equal(labels.data, read_labels(images.with_name("plate 1-wnet") / "a_labels.tif"))
    mark = labels.metadata[MARK]
    assert (mark["kind"], mark["source"], mark["settings"]["model"]) == ("labels", "a", mark["settings"]["model"])
    assert viewer.layers.selection.active is labels
    table = pd.read_csv(images.with_name("plate 1-wnet") / "a.csv")
    assert labels.features["index"].tolist() == list(table["label"])
    for column in ("area_px", "mean_intensity"):
        np.testing.assert_allclose(labels.features[column], table[column])
    paint(labels)
    qtbot.waitUntil(lambda: len(labels.features) == len(table["label"]) + 1, timeout=TIMEOUT)
    labels.undo()
    qtbot.waitUntil(lambda: len(labels.features) == len(table["label"]), timeout=TIMEOUT)
    assert "area_px: " in labels.get_status(np.argwhere(labels.data)[0])["coordinates"]
    labels.contour = 2
    dock.review_row.next_button.click()
    opened(dock, "b.tif", qtbot)
    assert [layer.name for layer in viewer.layers] == ["mine", "b", "b labels"]
    assert viewer.layers["b labels"].contour == 2
    assert dock.table.currentIndex().row() == 1
    dock.review_row.next_button.click()  # the broken one: it is said, and nothing changes
    qtbot.waitUntil(lambda: "is no PNG" in dock.status.text(), timeout=TIMEOUT)
    assert [layer.name for layer in viewer.layers] == ["mine", "b", "b labels"]
    dock.review_row.previous_button.click()
    opened(dock, "a.tif", qtbot)
    dock.review_row.previous_button.click()  # there is none before
    assert dock.reviewer.opened.item.path.name == "a.tif"


def test_rows_are_walked_through_as_they_are_sorted(dock, viewer, images, qtbot):
    segmented(dock, images, qtbot)
    dock.batcher.files.sort(0, Qt.SortOrder.DescendingOrder)
    dock.table.opened.emit(dock.batcher.files.place(images / "b.tif"))
    opened(dock, "b.tif", qtbot)
    dock.review_row.next_button.click()
    opened(dock, "a.tif", qtbot)


def paint(layer) -> None:
    """Paint a new object as a person does, in one undo step."""
    where = np.indices((5, 5)).reshape(2, -1)
    layer.data_setitem(tuple(where), np.int32(layer.data.max() + 1))


def test_corrected_labels_are_saved_and_left_alone_by_the_next_run(dock, viewer, images, qtbot):
    segmented(dock, images, qtbot)
    out = images.with_name("plate 1-wnet")
    dock.table.opened.emit(0)
    opened(dock, "a.tif", qtbot)
    assert not dock.review_row.save_button.isEnabled()
    labels = viewer.layers["a labels"]
    before = dock.batcher.files.row(0).result.n_objects
    paint(labels)
    assert dock.review_row.save_button.isEnabled()
    dock.review_row.save_button.click()
    qtbot.waitUntil(lambda: not dock.reviewer.saving, timeout=TIMEOUT)
    np.testing.assert_array_equal(read_labels(out / "a_labels.tif"), labels.data)
    assert json.loads((out / "a.json").read_text())["result"]["edited"] is True
    assert dock.batcher.files.row(0).result.n_objects == before + 1
    assert dock.batcher.files.row(0).why == CORRECTED
    assert not dock.review_row.save_button.isEnabled()
    dock.start_button.click()
    finished(dock, qtbot)
    assert states(dock)["a.tif"] == "finished before"
    np.testing.assert_array_equal(read_labels(out / "a_labels.tif"), labels.data)
    assert dock.batcher.files.row(0).why == CORRECTED


@pytest.mark.parametrize("yes", [True, False])
def test_corrections_are_replaced_only_by_who_is_sure(dock, viewer, images, qtbot, monkeypatch, yes):
    segmented(dock, images, qtbot)
    out = images.with_name("plate 1-wnet")
    found = read_labels(out / "a_labels.tif")
    corrected = np.where(found == 1, 0, found)
    save_labels(out / "a.json", corrected)
    asked = []
    monkeypatch.setattr(dock, "may_replace", lambda n: asked.append(n) or yes)
    dock.form.overwrite_box.setChecked(True)
    dock.start_button.click()
    qtbot.waitUntil(lambda: bool(asked), timeout=TIMEOUT)
    finished(dock, qtbot)
    assert asked == [1]
    assert states(dock)["a.tif"] == "done"
    assert states(dock)["broken.png"] == "failed"
    np.testing.assert_array_equal(read_labels(out / "a_labels.tif"), found if yes else corrected)


@pytest.mark.parametrize(("answer", "saved", "went_on"), [(SAVE, 1, 1), (DISCARD, 0, 1), (CANCEL, 0, 0)])
def test_unsaved_edits_are_asked_about(dock, viewer, images, qtbot, monkeypatch, answer, saved, went_on):
    segmented(dock, images, qtbot)
    out = images.with_name("plate 1-wnet")
    dock.table.opened.emit(0)
    opened(dock, "a.tif", qtbot)
    before = read_labels(out / "a_labels.tif")
    asked = []
    monkeypatch.setattr(dock.review_row, "ask", lambda name: asked.append(name) or answer)
    paint(viewer.layers["a labels"])
    dock.review_row.next_button.click()
    if went_on:
        opened(dock, "b.tif", qtbot)
    assert asked == ["a.tif"]
    assert dock.reviewer.opened.item.path.name == ("b.tif" if went_on else "a.tif")
    assert (read_labels(out / "a_labels.tif") != before).any() == bool(saved)


def test_what_is_edited_while_the_next_image_is_read_stays_open(dock, viewer, images, qtbot, monkeypatch):
    segmented(dock, images, qtbot)
    dock.table.opened.emit(0)
    opened(dock, "a.tif", qtbot)
    asked = []
    monkeypatch.setattr(dock.review_row, "ask", lambda name: asked.append(name) or DISCARD)
    dock.review_row.next_button.click()
    paint(viewer.layers["a labels"])
    painted = viewer.layers["a labels"].data.copy()
    qtbot.waitUntil(lambda: "so they stay open" in dock.status.text(), timeout=TIMEOUT)
    np.testing.assert_array_equal(viewer.layers["a labels"].data, painted)
    assert (dock.reviewer.opened.item.path.name, asked) == ("a.tif", [])
    dock.review_row.next_button.click()
    opened(dock, "b.tif", qtbot)
    assert asked == ["a.tif"]


def test_what_is_edited_while_labels_are_saved_stays_open(dock, viewer, images, qtbot, monkeypatch):
    segmented(dock, images, qtbot)
    dock.table.opened.emit(0)
    opened(dock, "a.tif", qtbot)
    monkeypatch.setattr(dock.review_row, "ask", lambda name: SAVE)
    labels = viewer.layers["a labels"]
    paint(labels)
    dock.review_row.next_button.click()
    labels.data_setitem((np.array([0]), np.array([0])), 77)
    qtbot.waitUntil(lambda: "so they stay open" in dock.status.text(), timeout=TIMEOUT)
    assert viewer.layers["a labels"].data[0, 0] == 77
    dock.review_row.next_button.click()
    opened(dock, "b.tif", qtbot)
    assert read_labels(images.with_name("plate 1-wnet") / "a_labels.tif")[0, 0] == 77


def test_an_edit_that_was_undone_is_none(dock, viewer, images, qtbot, monkeypatch):
    segmented(dock, images, qtbot)
    dock.table.opened.emit(0)
    opened(dock, "a.tif", qtbot)
    monkeypatch.setattr(dock.review_row, "ask", lambda name: pytest.fail("there is nothing to save"))
    paint(viewer.layers["a labels"])
    viewer.layers["a labels"].undo()
    dock.review_row.next_button.click()
    opened(dock, "b.tif", qtbot)


def test_stacks_channels_colour_and_pixel_sizes_are_shown_as_they_are(dock, viewer, tmp_path, nuclei_image, qtbot):
    folder = tmp_path / "kinds"
    folder.mkdir()
    grey = nuclei_image[0, :SIDE, :SIDE]
    tifffile.imwrite(
        folder / "stack.tif", np.stack([grey] * 4).reshape(2, 2, SIDE, SIDE), imagej=True,
        metadata={"axes": "TCYX", "unit": "um"}, resolution=(2, 2),
    )  # fmt: skip
    tifffile.imwrite(folder / "rgb.tif", np.stack([grey] * 3, axis=-1))
    tifffile.imwrite(folder / "unclear.tif", np.stack([grey] * 5))
    choose(dock, folder, qtbot)
    dock.form.channels_edit.setText("0")
    dock.start_button.click()
    finished(dock, qtbot)
    dock.open_place(dock.batcher.files.place(folder / "stack.tif"))
    opened(dock, "stack.tif", qtbot)
    image, labels = viewer.layers["stack"], viewer.layers["stack labels"]
    assert image.data.shape == (2, 2, SIDE, SIDE)
    assert image.axis_labels == ("c", "t", "y", "x")
    assert tuple(image.scale) == pytest.approx((1, 1, 0.5, 0.5))
    assert labels.data.shape == (2, SIDE, SIDE)
    assert tuple(labels.scale) == pytest.approx((1, 0.5, 0.5))
    settings = labels.metadata[MARK]["settings"]
    assert (settings["channel_axis"], list(settings["channels"])) == (0, [0])
    dock.open_place(dock.batcher.files.place(folder / "rgb.tif"))
    opened(dock, "rgb.tif", qtbot)
    assert viewer.layers["rgb"].rgb
    dock.open_place(dock.batcher.files.place(folder / "unclear.tif"))
    opened(dock, "unclear.tif", qtbot)
    assert viewer.layers["unclear"].data.shape == (SIDE, SIDE)  # the channel that was asked for
    assert viewer.layers["unclear labels"].metadata[MARK]["settings"]["channel_axis"] == -1
    for path in folder.with_name("kinds-wnet").glob("unclear*"):
        path.unlink()
    dock.form.channels_edit.setText("")
    dock.open_place(dock.batcher.files.place(folder / "unclear.tif"))
    qtbot.waitUntil(lambda: "unclear labels" not in viewer.layers, timeout=TIMEOUT)
    assert viewer.layers["unclear"].data.shape == (5, SIDE, SIDE)
    assert "what its axes are" in dock.status.text()
    assert "--" not in dock.status.text()


def copied(button) -> str:
    button.click()
    return QGuiApplication.clipboard().text()


@pytest.fixture
def segment_dock(viewer, qtbot):
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    qtbot.waitUntil(lambda: widget.ready, timeout=TIMEOUT)
    yield widget
    widget.close_down()
    assert widget.segmenter.wait(60)


def test_the_copied_command_and_code_give_the_same_labels(dock, segment_dock, images, qtbot, tmp_path, monkeypatch):
    segment_dock.form.setValue(segment_dock.form.value().replace(clustering__angle=31.0, clustering__min_area=40))
    dock.form.params_box.setCurrentIndex(1)
    assert not dock.form.model_box.isEnabled()
    dock.form.recursive_box.setChecked(True)
    dock.form.pattern_edit.setText("*.tif, more/*")
    dock.form.save_boxes["overlay"].setChecked(True)
    choose(dock, images, qtbot)
    dock.start_button.click()
    finished(dock, qtbot)
    assert set(states(dock).values()) == {"done"}
    out = images.with_name("plate 1-wnet")
    found = {path.relative_to(out): path.read_bytes() for path in sorted(out.rglob("*_*.*")) if path.is_file()}
    assert len(found) == 6
    assert json.loads((out / "a.json").read_text())["params"]["clustering"]["angle"] == 31
    out.rename(tmp_path / "first")
    words = shlex.split(copied(dock.copy_row.command_button))
    assert words[0] == "napari-wnet"
    assert words[words.index("--angle") + 1] == "31.0"
    before = torch.get_num_threads()
    assert cli.main(words[1:]) == 0
    torch.set_num_threads(before)
    assert {name: (out / name).read_bytes() for name in found} == found
    out.rename(tmp_path / "second")
    script = tmp_path / "script.py"
    script.write_text(copied(dock.copy_row.code_button))
    results = runpy.run_path(str(script))["results"]
    assert [result.state for result in results] == ["done"] * 3
    assert {name: (out / name).read_bytes() for name in found} == found


@pytest.mark.parametrize(("follows", "use"), [(False, 0), (False, 1), (True, 1)])
def test_masks_are_used_and_copied(dock, segment_dock, images, qtbot, tmp_path, follows, use):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, : SIDE // 2] = 255
    (images / "masks").mkdir()
    for name in ("a.tif", "b.tif", "c.tif"):
        tifffile.imwrite(images / "masks" / name, mask)
    (images / "broken.png").unlink()
    choose(dock, images, qtbot, 2)
    assert not dock.form.use_box.isEnabled()
    dock.form.recursive_box.setChecked(True)
    dock.form.masks_edit.setValue(str(images / "masks"))
    qtbot.waitUntil(lambda: list(states(dock)) == ["a.tif", "b.tif", "c.tif"], timeout=TIMEOUT)  # masks are no images
    dock.form.use_box.setCurrentIndex(use)
    dock.form.params_box.setCurrentIndex(int(follows))
    command, code = copied(dock.copy_row.command_button), copied(dock.copy_row.code_button)
    dock.start_button.click()
    finished(dock, qtbot)
    assert set(states(dock).values()) == {"done"}
    out = images.with_name("plate 1-wnet")
    found = {name: (out / name).read_bytes() for name in ("a_labels.tif", "b_labels.tif", "more/c_labels.tif")}
    labels = read_labels(out / "a_labels.tif")
    assert (labels[:, : SIDE // 2] > 0).mean() == pytest.approx(1, abs=0.05) if use == 0 else labels.any()
    assert not labels[:, SIDE // 2 :].any()
    assert json.loads((out / "a.json").read_text())["params"]["clustering"]["foreground_use"] == (
        "objects", "region")[use]  # fmt: skip
    out.rename(tmp_path / "first")
    before = torch.get_num_threads()
    assert cli.main(shlex.split(command)[1:]) == 0
    torch.set_num_threads(before)
    assert {name: (out / name).read_bytes() for name in found} == found
    out.rename(tmp_path / "second")
    (tmp_path / "script.py").write_text(code)
    assert [result.state for result in runpy.run_path(str(tmp_path / "script.py"))["results"]] == ["done"] * 3
    assert {name: (out / name).read_bytes() for name in found} == found


def test_masks_that_are_nowhere_are_said(dock, images, qtbot, tmp_path):
    choose(dock, images, qtbot)
    dock.form.masks_edit.setValue(str(tmp_path / "nowhere"))
    dock.start_button.click()
    finished(dock, qtbot)
    assert "There are no foreground masks at" in dock.status.text()
    assert set(states(dock).values()) == {"waiting"}


def test_a_script_for_processes_is_one_that_they_can_read(dock, images, qtbot):
    choose(dock, images, qtbot)
    dock.form.place_box.setCurrentIndex(1)
    command, code = copied(dock.copy_row.command_button), copied(dock.copy_row.code_button)
    assert "--scheduler processes" in command
    assert "--threads" not in command
    assert 'if __name__ == "__main__":' in code
    compile(code, "script", "exec")


def test_following_the_segment_dock_needs_it(dock, images, qtbot):
    choose(dock, images, qtbot)
    dock.form.params_box.setCurrentIndex(1)
    dock.start_button.click()
    assert "Open the Segment dock first" in dock.status.text()
    dock.copy_row.command_button.click()
    assert "Open the Segment dock first" in dock.status.text()


def test_the_time_that_is_left_follows_from_the_files_so_far():
    now = [100.0]
    tally = Tally(clock=lambda: now[0])
    tally.start(200)
    assert str(tally) == "0 of 200"
    for _ in range(10):
        tally.add(FileResult(path="a", state="skipped"))
    assert tally.seconds_left() is None  # nothing says how long one takes
    now[0] += 60
    for number in range(30):
        tally.add(FileResult(path="a", state="failed" if number < 2 else "done"))
    assert tally.seconds_left() == pytest.approx(2 * 160)
    tally.pause(True)
    now[0] += 1000
    assert tally.seconds_left() == pytest.approx(2 * 160)
    tally.pause(False)
    assert str(tally) == "40 of 200, 2 failed, about 5 min left"


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (59, "59 s"), (100, "2 min"), (7300, "2 h")])
def test_times_are_said_as_a_person_would(seconds, text):
    assert in_words(seconds) == text


def test_messages_of_the_command_line_lose_their_flags():
    text = "choose another folder (--out) or have them replaced (--overwrite)."
    assert in_the_dock(text) == "choose another folder or have them replaced (tick 'replace earlier results')."
