"""The pieces that are held out, drawn over the images: what lies in them never trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer, Shapes

from napari_wnet.ui.layers import MARK

if TYPE_CHECKING:
    from napari_wnet.fine_tune import TrainingPair

COLOUR = "#5aa9e6"


class HeldOut:
    """Layers of rectangles, one for each image.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._layers: list[Shapes] = []

    def show(self, pairs: Sequence[TrainingPair], sources: Mapping[str, Layer]) -> None:
        """Draw what will be held out of these pairs.

        Raises
        ------
        WNetError
            If too little is labelled to hold something out.
        """
        from napari_wnet.fine_tune import plan_splits

        splits = plan_splits(pairs)
        self.hide()
        active = self._viewer.layers.selection.active
        for name, split in splits.items():
            source, held = sources.get(name), split.held_out
            if held is None or source is None:
                continue
            corners = np.array([[held.top, held.left], [held.bottom, held.right]]) - 0.5
            layer = self._viewer.add_shapes(
                [corners],
                shape_type="rectangle",
                name=f"{name} held out (never trains)",
                face_color="transparent",
                edge_color=COLOUR,
                edge_width=2,
                scale=np.asarray(source.scale)[-2:],
                translate=np.asarray(source.translate)[-2:],
                units=source.units[-2:],
                metadata={MARK: {"kind": "held out"}},
            )
            self._layers.append(layer)
        if active is not None:
            self._viewer.layers.selection.active = active

    def hide(self) -> None:
        """Take the rectangles away."""
        for layer in self._layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers.clear()
