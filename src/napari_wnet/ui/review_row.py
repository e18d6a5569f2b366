"""The buttons of the Batch dock that walk through the files, and save what was corrected."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QMessageBox, QPushButton, QWidget

from napari_wnet.ui.reviewer import Reviewer

SAVE, DISCARD, CANCEL = (
    QMessageBox.StandardButton.Save,
    QMessageBox.StandardButton.Discard,
    QMessageBox.StandardButton.Cancel,
)


class ReviewRow(QWidget):
    """Previous, Next and Save labels.

    Parameters
    ----------
    reviewer : Reviewer

    Attributes
    ----------
    stepped : Signal(int)
        1 for the next file, -1 for the one before.
    """

    stepped = Signal(int)

    def __init__(self, reviewer: Reviewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reviewer = reviewer
        self.previous_button, self.next_button = QPushButton("Previous"), QPushButton("Next")
        self.save_button = QPushButton("Save labels")
        self.previous_button.setToolTip("Open the file above in the viewer, in the place of the one that is open.")
        self.next_button.setToolTip("Open the file below in the viewer, in the place of the one that is open.")
        self.save_button.setToolTip(
            "Write the labels as you corrected them into their file, and measure them anew. A later run leaves them as "
            "they are, unless earlier results are to be replaced."
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for button in (self.previous_button, self.next_button, self.save_button):
            row.addWidget(button, 1)
        self.previous_button.clicked.connect(self._on_previous)
        self.next_button.clicked.connect(self._on_next)
        self.save_button.clicked.connect(self._on_save)
        reviewer.changed.connect(self._show_buttons)
        self._show_buttons()

    def leave(self, then: Callable[[], None]) -> None:
        """Go on with something else, once the person has said what becomes of unsaved edits."""
        reviewer = self._reviewer
        answer = self.ask(reviewer.opened.item.path.name) if reviewer.edited() and reviewer.opened else DISCARD
        if answer == SAVE:
            reviewer.save(then)
        elif answer == DISCARD:
            then()

    def ask(self, name: str) -> QMessageBox.StandardButton:
        """Ask whether edited labels are to be saved."""
        return QMessageBox.question(
            self, "Edited labels", f"The labels of {name} were edited. Save them?", SAVE | DISCARD | CANCEL, SAVE
        )

    def _on_previous(self) -> None:
        self.stepped.emit(-1)

    def _on_next(self) -> None:
        self.stepped.emit(1)

    def _on_save(self) -> None:
        self._reviewer.save()

    def _show_buttons(self) -> None:
        self.save_button.setEnabled(self._reviewer.can_save)
