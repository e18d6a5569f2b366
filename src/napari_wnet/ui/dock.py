"""What the docks have in common: they end when they are closed, and say in one place how things stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QEvent, QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QFrame,
    QLabel,
    QMainWindow,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer

RUN_STYLE = """
QPushButton { background-color: #2f7d4f; color: white; font-weight: bold; padding: 7px; border-radius: 3px; }
QPushButton:hover { background-color: #389660; }
QPushButton:disabled { background-color: #3c4a42; color: #8a958e; }
"""
"""Of the one button that starts what a dock is for."""
CHECKED_STYLE = "QPushButton:checked { background-color: #2f7d4f; color: white; }"
"""Of a button that stays down while what it is for goes on."""
COLOURS = {"info": "", "warning": "color: #e0a030;", "error": "color: #e8655a;"}
NOTIFY = {"info": show_info, "warning": show_warning, "error": show_error}


class StatusLine(QLabel):
    """Says how things stand, in a place that stays as large as it is.

    Parameters
    ----------
    lines : int
        For how many lines of text there is room, so that nothing below moves as texts change.
    """

    def __init__(self, lines: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setMinimumHeight(lines * self.fontMetrics().lineSpacing() + 6)

    def say(self, text: str, level: str = "info", popup: str = "") -> None:
        """Show a message, "info", "warning" or "error", and notify of a part of it that must not be missed."""
        self.setText(text)
        if self.styleSheet() != COLOURS[level]:  # a new style sheet has Qt lay the window out anew
            self.setStyleSheet(COLOURS[level])
        if popup:
            NOTIFY[level](popup)


class Dock(QWidget):
    """A dock widget of this plugin.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    lines : int
        Of the status line.

    Attributes
    ----------
    left : Signal()
        The dock is closed; what runs is to stop, and layers are to be let go.
    fronted : Signal(bool)
        Whether the dock is to be seen, as it comes before the other docks of its place, or goes behind one.
    """

    left = Signal()
    fronted = Signal(bool)

    def __init__(self, napari_viewer: Viewer, lines: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Layers are told apart by identity, which napari's proxy for plugins does not keep.
        self._viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.status = StatusLine(lines)
        self._docked = False
        self._frame: QDockWidget | None = None
        self._earlier: list[QDockWidget] = []
        self._room = self._size_of_window()

    def _size_of_window(self) -> QSize | None:
        """Return how large the window is before this dock is put into it, if another dock knows the window."""
        docks = (one for one in QApplication.allWidgets() if isinstance(one, Dock) and one is not self)
        windows = (one.window() for one in docks if one._viewer is self._viewer)
        # A dock that was closed, or floats, is in a window of its own.
        return next((window.size() for window in windows if isinstance(window, QMainWindow)), None)

    def showEvent(self, event: QEvent) -> None:  # noqa: N802
        """Find the frame that napari has put around the dock, which knows whether it is to be seen."""
        super().showEvent(event)
        frame = _frame_of(self)
        if frame is not None and frame is not self._frame:
            docks = [dock for dock in self.window().findChildren(Dock) if dock is not self]
            self._earlier = [dock._frame for dock in docks if dock._frame is not None]
            self._frame = frame
            frame.visibilityChanged.connect(self.fronted)
            QTimer.singleShot(0, self._join)  # napari still lays the docks out

    def _join(self) -> None:
        """Become a tab of the plugin's earlier docks: one below the other, as menus open them, they have no room."""
        window, frame, earlier = self.window(), self._frame, self._earlier
        self._earlier = []
        if frame is None or not isinstance(window, QMainWindow) or window.tabifiedDockWidgets(frame):
            return
        area = window.dockWidgetArea(frame)
        beside = [one for one in earlier if window.dockWidgetArea(one) == area and not one.isFloating()]
        if beside:
            window.tabifyDockWidget(beside[-1], frame)
            frame.show()
            frame.raise_()
            QTimer.singleShot(0, self._give_back)

    def _give_back(self) -> None:
        """Bring the window back to its size: it grew while there was one dock below the other."""
        window = self.window()
        if self._room is not None and not (window.isMaximized() or window.isFullScreen()):
            window.resize(window.size().boundedTo(self._room))

    def event(self, event: QEvent) -> bool:
        """Notice that the dock is closed: napari then takes this widget out of its parent."""
        if event.type() == QEvent.Type.ParentChange:
            if self._docked and self.parent() is None:
                self.left.emit()
            self._docked = self.parent() is not None
        return bool(super().event(event))


def _frame_of(widget: QWidget) -> QDockWidget | None:
    """Return what napari has put around a dock."""
    frame = widget.parentWidget()
    while frame is not None and not isinstance(frame, QDockWidget):
        frame = frame.parentWidget()
    return frame


def set_bar(bar: QProgressBar, done: int, total: int, text: str = "") -> None:
    """Show progress, without Qt drawing the bar, and with it the whole window, before each call returns."""
    bar.setUpdatesEnabled(False)
    bar.setRange(0, total)
    bar.setValue(done)
    bar.setFormat(text)
    bar.setUpdatesEnabled(True)


def scrolling(*widgets: QWidget) -> QScrollArea:
    """Return an area that holds widgets one below the other, and scrolls where there is no room for all."""
    inside = QWidget()
    column = QVBoxLayout(inside)
    column.setContentsMargins(0, 0, 8, 0)  # clear of the scroll bar
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch(1)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    return area
