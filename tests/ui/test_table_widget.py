"""The Measure dock in a real viewer: rows and objects follow each other, edits change the table, tables are saved."""

from __future__ import annotations

import sys

import numpy as np
import pandas
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLabel, QMessageBox

from napari_wnet.core.tables import growth, measure, traits
from napari_wnet.ui.commands import measure_active_layer
from napari_wnet.ui.table_widget import MeasureWidget
from ui_stand_ins import blobs

TIMEOUT = 20_000


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer):
    widget = MeasureWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Measure")
    yield widget
    widget.close_down()
    assert widget.measurer.wait(60)
    assert widget.saver.runner.wait(60)


def numbered(n: int = 4, add: int = 0) -> np.ndarray:
    from scipy import ndimage

    labels = ndimage.label(blobs(n))[0].astype(np.int32)
    return np.where(labels > 0, labels + add, 0)


@pytest.fixture
def layer(viewer, dock, qtbot):
    """Labels of four discs with their image."""
    viewer.add_image(blobs(), name="cells", scale=(0.5, 0.25), units=("um", "um"))
    layer = viewer.add_labels(numbered(), name="discs", scale=(0.5, 0.25), units=("um", "um"))
    qtbot.waitUntil(lambda: dock.model.rowCount() == 4, timeout=TIMEOUT)
    return layer


@pytest.fixture
def series(viewer, dock, qtbot):
    """A time series of two objects: the first grows, the second appears late."""
    labels = np.zeros((3, 40, 60), np.int32)
    for frame in range(3):
        labels[frame, 2 : 6 + 4 * frame, 2:6] = 7
    labels[1:, 30:35, 40:50] = 3
    viewer.add_image((labels > 0).astype(np.uint8), name="frames")
    layer = viewer.add_labels(labels, name="plants")
    viewer.dims.set_point(0, 0)
    qtbot.waitUntil(lambda: dock.model.rowCount() == 1, timeout=TIMEOUT)
    return layer


def shown_columns(dock) -> dict[str, list]:
    model = dock.model
    return {
        name: [model.value(row, name) for row in range(model.rowCount())]
        for name in dock.measurer.tables.objects.columns
    }


def test_the_table_is_that_of_the_library(layer, dock):
    expected = measure(layer.data, blobs(), (0.5, 0.25))
    assert list(shown_columns(dock)) == list(expected)
    for name, values in shown_columns(dock).items():
        np.testing.assert_allclose(np.array(values, float), expected[name].to_numpy(float))
    assert dock.size_box.value() == (0.5, 0.25)
    assert dock.model.headerData(1, Qt.Orientation.Horizontal) == "area\nµm²"
    row = traits(layer.data, (0.5, 0.25)).iloc[0]
    assert f"<b>4</b> objects, <b>{row['total_area_um2']:.4g}</b> µm²" in dock.traits.text()


def test_a_row_leads_to_its_object(viewer, layer, dock, monkeypatch):
    assert not layer._overlays["selection_box"].visible  # nobody has chosen anything
    monkeypatch.setattr(layer, "corner_pixels", np.array([[0, 50], [20, 95]]))
    dock.table.selectRow(2)
    assert layer.selected_label == 3
    where = np.argwhere(layer.data == 3)
    middle = (where.min(0) + where.max(0)) / 2 * layer.scale
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], middle)
    assert layer._overlays["selection_box"].visible
    low, high = layer._overlays["selection_box"].bounds
    assert (np.array(low) <= where.min(0)).all()
    assert (np.array(high) >= where.max(0) + 1).all()


def test_the_picture_stays_where_the_object_is_in_view(viewer, layer, dock, monkeypatch):
    before = viewer.scene.camera.center
    monkeypatch.setattr(layer, "corner_pixels", np.array([[0, 0], [63, 95]]))
    dock.table.selectRow(1)
    assert viewer.scene.camera.center == before
    monkeypatch.setattr(layer, "corner_pixels", np.array([[0, 0], [63, 30]]))
    dock.table.selectRow(3)
    assert viewer.scene.camera.center != before


def test_an_object_leads_to_its_row(viewer, layer, dock):
    before = viewer.scene.camera.center
    dock.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    layer.selected_label = 2
    assert dock.model.key(dock.table.currentIndex().row()) == (2,)
    assert viewer.scene.camera.center == before
    layer.selected_label = 99
    assert not dock.table.selectionModel().hasSelection()
    assert not layer._overlays["selection_box"].visible


