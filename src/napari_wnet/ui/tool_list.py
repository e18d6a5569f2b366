"""The tools of the Repair dock: their names, keys and texts, and their buttons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_wnet.ui.colours import CHECKED_STYLE

COLUMNS = 5
STYLE = "QPushButton { padding: 3px 1px; }" + CHECKED_STYLE


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A way to edit: its name, its key, and what the buttons and the status line say."""

    name: str
    key: str
    title: str
    tooltip: str
    hint: str = ""


CLICK_TOOLS = (
    Tool(
        name="add",
        key="A",
        title="Add",
        tooltip="Drag a box from corner to corner around an object, missed or wrong: it is outlined anew. Or click a "
        "missed object; Shift-click outlines one anew that is there. Ctrl-click where the result is wrong corrects it.",
        hint="Drag a box around an object, missed or wrong; or click a missed one. Ctrl-click corrects.",
    ),
    Tool(
        name="split",
        key="S",
        title="Split",
        tooltip="Click once in each part of a merged object; Shift-click adds a further part. Or drag: a line cuts.",
        hint="Click in one part of a merged object, then in the other; or draw a cut across it.",
    ),
    Tool(
        name="join",
        key="J",
        title="Merge",
        tooltip="Click two objects, or drag from one across the others: they become one.",
        hint="Click two objects, or drag across them.",
    ),
    Tool(
        name="delete", key="D", title="Delete", tooltip="Click an object to take it away.", hint="Click a false object."
    ),
    Tool(
        name="turn",
        key="T",
        title="Angle",
        tooltip="Turn the mouse wheel over an object: it grows or shrinks with the angle within which pixels join it.",
        hint="Turn the mouse wheel over an object.",
    ),
)
"""Tools that stay chosen until another one is."""

HERE_TOOLS = (
    Tool(name="tick", key="K", title="Done", tooltip="Mark the object as done: it stays through every re-clustering."),
    Tool(name="fill", key="H", title="Fill holes", tooltip="Fill the holes of the object."),
    Tool(name="smooth", key="O", title="Smooth", tooltip="Even out the outline of the object."),
    Tool(name="grow", key="G", title="Grow", tooltip="Make the object one pixel larger all around."),
    Tool(name="shrink", key="U", title="Shrink", tooltip="Make the object one pixel smaller all around."),
)
"""What is done at once: by its key to the object under the pointer, by its button to the object picked last."""
DRAG_TOOLS = ("add", "split", "join")
"""With these a drag draws a box or a line, it does not move the picture."""
STOP_KEY = "Q"
STEP_KEYS = {"N": 1, "Shift-N": -1}


class ToolButtons(QWidget):
    """A button for each tool.

    Attributes
    ----------
    chosen : Signal(str)
        Name of one of :data:`CLICK_TOOLS` that was pressed.
    asked : Signal(str)
        Name of one of :data:`HERE_TOOLS` that was pressed.
    """

    chosen = Signal(str)
    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons: dict[str, QPushButton] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for place, tool in enumerate((*CLICK_TOOLS, *HERE_TOOLS)):
            signal = self.chosen if tool in CLICK_TOOLS else self.asked
            button = self._buttons[tool.name] = _button(tool, partial(signal.emit, tool.name))
            button.setCheckable(tool in CLICK_TOOLS)
            grid.addWidget(button, place // COLUMNS, place % COLUMNS)

    def __getitem__(self, name: str) -> QPushButton:
        return self._buttons[name]

    def enable(self, enabled: bool) -> None:
        """Enable all buttons, or none."""
        for button in self._buttons.values():
            button.setEnabled(enabled)

    def show_chosen(self, name: str) -> None:
        """Show which tool is chosen; empty: none."""
        for tool in CLICK_TOOLS:
            self._buttons[tool.name].setChecked(tool.name == name)


def _button(tool: Tool, pressed: Callable[[], None]) -> QPushButton:
    button = QPushButton(f"{tool.title}\n{tool.key}")
    button.setToolTip(f"{tool.tooltip} Key: {tool.key}.")
    button.setStyleSheet(STYLE)
    button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    button.setAccessibleName(f"{tool.title}, key {tool.key}")
    button.clicked.connect(lambda: pressed())
    return button
