"""The widgets that edit one declared field each, made by magicgui from its declaration."""

from __future__ import annotations

import ast
import math
import textwrap
import typing
from typing import Any, Literal

from magicgui.widgets import Widget, create_widget
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractSpinBox, QHBoxLayout, QLabel, QWidget

from napari_wnet.fields import FieldInfo
from napari_wnet.ui.access import labelled
from napari_wnet.ui.colours import INVALID_STYLE
from napari_wnet.ui.decimals import with_point

MAX_SLIDER_STEPS = 200
"""A slider of 200 px cannot hit more values than that; finer fields are typed."""
SOFT_RANGE = 40
"""A field of almost unlimited range gets a slider up to this many times its default; the box beside it goes on."""
WIDE = 10_000
NUMBER_WIDTH = "2.9em"
TOOLTIP_WIDTH = 72
"""Letters in a line: the window does not break lines itself."""


class FieldEditor(QWidget):
    """Shows and edits the value of one field.

    Parameters
    ----------
    info : FieldInfo
        The declaration: type, default, range, wording.
    """

    edited = Signal(object)

    def __init__(self, info: FieldInfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.info = info
        self.tooltip = describe(info)
        self._showing = False
        self.parts = _make_parts(info)
        self._styles = [part.native.styleSheet() for part in self.parts]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for part in self.parts:
            native: Any = part.native
            native.setToolTip(self.tooltip)
            layout.addWidget(native, 0 if _is_number_box(part, self.parts) else 1)
            part.changed.connect(self._on_changed)
        for box in self.findChildren(QAbstractSpinBox):
            box.setKeyboardTracking(False)  # a value counts when it is typed to its end

    def display(self, value: Any) -> None:
        """Show a value without reporting it as an edit."""
        self._showing = True
        try:
            for part in self.parts:
                _put(part, value)
        finally:
            self._showing = False
        self.mark(None)

    def mark(self, problem: str | None) -> None:
        """Show what is wrong with the value typed, or that nothing is."""
        for part, style in zip(self.parts, self._styles, strict=True):
            native: Any = part.native
            native.setStyleSheet(INVALID_STYLE if problem else style)
            native.setToolTip(problem or self.tooltip)

    def _on_changed(self, value: Any) -> None:
        if self._showing:
            return
        if isinstance(value, str) and self.info.kind is not str and typing.get_origin(self.info.kind) is not Literal:
            value = _parsed(value)
        self._showing = True
        try:  # the slider and the box beside it show the same number
            for part in self.parts:
                if part.value != value and len(self.parts) > 1:
                    _put(part, value)
        finally:
            self._showing = False
        self.edited.emit(value)


def describe(info: FieldInfo) -> str:
    """Return the tooltip of a field: its own words and its range."""
    low, high = info.options.get("min"), info.options.get("max")
    text = textwrap.fill(str(info.options.get("tooltip", "")), TOOLTIP_WIDTH)
    limits = f"{low:g} to {high:g}" if low is not None and high is not None else ""
    default = "" if info.nested else f"default {info.default}"
    ends = "; ".join(part for part in (limits, default) if part)
    return f"{text}\n({ends})" if ends else text


def label_for(editor: FieldEditor) -> QLabel:
    """Return the label that stands before a field's editor."""
    name = str(editor.info.options.get("label", editor.info.name.replace("_", " ")))
    return labelled(name, editor, editor.tooltip)


def _make_parts(info: FieldInfo) -> list[Widget]:
    """Choose the widgets for a field; a number with a short range gets a slider and a box."""
    kind, options = info.kind, info.options
    if typing.get_origin(kind) is Literal or kind in (bool, str):
        return [create_widget(value=info.default, annotation=kind)]
    step, low, high = options.get("step"), options.get("min"), options.get("max")
    if kind is int and low is not None and high is not None:
        box = create_widget(annotation=int, options={"widget_type": "SpinBox", "min": low, "max": high, "step": step})
        soft = _soft_maximum(info)
        return [_slider("Slider", low, soft, step or 1), _narrow(box, 1)] if soft is not None else [box]
    if kind is float and step is not None and low is not None and high is not None:
        box = create_widget(
            annotation=float, options={"widget_type": "FloatSpinBox", "min": low, "max": high, "step": step}
        )
        with_point(box.native)
        short = (high - low) / step <= MAX_SLIDER_STEPS
        return [_slider("FloatSlider", low, high, step), _narrow(box, step)] if short else [box]
    return [create_widget(value=str(info.default), annotation=str)]  # tuples and numbers of any magnitude: typed


def _soft_maximum(info: FieldInfo) -> int | None:
    low, high = info.options["min"], info.options["max"]
    step = info.options.get("step")
    if step is not None:
        return int(high) if (high - low) / step <= MAX_SLIDER_STEPS else None
    if high > WIDE and info.default > 0:
        return int(info.options.get("soft_max", SOFT_RANGE * info.default))
    return int(high) if high - low <= MAX_SLIDER_STEPS else None


def _slider(kind: str, low: float, high: float, step: float) -> Widget:
    options = {"widget_type": kind, "min": low, "max": high, "step": step, "readout": False}
    slider = create_widget(annotation=float if kind == "FloatSlider" else int, options=options)
    native: Any = slider.native
    native.setMinimumWidth(60)
    return slider


def _narrow(box: Widget, step: float) -> Widget:
    """Make the box beside a slider as small as its number: the slider is there to step."""
    native: Any = box.native
    native.setAlignment(Qt.AlignmentFlag.AlignRight)
    native.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
    native.setStyleSheet(
        f"QAbstractSpinBox {{ min-width: {NUMBER_WIDTH}; max-width: {NUMBER_WIDTH}; padding: 1px 4px; }}"
    )
    if hasattr(native, "setDecimals"):
        native.setDecimals(max(0, -math.floor(math.log10(step))))
    return box


def _is_number_box(part: Widget, parts: list[Widget]) -> bool:
    return len(parts) > 1 and part is parts[-1]


def _put(part: Any, value: Any) -> None:
    """Set a magicgui widget's value, within what it can show."""
    if isinstance(part.value, str):
        part.value = value if isinstance(value, str) else _written(value)
    elif hasattr(part, "min") and not isinstance(value, bool):
        part.value = min(max(value, part.min), part.max)
    else:
        part.value = value


def _written(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _parsed(text: str) -> Any:
    """Read what was typed; text that is no number or list is returned as it is, for the check to refuse."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text
