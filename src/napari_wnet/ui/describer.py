"""What the labels of a file say of each object under the pointer: measured as it is opened, and again after edits."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_wnet.core.columns import LIVE
from napari_wnet.core.measure import PixelSize, measure_plane
from napari_wnet.errors import WNetError
from napari_wnet.ui.layers import Index, stacked_features
from napari_wnet.ui.requests import Columns, checksum
from napari_wnet.ui.rest_timer import RestTimer
from napari_wnet.ui.runner import LatestRunner


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """A plane of labels in numbers, and of which labels that holds."""

    checksum: int
    columns: Columns


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """What labels are measured with.

    Attributes
    ----------
    planes : (..., C, Y, X) array
    size : (float, float) or None
        Height and width of a pixel in micrometres.
    """

    planes: npt.NDArray[Any]
    size: PixelSize | None = None


Known = Mapping[Index, Measured]


def measured_steps(
    labels: npt.NDArray[Any], pixels: Pixels, known: Known | None = None
) -> Generator[None, None, dict[Index, Measured]]:
    """Measure planes of labels; those that have not changed since they were measured are not measured again.

    Parameters
    ----------
    labels : (..., Y, X) integer array
    pixels : Pixels
    known : mapping of index to Measured, optional

    Raises
    ------
    ImageError
        If the labels are none, or not of the image's size.
    """
    tables: dict[Index, Measured] = {}
    for index in np.ndindex(*labels.shape[:-2]):
        yield None
        plane = np.array(labels[index])  # a copy: somebody may be painting meanwhile
        number, before = checksum(plane), None if known is None else known.get(index)
        if before is None or before.checksum != number:
            columns = measure_plane(plane, pixels.planes[index], pixels.size, properties=LIVE)
            before = Measured(checksum=number, columns=columns)
        tables[index] = before
    return tables


def features_of(tables: Known) -> dict[str, Any]:
    """Return the features of a labels layer; see :func:`napari_wnet.ui.layers.stacked_features`."""
    return stacked_features({index: table.columns for index, table in tables.items()})


class Describer(QObject):
    """Keeps the features of a labels layer true while it is edited.

    Attributes
    ----------
    failed : Signal(WNetError)
    """

    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layer: Labels | None = None
        self._pixels: Pixels | None = None
        self._tables: Known = {}
        self._runner = LatestRunner(self)
        self._runner.returned.connect(self._on_measured)
        self._runner.failed.connect(self._on_failed)
        self._soon = RestTimer(self, self._measure)

    @property
    def busy(self) -> bool:
        """Whether objects are being measured, or will be in a moment."""
        return self._runner.busy or self._soon.isActive()

    def describe(self, layer: Labels, pixels: Pixels, tables: Known) -> None:
        """Show what was measured of a layer, and measure it again a moment after edits."""
        self.forget()
        self._layer, self._pixels, self._tables = layer, pixels, tables
        layer.features = features_of(tables)
        for event in _edits(layer):
            event.connect(self._soon_again)

    def forget(self) -> None:
        """Let go of the layer."""
        if self._layer is not None:
            for event in _edits(self._layer):
                event.disconnect(self._soon_again)
        self._soon.stop()
        self._runner.cancel()
        self._layer = self._pixels = None
        self._tables = {}

    def wait(self, seconds: float) -> bool:
        """Wait for the thread to end and tell whether it has."""
        return self._runner.wait(seconds)

    def _soon_again(self) -> None:
        self._soon.start()

    def _measure(self) -> None:
        layer, pixels, known = self._layer, self._pixels, self._tables
        if layer is not None and pixels is not None:
            self._runner.submit(lambda: _again_steps(layer, pixels, known))

    def _on_measured(self, found: _Found) -> None:
        layer = self._layer
        changed = any(table is not self._tables.get(index) for index, table in found.tables.items())
        if (
            layer is not None and found.layer is layer and changed
        ):  # else another is shown meanwhile, or the plane alone is another
            self._tables = found.tables
            layer.features = features_of(found.tables)

    def _on_failed(self, error: WNetError) -> None:
        self.failed.emit(error)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    layer: Any
    tables: Known


def _edits(layer: Any) -> tuple[Any, ...]:
    """Return the events of edits, one of which comes with undo alone, and whenever another plane is seen."""
    return layer.events.set_data, layer.events.data, layer.events.paint


def _again_steps(layer: Labels, pixels: Pixels, known: Known) -> Generator[None, None, _Found]:
    tables = yield from measured_steps(layer.data, pixels, known)
    return _Found(layer=layer, tables=tables)
