"""Every dock by keyboard alone, by its names alone, in both themes, in large letters and on sharp screens."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, QRect, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QProgressBar,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
    QWidgetItem,
)

from napari_wnet.network.addition import Addition
from napari_wnet.ui import colours
from napari_wnet.ui.add_model import AddModelDialog
from napari_wnet.ui.batch_widget import BatchWidget
from napari_wnet.ui.dock import Scroller, StatusLine
from napari_wnet.ui.models_widget import ModelsWidget
from napari_wnet.ui.repair_widget import RepairWidget
from napari_wnet.ui.section import Section
from napari_wnet.ui.segment_widget import SegmentWidget
from napari_wnet.ui.table_widget import MeasureWidget
from napari_wnet.ui.train_widget import TrainWidget
from ui_stand_ins import blobs

TIMEOUT = 30_000
TALL = 4500
"""So that nothing has to be scrolled, and places on the screen tell the order."""
DOCKS = [SegmentWidget, RepairWidget, MeasureWidget, TrainWidget, BatchWidget, ModelsWidget]
TEXT, GRAPHICS = 4.5, 3.0
"""Contrasts that the Web Content Accessibility Guidelines 2 ask for (AA)."""


@pytest.fixture(params=DOCKS, ids=lambda kind: kind.__name__)
def dock(request, qtbot, monkeypatch, tmp_path):
    """A dock with all that it can show, between two buttons of somebody else."""
    monkeypatch.setenv("NAPARI_WNET_USER_MODELS", str(tmp_path / "models"))
    viewer = ViewerModel()
    viewer.add_image(np.stack([blobs()] * 3), name="channels")
    viewer.add_labels(np.stack([blobs() > 0] * 3).astype(int), name="labels")
    host, widget = QWidget(), request.param(viewer)
    column = QVBoxLayout(host)
    for one in (QPushButton("before"), widget, QPushButton("after")):
        column.addWidget(one)
    show_everything(widget)
    host.resize(700, TALL)
    host.show()
    host.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is host, timeout=TIMEOUT)
    qtbot.wait(300)  # models and devices are listed
    yield widget
    widget.close_down()
    for thread in threading.enumerate():
        if thread.name == "napari-wnet":
            thread.join(60)  # the first to list models imports torch
    host.close()
    host.deleteLater()
    QCoreApplication.sendPostedEvents(host, QEvent.Type.DeferredDelete)


def show_everything(widget: QWidget) -> None:
    for section in widget.findChildren(Section):
        section.setOpened(True)
    if isinstance(widget, TrainWidget):
        widget.pair_list.add()
        widget.learn_box.setCurrentIndex(1)
        widget.verdict.show()
        widget.adapt_box.show()
        widget.resume_row.show()
    if isinstance(widget, MeasureWidget):
        widget.tabs.setCurrentIndex(1)


def controls(area: QWidget) -> list[QWidget]:
    """Return what can have the focus; what lends it to another counts as that."""
    every = [one for one in area.findChildren(QWidget) if one.focusPolicy() & Qt.FocusPolicy.TabFocus]
    return [one for one in every if one.isVisible() and one.focusProxy() is None]


def spoken(widget: QWidget) -> str:
    """Return what Qt tells a screen reader; PyQt6 has no QAccessible that could be asked."""
    return widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton | QLabel) else "")


def place(widget: QWidget) -> QRect:
    return QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())


def walk(qtbot, first: QWidget, area: QWidget, key=Qt.Key.Key_Tab) -> list[QWidget]:
    """Press a key until the focus has left the area, or comes round."""
    first.setFocus(Qt.FocusReason.TabFocusReason)
    found: list[QWidget] = []
    while (focus := QApplication.focusWidget()) is not None and area.isAncestorOf(focus) and focus not in found:
        found.append(focus)
        qtbot.keyClick(focus, key)
    return found


# Names


def test_every_control_has_a_name_of_its_own(dock):
    found = controls(dock)
    assert len(found) > 5
    assert [one for one in found if not isinstance(one, StatusLine) and len(spoken(one).strip(" .✕")) < 2] == []
    names = Counter((spoken(one).casefold(), one.metaObject().superClass().className()) for one in found)
    assert [name for name, count in names.items() if count > 1] == []
    assert all(bar.accessibleName() for bar in dock.findChildren(QProgressBar))


def test_the_dialog_has_names_and_a_default_button(qtbot):
    dialog = AddModelDialog(Addition(source="https://example.org/a.safetensors"))
    qtbot.addWidget(dialog)
    dialog.show()
    assert [spoken(one) for one in controls(dialog)][:3] == ["address", "name", "SHA-256"]
    assert all(spoken(one) for one in controls(dialog))
    qtbot.keyClick(dialog.source_edit, Qt.Key.Key_Return)
    assert dialog.result() == dialog.DialogCode.Accepted


# Keys


def test_tab_reads_the_dock_and_leaves_it(dock, qtbot):
    there = [one for one in controls(dock) if one.isEnabled()]
    before, after = (button for button in dock.parent().findChildren(QPushButton) if button.parent() is dock.parent())
    before.setFocus()
    qtbot.keyClick(before, Qt.Key.Key_Tab)
    first = QApplication.focusWidget()
    forward = walk(qtbot, first, dock)
    assert set(forward) == set(there)
    assert QApplication.focusWidget() is after
    for one, following in itertools.pairwise(forward):
        here, then = place(one), place(following)
        assert then.bottom() > here.top(), f"{spoken(following)} is above {spoken(one)}"
        assert then.center().y() > here.bottom() or then.left() > here.left()
    assert walk(qtbot, forward[-1], dock, Qt.Key.Key_Backtab) == forward[::-1]


def test_enter_presses_what_has_the_focus_and_space_opens_a_section(dock, qtbot):
    for section in dock.findChildren(Section):
        button = section.findChild(QAbstractButton)
        was = section.opened
        button.setFocus()
        qtbot.keyClick(button, Qt.Key.Key_Space)
        assert section.opened is not was
        qtbot.keyClick(button, Qt.Key.Key_Return)
        assert section.opened is was


def test_the_line_around_the_focus_is_for_keys_only(dock, qtbot, monkeypatch):
    first, second = [one for one in controls(dock) if one.isEnabled()][:2]
    ring = dock.findChild(QWidget, "focus ring")
    first.setFocus(Qt.FocusReason.TabFocusReason)
    assert place(ring).contains(place(first).center())
    qtbot.keyClick(first, Qt.Key.Key_Tab)
    assert place(ring).contains(place(QApplication.focusWidget()).center())
    with monkeypatch.context() as patch:
        patch.setattr(QApplication, "mouseButtons", lambda: Qt.MouseButton.LeftButton)
        first.setFocus(Qt.FocusReason.MouseFocusReason)
    assert not ring.isVisible()
    assert second is not first


def test_a_dock_scrolls_instead_of_outgrowing_a_small_screen(dock, qtbot):
    host = dock.parent()
    for size in (9, 16):
        host.setStyleSheet(f"* {{ font-size: {size}pt; }}")
        qtbot.wait(50)
        assert dock.minimumSizeHint().height() < 400
        assert dock.minimumSizeHint().width() < 700
    host.resize(700, 500)
    qtbot.wait(50)
    for one in [one for one in controls(dock) if one.isEnabled()]:
        one.setFocus(Qt.FocusReason.TabFocusReason)
        assert not one.visibleRegion().isEmpty(), spoken(one)


def test_a_place_that_is_narrow_is_as_wide_as_the_dock_needs(dock):
    """A least width that is set would stand for that of what is inside."""
    asked = QWidgetItem(dock).minimumSize().width()  # as a layout, or a dock of the window, asks for it
    assert asked >= dock.LEAST_WIDTH > 0
    for page in dock.findChildren(Scroller):
        assert asked >= page.minimumSizeHint().width() > page.widget().minimumSizeHint().width()


# In napari


@pytest.fixture
def viewer(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    window = viewer.window._qt_window
    window.resize(1200, 900)
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window, timeout=TIMEOUT)
    return viewer


def press(qtbot, key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    qtbot.keyClick(QApplication.focusWidget(), key, modifier)


def tab_to(qtbot, wanted: QWidget) -> None:
    for _ in range(100):
        if QApplication.focusWidget() is wanted:
            return
        press(qtbot, Qt.Key.Key_Tab)
    raise AssertionError(f"Tab does not come to {spoken(wanted)}.")


def test_an_image_is_segmented_and_adjusted_by_keys_alone(viewer, segment, oracle, qtbot):
    viewer.add_image(blobs(2), name="other")
    viewer.add_image(blobs(), name="cells")
    segment.inputs.image_box.setFocus(Qt.FocusReason.TabFocusReason)
    press(qtbot, Qt.Key.Key_Up)
    assert segment.inputs.image().name == "other"
    press(qtbot, Qt.Key.Key_Down)
    oracle.gate = threading.Event()
    tab_to(qtbot, segment.run_button)
    press(qtbot, Qt.Key.Key_Space)
    assert QApplication.focusWidget() is segment.cancel_button
    press(qtbot, Qt.Key.Key_Escape)
    oracle.gate.set()
    qtbot.waitUntil(lambda: not segment.segmenter.busy, timeout=TIMEOUT)
    assert "Cancelled" in segment.status.text()
    assert QApplication.focusWidget() is segment.run_button
    slider = segment.form.editor("clustering__min_area").findChild(QSlider)
    tab_to(qtbot, slider)
    press(qtbot, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)  # Run, from wherever one is
    qtbot.waitUntil(lambda: "cells labels" in viewer.layers and not segment.segmenter.busy, timeout=TIMEOUT)
    assert QApplication.focusWidget() is slider
    labels = viewer.layers["cells labels"]
    assert labels.data.max() == 4
    before = segment.form.value().clustering.min_area
    for _ in range(12):
        press(qtbot, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: labels.data.max() < 4, timeout=TIMEOUT)
    assert segment.form.value().clustering.min_area > before


def test_doubtful_objects_are_ticked_and_deleted_by_keys_alone(viewer, segment, qtbot):
    viewer.add_image(blobs(), name="cells")
    segment.run()
    qtbot.waitUntil(lambda: "cells labels" in viewer.layers and not segment.segmenter.busy, timeout=TIMEOUT)
    repair = RepairWidget(viewer)
    viewer.window.add_dock_widget(repair, name="Repair")
    qtbot.waitUntil(lambda: repair.model.rowCount() == 4, timeout=TIMEOUT)
    labels = repair.repairer.labels
    repair.labels_box.setFocus(Qt.FocusReason.TabFocusReason)
    tab_to(qtbot, repair.next_button)
    press(qtbot, Qt.Key.Key_Return)
    tab_to(qtbot, repair.table)
    first, second = repair.model.label(0), repair.model.label(1)
    press(qtbot, Qt.Key.Key_Right)  # the mark need not be in the column of ticks
    press(qtbot, Qt.Key.Key_Space)
    assert repair.model.n_done() == 1
    press(qtbot, Qt.Key.Key_Down)
    press(qtbot, Qt.Key.Key_Delete)
    assert second not in labels.data
    assert first in labels.data
    qtbot.waitUntil(lambda: repair.model.rowCount() == 3, timeout=TIMEOUT)
    assert repair.table.currentIndex().row() >= 0
    press(qtbot, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is not repair.table
    repair.close_down()
    assert repair.repairer.wait(60)


def test_f3_sorts_a_table_by_the_column_of_the_mark(viewer, segment, qtbot):
    measure = MeasureWidget(viewer)
    viewer.window.add_dock_widget(measure, name="Measure")
    labels = np.zeros((20, 20), int)
    labels[1, 1], labels[5:9, 5:9], labels[12:14, 12:14] = 1, 2, 3
    viewer.add_labels(labels)
    qtbot.waitUntil(lambda: measure.model.rowCount() == 3, timeout=TIMEOUT)
    measure.table.setFocus()
    measure.table.setCurrentIndex(measure.model.index(0, 1))
    for order in ([1, 3, 2], [2, 3, 1]):
        press(qtbot, Qt.Key.Key_F3)
        assert [measure.model.value(row, "label") for row in range(3)] == order
    measure.close_down()
    assert measure.measurer.wait(60)


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast of two colours, 1 to 21, as WCAG 2 defines it."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: QColor) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def seen(widget: QWidget) -> tuple[QColor, float]:
    """Return the ground of what is painted, and the largest contrast to it."""
    image = widget.grab().toImage()
    every = Counter(image.pixel(x, y) for x in range(image.width()) for y in range(image.height()))
    ground = QColor(every.most_common(1)[0][0])
    return ground, max(contrast(ground, QColor(pixel)) for pixel in every)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_is_painted_has_contrast_and_follows_the_theme(viewer, qtbot, theme):
    viewer.theme = "light" if theme == "dark" else "dark"
    training, growing = TrainWidget(viewer), MeasureWidget(viewer)
    viewer.window.add_dock_widget(training, name="Fine-tune")
    viewer.window.add_dock_widget(growing, name="Measure")
    training.plot.show()
    qtbot.wait(100)
    viewer.theme = theme  # while they are open
    qtbot.wait(100)
    for level in ("info", "warning", "error"):
        training.status.say("MMMM WWWW IIII", level)
        ground, text = seen(training.status)
        assert text > TEXT
    for button in (training.start_button, training.cancel_button):
        button.setEnabled(True)
        assert seen(button)[1] > TEXT
    window = training.palette().color(training.backgroundRole())
    assert window == ground
    for colour in (colours.GREEN, colours.AMBER, colours.RED, colours.BLUE, colours.GREY):
        assert contrast(QColor(colour), window) > GRAPHICS
    for plot in (training.plot.loss, training.plot.scores, growing.growth.plot.getPlotItem()):
        assert contrast(plot.getAxis("left").textPen().color(), window) > TEXT
    assert contrast(QColor(colours.FILL_HOVER), QColor(colours.ON_FILL)) > TEXT
    for one in (training, growing):
        one.close_down()


def test_a_status_line_has_room_for_larger_letters(qtbot):
    line = StatusLine(3)
    qtbot.addWidget(line)
    font = line.font()
    font.setPointSize(24)
    line.setFont(font)
    assert line.minimumHeight() >= 3 * line.fontMetrics().lineSpacing()


SHARP = """
import sys
import napari, numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget
from napari_wnet.ui.repair_widget import RepairWidget

