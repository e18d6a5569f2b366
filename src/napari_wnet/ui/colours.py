"""Colours that are told from the background in napari's dark theme as in its light one.

No colour has the contrast that text needs (4.5 to 1) against both, so text is always in the theme's own colour, and
what a colour says is a stripe, a spot or a line, for which 3 to 1 is enough. Nothing has to follow a change of the
theme, except for the text of plots, which pyqtgraph paints by itself: see :func:`ink`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QWidget

GREEN, AMBER, RED, BLUE, GREY = "#2f9457", "#b07a1e", "#d9534f", "#3d86c6", "#828282"
FILL, FILL_HOVER, ON_FILL = "#2f7d4f", "#276b43", "white"
"""Of buttons, and of the text on them."""

THEMED = {QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.Polish}
"""What a widget is told when the theme changes."""

RUN_STYLE = f"""
QPushButton {{ font-weight: bold; padding: 7px; border-radius: 3px; }}
QPushButton:enabled {{ background-color: {FILL}; color: {ON_FILL}; }}
QPushButton:enabled:hover {{ background-color: {FILL_HOVER}; }}
"""
"""Of the one button that starts what a dock is for."""
CHECKED_STYLE = f"QPushButton:checked {{ background-color: {FILL}; color: {ON_FILL}; }}"
"""Of a button that stays down while what it is for goes on."""
INVALID_STYLE = f"border: 1px solid {RED};"
"""Of what has been typed and cannot be taken."""


def striped(colour: str) -> str:
    """Return the style of a label with a stripe at its left; without a colour there is room for one."""
    return f"QLabel {{ border-left: 4px solid {colour or 'transparent'}; padding-left: 5px; }}"


def ink(widget: QWidget, plots: Iterable[Any]) -> None:
    """Paint axes and legends of plots in the colour of a widget's text."""
    colour = QColor(widget.palette().color(QPalette.ColorRole.WindowText))
    for plot in plots:
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setPen(colour)
            axis.setTextPen(colour)
        if plot.legend is not None:
            plot.legend.setLabelTextColor(colour)
