"""Looking through the results of a batch: one image with its labels at a time, and corrections back to their file."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import FileResult
from napari_wnet.errors import WNetError
from napari_wnet.reports import Progress
from napari_wnet.ui.batch_settings import in_the_dock
from napari_wnet.ui.describer import Describer
from napari_wnet.ui.opening import Opened, opening_steps
from napari_wnet.ui.requests import checksum
from napari_wnet.ui.runner import LatestRunner, Runner
from napari_wnet.ui.settled import settled

KEPT = ("contour", "opacity", "blending", "show_selected_label")
"""How labels are shown stays as it is from image to image."""


class Reviewer(QObject):
    """Shows a file of a batch with its labels, in the place of the file before.

    Attributes
    ----------
    shown : Signal(Opened)
        A file is in the viewer.
    saved : Signal(FileResult)
        Corrected labels are on the disk.
    changed : Signal()
        The labels were edited, or saved, or there are others.
    said : Signal(str, str, str)
    """

    shown = Signal(object)
    saved = Signal(object)
    changed = Signal()
    said = Signal(str, str, str)

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._opener, self._saver, self._describer = LatestRunner(self), Runner(self), Describer(self)
        self.opened: Opened | None = None
        self._layers: tuple[Layer, ...] = ()
        self._checksum = 0
        self._maybe_edited = self._edited_since = False
        self._saving: tuple[Opened, int, Callable[[], None] | None] | None = None
        self._opener.progressed.connect(self._on_progress)
        self._opener.returned.connect(self._show)
        self._saver.returned.connect(self._on_saved)
        for runner in (self._opener, self._saver, self._describer):
            runner.failed.connect(self._on_failed)

    @property
    def labels(self) -> Labels | None:
        """The labels that are shown, where they still are in the viewer."""
        layer = self._layers[-1] if len(self._layers) == 2 else None
        return layer if layer in self._viewer.layers else None

    @property
    def saving(self) -> bool:
        """Whether labels are being saved."""
        return self._saver.busy

    @property
    def can_save(self) -> bool:
        """Whether labels may have been edited, and can be saved now."""
        return self.labels is not None and self._maybe_edited and not self.saving

    def edited(self) -> bool:
        """Return whether the labels that are shown differ from those in their file."""
        return self.labels is not None and self._maybe_edited and checksum(self.labels.data) != self._checksum

    def open(self, item: Item, out: Path, axes: str | None) -> None:
        """Show a file; unsaved edits of the one that is shown are lost, but for those that are made from now on."""
        self._edited_since = False
        self._opener.submit(lambda: opening_steps(item, out, axes))

    def save(self, then: Callable[[], None] | None = None) -> None:
        """Write the labels back, and go on with something else when that is done."""
        if self.labels is None or self.opened is None or self.opened.sidecar is None or self.saving:
            return
        labels = np.array(self.labels.data)  # a copy: it may be painted on while it is written
        self._saving = self.opened, checksum(labels), then
        self.said.emit(f"Saving the labels of {self.opened.item.path.name}...", "info", "")
        self._saver.start(_saving_steps(self.opened.sidecar, labels, self.opened.item.path))
        self.changed.emit()

    def close(self) -> None:
        """Let go of the layers; labels that are being saved are saved."""
        self._opener.cancel()
        self._let_go()

    def wait(self, seconds: float) -> bool:
        """Wait for the threads to end and tell whether they have."""
        return all([runner.wait(seconds) for runner in (self._opener, self._saver, self._describer)])

    def _show(self, opened: Opened) -> None:
        if self._edited_since and self.edited() and self.opened is not None:
            self._stay(self.opened, "the next image was read")
            return
        kept = {name: getattr(self.labels, name) for name in KEPT} if self.labels is not None else {}
        before = [layer for layer in self._layers if layer in self._viewer.layers]
        extent = before[0].extent.world if before else None
        self._let_go()
        for layer in before:
            self._viewer.layers.remove(layer)
        self.opened = opened
        image = self._viewer.add_image(opened.image, **opened.image_options)
        self._layers = (image,)
        if opened.labels is not None:
            labels = self._viewer.add_labels(opened.labels, **opened.labels_options)
            for name, value in kept.items():
                setattr(labels, name, value)
            self._layers = image, labels
            if opened.pixels is not None:
                self._describer.describe(labels, opened.pixels, opened.tables)
            if not opened.in_pieces:
                self._checksum = checksum(labels.data)
                settled(labels).listen(self._on_edit)
                labels.events.data.connect(self._on_edit)
        if extent is None or not np.array_equal(extent, image.extent.world):
            self._viewer.reset_view()
        self._viewer.layers.selection.active = self._layers[-1]
        self.shown.emit(opened)
        self.changed.emit()

    def _stay(self, opened: Opened, meanwhile: str) -> None:
        """Say why the file that is shown stays, although another was asked for."""
        name = opened.item.path.name
        text = f"The labels of {name} were edited while {meanwhile}, so they stay open. Save them, then go on again."
        self.said.emit(text, "warning", text)
        self.changed.emit()

    def _let_go(self) -> None:
        if len(self._layers) == 2 and self.opened is not None and not self.opened.in_pieces:
            labels = self._layers[-1]
            settled(labels).unlisten(self._on_edit)
            labels.events.data.disconnect(self._on_edit)
        self._describer.forget()
        self._layers, self.opened, self._maybe_edited = (), None, False

    def _on_edit(self) -> None:
        self._edited_since = True
        if not self._maybe_edited:
            self._maybe_edited = True
            self.changed.emit()

    def _on_saved(self, result: FileResult) -> None:
        if self._saving is None:
            return
        (opened, number, then), self._saving = self._saving, None
        labels = self.labels
        if labels is not None and self.opened is opened:
            self._checksum = number
            self._maybe_edited = checksum(labels.data) != number
        self.said.emit(f"Saved the labels of {opened.item.path.name}.", "info", "")
        self.saved.emit(replace(result, path=opened.item.path))
        self.changed.emit()
        if then is not None and self.opened is opened and self._maybe_edited:
            self._stay(opened, "they were saved")
        elif then is not None:
            then()

    def _on_progress(self, report: Progress) -> None:
        self.said.emit(f"{report.what.capitalize()}...", "info", "")

    def _on_failed(self, error: WNetError) -> None:
        text = in_the_dock(str(error))
        self.said.emit(text, "error", text)
        self.changed.emit()


def _saving_steps(sidecar: Path, labels: npt.NDArray[Any], image: Path) -> Generator[Progress, None, FileResult]:
    yield Progress(done=0, total=0, what="saving")
    from napari_wnet.batch.corrections import save_labels  # torch: seconds, and not on the GUI thread

    return save_labels(sidecar, labels, image)
