"""Numbers with decimals, in boxes that take a comma for a point: both are typed, whatever the system's language.

Left to itself, Qt takes the point for the mark of thousands where decimals have a comma, and 0.5 for 5.
"""

from __future__ import annotations

from typing import TypeVar

from qtpy.QtCore import QEvent, QLocale, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QDoubleSpinBox

Box = TypeVar("Box", bound=QDoubleSpinBox)


def with_point(box: Box) -> Box:
    """Have a box show a decimal point, as all tables and files do, and take a comma for one; return the box."""
    plain = QLocale.c()
    # Without this, Qt drops a pasted comma and 0,5 is 5; with it, such a text is not taken at all.
    plain.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator | QLocale.NumberOption.RejectGroupSeparator)
    box.setLocale(plain)
    box.installEventFilter(_CommaToPoint(box))
    return box


class _CommaToPoint(QObject):
    """Types a point into a box where a comma was typed."""

    def eventFilter(self, box: QObject, event: QEvent) -> bool:  # noqa: N802
        """Replace the key of a comma."""
        if not isinstance(event, QKeyEvent) or event.text() != "," or not isinstance(box, QDoubleSpinBox):
            return False
        point = QKeyEvent(event.type(), Qt.Key.Key_Period, event.modifiers(), ".")
        if event.type() == QEvent.Type.KeyPress:
            box.keyPressEvent(point)
        return True
