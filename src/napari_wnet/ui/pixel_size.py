"""How large a layer's pixels are: what the layer says, and a field to say it where it does not."""

from __future__ import annotations

import numpy as np
import pint
from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

from napari_wnet.core.measure import PixelSize
from napari_wnet.ui.decimals import with_point

RIGHT_ANGLE = 1e-6
DECIMALS = 5


def pixel_size_of(layer: Layer) -> PixelSize | None:
    """Return height and width of a layer's pixels in micrometres; None where its units are pixels, or it is sheared."""
    origin = np.asarray(layer.data_to_world((0,) * layer.ndim))
    steps = [np.asarray(layer.data_to_world(tuple(place))) - origin for place in np.eye(layer.ndim)[-2:]]
    lengths = [float(np.linalg.norm(step)) for step in steps]
    if min(lengths) <= 0 or abs(float(steps[0] @ steps[1])) > RIGHT_ANGLE * lengths[0] * lengths[1]:
        return None
    quantity = pint.get_application_registry().Quantity
    try:
        height, width = (
            float(quantity(length, unit).to("micrometer").magnitude)
            for length, unit in zip(lengths, layer.units[-2:], strict=True)
        )
    except pint.errors.PintError:  # pixels, or nothing that is a length
        return None
    return height, width


class LengthBox(QDoubleSpinBox):
    """A length without the zeros at its end."""

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Return what is shown."""
        return f"{round(value, DECIMALS):g}"


class PixelSizeBox(QWidget):
    """Shows and takes the size of a pixel in micrometres; 0 means that it is not known.

    Attributes
    ----------
    valueChanged : Signal()
        The user has changed it.
    """

    valueChanged = Signal()  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.height_box, self.width_box = with_point(LengthBox()), with_point(LengthBox())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.height_box, 1)
        row.addWidget(QLabel("x"))
        row.addWidget(self.width_box, 1)
        for box, side in ((self.height_box, "Height"), (self.width_box, "Width")):
            box.setAccessibleName(f"{side.lower()} of a pixel")
            box.setRange(0, 1e6)
            box.setDecimals(DECIMALS)
            box.setSingleStep(0.05)
            box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
            box.setSpecialValueText("unknown")
            box.setSuffix(" µm")
            box.setKeyboardTracking(False)
            box.setToolTip(f"{side} of a pixel. Unknown: lengths and areas are in pixels. The layer stays as it is.")
        self._last = 0.0
        self.height_box.valueChanged.connect(self._on_height)
        self.width_box.valueChanged.connect(lambda: self.valueChanged.emit())

    def value(self) -> PixelSize | None:
        """Return height and width, None where either is unknown."""
        size = self.height_box.value(), self.width_box.value()
        return size if min(size) > 0 else None

    def setValue(self, size: PixelSize | None) -> None:  # noqa: N802
        """Show a size, without a signal."""
        for box, length in zip((self.height_box, self.width_box), size or (0.0, 0.0), strict=True):
            box.blockSignals(True)
            box.setValue(length)
            box.blockSignals(False)
        self._last = self.height_box.value()

    def _on_height(self, height: float) -> None:
        """Let the width follow while pixels are square, as nearly all are."""
        if self.width_box.value() == self._last:
            self.width_box.blockSignals(True)
            self.width_box.setValue(height)
            self.width_box.blockSignals(False)
        self._last = self.height_box.value()
        self.valueChanged.emit()
