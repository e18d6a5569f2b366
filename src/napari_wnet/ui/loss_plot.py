"""Curves of a training as it goes on: the loss above, the scores on what is held out below."""

from __future__ import annotations

import pyqtgraph as pg
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_wnet.reports import EpochReport
from napari_wnet.ui.colours import AMBER, BLUE, GREEN, GREY, THEMED, ink

SCORES = {"symmetric_best_dice": ("SBD", GREEN), "average_precision_0.5": ("AP .5", BLUE)}
ROOM_BELOW, ROOM_ABOVE = 0.7, 1.1


class LossPlot(QWidget):
    """Draws reports of a training."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._figure = pg.GraphicsLayoutWidget()
        self._figure.setBackground(None)
        self._figure.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the line of progress says the same
        self.loss = self._figure.addPlot(row=0, col=0)
        self.scores = self._figure.addPlot(row=1, col=0)
        self.scores.setXLink(self.loss)
        self.loss.setLabel("left", "loss")
        self.scores.setLabel("left", "held out")
        self.scores.setLabel("bottom", "step")
        self.scores.setYRange(0, 1)
        for plot in (self.loss, self.scores):
            # Ranges that follow the data would change with each report, and have everything painted twice.
            plot.disableAutoRange()
        self.scores.addLegend(offset=(-5, -5), labelTextSize="8pt")
        for plot in (self.loss, self.scores):
            plot.setMenuEnabled(False)
            plot.hideButtons()
            plot.setMouseEnabled(x=False, y=False)
            plot.getAxis("left").setWidth(44)
            plot.getAxis("left").enableAutoSIPrefix(False)
        self._lines = {"loss": self.loss.plot(pen=pg.mkPen(AMBER, width=2))}
        for name, (label, colour) in SCORES.items():
            pen = pg.mkPen(colour, width=2)
            self._lines[name] = self.scores.plot(pen=pen, symbol="o", symbolSize=4, symbolBrush=colour, name=label)
        self._best = pg.InfiniteLine(angle=90, pen=pg.mkPen(GREY, style=pg.QtCore.Qt.PenStyle.DashLine))
        self._points: dict[str, tuple[list[float], list[float]]] = {}
        self._best_step: int | None = None
        self._steps = self._shown_steps = 0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._figure)
        self.setMinimumHeight(190)
        self.clear()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() in THEMED:
            ink(self, (self.loss, self.scores))

    def clear(self) -> None:
        """Begin anew."""
        self._points = {name: ([], []) for name in self._lines}
        self._best_step = None
        self.scores.removeItem(self._best)
        self.draw()

    def add(self, report: EpochReport) -> None:
        """Take one more report; :meth:`draw` shows it."""
        self._steps = report.steps
        self._append("loss", report.step, report.losses.get("total"))
        for name in SCORES:
            self._append(name, report.step, (report.validation or {}).get(name))
        self._best_step = report.best_step

    def draw(self) -> None:
        """Show all reports so far."""
        self._make_room()
        for name, line in self._lines.items():
            line.setData(*self._points[name])
        if self._best_step is not None:
            if self._best not in self.scores.items:
                self.scores.addItem(self._best)
            self._best.setValue(self._best_step)

    def _make_room(self) -> None:
        """Set the axes for a training that begins, and widen them where something lies beyond."""
        if self._steps != self._shown_steps:
            self.loss.setXRange(0, max(self._steps, 1), padding=0.02)
            self._shown_steps = self._steps
        values = self._points["loss"][1]
        low, high = self.loss.viewRange()[1]
        if len(values) == 1 or (values and not low < min(values) <= max(values) < high):
            self.loss.setYRange(ROOM_BELOW * min(values), ROOM_ABOVE * max(values), padding=0)

    def points(self, name: str) -> tuple[list[float], list[float]]:
        """Return steps and values of a curve: "loss" or the name of a score."""
        return self._points[name]

    def drawn(self, name: str) -> tuple[list[float], list[float]]:
        """Return what is to be seen of a curve."""
        steps, values = self._lines[name].getData()
        return ([], []) if steps is None else (steps.tolist(), values.tolist())

    def _append(self, name: str, step: int, value: float | None) -> None:
        if value is None or value != value:
            return
        steps, values = self._points[name]
        steps.append(step)
        values.append(value)
