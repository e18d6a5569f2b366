"""What the docks have in common: they end when they are closed, and say in one place how things stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractButton,
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

from napari_wnet.ui.colours import AMBER, RED, striped
from napari_wnet.ui.keyboard import DIALOG_STYLE, Keyboard

if TYPE_CHECKING:
    from napari.viewer import Viewer

LEAST_LINES = 10
"""To be seen of what scrolls."""
STRIPES = {"info": "", "warning": AMBER, "error": RED}
NOTIFY = {"info": show_info, "warning": show_warning, "error": show_error}


class Lines(QLabel):
    """A text in a place that stays as large as it is.

    Parameters
    ----------
    lines : int
        For how many lines of text there is room, so that nothing below moves as texts change.
    """

    def __init__(self, lines: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = lines
        self.setWordWrap(True)
        self._make_room()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Have room for as many lines of larger letters."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._make_room()

    def _make_room(self) -> None:
        self.setMinimumHeight(self._lines * self.fontMetrics().lineSpacing() + 6)


class StatusLine(Lines):
    """Says how things stand.

    Tab halts at it, so that a screen reader can say it once more, and it can be copied.
    """

    def __init__(self, lines: int, parent: QWidget | None = None) -> None:
        super().__init__(lines, parent)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setStyleSheet(striped(""))

    def say(self, text: str, level: str = "info", popup: str = "") -> None:
        """Show a message, "info", "warning" or "error", and notify of a part of it that must not be missed."""
        self.setText(text)
        style = striped(STRIPES[level])
        if self.styleSheet() != style:  # a new style sheet has Qt lay the window out anew
            self.setStyleSheet(style)
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
    LEAST_WIDTH = 0
    """In pixels; what is in the dock may need more, and then it is wider."""

    def __init__(self, napari_viewer: Viewer, lines: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Layers are told apart by identity, which napari's proxy for plugins does not keep.
        self._viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.status = StatusLine(lines)
        self._docked = False
        self._frame: QDockWidget | None = None
        self._earlier: list[QDockWidget] = []
        self._room = self._size_of_window()
        self._keyboard = Keyboard(self)
        # A timer of its own, which goes with the dock: a dock may be closed before it is laid out.
        self._laid_out = QTimer(self, singleShot=True, interval=0)
        self._laid_out.timeout.connect(self._keyboard.order)
        self.setStyleSheet(DIALOG_STYLE)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the least size; a minimum that is set would stand instead of what is inside, however wide."""
        return super().minimumSizeHint().expandedTo(QSize(self.LEAST_WIDTH, 0))

    def page(self) -> QVBoxLayout:
        """Return the layout of the dock, which scrolls where the window is too low for all."""
        inside, outside = _Page(), QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(Scroller(inside))
        return QVBoxLayout(inside)

    def set_keys(self, main: QAbstractButton | None = None, cancel: QAbstractButton | None = None) -> None:
        """Have Ctrl+Enter and Esc press buttons, from wherever in the dock."""
        self._keyboard.main, self._keyboard.cancel = main, cancel

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Press what a key is for; other keys go on to the picture, as napari has it."""
        if not self._keyboard.press(event):
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802
        """Go to the next control as one reads, or the one before."""
        self._keyboard.step()
        return bool(super().focusNextPrevChild(forward))

    def _size_of_window(self) -> QSize | None:
        """Return how large the window is before this dock is put into it, if another dock knows the window."""
        docks = (one for one in QApplication.allWidgets() if isinstance(one, Dock) and one is not self)
        windows = (one.window() for one in docks if one._viewer is self._viewer)
        # A dock that was closed, or floats, is in a window of its own.
        return next((window.size() for window in windows if isinstance(window, QMainWindow)), None)

    def showEvent(self, event: QEvent) -> None:  # noqa: N802
        """Find the frame that napari has put around the dock, which knows whether it is to be seen."""
        super().showEvent(event)
        self._laid_out.start()
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


def named_bar() -> QProgressBar:
    """Return a bar of progress that says what it is."""
    bar = QProgressBar()
    bar.setAccessibleName("progress")
    return bar


def set_bar(bar: QProgressBar, done: int, total: int, text: str = "") -> None:
    """Show progress, without Qt drawing the bar, and with it the whole window, before each call returns."""
    bar.setUpdatesEnabled(False)
    bar.setRange(0, total)
    bar.setValue(done)
    bar.setFormat(text)
    bar.setUpdatesEnabled(True)


class _Page(QWidget):
    """What scrolls only where it would be lower than it can be, not than it would like to be."""

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """Return the least height; the area that scrolls would else take the usual one."""
        return int(self.layout().minimumHeightForWidth(width))


class Scroller(QScrollArea):
    """Scrolls a widget where there is no room for it; it asks for the width that this needs, not for the height.

    Parameters
    ----------
    inside : QWidget
    """

    def __init__(self, inside: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the focus of what is in it
        self.setWidget(inside)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the width of what is inside beside a scroll bar, and a height of some lines."""
        width = self.widget().minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        return QSize(width, LEAST_LINES * self.fontMetrics().lineSpacing())

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size at which nothing has to scroll."""
        return self.widget().sizeHint().expandedTo(self.minimumSizeHint())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Become wider with what is inside."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


def scrolling(*widgets: QWidget) -> QScrollArea:
    """Return an area that holds widgets one below the other, and scrolls where there is no room for all."""
    inside = QWidget()
    column = QVBoxLayout(inside)
    column.setContentsMargins(3, 3, 8, 3)  # clear of the scroll bar, with room for the line around the focus
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch(1)
    return Scroller(inside)