def test_picking_is_the_layers_own_tool(layer, dock):
    dock.pick_button.click()
    assert layer.mode == "pick"
    layer.mode = "paint"
    assert not dock.pick_button.isChecked()


def test_sorting_keeps_the_selection_and_edits_keep_the_sorting(layer, dock, qtbot):
    dock.table.selectRow(0)
    dock.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    areas = shown_columns(dock)["area_um2"]
    assert areas == sorted(areas, reverse=True)
    assert dock.model.key(dock.table.currentIndex().row()) == (1,)
    layer.fill(np.argwhere(layer.data == 2)[0], 0)
    qtbot.waitUntil(lambda: dock.model.rowCount() == 3, timeout=TIMEOUT)
    areas = shown_columns(dock)["area_um2"]
    assert areas == sorted(areas, reverse=True)
    assert dock.model.key(dock.table.currentIndex().row()) == (1,)
    layer.undo()
    qtbot.waitUntil(lambda: dock.model.rowCount() == 4, timeout=TIMEOUT)
    assert "<b>4</b> objects" in dock.traits.text()


def test_empty_cells_and_whole_numbers_sort_well(dock):
    table = pandas.DataFrame({"label": [1, 2, 3], "a": [2.0, np.nan, 5.0], "b": np.array([0, 3, 1], np.uint8)})
    dock.model.setTable(table)
    for order, expected in ((Qt.SortOrder.AscendingOrder, [1, 3, 2]), (Qt.SortOrder.DescendingOrder, [3, 1, 2])):
        dock.model.sort(1, order)
        assert [dock.model.key(row)[0] for row in range(3)] == expected
    dock.model.sort(2, Qt.SortOrder.DescendingOrder)
    assert [dock.model.key(row)[0] for row in range(3)] == [2, 3, 1]
    assert [dock.model.row((label,)) for label in (2, 3, 1)] == [0, 1, 2]
    assert dock.model.row((9,)) is None


def test_a_pixel_size_may_be_typed_in_and_the_layer_stays_as_it_is(viewer, dock, qtbot):
    layer = viewer.add_labels(numbered(), name="discs")
    qtbot.waitUntil(lambda: dock.model.rowCount() == 4, timeout=TIMEOUT)
    assert "area_px" in shown_columns(dock)
    dock.size_box.height_box.setValue(2.0)  # the width follows
    qtbot.waitUntil(lambda: "area_um2" in shown_columns(dock), timeout=TIMEOUT)
    assert dock.size_box.value() == (2, 2)
    assert shown_columns(dock)["area_um2"] == (measure(layer.data)["area_px"] * 4).tolist()
    assert layer.scale.tolist() == [1, 1]
    dock.size_box.width_box.setValue(1.0)
    assert dock.size_box.value() == (2, 1)


def test_an_image_that_does_not_fit_leaves_the_shapes(viewer, layer, dock, qtbot):
    other = viewer.add_image(np.zeros((5, 5)), name="other")
    dock.image_box.setLayer(other)
    qtbot.waitUntil(lambda: "do not go together" in dock.status.text(), timeout=TIMEOUT)
    assert dock.model.rowCount() == 4
    assert "mean_intensity" not in shown_columns(dock)


def test_colours_are_three_channels(viewer, dock, qtbot):
    viewer.add_image(np.stack([blobs()] * 4, axis=-1), rgb=True, name="colour")
    viewer.add_labels(numbered(), name="discs")
    qtbot.waitUntil(lambda: dock.model.rowCount() == 4, timeout=TIMEOUT)
    columns = shown_columns(dock)
    assert sorted(columns["mean_intensity_2"]) == [100, 110, 120, 130]
    assert "mean_intensity_3" not in columns


def test_a_stack_is_measured_plane_by_plane_or_whole(viewer, series, dock, qtbot):
    assert "plane" in shown_columns(dock)
    viewer.dims.set_point(0, 1)
    qtbot.waitUntil(lambda: dock.model.rowCount() == 2, timeout=TIMEOUT)
    dock.planes_box.setCurrentIndex(1)
    qtbot.waitUntil(lambda: dock.model.rowCount() == 5, timeout=TIMEOUT)
    expected = measure(series.data, (series.data > 0).astype(int))
    assert shown_columns(dock)["area_px"] == expected["area_px"].tolist()
    dock.table.selectRow(dock.model.row((2, 3)))
    assert viewer.dims.current_step[0] == 2
    assert series.selected_label == 3


