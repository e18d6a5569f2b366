"""What mouse and keys do in a labels layer while a tool is chosen."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_wnet.core import edits
from napari_wnet.errors import EditError, WNetError
from napari_wnet.ui.pointing import Pointing
from napari_wnet.ui.repairer import Repairer
from napari_wnet.ui.rubber_band import RubberBand
from napari_wnet.ui.tool_list import CLICK_TOOLS, DRAG_TOOLS, HERE_TOOLS, STEP_KEYS, STOP_KEY

TURN_DEGREES = 5.0
STILL_PX = 2
"""A pointer that moves less between press and release has clicked."""
Point = tuple[int, int]
CORRECT = " Not quite? Ctrl-click where it is wrong."


SHAPINGS = {
    "fill": edits.fill_object,
    "smooth": edits.smooth_object,
    "grow": edits.grow_object,
    "shrink": edits.shrink_object,
}


UNDO = " Ctrl+Z takes it back."
"""What is said of an edit, and holds until the labels change in another way."""


class Tools(QObject):
    """Binds the tools to the mouse and the keys of the layer that is edited.

    Attributes
    ----------
    toolChanged : Signal(str)
        Name of the chosen tool; empty: none, the mouse moves the picture.
    picked : Signal(int)
        Label of the object that was clicked or made last.
    stepped : Signal(int)
        To the next object to look at, 1, or the one before, -1.
    said : Signal(str, str, str)
    redrawn : Signal()
        The layer is drawn anew: after an edit, before that is said, and after whatever else changes it.
    """

    toolChanged = Signal(str)  # noqa: N815
    picked = Signal(int)
    stepped = Signal(int)
    said = Signal(str, str, str)
    redrawn = Signal()

    def __init__(self, viewer: ViewerModel, repairer: Repairer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._repairer = viewer, repairer
        self._layer: Labels | None = None
        self._band: RubberBand | None = None
        self._tool = ""
        self._points: list[Point] = []
        self._split: edits.Change | None = None
        self._first: int | None = None
        self._pointing = Pointing(repairer)

    @property
    def tool(self) -> str:
        """Name of the chosen tool."""
        return self._tool

    def attach(self, layer: Labels | None) -> None:
        """Listen to the mouse and the keys of another layer."""
        self.choose("")
        if self._layer is not None:
            self._layer.mouse_drag_callbacks.remove(self._on_drag)
            self._layer.mouse_wheel_callbacks.remove(self._on_wheel)
            self._layer.events.mode.disconnect(self._on_mode)
            self._layer.events.set_data.disconnect(self._on_redrawn)
            for key in self._keys():
                self._layer.bind_key(key, None)
        self._layer = layer
        self._band = None if layer is None else RubberBand(layer)
        if layer is not None:
            layer.mouse_drag_callbacks.append(self._on_drag)
            layer.mouse_wheel_callbacks.append(self._on_wheel)
            layer.events.mode.connect(self._on_mode)
            layer.events.set_data.connect(self._on_redrawn)
            for key, pressed in self._keys().items():
                layer.bind_key(key, pressed, overwrite=True)

    def _keys(self) -> dict[str, Callable[[Labels], None]]:
        chosen = {tool.key: _bound(partial(self.choose, tool.name), tool.title) for tool in CLICK_TOOLS}
        done = {
            tool.key: _bound(partial(self.do, tool.name), f"{tool.title}, the object under the pointer")
            for tool in HERE_TOOLS
        }
        steps = {
            key: _bound(partial(self.stepped.emit, by), f"the {'next' if by > 0 else 'previous'} object to look at")
            for key, by in STEP_KEYS.items()
        }
        return {**chosen, **done, **steps, STOP_KEY: _bound(partial(self.choose, ""), "no tool")}

    def choose(self, name: str) -> None:
        """Choose a tool; the chosen one again, or an empty name, gives the mouse back."""
        name = "" if name == self._tool else name
        layer = self._layer
        self._points, self._split, self._first = [], None, None
        self._pointing.forget()
        self._tool = ""
        if layer is not None:
            layer.mode = "pan_zoom"
            layer.mouse_pan = name not in DRAG_TOOLS
            self._viewer.scene.camera.mouse_zoom = name != "turn"
            if name:
                self._viewer.layers.selection.active = layer
            self._tool = name
        self.toolChanged.emit(self._tool)
        if self._tool:
            self.said.emit(next(tool.hint for tool in CLICK_TOOLS if tool.name == self._tool), "info", "")

    def do(self, name: str, number: int | None = None) -> None:
        """Do one of :data:`HERE_TOOLS` to an object, by default that under the pointer."""
        try:
            plane = self._repairer.plane()
            wanted = edits.object_at(plane, self._point(self._viewer.cursor.position)) if number is None else number
        except EditError as error:
            self.said.emit(str(error), "warning", "")
            return
        if name == "tick":
            ticked = wanted in self._repairer.done()
            self._repairer.tick([wanted], not ticked)
            self.said.emit(f"Object {wanted} is {'free again' if ticked else 'done: it stays as it is'}.", "info", "")
        else:
            self._edit(lambda labels, _: SHAPINGS[name](labels, wanted), f"Object {wanted}: {name}.")
        self.picked.emit(wanted)

    def _on_drag(self, layer: Labels, event: Any) -> Generator[None, None, None]:
        if not self._tool or event.button != 1:
            return
        start = self._point(event.position)
        shift, control = "Shift" in event.modifiers, "Control" in event.modifiers
        path = [start]
        yield
        while event.type == "mouse_move":
            path.append(self._point(event.position))
            self._show_drawn(start, path[-1])
            yield
        if self._band is not None:
            self._band.hide()
        if all(max(abs(row - start[0]), abs(column - start[1])) <= STILL_PX for row, column in path):
            self.click(start, shift, control)
        elif self._tool in DRAG_TOOLS:
            self.draw(path)

    def _show_drawn(self, start: Point, end: Point) -> None:
        if self._band is None or self._tool not in DRAG_TOOLS:
            return
        if self._tool == "add":
            self._band.show_box(start, end)
        else:
            self._band.show_line(start, end, self._repairer.index())

    def draw(self, path: list[Point]) -> None:
        """Do what a line through pixels means with the chosen tool."""
        self._points, self._split, self._first = [], None, None
        if self._tool == "add":
            self._tell(self._pointing.box(path[0], path[-1]), "Object {0} fills the box." + self._remedy)
        elif self._tool == "split":
            self._edit(lambda labels, _: edits.cut(labels, path), "Cut into {0}.")
        elif self._tool == "join":
            self._edit(lambda labels, _: edits.merge(labels, _met(labels, path)), "Merged into object {0}.")

    def click(self, point: Point, shift: bool = False, control: bool = False) -> None:
        """Do what a click on a pixel means with the chosen tool."""
        try:
            if control and self._tool == "add":
                self._tell(self._pointing.correct(point), "Object {0} is corrected." + self._remedy)
            else:
                getattr(self, f"_click_{self._tool}")(point, shift)
        except WNetError as error:
            self.said.emit(str(error), "warning", "")

    def _click_add(self, point: Point, shift: bool) -> None:
        self._tell(self._pointing.click(point, over=shift), "Added object {0}." + self._remedy)

    @property
    def _remedy(self) -> str:
        return CORRECT if self._repairer.outlines else ""

    def _click_split(self, point: Point, shift: bool) -> None:
        number = edits.object_at(self._repairer.plane(), point)
        split = self._split
        if shift and split is not None and number in split.objects and self._repairer.take_back(split):
            self._points.append(point)  # a further part of what was just split
        elif self._points and split is None and number == self._number_of_first():
            self._points.append(point)
        else:
            self._points, self._split = [point], None
            self.said.emit(f"Object {number}: now click in its other part.", "info", "")
            self.picked.emit(number)
            return
        points = list(self._points)
        self._split = self._tell(self._pointing.split(points), "Split into {0}.")
        if self._split is None:
            self._points = []

    def _number_of_first(self) -> int:
        return int(self._repairer.plane()[self._points[0]])

    def _click_join(self, point: Point, shift: bool) -> None:
        number = edits.object_at(self._repairer.plane(), point)
        if self._first is None or self._first == number:
            self._first = number
            self.said.emit(f"Object {number}: now click the one that belongs to it.", "info", "")
            self.picked.emit(number)
            return
        first, self._first = self._first, None
        self._edit(lambda labels, _: edits.merge(labels, (first, number)), "Merged into object {0}.")

    def _click_delete(self, point: Point, shift: bool) -> None:
        self.delete(edits.object_at(self._repairer.plane(), point))

    def _click_turn(self, point: Point, shift: bool) -> None:
        self.picked.emit(edits.object_at(self._repairer.plane(), point))

    def _click_(self, point: Point, shift: bool) -> None:
        """Do nothing: no tool is chosen."""

    def _on_wheel(self, layer: Labels, event: Any) -> None:
        if self._tool != "turn":
            return
        event.handled = True
        delta = event.delta[1] or event.delta[0]
        try:
            number = edits.object_at(self._repairer.plane(), self._point(event.position))
        except EditError as error:
            self.said.emit(str(error), "warning", "")
            return
        self.turn(number, TURN_DEGREES if delta > 0 else -TURN_DEGREES)

    def delete(self, number: int) -> None:
        """Take an object away."""
        self._edit(lambda labels, _: edits.delete(labels, number), f"Deleted object {number}.")

    def turn(self, number: int, by: float) -> None:
        """Change the angle of an object by some degrees."""
        angle = self._repairer.turn(number, self._repairer.params, by)
        if angle is not None:
            self.said.emit(f"Object {number}: {angle:.0f} degrees.", "info", "")
            self.picked.emit(number)

    def _edit(self, make: Any, text: str) -> edits.Change | None:
        return self._tell(self._repairer.edit(make), text)

    def _tell(self, change: edits.Change | None, text: str) -> edits.Change | None:
        """Say what an edit has done, if it could be made."""
        if change is None:
            return None
        self.said.emit(text.format(", ".join(map(str, change.objects))) + UNDO, "info", "")
        if change.objects:
            self.picked.emit(change.objects[0])
        return change

    def _on_redrawn(self) -> None:
        self.redrawn.emit()

    def _on_mode(self) -> None:
        if self._layer is not None and str(self._layer.mode) != "pan_zoom" and self._tool:
            mode = self._layer.mode
            self.choose("")  # a brush was chosen
            self._layer.mode = mode

    def _point(self, position: Any) -> Point:
        if self._layer is None:
            return -1, -1
        row, column = self._layer.world_to_data(position)[-2:]
        return round(float(row)), round(float(column))


def _met(labels: Any, path: list[Point]) -> tuple[int, ...]:
    """Return the labels under a line, in the order in which they are met."""
    pieces = [edits.objects_along(labels, start, end) for start, end in itertools.pairwise(path)]
    return tuple(dict.fromkeys(number for piece in pieces for number in piece))


def _bound(call: Callable[[], object], does: str) -> Callable[[Labels], None]:
    """Return what napari calls when a key is pressed; its list of shortcuts says what it does."""

    def pressed(layer: Labels) -> None:
        call()

    pressed.__doc__ = f"W-Net: {does}"
    return pressed
