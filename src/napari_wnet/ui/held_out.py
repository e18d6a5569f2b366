"""The pieces that are held out, drawn over the images: what lies in them never trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Labels, Layer

from napari_wnet.ui.colours import BLUE
from napari_wnet.ui.layers import MARK, piece_placement

if TYPE_CHECKING:
    from napari_wnet.core.holdout import ImageSplit, Rectangle
    from napari_wnet.fine_tune import TrainingPair


class HeldOut:
    """Layers of rectangles, one for each image.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._layers: list[Layer] = []
        self._previews: dict[str, Labels] = {}
        self._held: dict[str, tuple[Rectangle, Layer]] = {}

    def show(self, pairs: Sequence[TrainingPair], sources: Mapping[str, Layer]) -> None:
        """Draw what will be held out of these pairs.

        Raises
        ------
        WNetError
            If too little is labelled to hold something out.
        """
        from napari_wnet.fine_tune import plan_splits

        self.draw(plan_splits(pairs), sources)
        if self._held:
            # napari takes a while to make a layer: better now than while the user works on.
            self.preview(next(iter(self._held)), np.zeros((2, 2), np.int32))

    def draw(self, splits: Mapping[str, ImageSplit], sources: Mapping[str, Layer]) -> None:
        """Draw what is held out."""
        self.hide()
        active = self._viewer.layers.selection.active
        for name, split in splits.items():
            source, held = sources.get(name), split.held_out
            if held is None or source is None or source not in self._viewer.layers:
                continue
            self._held[name] = held, source
            corners = np.array([[held.top, held.left], [held.bottom, held.right]]) - 0.5
            layer = self._viewer.add_shapes(
                [corners],
                shape_type="rectangle",
                name=f"{name} held out (never trains)",
                face_color="transparent",
                edge_color=BLUE,
                edge_width=2,
                **piece_placement(source),
                metadata={MARK: {"kind": "held out"}},
            )
            self._layers.append(layer)
        if active is not None:
            self._viewer.layers.selection.active = active

    def preview(self, name: str, labels: npt.NDArray[np.int32]) -> None:
        """Show what the model that is learning finds in a held-out piece, as outlines."""
        if name not in self._held:
            return
        layer = self._previews.get(name)
        if layer is not None and layer not in self._viewer.layers:
            return  # it was deleted, and is not to come back
        held, source = self._held[name]
        size = np.array([held.bottom - held.top, held.right - held.left]) / labels.shape
        # Pixel centres: a piece that the network sees smaller has larger pixels, the first of which begins farther out.
        corner = np.array([held.top, held.left]) + (size - 1) / 2
        placed = piece_placement(source, corner, size)
        if layer is not None:
            if layer.data.shape == labels.shape:
                layer.data[:] = labels
                layer.refresh(extent=False, thumbnail=False, highlight=False)  # a new array would cost far more
            else:
                layer.scale, layer.translate = placed["scale"], placed["translate"]
                layer.data = labels.copy()
            return
        active = self._viewer.layers.selection.active
        layer = self._viewer.add_labels(
            labels.copy(),
            **placed,
            name=f"{name} held out, as it learns",
            metadata={MARK: {"kind": "preview"}},
        )
        layer.contour = 1
        self._previews[name] = layer
        self._layers.append(layer)
        self._viewer.layers.selection.active = active

    def hide(self) -> None:
        """Take the rectangles and the preview away."""
        self._previews.clear()
        self._held.clear()
        for layer in self._layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers.clear()
