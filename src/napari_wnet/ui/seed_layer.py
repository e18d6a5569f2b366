"""The seeds of a plane as a Points layer: moving, adding or deleting one clusters its surroundings again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Points
from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QApplication

from napari_wnet.core.edits import Change
from napari_wnet.core.seeding import reseed, seed_points
from napari_wnet.errors import EditError
from napari_wnet.ui.layers import MARK
from napari_wnet.ui.repairer import Repairer
from napari_wnet.ui.rest_timer import RestTimer

ANNOUNCED = ("adding", "removing", "changing")
"""What napari says before it changes points."""
FOLLOW_MS = 300
SIZE_PX = 5.0


@dataclass(frozen=True, kw_only=True, eq=False)
class _Drag:
    """Points that are being dragged: which, where all seeds were before, and what the last move changed."""

    moved: tuple[int, ...]
    before: list[tuple[int, int]]
    last: Change | None

    def taken_back(self, repairer: Repairer) -> bool:
        """Take the last move back, if nothing has happened since; tell whether the labels are as before the drag."""
        return self.last is None or repairer.take_back(self.last)


class SeedLayer(QObject):
    """Keeps a Points layer and the labels it belongs to in step, both ways.

    Parameters
    ----------
    viewer : ViewerModel
    repairer : Repairer
        Whose labels the seeds belong to.
    """

    def __init__(self, viewer: ViewerModel, repairer: Repairer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._repairer = viewer, repairer
        self._points: Points | None = None
        self._labels: Labels | None = None
        self._before: list[tuple[int, int]] = []
        self._ours = False
        self._drag: _Drag | None = None
        self._soon = RestTimer(self, self.refresh, FOLLOW_MS)

    @property
    def layer(self) -> Points | None:
        """The Points layer, where it still is in the viewer."""
        return self._points if self._points in self._viewer.layers else None

    def show(self) -> Points | None:
        """Add the layer, or bring it to the front, ready to move points.

        Raises
        ------
        EditError
            If there are no labels that can be edited.
        """
        plane, labels = self._repairer.plane(), self._repairer.labels
        if labels is not None and (self.layer is None or self._labels is not labels):
            self.hide()
            self._labels = labels
            self._points = self._add(plane, labels)
            labels.events.set_data.connect(self._later)
        points = self.layer
        if points is None:
            return None
        self._viewer.layers.selection.active = points
        points.mode = "select"
        return points

    def hide(self) -> None:
        """Take the layer away."""
        self._soon.stop()
        if self._labels is not None:
            self._labels.events.set_data.disconnect(self._later)
        if self._points is not None:
            self._points.events.data.disconnect(self._on_data)
            if self._points in self._viewer.layers:
                self._viewer.layers.remove(self._points)
        self._points = self._labels = None

    def refresh(self) -> None:
        """Put the seeds where the labels have them now."""
        if self.layer is None or self._labels is not self._repairer.labels:
            return
        try:
            plane = self._repairer.plane()
        except EditError:
            return
        current = [point for point in self._seeds() if self._inside(point, plane) and plane[point]]
        numbers = [int(plane[point]) for point in current]
        wanted = {int(number) for number in np.unique(plane)} - {0}
        if len(numbers) == len(set(numbers)) and set(numbers) == wanted and len(current) == len(self._seeds()):
            self._before = self._seeds()
            return  # one in each: they stay where they were put
        self._set(self._placed(seed_points(plane)))

    def _add(self, plane: Any, labels: Labels) -> Points:
        data = self._placed(seed_points(plane))
        layer = self._viewer.add_points(
            data,
            ndim=labels.ndim,
            name=f"{labels.name} seeds",
            size=SIZE_PX,
            face_color="white",
            border_color="black",
            scale=labels.scale,
            translate=labels.translate,
            rotate=labels.rotate,
            shear=labels.shear,
            affine=labels.affine,
            units=labels.units,
            metadata={MARK: {"kind": "seeds"}},
        )
        layer.events.data.connect(self._on_data)
        self._points = layer
        self._before = self._seeds()
        return layer

    def _on_data(self, event: Any) -> None:
        if self._ours or self.layer is None or str(getattr(event, "action", "")).lower() in ANNOUNCED:
            return
        moved = tuple(getattr(event, "data_indices", ()) or ())
        before, after, params = self._before, self._seeds(), self._repairer.params
        if self._drag is not None and self._drag.moved == moved and self._drag.taken_back(self._repairer):
            before = self._drag.before  # one drag is one undo step, and ends the same whichever way it went
        done = self._repairer.done()
        change = self._repairer.edit(lambda labels, maps: reseed(labels, maps, (before, after), params, done))
        held = bool(QApplication.mouseButtons() & Qt.MouseButton.LeftButton)
        self._drag = _Drag(moved=moved, before=before, last=change) if held else None
        self._before = after

    def _later(self) -> None:
        self._soon.start()

    def _seeds(self) -> list[tuple[int, int]]:
        """Return the points of the plane that is seen, as rows and columns."""
        if self._points is None:
            return []
        index = self._repairer.index()
        data = np.rint(np.asarray(self._points.data, float)).astype(int)
        here = data[(data[:, : len(index)] == np.array(index, int)).all(axis=1)] if len(index) else data
        return list(dict.fromkeys((int(row), int(column)) for row, column in here[:, -2:]))

    def _placed(self, points: Any) -> Any:
        index = self._repairer.index()
        lead = np.broadcast_to(np.array(index, float), (len(points), len(index)))
        return np.concatenate([lead, np.asarray(points, float)], axis=1)

    def _set(self, data: Any) -> None:
        if self._points is None:
            return
        self._ours = True
        try:
            self._points.data = data
        finally:
            self._ours = False
        self._before = self._seeds()

    @staticmethod
    def _inside(point: tuple[int, int], plane: Any) -> bool:
        return 0 <= point[0] < plane.shape[0] and 0 <= point[1] < plane.shape[1]
