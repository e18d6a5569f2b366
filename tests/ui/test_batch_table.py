"""The table of a batch: states, orders, filters, and ten thousand rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtTest import QAbstractItemModelTester

from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import CORRECTED, FileResult, FileStarted
from napari_wnet.ui.batch_table import FAILED, OBJECTS, STATE, FileModel, FileTable

FOLDER = Path("/images")


def items(n: int) -> list[Item]:
    return [Item(path=FOLDER / f"{number:05d}.tif", stem=f"{number:05d}") for number in range(n)]


def done(number: int, **options) -> FileResult:
    return FileResult(path=FOLDER / f"{number:05d}.tif", **{"n_objects": 10 * number, "seconds": 1.25, **options})


@pytest.fixture
def model(qapp):
    model = FileModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.setItems(items(5))
    return model


def shown(model: FileModel) -> list[tuple[str, ...]]:
    return [
        tuple(model.data(model.index(place, column)) for column in range(model.columnCount()))
        for place in range(model.rowCount())
    ]


def names(model: FileModel) -> list[str]:
    return [row[0] for row in shown(model)]


def test_files_of_one_name_are_told_apart_by_their_folders(model):
    model.setItems([Item(path=FOLDER / "a.tif", stem="a"), Item(path=FOLDER / "day 2" / "a.tif", stem="day 2/a")])
    assert names(model) == ["a.tif", "day 2/a.tif"]


def test_states_follow_the_reports(model):
    model.report(FileStarted(path=FOLDER / "00000.tif"))
    model.report(done(1))
    model.report(done(2, state="skipped", notes=(CORRECTED,)))
    model.report(done(3, state="failed", error="damaged"))
    model.report(FileStarted(path=FOLDER / "elsewhere.tif"))  # of nobody here
    assert shown(model) == [
        ("00000.tif", "running", "", "", ""),
        ("00001.tif", "done", "10", "1.2", ""),
        ("00002.tif", "finished before", "20", "", CORRECTED),
        ("00003.tif", "failed", "", "", "damaged"),
        ("00004.tif", "waiting", "", "", ""),
    ]
    assert "damaged" in model.data(model.index(3, 0), Qt.ItemDataRole.ToolTipRole)
    assert [item.stem for item in model.failed()] == ["00003"]
    assert [item.stem for item in model.unfinished()] == ["00000", "00003", "00004"]
    model.stop()
    assert shown(model)[0][STATE] == "waiting"


def test_a_correction_keeps_state_and_time(model):
    model.report(done(1))
    for number in (1, 4):  # the second was made by an earlier run
        model.correct(done(number, n_objects=7, seconds=0.0, notes=(CORRECTED,)))
    assert shown(model)[1] == ("00001.tif", "done", "7", "1.2", CORRECTED)
    assert shown(model)[4] == ("00004.tif", "finished before", "7", "", CORRECTED)


def test_rows_are_sorted_and_the_marked_row_moves_along(model):
    for number, count in enumerate((30, 10, 50)):
        model.report(done(number, n_objects=count))
    marked = model.index(2, 0)
    from qtpy.QtCore import QPersistentModelIndex

    kept = QPersistentModelIndex(marked)
    model.sort(OBJECTS, Qt.SortOrder.DescendingOrder)
    assert names(model)[:3] == ["00002.tif", "00000.tif", "00001.tif"]
    assert kept.row() == 0
    model.sort(OBJECTS)
    assert names(model)[2:] == ["00001.tif", "00000.tif", "00002.tif"]
    assert model.place(FOLDER / "00000.tif") == 3
    model.sort(-1)
    assert names(model) == [f"0000{number}.tif" for number in range(5)]


def test_only_what_failed_is_shown_and_more_comes_as_it_fails(model):
    model.report(done(1, state="failed", error="damaged"))
    model.showFailedOnly(True)
    assert names(model) == ["00001.tif"]
    model.report(done(3, state="failed", error="empty"))
    model.report(done(4))
    assert names(model) == ["00001.tif", "00003.tif"]
    assert model.place(FOLDER / "00004.tif") is None
    model.showFailedOnly(False)
    assert len(names(model)) == 5


def test_other_files_keep_what_is_known_unless_it_is_forgotten(model):
    model.report(done(1))
    model.report(done(2, state="failed", error="damaged"))
    model.setItems(items(3))
    assert [row[STATE] for row in shown(model)] == ["waiting", "done", "failed"]
    model.forget([result for result in model.results() if result.state != "failed"])
    assert [row[STATE] for row in shown(model)] == ["waiting", "done", "waiting"]
    model.forget()
    assert model.results() == []


def test_ten_thousand_rows_cost_no_walk_through_all_of_them(qapp):
    model = FileModel()
    model.setItems(items(10_000))
    changed = []
    model.dataChanged.connect(lambda first, last: changed.append((first.row(), last.row())))
    for number in range(0, 10_000, 7):
        model.report(done(number))
    assert changed == [(number, number) for number in range(0, 10_000, 7)]
    model.sort(OBJECTS, Qt.SortOrder.DescendingOrder)
    assert model.row(0).item.stem == "09996"
    assert model.rowCount(QModelIndex()) == 10_000


def test_a_row_is_opened_by_double_click_and_by_enter(model, qtbot):
    table = FileTable(model)
    qtbot.addWidget(table)
    opened = []
    table.opened.connect(opened.append)
    table.doubleClicked.emit(model.index(2, 1))
    table.show_place(3)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.keyClick(table, Qt.Key.Key_Enter)
    assert opened == [2, 3, 4]


def test_a_failure_has_a_spot_beside_its_word(model):
    model.report(done(3, state="failed", error="damaged"))
    assert model.row(3).state == FAILED
    assert model.data(model.index(3, STATE), Qt.ItemDataRole.DecorationRole) is not None
    assert model.data(model.index(0, STATE), Qt.ItemDataRole.DecorationRole) is None
