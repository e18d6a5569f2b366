"""Autosave: edited labels and ticks go to a project folder at intervals, and come back when asked for."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import platformdirs
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_wnet.errors import ProjectError, WNetError
from napari_wnet.project import ImageState, LabelsState, ProjectFolder, ProjectState, load_project, pixels_sha256
from napari_wnet.reports import Progress
from napari_wnet.ui.hub import Hub
from napari_wnet.ui.layers import MARK, channel_axis_beside, image_for, placement
from napari_wnet.ui.runner import LatestRunner, Runner
from napari_wnet.ui.settled import settled

FOLDER_VARIABLE = "NAPARI_WNET_PROJECT"
INTERVAL_MS = 20_000
MAX_IMAGES = 50
"""Images that are remembered; the oldest go."""
MAX_BYTES = 400 * 2**20
"""Memory for the labels of images that are remembered."""
MAX_WINDOWS = 9
"""Windows that are open at once; each has a folder of its own."""
SAVED_AT = "saved_at"
MADE_WITH = ("model", "params", "settings")
"""What is kept of how labels were made."""


def default_folder() -> Path:
    """Return the folder for autosaves: from the environment, else among the user's data."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("napari-wnet"), "autosave")


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
        self._project: ProjectFolder | None = None
        self._dirty = False
        self._known: dict[str, ImageState] = {}
        self._opening = threading.Lock()
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
        return None if self._project is None else self._project.folder

    def watch(self, layer: Labels) -> None:
        """Save a layer when it is edited or ticked from now on."""
        if layer not in self._watched:
            self._watched.add(layer)
            settled(layer).listen(self._on_change)

    def look(self, image: Layer | None) -> None:
        """Find out whether there is earlier work on an image."""
        if isinstance(image, Image):
            self._finder.submit(lambda: self._look_steps(image, image.data))

    def save(self) -> None:
        """Save what has changed since the last time, outside the GUI thread."""
        if self._dirty and not self._runner.busy:
            self._dirty = False
            self._runner.start(self._save_steps(self._work()))

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
        return layers

    def close(self) -> None:
        """Save a last time, and let other windows have the folder."""
        self._timer.stop()
        self._runner.wait(10)
        if self._dirty:
            self._dirty = False
            try:
                for _ in self._save_steps(self._work()):
                    pass
            except WNetError as error:
                self._on_failed(error)
        self._finder.cancel()
        self._finder.wait(10)
        if self._project is not None:
            self._project.close()
        self._project = None
        for layer in self._watched:
            settled(layer).unlisten(self._on_change)

    def wait(self, seconds: float) -> bool:
        """Wait for the threads to end and tell whether they have."""
        return all([runner.wait(seconds) for runner in (self._runner, self._finder)])

    def _on_change(self) -> None:
        self._dirty = True

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
                pixels=image.data,
                state=ImageState(
                    name=image.name,
                    path=str(image.source.path or ""),
                    shape=tuple(image.data.shape),
                    settings={**made, SAVED_AT: time.strftime("%Y-%m-%d %H:%M")},
                    labels=tuple(states),
                ),
            )
            for image, states, made in by_image.values()
        ]

    def _open_project(self) -> ProjectFolder:
        """Open the first folder that can be used, and read what is in it."""
        with self._opening:
            if self._project is None:
                self._project, state = _first_usable(default_folder(), self._note)
                self._known = {one.sha256: one for one in state.images}
                for problem in state.problems:
                    self._note(problem)
            return self._project

    def _note(self, problem: str) -> None:
        """Say what is wrong with a folder, from whatever thread."""
        self.said.emit(f"Autosave: {problem}", "warning", "")

    def _save_steps(self, work: list[_Work]) -> Generator[Progress, None, str]:
        yield Progress(done=0, total=0, what="saving")
        project = self._open_project()
        for one in work:
            digest = pixels_sha256(one.pixels)
            self._known.pop(digest, None)
            self._known[digest] = replace(one.state, sha256=digest)  # the newest comes last
        _forget_oldest(self._known, len(work))
        project.save(ProjectState(images=tuple(self._known.values())))
        return time.strftime("%H:%M")

    def _look_steps(self, image: Layer, pixels: Any) -> Generator[Progress, None, Found | None]:
        yield Progress(done=0, total=0, what="looking for earlier work")
        own = self._open_project().folder
        digest = pixels_sha256(pixels)
        found = [self._known[digest]] if digest in self._known else []
        for folder in _folders(default_folder()):
            if folder != own and folder.is_dir():
                yield Progress(done=0, total=0, what="looking for earlier work")
                found += _saved_there(folder, digest)
        newest = max(found, key=lambda state: str(state.settings.get(SAVED_AT, "")), default=None)
        return None if newest is None else Found(image=image, state=newest)

    def _on_saved(self, when: str) -> None:
        self.saved.emit(when)

    def _on_looked(self, found: Found | None) -> None:
        if found is not None:
            self.found.emit(found)

    def _on_failed(self, error: WNetError) -> None:
        self.said.emit(f"Autosave: {error}", "error", str(error))


def _folders(base: Path) -> list[Path]:
    """Return the folders of the windows that can be open at once."""
    return [base, *(base.with_name(f"{base.name}-{number}") for number in range(2, MAX_WINDOWS + 1))]


def _first_usable(base: Path, note: Callable[[str], None]) -> tuple[ProjectFolder, ProjectState]:
    """Open the first folder that no other window has and that is not damaged or a newer version's; read it.

    Raises
    ------
    WNetError
        If there is none.
    """
    refusal: ProjectError | None = None
    for folder in _folders(base):
        try:
            project = ProjectFolder(folder)
        except ProjectError as error:  # another window's
            refusal = error
            continue
        try:
            return project, project.load()
        except ProjectError as error:
            project.close()
            note(f"{error} Edits go to another folder meanwhile.")
            refusal = error
    raise refusal or ProjectError(f"There is no folder to save in beside {base}.")


def _saved_there(folder: Path, digest: str) -> list[ImageState]:
    """Return what another window saved of an image."""
    try:
        return [state for state in load_project(folder).images if state.sha256 == digest]
    except WNetError:
        return []  # its own window says what is wrong with it


def _forget_oldest(known: dict[str, ImageState], least: int) -> None:
    """Forget the oldest images, less the newest few, until all are within bounds."""
    sizes = [sum(one.labels.nbytes for one in state.labels) for state in known.values()]
    while len(known) > least and (len(known) > MAX_IMAGES or sum(sizes) > MAX_BYTES):
        del known[next(iter(known))]
        del sizes[0]


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
