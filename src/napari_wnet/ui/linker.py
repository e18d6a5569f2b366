"""Linking the objects of a time series in the viewer: labels in, labels whose numbers last and their tracks out."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_wnet.core.tracking import Tracks, link
from napari_wnet.errors import WNetError
from napari_wnet.reports import Progress
from napari_wnet.track_params import TrackParams
from napari_wnet.ui.form import ParamsForm
from napari_wnet.ui.runner import Runner
from napari_wnet.ui.section import Section

PLACEMENT = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
TIP = "Give each object the same number in all frames, in a new layer, and draw its track."


class Linker(QWidget):
    """Links the objects of a labels layer over its first axis.

    Parameters
    ----------
    viewer : ViewerModel
        Where the results are added.

    Attributes
    ----------
    linked : Signal(Labels)
        The new layer.
    said : Signal(str, str, str)
    """

    linked = Signal(object)
    said = Signal(str, str, str)

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Labels | None = None
        self._of: Labels | None = None
        self.form, self.button, self.runner = ParamsForm(TrackParams, shown=("by",)), QPushButton("Link"), Runner(self)
        self.button.setToolTip(TIP)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        column.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(Section("Link objects over time", body))
        self.button.clicked.connect(self.link)
        self.runner.returned.connect(self._on_linked)
        self.runner.failed.connect(self._on_failed)
        self.runner.finished.connect(self._show_busy)

    def setLayer(self, layer: Labels | None) -> None:  # noqa: N802
        """Choose the labels."""
        self._layer = layer
        self._show_busy()

    def link(self) -> None:
        """Link the objects, outside the GUI thread."""
        if self._layer is None or self.runner.busy:
            return
        self._of = self._layer
        self.runner.start(_link_steps(np.array(self._layer.data), self.form.value()))
        self._show_busy()
        self.said.emit(f"Linking the objects of '{self._layer.name}'...", "info", "")

    def close_down(self) -> None:
        """Stop what runs."""
        self.runner.cancel()

    def _show_busy(self) -> None:
        self.button.setEnabled(self._layer is not None and not self.runner.busy)

    def _on_linked(self, tracks: Tracks) -> None:
        source = self._of
        if source is None or not tracks.n_tracks:
            self.said.emit("There are no objects to link.", "warning", "")
            return
        placed = {name: getattr(source, name) for name in PLACEMENT}
        labels = Layer.create(tracks.labels, {"name": f"{source.name} linked", **placed}, "labels")
        graph = {track: list(parents) for track, parents in tracks.parents.items()}
        lines = Layer.create(tracks.points, {"name": f"{source.name} tracks", "graph": graph, **placed}, "tracks")
        for layer in (labels, lines):
            self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = labels
        self.said.emit(f"{tracks.n_tracks} tracks. The new labels keep their numbers over time.", "info", "")
        self.linked.emit(labels)

    def _on_failed(self, error: WNetError) -> None:
        self.said.emit(str(error), "error", str(error))


def _link_steps(labels: npt.NDArray[Any], params: TrackParams) -> Generator[Progress, None, Tracks]:
    yield Progress(done=0, total=0, what="linking")
    return link(labels, params)
