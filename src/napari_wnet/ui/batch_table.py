"""The files of a batch: what state each is in, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import FileResult, FileStarted
from napari_wnet.ui.access import as_list
from napari_wnet.ui.colours import AMBER, RED

COLUMNS = ("file", "state", "objects", "s", "why")
WIDTHS = (12, 13.5, 7.5, 5, 52)
"""In digits."""
FILE, STATE, OBJECTS, SECONDS, WHY = range(len(COLUMNS))
WAITING, RUNNING, DONE, BEFORE, FAILED = "waiting", "running", "done", "finished before", "failed"
STATES = {"done": DONE, "skipped": BEFORE, "failed": FAILED}
RANKS = {FAILED: 0, RUNNING: 1, WAITING: 2, DONE: 3, BEFORE: 4}
TIPS = ("", "", "", "Seconds, from the time that the network began to look at it.", "Why it failed, or what to know.")
SPOTS = {FAILED: QColor(RED), RUNNING: QColor(AMBER)}
"""Beside the word, which stays in the colour of text."""
Role = Qt.ItemDataRole


@dataclass(frozen=True, kw_only=True)
class Row:
    """A file and what has become of it; no result while it waits or runs."""

    item: Item
    running: bool = False
    result: FileResult | None = None

    @property
    def state(self) -> str:
        """The state in words."""
        return STATES[self.result.state] if self.result else RUNNING if self.running else WAITING

    @property
    def why(self) -> str:
        """Why it failed, or what is to be known of it; the first column says of which file."""
        text = "" if self.result is None else self.result.error or " ".join(self.result.notes)
        return text.replace(str(self.item.path), self.item.path.name)


KEYS: tuple[Callable[[Row], Any], ...] = (
    lambda row: row.item.stem.casefold(),
    lambda row: RANKS[row.state],
    lambda row: -1 if row.result is None else row.result.n_objects,
    lambda row: -1.0 if row.result is None else row.result.seconds,
    lambda row: (not row.why, row.why),
)


class FileModel(QAbstractTableModel):
    """Rows of files, in an order and of a kind that can be chosen; places of files do not change while a batch runs.

    It sorts and filters by itself: ten thousand rows take Qt's proxy seconds, as it asks for each of them in Python.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._numbers: dict[Path, int] = {}
        self._shown: list[int] = []
        self._places: dict[int, int] = {}
        self._sorted: tuple[int, bool] = (-1, False)
        self._failed_only = False
        self.translate: Callable[[str], str] = str

    def setItems(self, items: Sequence[Item]) -> None:  # noqa: N802
        """List other files; what is known of those that stay is kept."""
        known = {row.item: row.result for row in self._rows}
        self._reset([Row(item=item, result=known.get(item)) for item in items])

    def forget(self, keep: Iterable[FileResult] = ()) -> None:
        """Have all files wait, but for those whose results are given."""
        kept = {result.path: result for result in keep}
        self._reset([Row(item=row.item, result=kept.get(row.item.path)) for row in self._rows])

    def report(self, report: FileStarted | FileResult) -> None:
        """Show what has become of a file."""
        number = self._numbers.get(report.path)
        if number is None:
            return
        result = report if isinstance(report, FileResult) else None
        self._rows[number] = replace(self._rows[number], running=result is None, result=result)
        place = self._places.get(number)
        if place is not None:
            self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))
        elif self._is_shown(self._rows[number]):
            self.beginInsertRows(QModelIndex(), len(self._shown), len(self._shown))
            self._places[number] = len(self._shown)
            self._shown.append(number)
            self.endInsertRows()

    def correct(self, saved: FileResult) -> None:
        """Note that the labels of a file were corrected; what else is known of it stays."""
        number = self._numbers.get(saved.path)
        if number is not None:
            known = self._rows[number].result or replace(saved, state="skipped")  # of an earlier run
            self.report(replace(saved, state=known.state, seconds=known.seconds))

    def stop(self) -> None:
        """Have the files wait whose work was ended."""
        for row in [row for row in self._rows if row.running]:
            number = self._numbers[row.item.path]
            self._rows[number] = replace(row, running=False)
        if self._shown:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._shown) - 1, len(COLUMNS) - 1))

    def results(self) -> list[FileResult]:
        """Return what is known, in the order of the files."""
        return [row.result for row in self._rows if row.result is not None]

    def failed(self) -> list[Item]:
        """Return the files that failed."""
        return [row.item for row in self._rows if row.state == FAILED]

    def unfinished(self) -> list[Item]:
        """Return the files that are neither done nor finished before."""
        return [row.item for row in self._rows if row.state not in (DONE, BEFORE)]

    def row(self, place: int) -> Row:
        """Return what is shown at a place."""
        return self._rows[self._shown[place]]

    def place(self, path: Path) -> int | None:
        """Return where a file is shown, None if it is not."""
        number = self._numbers.get(path)
        return None if number is None else self._places.get(number)

    def showFailedOnly(self, only: bool) -> None:  # noqa: N802
        """Leave out files that did not fail, or show all."""
        self._failed_only = only
        self._reset(self._rows)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; -1: as they were found."""
        self._sorted = column, order == Qt.SortOrder.DescendingOrder
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        numbers = [self._shown[index.row()] for index in before]
        self._arrange()
        after = [
            self.index(self._places[number], index.column()) for number, index in zip(numbers, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of rows that are shown."""
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:  # noqa: N802
        """Return the name of a column."""
        if orientation != Qt.Orientation.Horizontal or role not in (Role.DisplayRole, Role.ToolTipRole):
            return None
        return COLUMNS[section] if role == Role.DisplayRole else TIPS[section] or None

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """Return what a cell shows."""
        row, column = self.row(index.row()), index.column()
        if role == Role.DisplayRole:
            return self._text(row, column)
        if role == Role.ToolTipRole:
            return f"{row.item.path}\n{self.translate(row.why)}".strip()
        if role == Role.TextAlignmentRole and column in (OBJECTS, SECONDS):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Role.DecorationRole and column == STATE:
            return SPOTS.get(row.state)
        return None

    def _text(self, row: Row, column: int) -> str:
        if column in (FILE, STATE):
            return (row.item.name, row.state)[column]
        result = row.result
        if result is None or (column in (OBJECTS, SECONDS) and result.state == "failed"):
            return ""
        if column == SECONDS:
            return "" if result.state == "skipped" else f"{result.seconds:.1f}"
        return str(result.n_objects) if column == OBJECTS else self.translate(row.why)

    def _reset(self, rows: list[Row]) -> None:
        self.beginResetModel()
        self._rows = rows
        self._numbers = {row.item.path: number for number, row in enumerate(rows)}
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        column, descending = self._sorted
        self._shown = [number for number, row in enumerate(self._rows) if self._is_shown(row)]
        if column >= 0:
            self._shown.sort(key=lambda number: KEYS[column](self._rows[number]), reverse=descending)
        self._places = {number: place for place, number in enumerate(self._shown)}

    def _is_shown(self, row: Row) -> bool:
        return not self._failed_only or row.state == FAILED


class FileTable(QTableView):
    """Shows a :class:`FileModel`.

    Attributes
    ----------
    opened : Signal(int)
        Place of the file that was double-clicked, or chosen with Enter.
    chosen : Signal(int)
        Place of the row that was marked.
    """

    opened = Signal(int)
    chosen = Signal(int)

    def __init__(self, model: FileModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        self.setSortingEnabled(True)
        self.setWordWrap(False)
        self.setMinimumHeight(110)
        as_list(self, "files", WIDTHS)
        self.clicked.connect(self._on_clicked)
        self.doubleClicked.connect(self._on_double_clicked)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Open the file with Enter; a row that keys have marked is chosen like one that is clicked."""
        before = self.currentIndex().row()
        plain = not event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and before >= 0 and plain:
            self.opened.emit(before)
            return
        super().keyPressEvent(event)
        if self.currentIndex().row() not in (before, -1):
            self.chosen.emit(self.currentIndex().row())

    def _on_clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(index.row())

    def _on_double_clicked(self, index: QModelIndex) -> None:
        self.opened.emit(index.row())

    def show_place(self, place: int) -> None:
        """Mark a row and bring it into sight."""
        self.selectRow(place)
        self.scrollTo(self.model().index(place, 0))
