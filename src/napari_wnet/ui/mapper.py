"""Maps for labels that have none: the network looks at their image once more, outside the GUI thread."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_wnet.errors import WNetError
from napari_wnet.params import DEFAULT_MODEL, SegmentParams
from napari_wnet.ui.hub import Hub
from napari_wnet.ui.layers import MARK, Index
from napari_wnet.ui.requests import Request
from napari_wnet.ui.runner import Runner
from napari_wnet.ui.sources import source_of
from napari_wnet.ui.work import maps_steps


class Mapper(QObject):
    """Computes maps and gives them to all docks.

    Parameters
    ----------
    hub : Hub

    Attributes
    ----------
    mapped : Signal()
        Maps are there.
    failed : Signal(WNetError)
    progressed : Signal(Progress)
    busyChanged : Signal(bool)
    """

    mapped = Signal()
    failed = Signal(object)
    progressed = Signal(object)
    busyChanged = Signal(bool)  # noqa: N815

    def __init__(self, hub: Hub, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hub = hub
        self._mapping: tuple[Layer, Any] | None = None
        self._runner = Runner(self)
        self._runner.progressed.connect(self.progressed)
        self._runner.returned.connect(self._on_maps)
        self._runner.failed.connect(self._on_failed)
        self._runner.finished.connect(self._on_finished)

    @property
    def busy(self) -> bool:
        """Whether maps are being computed."""
        return self._runner.busy

    def compute(self, image: Layer, labels: Labels, index: Index) -> None:
        """Let the network look at a plane of an image, as it did when the labels were made.

        Raises
        ------
        WNetError
            If the image does not go with the labels, or maps are being computed already.
        """
        made = labels.metadata.get(MARK, {})
        request = Request(
            source=source_of(image, labels, made.get("settings")),
            indices=[index],
            model=made.get("settings", made).get("model") or self._chosen_model(),
            device="auto",
            params=SegmentParams.from_dict(made["params"]) if "params" in made else None,
        )
        self._runner.start(maps_steps(request, self._hub.models, self._hub.cache))
        self._mapping = image, image.data
        self.busyChanged.emit(True)

    def _chosen_model(self) -> str:
        """Return the model for labels of which none is known: the one of the Segment dock."""
        return DEFAULT_MODEL if self._hub.chosen is None else self._hub.chosen.settings.model

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._runner.cancel()

    def wait(self, seconds: float) -> bool:
        """Wait for the thread to end and tell whether it has."""
        return self._runner.wait(seconds)

    def _on_maps(self, keys: Any) -> None:
        image, data = self._mapping or (None, None)
        if image is not None and image.data is data:  # else they are maps of what is not there any more
            self._hub.note_maps(image, keys)
        self.mapped.emit()

    def _on_failed(self, error: WNetError) -> None:
        self.failed.emit(error)

    def _on_finished(self) -> None:
        self.busyChanged.emit(False)
