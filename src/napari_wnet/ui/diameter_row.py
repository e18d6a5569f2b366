"""How large the objects are: a number to type, or to have estimated."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QHBoxLayout, QPushButton, QWidget

from napari_wnet.ui.decimals import with_point

LARGEST = 5000.0
WORDS_WIDTH = "8em"
"""Wide enough for what nothing typed means, as napari writes it."""
TOOLTIP = (
    "How wide a typical object is, in pixels. The image is shown to the model at the size it was trained on, and the\n"
    "smallest object of the settings below goes along. Set it where objects are much smaller or larger than that.\n"
    "0: as trained, nothing is rescaled."
)
ESTIMATE_TOOLTIP = "Let the model look at the image in a few sizes and tell how wide the objects are; a second or so."
UNKNOWN_TOOLTIP = "This model does not say how large its objects were, so the image cannot be rescaled for it."


class DiameterRow(QWidget):
    """Edits a diameter in pixels, 0 for that of the model: ``value()``, ``setValue()``, ``valueChanged``.

    Attributes
    ----------
    valueChanged : Signal(float)
        For each edit by hand.
    estimate_button : QPushButton
    known : float
        Diameter in pixels that the model was trained on; 0: not known.
    """

    valueChanged = Signal(float)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.known = 0.0
        self.box = with_point(QDoubleSpinBox())
        self.box.setRange(0.0, LARGEST)
        self.box.setDecimals(1)
        self.box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)  # they would cut off the words
        self.box.setStyleSheet(f"QAbstractSpinBox {{ min-width: {WORDS_WIDTH}; padding: 1px 4px; }}")
        self.box.setKeyboardTracking(False)  # a number counts when it is typed to its end
        self.estimate_button = QPushButton("Estimate")
        self.estimate_button.setToolTip(ESTIMATE_TOOLTIP)
        self.estimate_button.setStyleSheet("QPushButton { padding: 3px 6px; }")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box, 1)
        layout.addWidget(self.estimate_button)
        self.setKnown(0.0)
        self.box.valueChanged.connect(self.valueChanged)

    def value(self) -> float:
        """Return the diameter."""
        return self.box.value()

    def setValue(self, diameter: float) -> None:  # noqa: N802
        """Show a diameter without reporting it as an edit."""
        self.box.blockSignals(True)
        self.box.setValue(diameter)
        self.box.blockSignals(False)

    def setKnown(self, known: float) -> None:  # noqa: N802
        """Say which diameter the model was trained on."""
        self.known = known
        self.box.setSpecialValueText(f"as trained ({known:.0f} px)" if known else "as trained")
        self.box.setEnabled(known > 0)
        self.box.setToolTip(TOOLTIP if known else UNKNOWN_TOOLTIP)
