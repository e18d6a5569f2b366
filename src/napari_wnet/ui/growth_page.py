"""The growth of a time series: a curve and a table, a row for each frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_wnet.core.tables import FRAME
from napari_wnet.ui.access import add_row, labelled, name_box
from napari_wnet.ui.chooser import WideBox
from napari_wnet.ui.colours import GREEN, GREY, THEMED, ink
from napari_wnet.ui.decimals import with_point
from napari_wnet.ui.table_model import TableModel, heading
from napari_wnet.ui.table_view import MeasureTable

if TYPE_CHECKING:
    from pandas import DataFrame

UNITS = (FRAME, "s", "min", "h", "day")
FIRST = "total_area"
ONE = "area of the selected object"


class GrowthPage(QWidget):
    """Shows the frames of a time series.

    Attributes
    ----------
    timeChanged : Signal(float, str)
        The time from frame to frame, and its unit.
    chosen : Signal(int)
        The frame that was chosen by hand.
    """

    timeChanged = Signal(float, str)  # noqa: N815
    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.interval_box, self.unit_box = with_point(QDoubleSpinBox()), QComboBox()
        self.what_box = WideBox()
        self.model = TableModel(("t",), self)
        self.table = MeasureTable(self.model, "frames")
        self.plot = pg.PlotWidget()
        self._curve = self.plot.plot(pen=pg.mkPen(GREEN, width=2), symbol="o", symbolSize=5, symbolBrush=GREEN)
        self._now = pg.InfiniteLine(angle=90, pen=pg.mkPen(GREY, style=pg.QtCore.Qt.PenStyle.DashLine))
        self._frames: DataFrame | None = None
        self._objects: DataFrame | None = None
        self._label = 0
        self._lay_out()
        self.interval_box.valueChanged.connect(self._on_time)
        self.unit_box.currentIndexChanged.connect(self._on_time)
        self.what_box.currentIndexChanged.connect(self._draw)
        self.table.chosen.connect(lambda row: self.chosen.emit(self.model.key(row)[0]))

    def _lay_out(self) -> None:
        self.unit_box.addItems(UNITS)
        self.interval_box.setEnabled(False)
        self.interval_box.setRange(0.01, 1e6)
        self.interval_box.setValue(1.0)
        self.interval_box.setKeyboardTracking(False)
        self.interval_box.setToolTip("Time from one frame to the next.")
        self.unit_box.setToolTip("Its unit, which growth rates are per; 'frame' where the time is not known.")
        self.plot.setBackground(None)
        self.plot.setMenuEnabled(False)
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the table below says the same
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMinimumHeight(150)
        self.plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)  # else it wants 640 px
        self.plot.getAxis("left").enableAutoSIPrefix(False)
        self.plot.addItem(self._now)
        time, form = QHBoxLayout(), QFormLayout()
        time.addWidget(self.interval_box, 1)
        time.addWidget(self.unit_box, 1)
        form.addRow(labelled("one frame is", self.interval_box), time)
        name_box(self.unit_box, "unit of time")
        add_row(form, "show", self.what_box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.table, 1)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() in THEMED:
            ink(self, [self.plot.getPlotItem()])

    def setTables(self, frames: DataFrame | None, objects: DataFrame | None) -> None:  # noqa: N802
        """Show other frames, and keep the growth of each object at hand."""
        self._frames, self._objects = frames, objects
        self.model.setTable(frames)
        names = [] if frames is None else [name for name in frames.columns if name != "t" and name[:5] != "time_"]
        self._list([*names, ONE] if names else [])
        self._draw()

    def setFrame(self, frame: int) -> None:  # noqa: N802
        """Mark the frame that is seen."""
        self.table.show_row(self.model.row((frame,)))
        self._now.setValue(frame * self._interval())

    def setLabel(self, label: int) -> None:  # noqa: N802
        """Say which object is selected."""
        if label != self._label:
            self._label = label
            if self.what_box.currentText() == ONE:
                self._draw()

    def drawn(self) -> tuple[list[float], list[float]]:
        """Return what is to be seen of the curve."""
        x, y = self._curve.getData()
        return ([], []) if x is None else (x.tolist(), y.tolist())

    def _list(self, names: list[str]) -> None:
        before = self.what_box.currentData() or FIRST
        self.what_box.blockSignals(True)
        self.what_box.clear()
        for name in names:
            self.what_box.addItem(name if name == ONE else heading(name).replace("\n", ", "), name)
        place = next((place for place, name in enumerate(names) if name.startswith(before)), 0)
        self.what_box.setCurrentIndex(place if names else -1)
        self.what_box.blockSignals(False)

    def _interval(self) -> float:
        return float(self.interval_box.value()) if self.unit_box.currentText() != FRAME else 1.0

    def _draw(self) -> None:
        name = self.what_box.currentData()
        frames, unit = self._frames, self.unit_box.currentText()
        if name == ONE and self._objects is not None:
            frames = self._objects[self._objects["label"] == self._label]
            name = next(column for column in frames.columns if column.startswith("area_"))
        if frames is None or not name:
            self._curve.setData([], [])
            return
        values = frames[name].to_numpy(float)
        there = np.isfinite(values)
        self._curve.setData(frames["t"].to_numpy(float)[there] * self._interval(), values[there])
        title = heading(name).replace("\n", ", ")
        self.plot.setLabel("left", f"object {self._label}: {title}" if self.what_box.currentData() == ONE else title)
        self.plot.setLabel("bottom", unit if unit == FRAME else f"time, {unit}")

    def _on_time(self) -> None:
        unit = self.unit_box.currentText()
        self.interval_box.setEnabled(unit != FRAME)
        self.timeChanged.emit(self._interval(), unit)