viewer = napari.Viewer(show_welcome_screen=False)
viewer.window.resize(900, 600)
labels = np.zeros((60, 90), int)
labels[10:20, 10:20], labels[30:50, 50:80] = 1, 2
layer = viewer.add_labels(labels)
dock = RepairWidget(viewer)
viewer.window.add_dock_widget(dock, name="Repair")
while not dock.isVisible() or dock.width() < 300:
    QTest.qWait(20)
viewer.window._qt_window.activateWindow()
dock.labels_box.setFocus(Qt.FocusReason.TabFocusReason)
ring = dock.findChild(QWidget, "focus ring")
while not ring.isVisible():
    QTest.qWait(20)
assert ring.devicePixelRatio() == 2
image = QImage(2 * ring.size(), QImage.Format.Format_ARGB32_Premultiplied)
image.setDevicePixelRatio(2)
image.fill(Qt.GlobalColor.black)
ring.render(image)
thick = [row for row in range(12) if image.pixelColor(image.width() // 2, row).lightness() > 200]
assert thick == [0, 1, 2, 3], thick
dock.tools.choose("delete")
canvas, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
row, column = (np.array((39.5, 79.0)) - camera.center[-2:]) * camera.zoom
at = QPoint(round(column + canvas.width() / 2), round(row + canvas.height() / 2))
QTest.mouseMove(canvas, at)
QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
QTest.qWait(100)
assert set(np.unique(layer.data)) == {0, 1}, np.unique(layer.data)
dock.close_down()
dock.repairer.wait(60)
viewer.close()
print("sharp")
"""


def test_on_a_screen_of_twice_the_pixels_lines_are_sharp_and_clicks_hit(tmp_path):
    """The edge of an object is clicked: half the place, or twice, would miss it."""
    script = tmp_path / "sharp.py"
    script.write_text(SHARP)
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "QT_SCALE_FACTOR": "2", "PYTHONPATH": os.pathsep.join((*sys.path, str(tests)))}
    environment["NAPARI_WNET_PROJECT"] = str(tmp_path / "project")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", script], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.endswith("sharp\n"), done.stderr[-2000:]
