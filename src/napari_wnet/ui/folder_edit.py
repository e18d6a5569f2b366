"""A line for the path of a folder, with a button to choose it."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QWidget


class FolderEdit(QWidget):
    """Edits the path of a folder.

    Attributes
    ----------
    valueChanged : Signal(str)
        Once the path has been typed to its end, or chosen.
    """

    valueChanged = Signal(str)  # noqa: N815

    def __init__(self, title: str, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._value, self._about = title, "", ""
        self.edit, self.button = QLineEdit(), QToolButton()
        self.edit.setPlaceholderText(placeholder)
        self.edit.setAcceptDrops(False)  # it would take a folder that is dropped for text
        self.button.setText("...")
        self.button.setToolTip(title)
        self.button.setAccessibleName(f"Choose: {title}")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.edit, 1)
        row.addWidget(self.button)
        self.edit.editingFinished.connect(self._on_typed)
        self.button.clicked.connect(self._browse)

    def value(self) -> str:
        """Return the path; empty: none."""
        return self._value

    def setValue(self, path: str) -> None:  # noqa: N802
        """Show another path."""
        path = path.strip()
        path = str(Path(path).expanduser().absolute()) if path else ""
        self.edit.setText(path)
        self._show_tip()
        if path != self._value:
            self._value = path
            self.valueChanged.emit(path)

    def explain(self, about: str) -> None:
        """Say in a tooltip what the folder is for; once there is one, its whole path stands there too."""
        self._about = about
        self._show_tip()

    def _show_tip(self) -> None:
        self.edit.setToolTip("\n".join(filter(None, (self.edit.text(), self._about))))

    def _on_typed(self) -> None:
        self.setValue(self.edit.text())

    def _browse(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self._title, self._value)
        if path:
            self.setValue(path)
