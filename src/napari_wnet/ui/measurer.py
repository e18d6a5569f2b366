"""The Measure dock without its widgets: which layer is measured with which image, again after each edit."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_wnet.core.measure import PixelSize
from napari_wnet.core.tables import FRAME
from napari_wnet.errors import ImageError, WNetError
from napari_wnet.ui.layers import Index, Source, channel_axis_beside, displayed_index, full_size, read_source
from napari_wnet.ui.measure_work import MeasureRequest, Tables, measure_steps
from napari_wnet.ui.rest_timer import RestTimer
from napari_wnet.ui.runner import LatestRunner


class Measurer(QObject):
    """Measures a labels layer outside the GUI thread.

    Attributes
    ----------
    measured : Signal(Tables)
        Something has changed; None: there is nothing to measure.
    said : Signal(str, str, str)
        A message, "info", "warning" or "error", and the part of it that deserves a notification.
    progressed : Signal(Progress)
    busyChanged : Signal(bool)
    """

    measured = Signal(object)
    said = Signal(str, str, str)
    progressed = Signal(object)
    busyChanged = Signal(bool)  # noqa: N815

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._labels: Labels | None = None
        self._image: Layer | None = None
        self._source: tuple[object, Source] | None = None
        self.pixel_size: PixelSize | None = None
        self.everything = False
        self.interval, self.time_unit = 1.0, FRAME
        self.tables: Tables | None = None
        self.note = ""
        self._resting = self._stale = False
        self._runner = LatestRunner(self)
        self._runner.progressed.connect(self.progressed)
        self._runner.returned.connect(self._on_measured)
        self._runner.failed.connect(self._on_failed)
        self._runner.finished.connect(lambda: self.busyChanged.emit(self._runner.busy))
        self._soon = RestTimer(self, self.measure)

    @property
    def labels(self) -> Labels | None:
        """The layer that is measured."""
        return self._labels

    @property
    def n_lead(self) -> int:
        """How many axes it has before Y and X."""
        return 0 if self._labels is None else full_size(self._labels).ndim - 2

    @property
    def busy(self) -> bool:
        """Whether something is being measured, or will be in a moment."""
        return self._runner.busy or self._soon.isActive()

    @property
    def resting(self) -> bool:
        """Whether nobody looks."""
        return self._resting

    def index(self) -> Index:
        """Return the plane that is seen."""
        return () if self._labels is None else displayed_index(self._labels, self._viewer.dims.point)

    def choose(self, labels: Labels | None, image: Layer | None) -> None:
        """Measure another layer, or with another image."""
        if labels is not self._labels:
            self._listen(self._labels, on=False)
            self._listen(labels, on=True)
            self.tables = None
        self._labels, self._image, self._source = labels, image, None
        self.measure()

    def measure(self) -> None:
        """Measure now; `note` then says what could not be."""
        self.note = ""
        self._stale = False
        self._soon.stop()
        if self._labels is None:
            self._runner.cancel()
            self.tables = None
            self.measured.emit(None)
            return
        self._runner.submit(lambda: measure_steps(self._request()))
        self.busyChanged.emit(True)

    def rest(self, resting: bool) -> None:
        """Leave edits unmeasured for a while, as nobody looks; what was left is measured afterwards."""
        self._resting = resting
        if not resting and self._stale:
            self.measure()

    def close(self) -> None:
        """Stop everything and let go of the layer."""
        self._listen(self._labels, on=False)
        self._labels = self._image = self._source = self.tables = None
        self._soon.stop()
        self._runner.cancel()

    def wait(self, seconds: float) -> bool:
        """Wait for the thread to end and tell whether it has."""
        return self._runner.wait(seconds)

    def _listen(self, layer: Labels | None, *, on: bool) -> None:
        if layer is not None:
            for event in (layer.events.set_data, layer.events.data, layer.events.paint):
                (event.connect if on else event.disconnect)(self._soon_again)

    def _request(self) -> MeasureRequest:
        if self._labels is None:
            raise WNetError("The labels were removed meanwhile.")
        data = full_size(self._labels)
        lead = data.shape[:-2]
        return MeasureRequest(
            layer=self._labels,
            labels=data,
            indices=tuple(np.ndindex(*lead)) if self.everything else (self.index(),),
            names=_names(self._labels, len(lead)),
            source=self._image_source(),
            pixel_size=self.pixel_size,
            interval=self.interval,
            time_unit=self.time_unit,
            known={} if self.tables is None else self.tables.known,
        )

    def _image_source(self) -> Source | None:
        """Return the planes of the image: the same object as long as it holds the same array."""
        if self._image is None or self._labels is None:
            return None
        if self._source is None or self._source[0] is not self._image.data:
            try:
                axis = channel_axis_beside(self._image, self._labels)
                self._source = self._image.data, read_source(self._image, channel_axis=axis)
            except ImageError as error:  # shapes can be measured all the same
                self.note = f"Without intensities. {error}"
                return None
        return self._source[1]

    def _soon_again(self) -> None:
        if self._resting:
            self._stale = True
        else:
            self._soon.start()

    def _on_measured(self, tables: Tables) -> None:
        if tables.layer is self._labels:  # else others were chosen meanwhile, and are being measured
            self.tables = tables
            self.measured.emit(tables)

    def _on_failed(self, error: WNetError) -> None:
        self.tables = None
        self.measured.emit(None)
        self.said.emit(str(error), "error", "")


def _names(layer: Layer, n_lead: int) -> tuple[str, ...]:
    """Return names for the axes before Y and X: the layer's own, if it has any."""
    own = tuple(label.lower() for label in layer.axis_labels[:n_lead])
    if all(label.isidentifier() for label in own) and len({*own, "label"}) == n_lead + 1:
        return own
    return ("plane",) if n_lead == 1 else tuple(f"plane_{axis}" for axis in range(n_lead))
