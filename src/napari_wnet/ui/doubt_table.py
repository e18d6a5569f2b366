"""The list of objects to look at, the most doubtful first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_wnet.core.doubt import Doubts, doubts
from napari_wnet.ui.access import as_list

COLUMNS = ("done", "object", "doubt", "why")
WIDTHS = (6.5, 8, 8)
"""In digits."""
LOW = 0.8
"""Below this a reason for doubt is named."""
EVERYTHING_FINE = "-"
Role = Qt.ItemDataRole


class DoubtModel(QAbstractTableModel):
    """Rows of :class:`napari_wnet.core.doubt.Doubts`, with a tick for each object.

    Attributes
    ----------
    ticked : Signal(int, bool)
        The user ticked an object or took the tick away; what is shown follows from :meth:`setDone`.
    """

    ticked = Signal(int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._doubts = doubts(np.zeros((1, 1), np.int32), None)
        self._done: frozenset[int] = frozenset()
        self._edited: frozenset[int] = frozenset()

    def setDoubts(self, found: Doubts) -> None:  # noqa: N802
        """Show other objects."""
        self.beginResetModel()
        self._doubts = found
        self.endResetModel()

    def setDone(self, done: Iterable[int], edited: Iterable[int]) -> None:  # noqa: N802
        """Show which objects are ticked, and which were edited."""
        self._done, self._edited = frozenset(done), frozenset(edited)
        if self.rowCount():
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, len(COLUMNS) - 1))

    def label(self, row: int) -> int:
        """Return the label of a row's object."""
        return int(self._doubts.labels[row])

    def place(self, row: int) -> tuple[float, float]:
        """Return the centroid of a row's object, row and column in pixels."""
        return float(self._doubts.rows[row]), float(self._doubts.columns[row])

    def row(self, label: int) -> int | None:
        """Return the row of an object, None if it is not listed."""
        found = np.flatnonzero(self._doubts.labels == label)
        return int(found[0]) if len(found) else None

    def following(self, row: int, step: int) -> int | None:
        """Return the next row in a direction whose object is not done, None if there is none."""
        row += step
        while 0 <= row < self.rowCount():
            if self.label(row) not in self._done:
                return row
            row += step
        return None

    def n_done(self) -> int:
        """Return how many of the listed objects are ticked."""
        return sum(int(label) in self._done for label in self._doubts.labels)

    def toggle(self, row: int) -> None:
        """Ask for the tick of a row's object to be set, or taken away."""
        self.ticked.emit(self.label(row), self.label(row) not in self._done)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of objects."""
        return 0 if parent is not None and parent.isValid() else len(self._doubts.labels)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:  # noqa: N802
        """Return the name of a column."""
        return COLUMNS[section] if orientation == Qt.Orientation.Horizontal and role == Role.DisplayRole else None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Make the first column one of ticks."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == 0 else flags

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """Return what a cell shows."""
        row, column = index.row(), index.column()
        if role == Role.CheckStateRole and column == 0:
            return Qt.CheckState.Checked if self.label(row) in self._done else Qt.CheckState.Unchecked
        if role == Role.AccessibleTextRole and column == 0:
            return "done" if self.label(row) in self._done else "not done"
        if role == Role.TextAlignmentRole and column in (1, 2):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role in (Role.DisplayRole, Role.ToolTipRole) and column:
            return ("", str(self.label(row)), f"{100 * self._doubts.doubt[row]:.0f} %", self._why(row))[column]
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Role.EditRole) -> bool:  # noqa: N802
        """Pass a tick on."""
        if role != Role.CheckStateRole or index.column():
            return False
        self.ticked.emit(self.label(index.row()), Qt.CheckState(value) == Qt.CheckState.Checked)
        return True

    def _why(self, row: int) -> str:
        found = self._doubts
        reasons = {
            "edited": self.label(row) in self._edited,
            "faint": found.certainty[row] < LOW,
            "uneven inside": found.cohesion[row] < LOW,
            "like its neighbour": found.margin[row] < 1 - LOW,
            "at the border": bool(found.at_border[row]),
        }
        return ", ".join(reason for reason, holds in reasons.items() if holds) or EVERYTHING_FINE


class DoubtTable(QTableView):
    """Shows a :class:`DoubtModel`; choosing a row goes to its object.

    Attributes
    ----------
    chosen : Signal(int)
        The row that was chosen by hand, or by stepping.
    removed : Signal(int)
        The row whose object is to be deleted: the key Del.
    """

    chosen = Signal(int)
    removed = Signal(int)

    def __init__(self, model: DoubtModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        for column in (0, 1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
        header.setStretchLastSection(True)
        as_list(self, "objects to look at", WIDTHS)
        self.setWordWrap(False)
        self.setMinimumHeight(120)
        self.selectionModel().currentRowChanged.connect(self._on_row)
        self._silent = False

    def show_row(self, row: int | None) -> None:
        """Mark a row without going to its object."""
        self._silent = True
        if row is None:
            self.clearSelection()
        else:
            self.selectRow(row)
        self._silent = False

    def step(self, by: int) -> bool:
        """Choose the next row, or the one before, that is not done; tell whether there is one."""
        model = self.model()
        current = self.currentIndex().row()
        row = model.following(current if current >= 0 else -1, by)
        if row is None:
            return False
        if row == current:
            self.chosen.emit(row)
        self.selectRow(row)
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Tick the object with Space, whichever column the mark is in; have it deleted with Del."""
        row = self.currentIndex().row()
        if event.key() == Qt.Key.Key_Space and row >= 0:
            self.model().toggle(row)
        elif event.key() == Qt.Key.Key_Delete and row >= 0:
            self.removed.emit(row)
        else:
            super().keyPressEvent(event)

    def _on_row(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.isValid() and not self._silent:
            self.chosen.emit(current.row())
