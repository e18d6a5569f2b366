"""Drawing in pieces: each redraw has napari compose its whole window, and two at once would be felt under the mouse."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

PAUSE_MS = 60


class Pieces(QObject):
    """Does the parts of an update one after another, with time for the mouse in between."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: list[Callable[[], object]] = []
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._next)

    def replace(self, *parts: Callable[[], object]) -> None:
        """Do these parts, and none of an older update that still waits."""
        self._waiting = list(parts)
        self._timer.start()

    def finish(self) -> None:
        """Do what still waits, now."""
        while self._waiting:
            self._next()

    def clear(self) -> None:
        """Do nothing more."""
        self._waiting.clear()
        self._timer.stop()

    def _next(self) -> None:
        if self._waiting:
            self._waiting.pop(0)()
        if not self._waiting:
            self._timer.stop()
