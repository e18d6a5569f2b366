"""Autosave: edited labels and ticks go to a project folder at intervals, and come back when asked for."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_wnet.errors import WNetError
from napari_wnet.project import ImageState, LabelsState, pixels_sha256
from napari_wnet.reports import Progress
from napari_wnet.ui.archive import SAVED_AT, Archive
from napari_wnet.ui.hub import Hub
from napari_wnet.ui.layers import MARK, channel_axis_beside, full_size, image_for, placement
from napari_wnet.ui.runner import LatestRunner, Runner
from napari_wnet.ui.settled import settled

INTERVAL_MS = 20_000
MADE_WITH = ("model", "params", "settings")
"""What is kept of how labels were made."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """Work on an image that was saved earlier: the image's layer, and what there is."""

    image: Layer
    state: ImageState


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    """What is to be saved: for each image its pixels and its labels."""

    pixels: Any
    state: ImageState


class Autosaver(QObject):
    """Saves what a person has settled in a viewer.

    Parameters
    ----------
    viewer : ViewerModel
    hub : Hub
        Knows which image labels were made from.

    Attributes
    ----------
    saved : Signal(str)
        Time of day of the save that has just been done.
    found : Signal(Found)
        There is earlier work on an image that is open.
    said : Signal(str, str, str)
    """

    saved = Signal(str)
    found = Signal(object)
    said = Signal(str, str, str)

    def __init__(self, viewer: ViewerModel, hub: Hub, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._hub = viewer, hub
        self._archive = Archive(self._note)
        self._n_edits = self._n_saved = 0
        self._failure = ""
        self._watched: WeakSet[Labels] = WeakSet()
        self._runner, self._finder = Runner(self), LatestRunner(self)
        self._runner.returned.connect(self._on_saved)
        self._runner.failed.connect(self._on_failed)
        self._finder.returned.connect(self._on_looked)
        self._finder.failed.connect(self._on_failed)
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.save)
        self._timer.start()

    @property
    def folder(self) -> Path | None:
        """Where this window saves; None before the first save or search."""
        return self._archive.folder

    def watch(self, layer: Labels) -> None:
        """Save a layer when it is edited or ticked from now on."""
        if layer not in self._watched:
            self._watched.add(layer)
            settled(layer).listen(self._on_change)

    def look(self, image: Layer | None) -> None:
        """Find out whether there is earlier work on an image."""
        if isinstance(image, Image):
            pixels = full_size(image)
            self._finder.submit(lambda: self._look_steps(image, pixels))

    def save(self) -> None:
        """Save what has changed since the last time, outside the GUI thread."""
        if self._n_saved != self._n_edits and not self._runner.busy:
            self._runner.start(self._save_steps(self._work(), self._n_edits))

    def restore(self, found: Found) -> list[Labels]:
        """Add the labels that were saved, ticks and all, as new layers."""
        layers = []
        for labels in found.state.labels:
            layer = Labels(
                labels.labels.copy(),
                name=labels.name,
                metadata={MARK: {**dict(found.state.settings), "kind": "labels", "source": found.image.name}},
            )
            dropped = channel_axis_beside(found.image, layer)
            for option, value in placement(found.image, dropped_axis=dropped).items():
                setattr(layer, option, value)
            self._viewer.add_layer(layer)
            book = settled(layer)
            for plane in {*labels.done, *labels.locked}:
                book.restore(plane, labels.done.get(plane, ()), labels.locked.get(plane, ()))
            if labels.cleared is not None:
                for plane in np.ndindex(*labels.labels.shape[:-2]):
                    if labels.cleared[plane].any():
                        book.restore(plane, book.done(plane), book.edited(plane), labels.cleared[plane])
            self.watch(layer)
            layers.append(layer)
        self._archive.restored(found.state.sha256)
        return layers

    def close(self) -> None:
        """Save a last time, and let other windows have the folder."""
        self._timer.stop()
        for layer in self._watched:
            settled(layer).unlisten(self._on_change)
        self._runner.wait(10)
        try:
            if self._n_saved != self._n_edits:
                for _ in self._save_steps(self._work(), self._n_edits):
                    pass
        except WNetError as error:
            self._on_failed(error)
        finally:
            self._finder.cancel()
            self._finder.wait(10)
            self._archive.close()

    def wait(self, seconds: float) -> bool:
        """Wait for the threads to end and tell whether they have."""
        return all([runner.wait(seconds) for runner in (self._runner, self._finder)])

    def _on_change(self) -> None:
        self._n_edits += 1

    def _work(self) -> list[_Work]:
        """Return snapshots of all labels that a person has settled something in, by image."""
        by_image: dict[int, tuple[Layer, list[LabelsState], dict[str, Any]]] = {}
        for layer in self._viewer.layers:
            if not isinstance(layer, Labels) or layer not in self._watched or not settled(layer):
                continue
            image = self._hub.image_of(layer) or image_for(layer, self._viewer.layers)
            if image is None or not isinstance(layer.data, np.ndarray):
                continue
            made = {key: value for key, value in layer.metadata.get(MARK, {}).items() if key in MADE_WITH}
            entry = by_image.setdefault(id(image), (image, [], made))
            entry[1].append(_labels_state(layer))
        return [
            _Work(
                pixels=full_size(image),
                state=ImageState(
                    name=image.name,
                    path=str(image.source.path or ""),
                    shape=tuple(full_size(image).shape),
                    settings={**made, SAVED_AT: time.strftime("%Y-%m-%d %H:%M")},
                    labels=tuple(states),
                ),
            )
            for image, states, made in by_image.values()
        ]

    def _note(self, problem: str) -> None:
        """Say what is wrong with a folder, from whatever thread."""
        self.said.emit(f"Autosave: {problem}", "warning", "")

    def _save_steps(self, work: list[_Work], edits: int) -> Generator[Progress, None, str]:
        yield Progress(done=0, total=0, what="saving")
        self._archive.save([replace(one.state, sha256=pixels_sha256(one.pixels)) for one in work])
        self._n_saved = edits
        return time.strftime("%H:%M")

    def _look_steps(self, image: Layer, pixels: Any) -> Generator[Progress, None, Found | None]:
        yield Progress(done=0, total=0, what="looking for earlier work")
        state = self._archive.find(pixels_sha256(pixels))
        return None if state is None else Found(image=image, state=state)

    def _on_saved(self, when: str) -> None:
        self._failure = ""
        self.saved.emit(when)

    def _on_looked(self, found: Found | None) -> None:
        # A save may have been faster than this search: what is open here already is no earlier work.
        opened = {layer.name for layer in self._viewer.layers if layer in self._watched and settled(layer)}
        if found is not None and any(labels.name not in opened for labels in found.state.labels):
            self.found.emit(found)

    def _on_failed(self, error: WNetError) -> None:
        popup = "" if str(error) == self._failure else str(error)  # it is tried again and again
        self._failure = str(error)
        self.said.emit(f"Autosave: {error}", "error", popup)


def _labels_state(layer: Labels) -> LabelsState:
    book, cleared = settled(layer), np.zeros(layer.data.shape, bool)
    planes = book.planes()
    for index, plane in planes.items():
        if plane.cleared is not None:
            cleared[index] = plane.cleared
    return LabelsState(
        name=layer.name,
        labels=np.array(layer.data, np.int32),
        done={index: book.done(index) for index in planes},
        locked={index: book.edited(index) for index in planes},
        cleared=cleared if cleared.any() else None,
    )
