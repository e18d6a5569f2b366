"""The Models dock: what is listed, what is added, renamed and removed, and that every chooser follows at once."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.compat import isalive
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QDialog, QMessageBox

from model_server import make_model, serving
from napari_wnet.network.addition import Addition
from napari_wnet.network.catalog import Places, package_entries
from napari_wnet.network.measured import bundled_card
from napari_wnet.network.registry import load_model
from napari_wnet.network.shelf import shelf_steps
from napari_wnet.reports import drain
from napari_wnet.ui import librarian, models_widget
from napari_wnet.ui.add_model import AddModelDialog
from napari_wnet.ui.batch_widget import BatchWidget
from napari_wnet.ui.hub import join_hub
from napari_wnet.ui.models_table import COLUMNS, card_html
from napari_wnet.ui.models_widget import ModelsWidget
from napari_wnet.ui.segment_widget import SegmentWidget
from napari_wnet.ui.segmenter import Segmenter
from napari_wnet.ui.train_widget import TrainWidget
from ui_stand_ins import blobs, save_random_model

TIMEOUT = 30_000
PACKAGE = [entry.name for entry in package_entries(Places.from_environment().package) if entry.kind == "model"]
N = len(PACKAGE)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture(autouse=True)
def own(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_WNET_USER_MODELS", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def shared(tmp_path):
    return save_random_model(tmp_path / "pollen.safetensors")


@pytest.fixture
def dock(viewer, qtbot):
    widget = ModelsWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Models")
    qtbot.waitUntil(lambda: widget.table.rowCount() == N, timeout=TIMEOUT)
    yield widget
    widget.close_down()
    assert widget.librarian.wait(60)


@pytest.fixture
def server(shared, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(shared.read_bytes()) as made:
        yield made


def column(dock, name):
    place = COLUMNS.index(name)
    return [dock.table.item(row, place).text() for row in range(dock.table.rowCount())]


def add(dock, qtbot, path, name):
    dock.librarian.add(Addition(source=str(path), name=name))
    qtbot.waitUntil(lambda: dock.table.name() == name, timeout=TIMEOUT)


def idle(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.librarian.busy, timeout=TIMEOUT)


def choices(box):
    return [box.itemText(index) for index in range(box.count())]


# --- the list


def test_the_packages_models_are_listed_with_what_is_known_of_them(dock):
    assert column(dock, "name") == PACKAGE
    assert set(column(dock, "source")) == {"package"}
    model = load_model("leaf")
    header, measured = model.header, bundled_card(model.sha256)
    row = column(dock, "name").index("leaf")
    assert column(dock, "for")[row] == header.description
    assert column(dock, "Ø px")[row] == f"{header.diameter:.0f}"
    scores = measured.sets[-1].scores  # of images that nobody looked at, not those that chose the weights
    assert scores["symmetric_best_dice"] != header.scores["validation"]["symmetric_best_dice"]
    assert column(dock, "SBD")[row] == f"{scores['symmetric_best_dice']:.2f}"
    assert column(dock, "AP .5")[row] == f"{scores['average_precision_0.5']:.2f}"


def test_the_card_of_the_chosen_model_is_shown_and_can_be_copied(dock, qtbot):
    dock.table.setCurrentCell(column(dock, "name").index("nuclei"), 0)
    model = load_model("nuclei")
    for fact in (
        model.header.licence,
        model.sha256,
        *bundled_card(model.sha256).limits,
        model.header.description,
        "nuclei.safetensors",
    ):
        assert fact in dock.card.toPlainText()
    dock.hash_button.click()
    assert QGuiApplication.clipboard().text() == model.sha256
    dock.path_button.click()
    copied = QGuiApplication.clipboard().text()
    assert hashlib.sha256(Path(copied).read_bytes()).hexdigest() == model.sha256


def test_columns_of_numbers_are_sorted_as_numbers(dock, qtbot, shared):
    add(dock, qtbot, shared, "pollen")
    assert column(dock, "SBD")[N] == ""  # the file does not say
    dock.table.sortByColumn(COLUMNS.index("Ø px"), Qt.SortOrder.DescendingOrder)
    *known, unknown = column(dock, "Ø px")
    assert unknown == ""
    assert known == sorted(known, key=float, reverse=True)
    assert dock.table.name() == column(dock, "name")[N] == "pollen"
    dock.table.sortByColumn(COLUMNS.index("MB"), Qt.SortOrder.AscendingOrder)
    assert column(dock, "MB") == sorted(column(dock, "MB"), key=float)


def test_what_a_file_says_is_text_and_never_markup(own):
    own.mkdir()
    make_model(own / "sly.safetensors", name="<img src='file:///x'>")
    sly = drain(shelf_steps())[N]
    html = card_html(sly)
    assert "<img" not in html
    assert "&lt;img" in html


def test_a_damaged_file_is_listed_as_such_and_can_be_removed(dock, qtbot, own, monkeypatch):
    own.mkdir()
    (own / "bad.safetensors").write_bytes(b"rubbish")
    dock.librarian.refresh()
    qtbot.waitUntil(lambda: dock.table.rowCount() == N + 1, timeout=TIMEOUT)
    dock.table.choose("bad")
    assert "damaged" in dock.card.toPlainText()
    monkeypatch.setattr(dock, "may_remove", lambda shelved: True)
    dock.remove_button.click()
    qtbot.waitUntil(lambda: dock.table.rowCount() == N, timeout=TIMEOUT)
    assert list(own.iterdir()) == []


# --- added


def test_a_model_is_added_from_a_file(dock, qtbot, shared, own, monkeypatch):
    monkeypatch.setattr(dock, "ask_file", lambda: str(shared))
    monkeypatch.setattr(dock, "ask_addition", lambda addition: addition)
    dock.file_button.click()
    qtbot.waitUntil(lambda: dock.table.name() == "pollen", timeout=TIMEOUT)
    idle(dock, qtbot)
    assert column(dock, "source") == ["package"] * N + ["own"]
    assert (own / "pollen.safetensors").read_bytes() == shared.read_bytes()
    assert "'pollen' is added" in dock.status.text()


@pytest.mark.parametrize("asked", ["ask_file", "ask_addition"])
def test_who_changes_their_mind_adds_nothing(dock, shared, own, monkeypatch, asked):
    monkeypatch.setattr(dock, "ask_file", lambda: "" if asked == "ask_file" else str(shared))
    monkeypatch.setattr(dock, "ask_addition", lambda addition: None)
    dock.file_button.click()
    assert not dock.librarian.busy
    assert not own.exists()


def test_a_model_is_added_from_an_address_with_its_hash(dock, qtbot, shared, own, server, monkeypatch):
    sha256 = hashlib.sha256(shared.read_bytes()).hexdigest()
    wanted = Addition(source=f"{server.url}/good/x.safetensors", name="afar", sha256=sha256)
    monkeypatch.setattr(dock, "ask_addition", lambda addition: wanted)
    dock.address_button.click()
    qtbot.waitUntil(lambda: dock.table.name() == "afar", timeout=TIMEOUT)
    assert "its SHA-256 as expected" in dock.status.text()
    assert (own / "afar.safetensors").read_bytes() == shared.read_bytes()


@pytest.mark.parametrize(
    ("vice", "changes", "message"),
    [
        ("page", {}, "is a web page"),
        ("missing", {}, "status 404"),
        ("good", {"sha256": "0" * 64}, "it was not kept"),
        ("good", {"sha256": "12"}, "no SHA-256"),
        ("good", {"name": "nuclei"}, "Give it another name"),
        ("good", {"name": "../x"}, "cannot be the name of a model"),
    ],
)
def test_what_cannot_be_added_is_said_and_asked_for_again(
    dock, qtbot, own, server, monkeypatch, vice, changes, message
):
    asked = []
    wanted = Addition(**{"source": f"{server.url}/{vice}/x.safetensors", **changes})
    monkeypatch.setattr(dock, "ask_addition", lambda addition: asked.append(addition) or wanted)
    dock.address_button.click()
    qtbot.waitUntil(lambda: message in dock.status.text(), timeout=TIMEOUT)
    idle(dock, qtbot)
    assert dock.table.rowCount() == N
    assert not own.exists() or list(own.iterdir()) == []
    monkeypatch.setattr(dock, "ask_addition", lambda addition: asked.append(addition))
    dock.address_button.click()
    assert [one.source for one in asked] == ["", wanted.source]  # nobody types an address twice


def test_a_download_can_be_cancelled(dock, qtbot, own, server):
    dock.librarian.add(Addition(source=f"{server.url}/drip/slow.safetensors"))
    qtbot.waitUntil(lambda: "Downloading" in dock.status.text(), timeout=TIMEOUT)
    assert not dock.file_button.isEnabled()
    dock.cancel_button.click()
    qtbot.waitUntil(lambda: "Cancelled" in dock.status.text(), timeout=TIMEOUT)
    assert list(own.iterdir()) == []
    assert dock.file_button.isEnabled()
    assert not dock.cancel_button.isEnabled()


def test_closing_the_dock_ends_a_download(viewer, qtbot, own, server):
    dock = ModelsWidget(viewer)
    frame = viewer.window.add_dock_widget(dock, name="Models")
    dock.librarian.add(Addition(source=f"{server.url}/drip/slow.safetensors"))
    qtbot.waitUntil(lambda: "Downloading" in dock.status.text(), timeout=TIMEOUT)
    viewer.window.remove_dock_widget(frame)
    assert dock.librarian.wait(60)
    assert list(own.iterdir()) == []


def test_all_models_are_fetched_for_offline_use(dock, qtbot, tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_WNET_CACHE", str(tmp_path / "cache"))
    dock.fetch_button.click()
    qtbot.waitUntil(lambda: "work offline" in dock.status.text(), timeout=TIMEOUT)
    files = {path.name for path in (tmp_path / "cache").iterdir()}
    assert files == {f"{name}.safetensors" for name in (*PACKAGE, "outline")}


def test_nothing_is_said_of_own_models_that_were_not_checked(dock, qtbot, own, tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_WNET_CACHE", str(tmp_path / "cache"))
    own.mkdir()
    (own / "junk.safetensors").write_bytes(b"rubbish")
    dock.fetch_button.click()
    qtbot.waitUntil(lambda: "work offline" in dock.status.text(), timeout=TIMEOUT)
    assert f"The {N + 1} models that come with napari-wnet" in dock.status.text()


@pytest.mark.parametrize("what", ["added", "removed"])
def test_what_was_done_before_it_heard_of_cancel_is_listed(dock, qtbot, shared, monkeypatch, what):
    add(dock, qtbot, shared, "pollen")
    idle(dock, qtbot)
    real = getattr(librarian, f"{what}_steps")

    def cancelled_at_the_end(*arguments):
        change = yield from real(*arguments)
        dock.librarian.cancel()
        return change

    monkeypatch.setattr(librarian, f"{what}_steps", cancelled_at_the_end)
    if what == "added":
        dock.librarian.add(Addition(source=str(shared), name="grains"))
    else:
        dock.librarian.remove("pollen")
    qtbot.waitUntil(lambda: "Cancelled" in dock.status.text(), timeout=TIMEOUT)
    assert "what had been done already is in the list" in dock.status.text()
    expected = {"added": N + 2, "removed": N}[what]
    qtbot.waitUntil(lambda: dock.table.rowCount() == expected, timeout=TIMEOUT)


# --- renamed, removed


def test_the_packages_models_stay(dock, qtbot, shared):
    for button in (dock.rename_button, dock.remove_button):
        assert not button.isEnabled()
        assert "comes with napari-wnet" in button.toolTip()
    add(dock, qtbot, shared, "pollen")
    idle(dock, qtbot)
    for button in (dock.rename_button, dock.remove_button):
        assert button.isEnabled()
        assert "comes with" not in button.toolTip()


def test_an_own_model_is_renamed(dock, qtbot, shared, own, monkeypatch):
    add(dock, qtbot, shared, "pollen")
    idle(dock, qtbot)
    monkeypatch.setattr(dock, "ask_name", lambda name: "grains")
    dock.rename_button.click()
    qtbot.waitUntil(lambda: dock.table.name() == "grains", timeout=TIMEOUT)
    assert [path.name for path in own.iterdir()] == ["grains.safetensors"]


def test_an_own_model_that_is_hidden_is_told_and_can_be_renamed(dock, others, qtbot, shared, own, monkeypatch):
    segment, _ = others
    segment.inputs.model_box.setValue("leaf")
    own.mkdir()
    shutil.copy(shared, own / "leaf.safetensors")
    dock.librarian.refresh()
    qtbot.waitUntil(lambda: any("\N{WARNING SIGN}" in text for text in column(dock, "source")), timeout=TIMEOUT)
    dock.table.choose("leaf")
    assert "hidden by this one" in dock.card.toPlainText()
    assert str(own / "leaf.safetensors") in dock.card.toPlainText()
    assert dock.remove_button.isEnabled()
    monkeypatch.setattr(dock, "ask_name", lambda name: "my leaf")
    dock.rename_button.click()
    qtbot.waitUntil(lambda: dock.table.name() == "my leaf", timeout=TIMEOUT)
    assert set(column(dock, "source")) == {"package", "own"}
    assert segment.inputs.model_box.value() == "leaf"  # that of the package, as before


@pytest.mark.parametrize("yes", [True, False])
def test_removing_asks_first(dock, qtbot, shared, own, monkeypatch, yes):
    add(dock, qtbot, shared, "pollen")
    idle(dock, qtbot)
    asked = []
    answer = QMessageBox.StandardButton.Yes if yes else QMessageBox.StandardButton.No
    monkeypatch.setattr(
        models_widget.QMessageBox, "question", lambda parent, title, text, *rest: asked.append(text) or answer
    )
    dock.remove_button.click()
    idle(dock, qtbot)
    assert str(own / "pollen.safetensors") in asked[0]
    qtbot.waitUntil(lambda: dock.table.rowCount() == N + 1 - yes, timeout=TIMEOUT)
    assert (own / "pollen.safetensors").exists() is not yes


# --- the other docks


@pytest.fixture
def others(viewer, qtbot):
    """Return the Segment, Fine-tune and Batch docks with their choosers."""
    segment, train, batch = SegmentWidget(viewer), TrainWidget(viewer), BatchWidget(viewer)
    for widget, name in ((segment, "Segment"), (train, "Fine-tune"), (batch, "Batch")):
        viewer.window.add_dock_widget(widget, name=name)
    boxes = segment.inputs.model_box, train.base_box, batch.form.model_box
    for box in boxes:
        qtbot.waitUntil(lambda box=box: box.count() == N + 1, timeout=TIMEOUT)
    yield segment, boxes
    for widget, worker in ((segment, segment.segmenter), (train, train.trainer), (batch, batch.batcher)):
        widget.close_down()
        assert worker.wait(60)


def test_every_chooser_follows_what_is_added_renamed_and_removed(dock, others, qtbot, shared):
    segment, boxes = others
    add(dock, qtbot, shared, "pollen")
    idle(dock, qtbot)
    for box in boxes:
        assert box.findData("pollen") == box.count() - 2  # before 'from file'
        assert box.value() == "nuclei"  # added is not chosen
    segment.inputs.model_box.setValue("pollen")
    qtbot.waitUntil(lambda: segment.ready, timeout=TIMEOUT)
    tuned = segment.form.value().replace(clustering__angle=33.0)
    segment.form.setValue(tuned)
    dock.librarian.rename("pollen", "grains")
    qtbot.waitUntil(lambda: dock.table.name() == "grains", timeout=TIMEOUT)
    idle(dock, qtbot)
    for box in boxes:
        assert box.findData("pollen") < 0
        assert box.findData("grains") >= 0
    assert segment.inputs.model_box.value() == "grains"
    qtbot.waitUntil(lambda: segment.ready, timeout=TIMEOUT)
    assert segment.form.value() == tuned  # the same model, and what was set by hand stays
    dock.librarian.remove("grains")
    qtbot.waitUntil(lambda: dock.table.rowCount() == N, timeout=TIMEOUT)
    assert choices(boxes[0])[-2] == "grains (removed)"
    for box in boxes[1:]:
        assert box.findData("grains") < 0
    boxes[0].setValue("leaf")
    assert "grains (removed)" not in choices(boxes[0])


def test_removing_a_model_in_use_changes_no_labels_and_is_said_at_the_next_run(
    dock, others, oracle, viewer, qtbot, shared, own
):
    segment, boxes = others
    add(dock, qtbot, shared, "pollen")
    viewer.add_image(blobs(), name="image")
    boxes[0].setValue("pollen")
    qtbot.waitUntil(lambda: segment.ready, timeout=TIMEOUT)
    segment.inputs.device_box.setCurrentText("cpu")
    segment.run()
    qtbot.waitUntil(lambda: "found with pollen" in segment.status.text(), timeout=TIMEOUT)
    (labels,) = (layer for layer in viewer.layers if isinstance(layer, Labels))
    before = labels.data.copy()
    idle(dock, qtbot)
    dock.librarian.remove("pollen")
    qtbot.waitUntil(lambda: dock.table.rowCount() == N, timeout=TIMEOUT)
    assert boxes[0].value() == "pollen"
    assert (labels.data == before).all()
    segment.run()
    qtbot.waitUntil(lambda: "There is no model 'pollen'" in segment.status.text(), timeout=TIMEOUT)
    assert (labels.data == before).all()
    shutil.copy(shared, own)
    dock.librarian.refresh()
    qtbot.waitUntil(lambda: "pollen" in choices(boxes[0]), timeout=TIMEOUT)  # it is back, under its plain name


def test_an_adopted_model_is_listed_and_marked(dock, viewer, qtbot, shared, own):
    own.mkdir()
    shutil.copy(shared, own / "tuned.safetensors")
    hub = join_hub(viewer)
    hub.tell_adopted("tuned")
    hub.leave()
    qtbot.waitUntil(lambda: dock.table.name() == "tuned", timeout=TIMEOUT)


def test_docks_of_another_viewer_hear_of_it_too(dock, make_napari_viewer, qtbot, shared):
    other = ModelsWidget(make_napari_viewer())
    qtbot.waitUntil(lambda: other.table.rowCount() == N, timeout=TIMEOUT)
    add(dock, qtbot, shared, "pollen")
    qtbot.waitUntil(lambda: other.table.rowCount() == N + 1, timeout=TIMEOUT)
    other.close_down()
    assert other.librarian.wait(60)
    other.deleteLater()


def test_a_window_that_was_closed_with_its_docks_does_not_matter(dock, qtbot, shared):
    gone = Segmenter(ViewerModel())  # nobody has told it that its window is closed
    gone.deleteLater()
    QCoreApplication.sendPostedEvents(gone, QEvent.Type.DeferredDelete)
    assert not isalive(gone)
    add(dock, qtbot, shared, "pollen")
    assert dock.table.rowCount() == N + 1


def test_a_closed_dock_hears_nothing_more(viewer, qtbot, dock, shared):
    closed = ModelsWidget(viewer)
    qtbot.waitUntil(lambda: closed.table.rowCount() == N, timeout=TIMEOUT)
    closed.close_down()
    assert closed.librarian.wait(60)
    add(dock, qtbot, shared, "pollen")
    assert closed.table.rowCount() == N
    closed.deleteLater()


# --- the dialog


def test_the_dialog_proposes_a_name_and_returns_what_was_given(qapp):
    dialog = AddModelDialog(Addition(source=""))
    assert not dialog.ok_button.isEnabled()
    dialog.source_edit.setText(" https://example.org/files/my%20leaf.safetensors?download=1 ")
    assert dialog.name_edit.placeholderText() == "my leaf"
    assert dialog.ok_button.isEnabled()
    assert dialog.value() == Addition(source="https://example.org/files/my%20leaf.safetensors?download=1")
    dialog.name_edit.setText("mine ")
    dialog.sha256_edit.setText(" AB ")
    assert (dialog.value().name, dialog.value().sha256) == ("mine", "AB")
    dialog.source_edit.setText("leaf.safetensors")  # no address
    assert not dialog.ok_button.isEnabled()
    dialog.deleteLater()


@pytest.mark.parametrize("answer", [QDialog.DialogCode.Accepted, QDialog.DialogCode.Rejected])
def test_the_dock_asks_by_this_dialog(dock, shared, monkeypatch, answer):
    monkeypatch.setattr(AddModelDialog, "exec", lambda dialog: answer)
    addition = Addition(source=str(shared), name="x")
    accepted = answer == QDialog.DialogCode.Accepted
    assert dock.ask_addition(addition) == (addition if accepted else None)
