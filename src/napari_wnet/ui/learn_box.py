"""Chooses what of the labels counts when a model learns from them."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_wnet.ui.chooser import WideBox

LearnFrom = Literal["everything", "region", "done"]
CHOICES: tuple[tuple[LearnFrom, str, str], ...] = (
    ("everything", "everything is labelled", "All objects of these images are labelled: what is not is background."),
    ("region", "only within the region", "Within the region layer everything is labelled; elsewhere nothing is known."),
    ("done", "only objects ticked as done", "Only what you ticked in the Repair dock is right; the rest is unknown."),
)


class LearnBox(WideBox):
    """A combo box of these choices, each with its explanation."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for number, (learn, text, about) in enumerate(CHOICES):
            self.addItem(text, learn)
            self.setItemData(number, about, Qt.ItemDataRole.ToolTipRole)

    def value(self) -> LearnFrom:
        """Return the choice."""
        return self.currentData()
