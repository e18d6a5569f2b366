"""A table of measurements as Qt sees it: fast for thousands of rows, sorted by any column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QWidget

from napari_wnet.core.columns import COLUMNS
from napari_wnet.core.traits import TRAITS

if TYPE_CHECKING:
    from pandas import DataFrame

Role = Qt.ItemDataRole
FOUR_DIGITS = 10_000
UNITS = {"_um2": "µm²", "_um": "µm", "_px": "px"}
ABOUT = {column.title(known): column.about for column in (*COLUMNS, *TRAITS) for known in (True, False)} | {
    "label": "Number of the object in the labels layer.",
    "t": "Frame, counted from 0.",
}
GROWTH = "Relative growth rate: difference of the logarithms of the area, over the time between."


def heading(name: str) -> str:
    """Return a column's name on one line and its unit on the next."""
    for ending, unit in UNITS.items():
        if name.endswith(ending):
            return f"{name.removesuffix(ending).replace('_', ' ')}\n{unit}"
    return name.replace("_", " ")


def about(name: str) -> str:
    """Return what a column is."""
    text = ABOUT.get(name) or ABOUT.get(re.sub(r"_\d+$", "", name), "")
    return GROWTH if name.startswith("relative_growth_rate") else text


def shown(value: Any) -> str:
    """Return a cell's text: four digits are more than any measurement deserves."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else ""
    if not isinstance(value, float | np.floating):
        return str(value)
    number = float(value)
    if number != number:
        return ""
    return f"{number:.4g}" if abs(number) < FOUR_DIGITS else f"{number:.0f}"


class TableModel(QAbstractTableModel):
    """Rows of a data frame.

    Parameters
    ----------
    keys : iterable of str
        Columns whose values tell a row from all others, so far as the table has them.
    """

    def __init__(self, keys: Iterable[str] = ("label",), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keys = tuple(keys)
        self._names: list[str] = []
        self._columns: list[np.ndarray] = []
        self._order = np.zeros(0, int)
        self._rows: dict[tuple[int, ...], int] = {}
        self._sorted: tuple[str, Qt.SortOrder] | None = None

    def setTable(self, table: DataFrame | None, keys: Iterable[str] | None = None) -> None:  # noqa: N802
        """Show another table, sorted by the same column as before where it has that."""
        self.beginResetModel()
        self._keys = self._keys if keys is None else tuple(keys)
        self._names = [] if table is None else [str(name) for name in table.columns]
        self._columns = [] if table is None else [table[name].to_numpy() for name in table.columns]
        self._order = np.arange(0 if table is None else len(table))
        by_key = [self._columns[self._names.index(name)].tolist() for name in self._keys if name in self._names]
        self._rows = {tuple(key): row for row, key in enumerate(zip(*by_key, strict=True))}
        if self._sorted is not None and self._sorted[0] in self._names:
            self._order = self._sorted_by(*self._sorted)
        self.endResetModel()

    def sorted_column(self) -> int:
        """Return by which column the rows are sorted, -1 for none."""
        name = "" if self._sorted is None else self._sorted[0]
        return self._names.index(name) if name in self._names else -1

    def key(self, row: int) -> tuple[int, ...]:
        """Return what tells the object of a row from all others."""
        return tuple(int(self.value(row, name)) for name in self._keys if name in self._names)

    def row(self, key: tuple[int, ...]) -> int | None:
        """Return the row of a key, None if it has none."""
        place = self._rows.get(key)
        return None if place is None else int(np.flatnonzero(self._order == place)[0])

    def value(self, row: int, name: str) -> Any:
        """Return what is in a column."""
        return self._columns[self._names.index(name)][self._order[row]]

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of rows."""
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:  # noqa: N802
        """Return the name of a column, or what it is."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self._names):
            return None
        name = self._names[section]
        return {Role.DisplayRole: heading(name), Role.ToolTipRole: f"{name}: {about(name)}"}.get(role)

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """Return what a cell shows."""
        if role == Role.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Role.DisplayRole:
            return shown(self._columns[index.column()][self._order[index.row()]])
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; empty cells come last. What is selected stays so."""
        if not 0 <= column < len(self._names):
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        places = [self._order[index.row()] for index in before]
        self._sorted = self._names[column], order
        self._order = self._sorted_by(*self._sorted)
        rows = np.argsort(self._order)
        after = [self.index(int(rows[place]), index.column()) for place, index in zip(places, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _sorted_by(self, name: str, order: Qt.SortOrder) -> np.ndarray:
        values = self._columns[self._names.index(name)]
        if values.dtype.kind in "bu":
            values = values.astype(float)  # there are no negative ones of these
        # By the negative numbers, not backwards: equal ones stay in their order, empty ones at the end.
        return np.argsort(values if order == Qt.SortOrder.AscendingOrder else -values, kind="stable")
