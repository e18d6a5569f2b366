"""A table whose rows can be chosen, by hand or from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QScrollBar, QTableView, QWidget

from napari_wnet.ui.access import as_list
from napari_wnet.ui.table_model import TableModel

NARROWEST, ROOM = 48, 24


class MeasureTable(QTableView):
    """Shows a :class:`TableModel`.

    Parameters
    ----------
    model : TableModel
    name : str
        For screen readers.

    Attributes
    ----------
    chosen : Signal(int)
        The row that was chosen by hand.
    """

    chosen = Signal(int)

    def __init__(self, model: TableModel, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        # All rows alike: else Qt asks every one of thousands for its height.
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        as_list(self, name)
        self.selectionModel().currentRowChanged.connect(self._on_row)
        self._silent = False
        self._scrolled = (0, 0)
        model.modelAboutToBeReset.connect(self._remember)
        model.modelReset.connect(self._restore)

    def show_row(self, row: int | None, *, scroll: bool = True) -> None:
        """Mark a row, and scroll to it, as if nobody had chosen it."""
        self._silent = True
        if row is None:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
        else:
            at = [bar.value() for bar in self._bars()]
            self.selectRow(row)
            if not scroll:
                self._scroll(at)
        self._silent = False

    def _bars(self) -> tuple[QScrollBar, QScrollBar]:
        return self.verticalScrollBar(), self.horizontalScrollBar()

    def _scroll(self, to: Iterable[int]) -> None:
        for bar, value in zip(self._bars(), to, strict=True):
            bar.setValue(value)

    def _remember(self) -> None:
        self._scrolled = tuple(bar.value() for bar in self._bars())

    def _restore(self) -> None:
        """Be where the table was before it changed; columns are as wide as their names."""
        header = self.horizontalHeader()
        font = header.font()
        font.setBold(True)
        metrics = QFontMetrics(font)
        for column in range(self.model().columnCount()):
            lines = str(self.model().headerData(column, Qt.Orientation.Horizontal)).split("\n")
            widest = max(metrics.horizontalAdvance(line) for line in lines)
            header.resizeSection(column, max(NARROWEST, widest + ROOM))
        header.blockSignals(True)
        header.setSortIndicator(self.model().sorted_column(), header.sortIndicatorOrder())
        header.blockSignals(False)
        self._scroll(self._scrolled)

    def _on_row(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.isValid() and not self._silent:
            self.chosen.emit(current.row())
