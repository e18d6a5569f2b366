"""The dialog that asks which model is to be added."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_wnet.errors import ModelError
from napari_wnet.network.addition import Addition
from napari_wnet.ui.access import add_row

ABOUT = (
    "Only a model file (.safetensors) is kept, after it has been checked; opening one runs no code. Whoever shares a "
    "model can tell its SHA-256: with it, no other file is accepted."
)
WIDTH = 520


class AddModelDialog(QDialog):
    """Asks for the address of a model, or has one of a file, and for what else is known of it.

    Parameters
    ----------
    addition : Addition
        What is shown first; where its source is a file, that cannot be edited.
    """

    def __init__(self, addition: Addition, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add a model")
        self.setMinimumWidth(WIDTH)
        self.source_edit, self.name_edit = QLineEdit(addition.source), QLineEdit(addition.name)
        self.sha256_edit = QLineEdit(addition.sha256)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel | QDialogButtonBox.StandardButton.Ok)
        self.ok_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        from_file = bool(addition.source) and not addition.is_address
        self.source_edit.setReadOnly(from_file)
        self.source_edit.setPlaceholderText("https://...")
        self.sha256_edit.setPlaceholderText("optional: 64 digits")
        self.ok_button.setText("Add")
        about, form, layout = QLabel(ABOUT), QFormLayout(), QVBoxLayout(self)
        about.setWordWrap(True)
        add_row(form, "file" if from_file else "address", self.source_edit)
        add_row(form, "name", self.name_edit)
        add_row(form, "SHA-256", self.sha256_edit)
        layout.addWidget(about)
        layout.addLayout(form)
        layout.addWidget(self.buttons)
        self.source_edit.textChanged.connect(self._on_text)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._on_text()
        (self.name_edit if from_file else self.source_edit).setFocus()

    def value(self) -> Addition:
        """Return what is to be added."""
        return Addition(
            source=self.source_edit.text(), name=self.name_edit.text().strip(), sha256=self.sha256_edit.text().strip()
        )

    def _on_text(self) -> None:
        """Show how the model would be called if no name is given."""
        source = Addition(source=self.source_edit.text())
        try:
            proposed = source.proposed_name()
        except ModelError:
            proposed = ""
        self.name_edit.setPlaceholderText(proposed or "as the model calls itself")
        self.ok_button.setEnabled(source.is_address or Path(source.source).is_absolute())
