"""Names for those who hear a dock instead of seeing it, and keys for those who use no mouse."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractButton, QComboBox, QFormLayout, QLabel, QSizePolicy, QTableView, QWidget

ROOM_PX = 8
"""Of a row, above and below its letters together."""
SORT_KEYS = "Left and Right choose a column, F3 sorts by it."


def is_stop(widget: QWidget) -> bool:
    """Whether Tab halts at a widget while it is shown and enabled; what lends its focus to another does not count."""
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.focusProxy() is None


def name_control(control: QWidget, name: str) -> None:
    """Name a control; of one that is made of several, those that do not say by themselves what they are."""
    for part in _parts(control):
        said = part.accessibleName() or (isinstance(part, QAbstractButton) and part.text())
        if not said:
            part.setAccessibleName(name)


def name_box(box: QComboBox, name: str) -> None:
    """Name a combo box that has no label of its own: on Linux its name is what is chosen, so it is described, too."""
    box.setAccessibleName(name)
    box.setAccessibleDescription(name)


def labelled(text: str, control: QWidget, tip: str = "") -> QLabel:
    """Return the label that stands before a control, which is called so from now on."""
    label = QLabel(text)
    label.setToolTip(tip)
    parts = _parts(control)
    label.setBuddy(next(iter(parts), control))
    name_control(control, text)
    for part in parts:
        part.setAccessibleDescription(part.toolTip() or tip)
    return label


def add_row(form: QFormLayout, text: str, control: QWidget, tip: str = "") -> QLabel:
    """Add a control to a form, with its label before it; return that."""
    label = labelled(text, control, tip)
    label.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)  # or a form cuts it off
    form.addRow(label, control)
    return label


def as_list(table: QTableView, name: str, widths: Sequence[float] = ()) -> None:
    """Name a table, let Tab leave it, and have keys sort it and the size of letters set that of rows and columns.

    Parameters
    ----------
    table : QTableView
    name : str
    widths : sequence of float
        Of the columns, in digits; none: they are not set.
    """
    table.setAccessibleName(name)
    table.setTabKeyNavigation(False)
    table.setAccessibleDescription(SORT_KEYS if table.isSortingEnabled() else "")
    table.installEventFilter(_List(table, widths))


class _List(QObject):
    """Gives a table its sizes and its keys."""

    def __init__(self, table: QTableView, widths: Sequence[float]) -> None:
        super().__init__(table)
        self._table, self._widths = table, widths
        self._fit()

    def eventFilter(self, table: QObject, event: QEvent) -> bool:  # noqa: N802
        """Follow the size of letters, and sort with F3."""
        if event.type() == QEvent.Type.FontChange:
            self._fit()
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_F3:
            self._sort()
            return True
        return False

    def _fit(self) -> None:
        metrics = self._table.fontMetrics()
        self._table.verticalHeader().setDefaultSectionSize(metrics.height() + ROOM_PX)
        for column, width in enumerate(self._widths):
            self._table.horizontalHeader().resizeSection(column, round(width * metrics.horizontalAdvance("0")))

    def _sort(self) -> None:
        table, column = self._table, self._table.currentIndex().column()
        if not table.isSortingEnabled() or column < 0:
            return
        header, ascending = table.horizontalHeader(), Qt.SortOrder.AscendingOrder
        again = header.sortIndicatorSection() == column and header.sortIndicatorOrder() == ascending
        table.sortByColumn(column, Qt.SortOrder.DescendingOrder if again else ascending)


def _parts(control: QWidget) -> list[QWidget]:
    return [control] if is_stop(control) else [part for part in control.findChildren(QWidget) if is_stop(part)]
