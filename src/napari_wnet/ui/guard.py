"""Which labels are still ours: what somebody else has put into a layer is never written over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_wnet.ui.layers import Index
from napari_wnet.ui.requests import Snapshot
from napari_wnet.ui.settled import settled


class LabelsGuard:
    """Watches a labels layer of ours for changes that are not ours.

    Painting, filling, erasing, polygons and other undoable edits report ``paint``, and what they did is known exactly:
    see :mod:`napari_wnet.ui.settled`. Assigning ``layer.data`` reports ``data``; writing into the array reports
    nothing, so that checksums of what was written are compared too, which takes long enough to be done outside the
    GUI thread: see :meth:`snapshot`.

    Parameters
    ----------
    layer : Labels
    checksums : mapping of index to int
        Of the planes as written.
    """

    def __init__(self, layer: Labels, checksums: Mapping[Index, int]) -> None:
        self.layer = layer
        self.replaced = False
        self.settled = settled(layer)
        self._checksums = dict(checksums)
        self._ours = False
        layer.events.data.connect(self._on_data)

    def snapshot(self) -> Snapshot:
        """Return what is to be compared with the checksums; planes with known edits are not."""
        known = self.settled.planes()
        checksums = {index: number for index, number in self._checksums.items() if index not in known}
        return Snapshot(array=self.layer.data, checksums=checksums, settled=known)

    def write(self, planes: Mapping[Index, npt.NDArray[Any]], checksums: Mapping[Index, int]) -> None:
        """Put new labels into the layer: a single plane as a new array, planes of a stack in place."""
        with self._writing():
            if () in planes:
                self.layer.data = planes[()]
            else:
                for index, plane in planes.items():
                    self.layer.data[index] = plane
                self.layer.refresh()
        self._end_history()
        self._checksums.update(checksums)

    def replace(self, labels: npt.NDArray[np.int32], checksums: Mapping[Index, int]) -> None:
        """Put a new array of all planes into the layer."""
        with self._writing():
            self.layer.data = labels
        self._end_history()
        self._checksums = dict(checksums)

    def release(self) -> None:
        """Stop watching."""
        self.layer.events.data.disconnect(self._on_data)

    def _end_history(self) -> None:
        """Forget what could be undone: it would put former pixels, under numbers that others have now, among the new.

        napari has no public way to do so that leaves the chosen tool alone.
        """
        self.layer._reset_history()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._ours = True
        try:
            yield
        finally:
            self._ours = False

    def _on_data(self) -> None:
        self.replaced = self.replaced or not self._ours
