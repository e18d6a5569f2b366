"""The layers of results: made once for each source, then kept up to date, except for labels that somebody edited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Labels, Layer

from napari_wnet.ui.guard import LabelsGuard
from napari_wnet.ui.layers import MARK, Index
from napari_wnet.ui.requests import Columns, PlaneLabels, RunResult, Snapshot

Array = npt.NDArray[Any]


class Outputs:
    """The layers that belong to one source.

    Parameters
    ----------
    viewer : ViewerModel
    name : str
        Of the source.
    placement : mapping
        Options that put a layer over the source.
    """

    def __init__(self, viewer: ViewerModel, name: str, placement: Mapping[str, Any]) -> None:
        self._viewer = viewer
        self._name = name
        self._placement = dict(placement)
        self._images: dict[str, Layer] = {}
        self._guard: LabelsGuard | None = None
        self._shape: tuple[int, ...] = ()
        self._labels_at: Mapping[str, Any] = self._placement

    @property
    def labels(self) -> Labels | None:
        """The labels layer, where it still is in the viewer."""
        layer = None if self._guard is None else self._guard.layer
        return layer if layer in self._viewer.layers else None

    @property
    def revision(self) -> int:
        """How many edits the labels have had."""
        return 0 if self._guard is None else self._guard.settled.revision

    def snapshot(self) -> Snapshot | None:
        """Return the labels as they are, to find out whether they were edited."""
        return None if self.labels is None or self._guard is None else self._guard.snapshot()

    def move(self, placement: Mapping[str, Any], *, with_labels: bool = True) -> None:
        """Follow the source when its scale or place has changed.

        Parameters
        ----------
        placement : mapping
        with_labels : bool
            Off where another part of the source is shown: labels that are kept, as somebody has edited them, stay over
            their own part.
        """
        before, self._placement = self._placement, dict(placement)
        for layer in self._images.values():
            _place(layer, self._placement, before)
        if with_labels:
            self._place_labels()

    def show_images(self, result: RunResult, metadata: Mapping[str, Any]) -> None:
        """Show the maps of a run."""
        self._show_image("distmap", result.distance, result.indices, {"colormap": "magma", "contrast_limits": (0, 1)})
        self._show_image("embedding", result.picture, result.indices, {"rgb": True})
        for kind, layer in self._images.items():
            layer.metadata = {**layer.metadata, MARK: {**metadata, "kind": kind}}

    def show_labels(self, result: RunResult) -> str:
        """Show the labels of a run, and return what is to be said of it."""
        self._shape = result.labels.shape
        message = self._make_room(result.edited, self._guard is not None and bool(self._guard.settled))
        self._place_labels()  # now that those which are kept are let go
        everything = len(result.indices) == int(np.prod(self._shape[:-2], dtype=int))
        if self._guard is None:
            self._add_labels(result.labels, result.checksums)
        elif everything:
            self._guard.replace(result.labels, result.checksums)
        else:
            self._guard.write({index: result.labels[index] for index in result.indices}, result.checksums)
        return message

    def update(self, plane: PlaneLabels) -> str:
        """Show new labels of one plane, and return what is to be said of it."""
        message = self._make_room(plane.edited)
        if self._guard is None:
            labels = np.zeros(self._shape, np.int32)
            labels[plane.index] = plane.labels
            self._add_labels(labels, {plane.index: plane.checksum})
        else:
            self._guard.write({plane.index: plane.labels}, {plane.index: plane.checksum})
        return message

    def describe(self, features: Columns, metadata: Mapping[str, Any]) -> None:
        """Attach measurements and the parameters behind them to the labels."""
        if self.labels is not None:
            self.labels.features = dict(features)
            self.labels.metadata = {**self.labels.metadata, MARK: {**metadata, "kind": "labels"}}

    def _make_room(self, edited_array: Array | None, settled: bool = False) -> str:
        """Let go of a labels layer that is gone, edited or not to be changed, so that a new one is made."""
        if self._guard is None:
            return ""
        layer = self._guard.layer
        edited = settled or self._guard.replaced or layer.data is edited_array
        if layer in self._viewer.layers and not edited:
            return ""
        self._guard.release()
        self._guard = None
        if layer not in self._viewer.layers:
            return ""
        layer.visible = False
        return f"Your edited '{layer.name}' is kept, hidden; the new labels are a new layer."

    def _add_labels(self, labels: npt.NDArray[np.int32], checksums: Mapping[Index, int]) -> None:
        options = {**self._placement, "name": f"{self._name} labels", "metadata": {MARK: {"kind": "labels"}}}
        self._guard = LabelsGuard(self._viewer.add_labels(labels, **options), checksums)
        self._labels_at = self._placement

    def _place_labels(self) -> None:
        if self.labels is not None:
            _place(self.labels, self._placement, self._labels_at)
        self._labels_at = self._placement

    def _show_image(self, kind: str, array: Array, indices: tuple[Index, ...], options: Mapping[str, Any]) -> None:
        layer = self._images.get(kind)
        if layer is None or layer not in self._viewer.layers:
            self._images[kind] = self._viewer.add_image(
                array,
                **self._placement,
                **options,
                name=f"{self._name} {kind}",
                metadata={MARK: {"kind": kind}},
                visible=False,
            )
        elif len(indices) == int(np.prod(array.shape[: len(indices[0])], dtype=int)):
            layer.data = array
        else:
            for index in indices:
                layer.data[index] = array[index]
            layer.refresh()


def _place(layer: Layer, placement: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Put a layer where its source is now; what has not changed stays as the user may have set it."""
    for key, value in placement.items():
        if key not in before or not np.array_equal(value, before[key]):
            setattr(layer, key, value)