def test_growth_is_a_curve_and_a_table(viewer, series, dock, qtbot):
    dock.tabs.setCurrentIndex(1)
    qtbot.waitUntil(lambda: dock.growth.model.rowCount() == 3, timeout=TIMEOUT)
    expected = growth(series.data)
    assert dock.growth.drawn() == ([0, 1, 2], expected["total_area_px"].tolist())
    dock.growth.unit_box.setCurrentText("h")
    dock.growth.interval_box.setValue(0.5)
    qtbot.waitUntil(lambda: dock.growth.drawn()[0] == [0, 0.5, 1], timeout=TIMEOUT)
    qtbot.waitUntil(lambda: not dock.measurer.busy, timeout=TIMEOUT)
    expected = growth(series.data, interval=0.5, time_unit="h")
    pandas.testing.assert_frame_equal(dock.measurer.tables.frames, expected)
    dock.growth.table.selectRow(2)
    assert viewer.dims.current_step[0] == 2
    series.selected_label = 7
    dock.growth.what_box.setCurrentIndex(dock.growth.what_box.count() - 1)
    assert dock.growth.drawn()[1] == [16, 32, 48]
    viewer.dims.set_point(0, 0)
    assert dock.growth.table.currentIndex().row() == 0
    assert "<b>1</b> object," in dock.traits.text()


def test_an_edit_measures_only_its_plane(series, dock, qtbot, monkeypatch):
    dock.planes_box.setCurrentIndex(1)
    qtbot.waitUntil(lambda: dock.model.rowCount() == 5, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: not dock.measurer.busy, timeout=TIMEOUT)
    before = dock.measurer.tables.known
    series.data_setitem((np.array([2]), np.array([0]), np.array([0])), np.array([9]))
    qtbot.waitUntil(lambda: dock.model.rowCount() == 6, timeout=TIMEOUT)
    after = dock.measurer.tables.known
    assert [after[index] is before[index] for index in ((0,), (1,), (2,))] == [True, True, False]


def test_behind_another_dock_it_draws_nothing_and_takes_no_time(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_labels(numbered(), name="discs")
    dock = MeasureWidget(viewer)
    frame = viewer.window.add_dock_widget(dock, name="Measure")
    qtbot.waitUntil(lambda: dock.model.rowCount() == 4, timeout=TIMEOUT)
    dock.table.selectRow(1)
    box = layer._overlays["selection_box"]
    assert box.visible
    viewer.window.add_dock_widget(QLabel("other"), name="other", tabify=True).raise_()
    qtbot.waitUntil(lambda: dock.measurer.resting, timeout=TIMEOUT)
    assert not box.visible
    layer.selected_label = 3
    layer.fill(np.argwhere(layer.data == 2)[0], 0)
    assert not box.visible
    assert not dock.measurer.busy
    frame.raise_()
    qtbot.waitUntil(lambda: dock.model.rowCount() == 3, timeout=TIMEOUT)
    assert box.visible
    dock.close_down()
    assert dock.measurer.wait(60)


def test_other_labels_are_followed_and_none_leave_an_empty_table(viewer, layer, dock, qtbot):
    other = viewer.add_labels(numbered(2, add=2**20), name="other")
    qtbot.waitUntil(lambda: dock.model.rowCount() == 2, timeout=TIMEOUT)
    other.selected_label = 2**20 + 1
    assert dock.model.key(dock.table.currentIndex().row()) == (2**20 + 1,)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: dock.model.rowCount() == 0, timeout=TIMEOUT)
    assert "nothing to measure" in dock.status.text()
    assert not dock.saver.isEnabled()


@pytest.mark.parametrize(("kind", "ending"), [("objects", ".csv"), ("traits", ".parquet")])
def test_tables_are_saved_as_they_are(layer, dock, qtbot, tmp_path, monkeypatch, kind, ending):
    pytest.importorskip("pyarrow")
    chosen = "Parquet (*.parquet)" if ending == ".parquet" else "CSV (*.csv)"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "mine"), chosen))
    dock.saver.save(kind)
    qtbot.waitUntil(lambda: "Saved" in dock.status.text(), timeout=TIMEOUT)
    path = tmp_path / f"mine{ending}"
    back = pandas.read_csv(path) if ending == ".csv" else pandas.read_parquet(path)
    table = getattr(dock.measurer.tables, kind)
    assert list(back) == list(table)
    for name in table:
        np.testing.assert_array_equal(back[name], table[name])


