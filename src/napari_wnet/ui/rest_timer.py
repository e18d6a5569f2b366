"""Something that is done once edits have come to a rest."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

REST_MS = 250
"""Rest after the last edit before objects are measured or ranked again."""


class RestTimer(QTimer):
    """Calls a function once, some time after the last ``start()``.

    Parameters
    ----------
    parent : QObject
    then : callable
        A bound method, which lets the garbage collector have the dock.
    rest_ms : int
        Milliseconds.
    """

    def __init__(self, parent: QObject, then: Callable[[], None], rest_ms: int = REST_MS) -> None:
        super().__init__(parent)
        self.setSingleShot(True)
        self.setInterval(rest_ms)
        self.timeout.connect(then)
