"""The keyboard in a dock: in which order Tab goes, what has the focus, and what some keys press."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from qtpy.QtCore import QEvent, QObject, QRectF, Qt
from qtpy.QtGui import QKeyEvent, QPainter, QPaintEvent, QPalette, QPen
from qtpy.QtWidgets import QAbstractButton, QApplication, QScrollArea, QWidget

from napari_wnet.ui.access import is_stop

RING_PX, GAP_PX = 2, 1
MOVES = {
    QEvent.Type.Move,
    QEvent.Type.Resize,
    QEvent.Type.Show,
    QEvent.Type.Hide,
    QEvent.Type.LayoutRequest,
    QEvent.Type.ParentChange,
}
DIALOG_STYLE = """
QDialog QPushButton:focus, QDialog QLineEdit:focus, QDialog QComboBox:focus {
    border: 2px solid palette(window-text);
}
"""
"""napari's own style shows nowhere in a dialog what has the focus."""


def stops(area: QWidget) -> Iterator[QWidget]:
    """Yield the controls at which Tab halts in an area, as one reads: row by row, and rows from left to right."""
    children = [child for child in area.children() if isinstance(child, QWidget) and not child.isWindow()]
    for child in _read([child for child in children if child.isVisibleTo(area)]):
        if is_stop(child):
            yield child
        else:
            yield from stops(child)


def enable(states: Mapping[QWidget, bool]) -> None:
    """Enable and disable controls; the focus goes from one that is disabled to the first button that is enabled."""
    focus = QApplication.focusWidget()
    for widget, enabled in states.items():
        if enabled:
            widget.setEnabled(True)
    closing = [widget for widget, enabled in states.items() if not enabled]
    if focus is not None and any(one is focus or one.isAncestorOf(focus) for one in closing):
        taker = next((one for one, enabled in states.items() if enabled and isinstance(one, QAbstractButton)), None)
        if taker is not None:
            taker.setFocus(Qt.FocusReason.OtherFocusReason)
    for widget in closing:
        widget.setEnabled(False)


class Keyboard(QObject):
    """Watches over the keyboard in an area.

    Parameters
    ----------
    area : QWidget

    Attributes
    ----------
    main, cancel : QAbstractButton or None
        What Ctrl+Enter and Esc press, from wherever in the area.
    """

    def __init__(self, area: QWidget) -> None:
        super().__init__(area)
        self._area = area
        self._ring = _Ring(area)
        self._by_keys = False
        self.main: QAbstractButton | None = None
        self.cancel: QAbstractButton | None = None
        QApplication.instance().focusChanged.connect(self._on_focus)

    def order(self) -> None:
        """Have Tab go through the area as one reads it, whatever has been added or shown meanwhile."""
        found = [_taking(stop) for stop in stops(self._area)]
        for before, after in itertools.pairwise(found):
            QWidget.setTabOrder(before, after)

    def step(self) -> None:
        """Note that the focus is about to be moved by a key."""
        self._by_keys = True
        self.order()

    def press(self, event: QKeyEvent) -> bool:
        """Press what a key is for that nobody has taken; return whether there is something."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        focus, button = QApplication.focusWidget(), None
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            button = self.main
        elif enter and isinstance(focus, QAbstractButton) and self._area.isAncestorOf(focus):
            button = focus
        elif event.key() == Qt.Key.Key_Escape:
            button = self.cancel
        if button is None or not button.isEnabled() or not button.isVisibleTo(self._area):
            return False
        if not event.isAutoRepeat():
            button.click()
        return True

    def _on_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        if new is None or not self._area.isAncestorOf(new):
            self._ring.surround(None)
            return
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._by_keys = False
        elif old is None or not self._area.isAncestorOf(old):
            self._by_keys = True
        if self._by_keys:
            for area in _scroll_areas(new, self._area):
                area.ensureWidgetVisible(new)
        self._ring.surround(new if self._by_keys else None)


class _Ring(QWidget):
    """A line around what has the focus, in the colour of text: napari's own style shows the focus nowhere."""

    def __init__(self, area: QWidget) -> None:
        super().__init__(area)
        self.setObjectName("focus ring")
        self._area = area
        self._watched: list[QWidget] = []
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.hide()

    def surround(self, widget: QWidget | None) -> None:
        """Lie around a control, and go with it; None: around none."""
        for watched in self._watched:
            watched.removeEventFilter(self)
        self._watched = []
        self.hide()
        if widget is None:
            return
        ground = next((area.widget() for area in _scroll_areas(widget, self._area)), self._area)
        self.setParent(ground)
        while widget is not ground:
            self._watched.append(widget)
            widget.installEventFilter(self)
            widget = widget.parentWidget()
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Go with what is surrounded."""
        if event.type() in MOVES:
            self._place()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.WindowText), RING_PX))
        half = RING_PX / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(half, half, -half, -half), 3, 3)

    def _place(self) -> None:
        widget, ground = self._watched[0], self.parentWidget()
        if not widget.isVisible() or not ground.isAncestorOf(widget):
            self.hide()
            return
        wide = RING_PX + GAP_PX
        place = widget.rect().translated(widget.mapTo(ground, widget.rect().topLeft()))
        self.setGeometry(place.adjusted(-wide, -wide, wide, wide).intersected(ground.rect()))
        self.show()
        self.raise_()


def _scroll_areas(widget: QWidget, within: QWidget) -> Iterator[QScrollArea]:
    """Yield the areas that scroll a widget, the innermost first."""
    parent = widget.parentWidget()
    while parent is not None and parent is not within:
        if isinstance(parent, QScrollArea):
            yield parent
        parent = parent.parentWidget()


def _taking(stop: QWidget) -> QWidget:
    """Return what Qt's order has in place of a control: a widget of pages lends its focus to its tabs."""
    parent = stop.parentWidget()
    return parent if parent is not None and parent.focusProxy() is stop else stop


def _read(widgets: Sequence[QWidget]) -> list[QWidget]:
    """Order widgets beside and below one another as one reads."""
    rows: list[list[QWidget]] = []
    for widget in sorted(widgets, key=lambda one: one.geometry().center().y()):
        if rows and widget.geometry().center().y() <= rows[-1][0].geometry().bottom():
            rows[-1].append(widget)
        else:
            rows.append([widget])
    return [widget for row in rows for widget in sorted(row, key=lambda one: one.x())]
