"""Two buttons that put into the clipboard what a dock does, for the shell and for Python."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_wnet.errors import WNetError
from napari_wnet.ui.dock import StatusLine


class CopyRow(QWidget):
    """Copies a command or a script: the dock connects its buttons with :func:`copy_text`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.command_button, self.code_button = QPushButton("Copy as command"), QPushButton("Copy as Python")
        self.command_button.setToolTip("Copy the command that gives the same labels in a terminal, without napari.")
        self.code_button.setToolTip("Copy the Python code that gives the same labels.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.command_button, 1)
        row.addWidget(self.code_button, 1)


def copy_text(make: Callable[[], str], status: StatusLine) -> None:
    """Put a text into the clipboard, and say so, or why there is none."""
    try:
        text = make()
    except WNetError as error:
        status.say(str(error), "warning")
        return
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)
    status.say("It is in the clipboard: paste it where it is to run.")
