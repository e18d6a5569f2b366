"""The line of the Repair dock that says what was saved, and offers earlier work on an image."""

from __future__ import annotations

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_wnet.errors import WNetError
from napari_wnet.ui.archive import SAVED_AT
from napari_wnet.ui.autosave import Autosaver, Found

BY_ITSELF = "Edits are saved by themselves."


class SaveRow(QWidget):
    """Shows what an autosaver does.

    Parameters
    ----------
    autosaver : Autosaver

    Attributes
    ----------
    restored : Signal(list)
        Layers of labels that are back.
    said : Signal(str, str, str)
    """

    restored = Signal(list)
    said = Signal(str, str, str)

    def __init__(self, autosaver: Autosaver, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._autosaver = autosaver
        self._found: Found | None = None
        self._left_out = ""
        self.label, self.button = QLabel(BY_ITSELF), QPushButton("Restore")
        self.label.setWordWrap(True)
        self.button.setToolTip("Add the labels that were saved, with their ticks, as new layers.")
        self.button.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label, 1)
        row.addWidget(self.button)
        self.button.clicked.connect(self._on_restore)
        autosaver.saved.connect(self._on_saved)
        autosaver.left_out.connect(self._on_left_out)
        autosaver.found.connect(self._on_found)
        autosaver.said.connect(self.said)

    def look(self, image: Layer | None) -> None:
        """Find out whether there is earlier work on an image; what was found for another is no longer offered."""
        self._found = None
        self.button.hide()
        self.label.setText(self._left_out or BY_ITSELF)
        self._autosaver.look(image)

    def _on_saved(self, when: str) -> None:
        self._left_out = ""
        if self._found is None:  # else the label says what the button beside it is for
            self.label.setText(f"Saved at {when}.")
        self.label.setToolTip(f"In {self._autosaver.folder}")

    def _on_left_out(self, what: str) -> None:
        self._left_out = what
        if self._found is None:
            self.label.setText(what)

    def _on_found(self, found: Found) -> None:
        self._found = found
        self.label.setText(f"Earlier work on '{found.image.name}', {found.state.settings.get(SAVED_AT, '')}:")
        self.button.show()

    def _on_restore(self) -> None:
        if self._found is None:
            return
        found, self._found = self._found, None
        self.button.hide()
        self.label.setText(self._left_out or BY_ITSELF)
        try:
            layers = self._autosaver.restore(found)
        except WNetError as error:
            self.said.emit(str(error), "error", str(error))
            return
        if layers:
            self.restored.emit(layers)
            self.said.emit(f"Restored {', '.join(layer.name for layer in layers)}.", "info", "")