def test_a_file_is_replaced_only_by_who_says_so(layer, dock, qtbot, tmp_path, monkeypatch):
    path = tmp_path / "mine.csv"
    path.write_text("old")
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop(0))
    dock.saver.save("objects")
    assert path.read_text() == "old"
    dock.saver.save("objects")
    qtbot.waitUntil(lambda: path.read_text() != "old", timeout=TIMEOUT)
    qtbot.waitUntil(lambda: not dock.saver.runner.busy, timeout=TIMEOUT)


def test_without_pyarrow_the_dock_says_what_to_install(layer, dock, qtbot, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("napari_wnet.ui.dock.NOTIFY", dict.fromkeys(("info", "warning", "error"), lambda _: None))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "a.parquet"), ""))
    dock.saver.save("objects")
    qtbot.waitUntil(lambda: "pip install pyarrow" in dock.status.text(), timeout=TIMEOUT)
    assert not list(tmp_path.glob("*.parquet"))


def test_growth_can_be_saved_only_where_there_is_any(series, dock, qtbot):
    assert not dock.saver.actions_["growth"].isEnabled()
    dock.planes_box.setCurrentIndex(1)
    qtbot.waitUntil(lambda: dock.saver.actions_["growth"].isEnabled(), timeout=TIMEOUT)
    assert dock.saver.actions_["object_growth"].isEnabled()


def test_the_menu_opens_the_dock(viewer, qtbot):
    viewer.add_labels(numbered(), name="discs")
    measure_active_layer(viewer)
    measure_active_layer(viewer)
    (widget,) = [one for one in viewer.window.dock_widgets.values() if isinstance(one, MeasureWidget)]
    qtbot.waitUntil(lambda: widget.model.rowCount() == 4, timeout=TIMEOUT)
    widget.close_down()
    assert widget.measurer.wait(60)


def test_objects_are_linked_over_time_into_labels_and_tracks(viewer, dock, series, qtbot):
    pytest.importorskip("laptrack")
    series.data = np.stack([np.where(plane > 0, plane + frame, 0) for frame, plane in enumerate(series.data)])
    dock.labels_box.setLayer(series)
    assert dock.linker.button.isEnabled()
    with qtbot.waitSignal(dock.linker.linked, timeout=TIMEOUT):
        dock.linker.button.click()
    labels, tracks = viewer.layers["plants linked"], viewer.layers["plants tracks"]
    assert [len(np.unique(plane)) - 1 for plane in labels.data] == [1, 2, 2]
    assert labels.data[0, 3, 3] == labels.data[2, 3, 3] == 1
    assert len(tracks.data) == 5
    assert dock.labels_box.layer() is labels
    assert "2 tracks" in dock.status.text()
    qtbot.waitUntil(lambda: dock.model.rowCount() > 0, timeout=TIMEOUT)


def test_what_is_linked_lies_where_the_labels_do(viewer, dock, series, qtbot):
    pytest.importorskip("laptrack")
    affine = np.array([[1, 0, 0, 0], [0, 1, 0.2, 5], [0, 0, 1, -7], [0, 0, 0, 1.0]])
    series.affine = affine
    dock.labels_box.setLayer(series)
    with qtbot.waitSignal(dock.linker.linked, timeout=TIMEOUT):
        dock.linker.button.click()
    for name in ("plants linked", "plants tracks"):
        np.testing.assert_allclose(viewer.layers[name].affine.affine_matrix, affine)


def test_nothing_can_be_linked_in_a_single_plane(dock, layer):
    assert not dock.linker.button.isEnabled()


def test_a_series_without_objects_says_so(viewer, dock, qtbot):
    viewer.add_labels(np.zeros((3, 20, 20), np.uint8), name="empty")
    qtbot.waitUntil(lambda: "Choose a row" in dock.status.text(), timeout=TIMEOUT)  # measured: nothing more to say
    with qtbot.waitSignal(dock.linker.runner.finished, timeout=TIMEOUT):
        dock.linker.button.click()
    assert "no objects to link" in dock.status.text()
    assert len(viewer.layers) == 1
