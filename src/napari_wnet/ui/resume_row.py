"""The line of the Fine-tune dock that offers a training which a crash, or a closed window, has ended."""

from __future__ import annotations

import time
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_wnet.project.training import REQUEST


class ResumeRow(QWidget):
    """Offers to go on with a training.

    Attributes
    ----------
    resumed, forgotten : Signal()
        What the person wants.
    """

    resumed = Signal()
    forgotten = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = QLabel()
        self.resume_button, self.forget_button = QPushButton("Resume"), QPushButton("Forget")
        self.resume_button.setToolTip("Go on where it was, with the labels as they were then.")
        self.forget_button.setToolTip("Remove what is left of it.")
        self.label.setWordWrap(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label, 1)
        row.addWidget(self.resume_button)
        row.addWidget(self.forget_button)
        self.resume_button.clicked.connect(lambda: self.resumed.emit())
        self.forget_button.clicked.connect(lambda: self.forgotten.emit())
        self.hide()

    def offer(self, folder: Path | None) -> None:
        """Offer the training of a folder, or none."""
        if folder is not None:
            began = time.strftime("%Y-%m-%d %H:%M", time.localtime((folder / REQUEST).stat().st_mtime))
            self.label.setText(f"The training of {began} was cut short.")
        self.setVisible(folder is not None)
