"""Brings an object of a labels layer before the user's eyes: its plane, its place, a box around it."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_wnet.ui.layers import Index
from napari_wnet.ui.rubber_band import RubberBand

Box = tuple[int, int, int, int]
"""First row and column, and the row and column after the last."""
MARGIN = 2


class Spotlight:
    """Shows one object at a time."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._band: RubberBand | None = None

    def go_to_plane(self, layer: Labels, index: Index) -> None:
        """Show a plane of a layer."""
        world = layer.data_to_world((*index, 0, 0))
        first = self._viewer.dims.ndim - layer.ndim
        for axis in range(len(index)):
            self._viewer.dims.set_point(first + axis, world[axis])

    def show(self, layer: Labels, index: Index, box: Box) -> None:
        """Put a box around an object, and the middle of the picture on it unless it is in view already."""
        self.mark(layer, box)
        if not self._in_view(layer, box):
            middle = ((box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2)
            place = layer.data_to_world((*index, *middle))
            camera = self._viewer.scene.camera
            camera.center = (*camera.center[:-2], *place[-2:])

    def mark(self, layer: Labels, box: Box) -> None:
        """Put a box around an object, clear of its outline."""
        self.hide()
        self._band = RubberBand(layer)
        self._band.show_box((box[0] - MARGIN, box[1] - MARGIN), (box[2] - 1 + MARGIN, box[3] - 1 + MARGIN))

    def hide(self) -> None:
        """Take the box away."""
        if self._band is not None:
            self._band.hide()
            self._band = None

    def _in_view(self, layer: Labels, box: Box) -> bool:
        seen = np.asarray(layer.corner_pixels)[:, -2:]
        return bool(np.all(seen[0] <= box[:2]) and np.all(np.array(box[2:]) - 1 <= seen[1]))
