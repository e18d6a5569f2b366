"""The course of a training, as it is shown while it goes on."""

from __future__ import annotations

import time
from typing import Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QProgressBar

from napari_wnet.reports import EpochReport, Progress
from napari_wnet.ui.dock import StatusLine, set_bar
from napari_wnet.ui.held_out import HeldOut
from napari_wnet.ui.loss_plot import LossPlot
from napari_wnet.ui.pieces import Pieces

PREVIEW_EVERY_S = 12.0
"""Showing labels has napari draw the whole picture: felt by whoever edits meanwhile, where no graphics card does it."""


class Course(QObject):
    """Shows the reports of a training in a dock's widgets, a piece at a time.

    Parameters
    ----------
    bar : QProgressBar
    status : StatusLine
    plot : LossPlot
    held_out : HeldOut
        Shows the previews.
    """

    def __init__(self, bar: QProgressBar, status: StatusLine, plot: LossPlot, held_out: HeldOut) -> None:
        super().__init__(bar)
        self._bar, self._status, self._plot, self._held_out = bar, status, plot, held_out
        self._pieces = Pieces(self)
        self._preview: tuple[str, Any] | None = None
        self._next_preview = 0.0

    def begin(self) -> None:
        """Show nothing of an earlier training any more."""
        self.clear()
        self._preview, self._next_preview = None, 0.0
        self._plot.clear()

    def report(self, report: EpochReport | Progress) -> None:
        """Show a report."""
        if isinstance(report, Progress):
            set_bar(self._bar, report.done, report.total, "%p%")
            self._status.say(f"{report.what.capitalize()}...")
            return
        self._plot.add(report)
        self._preview = next(iter(report.previews), self._preview)
        self._pieces.replace(self._plot.draw, self._show_preview)
        set_bar(self._bar, report.step, report.steps, "%p%")
        minutes, seconds = divmod(round(report.seconds_left), 60)
        left = f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
        best = "" if not report.best_step else f" Best so far: step {report.best_step}."
        self._status.say(f"Step {report.step} of {report.steps}, at most {left} left.{best}")

    def finish(self) -> None:
        """Draw what still waits, now."""
        self._pieces.finish()

    def clear(self) -> None:
        """Draw nothing more."""
        self._pieces.clear()

    def _show_preview(self) -> None:
        now = time.monotonic()
        if self._preview is not None and now >= self._next_preview:
            self._held_out.preview(*self._preview)
            self._preview, self._next_preview = None, now + PREVIEW_EVERY_S
