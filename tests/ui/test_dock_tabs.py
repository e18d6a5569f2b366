"""Docks that are opened from the menu are tabs of one another, as napari itself would put them one below the other."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QApplication

from napari_wnet.ui.models_widget import ModelsWidget
from napari_wnet.ui.table_widget import MeasureWidget

TIMEOUT = 20_000


@pytest.fixture
def viewer(make_napari_viewer, tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_WNET_USER_MODELS", str(tmp_path / "models"))
    return make_napari_viewer(show=True)


@pytest.fixture
def opened(viewer):
    """Open a dock as the menu does, and close it at the end."""
    docks = []

    def add(kind, area="right"):
        dock = kind(viewer)
        docks.append(dock)
        return viewer.window.add_dock_widget(dock, name=kind.__name__, area=area)

    yield add
    for dock in docks:
        dock.close_down()
    assert docks[0].measurer.wait(60)


def test_a_second_dock_is_a_tab_in_front(viewer, opened, qtbot):
    window = viewer.window._qt_window
    window.resize(1200, 800)
    first = opened(MeasureWidget)
    qtbot.waitUntil(lambda: first.isVisible() and first.height() > 400, timeout=TIMEOUT)
    height = window.height()
    second = opened(ModelsWidget)
    qtbot.waitUntil(lambda: window.tabifiedDockWidgets(first) == [second], timeout=TIMEOUT)
    qtbot.waitUntil(lambda: first.inner_widget().measurer.resting, timeout=TIMEOUT)  # as one does that is behind
    qtbot.waitUntil(lambda: window.height() <= height, timeout=TIMEOUT)


def test_a_dock_in_a_window_of_its_own_does_not_tell_how_large_napari_is(viewer, opened, qtbot, monkeypatch):
    window = viewer.window._qt_window
    window.resize(1200, 800)
    docked, alone = opened(MeasureWidget), opened(ModelsWidget)
    qtbot.waitUntil(lambda: window.tabifiedDockWidgets(docked) == [alone], timeout=TIMEOUT)
    alone.setFloating(True)
    alone.resize(300, 400)
    qtbot.waitUntil(lambda: alone.inner_widget().window() is alone, timeout=TIMEOUT)
    qtbot.wait(50)
    size = window.size()
    every = QApplication.allWidgets  # in no order: here the dock that floats comes first
    with monkeypatch.context() as patch:
        patch.setattr(QApplication, "allWidgets", lambda: sorted(every(), key=lambda one: one.window() is window))
        opened(ModelsWidget)
    qtbot.waitUntil(lambda: len(window.tabifiedDockWidgets(docked)) == 1, timeout=TIMEOUT)
    qtbot.wait(50)  # and what follows from that
    assert window.size() == size


def test_a_dock_elsewhere_stays_there(viewer, opened, qtbot):
    window = viewer.window._qt_window
    first = opened(MeasureWidget)
    other = opened(ModelsWidget, area="left")
    qtbot.wait(50)  # the docks are laid out in the next events
    assert window.tabifiedDockWidgets(first) == []
    assert window.tabifiedDockWidgets(other) == []
    assert not first.inner_widget().measurer.resting
