"""A titled part of a form that folds away."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget


class Section(QWidget):
    """A button with a title over a body; pressing it shows or hides the body.

    Parameters
    ----------
    title : str
        What the button says.
    body : QWidget
        What is shown below it while open.
    opened : bool
        Whether the body is shown at first.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, body: QWidget, *, opened: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._body = body
        self._button = QToolButton()
        self._button.setText(title)
        self._button.setCheckable(True)
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._button.setStyleSheet("QToolButton { border: none; font-weight: bold; padding: 3px 0px; }")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._button)
        layout.addWidget(body)
        self._button.toggled.connect(self._show_body)
        self._button.setChecked(opened)
        self._show_body(opened)

    @property
    def opened(self) -> bool:
        """Whether the body is shown."""
        return bool(self._button.isChecked())

    def setOpened(self, opened: bool) -> None:  # noqa: N802
        """Show or hide the body."""
        self._button.setChecked(opened)

    def _show_body(self, opened: bool) -> None:
        self._button.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self._body.setVisible(opened)
        self.toggled.emit(opened)
