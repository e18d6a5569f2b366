"""Two buttons that put into the clipboard what a dock does, for the shell and for Python."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_wnet.errors import WNetError


class CopyRow(QWidget):
    """Copies a command or a script.

    Parameters
    ----------
    command, code : callable
        Return the text; what they raise is said.

    Attributes
    ----------
    said : Signal(str, str, str)
    """

    said = Signal(str, str, str)

    def __init__(self, command: Callable[[], str], code: Callable[[], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.command_button, self.code_button = QPushButton("Copy as command"), QPushButton("Copy as Python")
        self.command_button.setToolTip("Copy the command that gives the same labels in a terminal, without napari.")
        self.code_button.setToolTip("Copy the Python code that gives the same labels.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.command_button, 1)
        row.addWidget(self.code_button, 1)
        self.command_button.clicked.connect(lambda: self._copy(command, "The command"))
        self.code_button.clicked.connect(lambda: self._copy(code, "The Python code"))

    def _copy(self, make: Callable[[], str], what: str) -> None:
        try:
            text = make()
        except WNetError as error:
            self.said.emit(str(error), "warning", "")
            return
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)
        self.said.emit(f"{what} is in the clipboard.", "info", "")
