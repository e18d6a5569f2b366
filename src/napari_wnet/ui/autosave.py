"""Autosave: edited labels and ticks go to a project folder at intervals, and come back when asked for."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_wnet.errors import ImageError, WNetError
from napari_wnet.project import ImageState, LabelsState
from napari_wnet.reports import Progress
from napari_wnet.ui.archive import SAVED_AT, Archive
from napari_wnet.ui.hub import Hub
from napari_wnet.ui.identity import image_key
from napari_wnet.ui.keepsake import labels_state, restored_layer, settle_again
from napari_wnet.ui.layers import MARK, full_size, image_for
from napari_wnet.ui.placing import lies_on
from napari_wnet.ui.runner import LatestRunner, Runner
from napari_wnet.ui.settled import settled

INTERVAL_MS = 20_000
MADE_WITH = ("model", "params", "settings")
"""What is kept of how labels were made."""
REMEDY = "Open its image and choose that in the Repair dock, or mark the layer and use File > Save Selected Layers."


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """Work on an image that was saved earlier: the image's layer, and what there is."""

    image: Layer
    state: ImageState


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    """What is to be saved of an image: its pixels and its labels."""

    pixels: Any
    state: ImageState


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """What is to be saved, image by image, and what is to be said of the layers that cannot be."""

    work: list[_Work]
    problems: list[str]
    edits: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Saved:
    """What has come of a plan."""

    plan: _Plan
    when: str


class Autosaver(QObject):
    """Saves what a person has settled in a viewer.

    Parameters
    ----------
    viewer : ViewerModel
    hub : Hub
        Knows which image labels belong to.

    Attributes
    ----------
    saved : Signal(str)
        Time of day of the save that has just been done; all that has changed is in it.
    left_out : Signal(str)
        Which layers a save had to leave out, why, and what to do.
    found : Signal(Found)
        There is earlier work on an image that is open.
    said : Signal(str, str, str)
    """

    saved = Signal(str)
    left_out = Signal(str)
    found = Signal(object)
    said = Signal(str, str, str)

    def __init__(self, viewer: ViewerModel, hub: Hub, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._hub = viewer, hub
        self._archive = Archive(self._note)
        self._n_edits = self._n_saved = 0
        self._failure = ""
        self._watched: WeakKeyDictionary[Labels, tuple[float, ...]] = WeakKeyDictionary()
        self._waiting: WeakSet[Labels] = WeakSet()
        self._restored: WeakKeyDictionary[Labels, str] = WeakKeyDictionary()
        self._unplaced: set[tuple[str, str]] = set()
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
            self._watched[layer] = self._seen(layer)
            settled(layer).listen(self._on_change)
            layer.events.set_data.connect(self._on_drawn)
            layer.events.data.connect(self._on_change)

    def look(self, image: Layer | None) -> None:
        """Find out whether there is earlier work on an image."""
        if isinstance(image, Image):
            pixels = full_size(image)
            self._finder.submit(lambda: self._look_steps(image, pixels))

    def save(self) -> None:
        """Save what has changed since the last time, outside the GUI thread."""
        if self._is_due() and not self._runner.busy:
            self._runner.start(self._save_steps(self._plan()))

    def restore(self, found: Found) -> list[Labels]:
        """Add the labels that were saved, ticks and all, as new layers; say which of them have no place any more."""
        layers = []
        for labels in found.state.labels:
            try:
                layer = restored_layer(labels, found.state, found.image)
            except ImageError as error:
                self._unplaced.add((found.state.sha256, labels.name))
                problem = f"'{labels.name}' is not restored, and stays saved in {self.folder}: {error}"
                self.said.emit(problem, "warning", problem)
                continue
            self._viewer.add_layer(layer)
            settle_again(layer, labels)
            self._hub.pairs.note(layer, found.image)
            self._restored[layer] = labels.name
            self.watch(layer)
            layers.append(layer)
        self._archive.restored(found.state.sha256, self._unplaced_of(found.state))
        return layers

    def close(self) -> None:
        """Save a last time, and let other windows have the folder."""
        self._timer.stop()
        for layer in self._watched:
            settled(layer).unlisten(self._on_change)
            layer.events.set_data.disconnect(self._on_drawn)
            layer.events.data.disconnect(self._on_change)
        self._runner.wait(10)
        try:
            if self._is_due():
                plan = self._plan()
                for _ in self._save_steps(plan):
                    pass
                self._tell_left_out(plan)
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

    def _on_drawn(self, event: Any) -> None:
        """Count an undo, which only tells that a layer is drawn anew, as it is for another plane as well."""
        layer, seen = event.source, self._seen(event.source)
        if seen == self._watched.get(layer) and settled(layer):
            self._n_edits += 1
        self._watched[layer] = seen

    def _seen(self, layer: Layer) -> tuple[float, ...]:
        """Return which plane of a layer is seen."""
        dims = self._viewer.dims
        return tuple(dims.point[axis] for axis in dims.not_displayed if axis >= dims.ndim - layer.ndim)

    def _is_due(self) -> bool:
        """Tell whether something has changed, or an image has come for labels that had none."""
        return self._n_saved != self._n_edits or any(
            layer in self._viewer.layers and self._image_of(layer) is not None for layer in self._waiting
        )

    def _image_of(self, layer: Labels) -> Layer | None:
        """Return the image that labels are saved with; never a guess where the right one is only closed."""
        image = self._hub.image_of(layer)
        if image is None and not self._hub.pairs.closed_image(layer):
            image = image_for(layer, self._viewer.layers)
            if image is not None:  # it stays the one, whatever is opened later
                self._hub.pairs.note(layer, image, guessed=True)
        return image if image is not None and lies_on(image, layer) else None

    def _settled_layers(self) -> list[Labels]:
        return [layer for layer in self._viewer.layers if layer in self._watched and settled(layer)]

    def _plan(self) -> _Plan:
        """Return snapshots of all labels that a person has settled something in, by image."""
        by_image: dict[int, tuple[Layer, list[LabelsState], dict[str, Any]]] = {}
        problems: list[str] = []
        self._waiting.clear()
        for layer in self._settled_layers():
            image = self._image_of(layer)
            if image is None:
                self._waiting.add(layer)
                problems.append(self._without_image(layer))
                continue
            try:
                state = labels_state(layer, image)
            except ImageError as error:
                problems.append(f"'{layer.name}' is not saved. {error}")
                continue
            made = {key: value for key, value in layer.metadata.get(MARK, {}).items() if key in MADE_WITH}
            by_image.setdefault(id(image), (image, [], made))[1].append(state)
        work = [_work(image, states, made) for image, states, made in by_image.values()]
        return _Plan(work=work, problems=problems, edits=self._n_edits)

    def _without_image(self, layer: Labels) -> str:
        """Return what is to be said of labels that cannot be saved, as there is no image to find them by."""
        closed = self._hub.pairs.closed_image(layer)
        why = f"its image '{closed}' is closed" if closed else "no image of its size, or that it is a part of, is open"
        return f"'{layer.name}' is not saved: {why}. {REMEDY}"

    def _note(self, problem: str) -> None:
        """Say what is wrong with a folder, from whatever thread."""
        self.said.emit(f"Autosave: {problem}", "warning", "")

    def _save_steps(self, plan: _Plan) -> Generator[Progress, None, _Saved]:
        yield Progress(done=0, total=0, what="saving")
        if plan.work:
            keys = [image_key(one.pixels, one.state.path) for one in plan.work]
            self._archive.save([replace(one.state, sha256=key) for one, key in zip(plan.work, keys, strict=True)])
        self._n_saved = plan.edits
        return _Saved(plan=plan, when=time.strftime("%H:%M"))

    def _look_steps(self, image: Layer, pixels: Any) -> Generator[Progress, None, Found | None]:
        yield Progress(done=0, total=0, what="looking for earlier work")
        state = self._archive.find(image_key(pixels, str(image.source.path or "")))
        return None if state is None else Found(image=image, state=state)

    def _on_saved(self, done: _Saved) -> None:
        if done.plan.problems:
            self._tell_left_out(done.plan)
            return
        if self._failure and done.plan.work:
            self.said.emit("Autosave: now all edits are saved.", "info", "")
        self._failure = ""
        if done.plan.work:
            self.saved.emit(done.when)

    def _tell_left_out(self, plan: _Plan) -> None:
        if plan.problems:
            text = " ".join([*plan.problems, *(["The rest is saved."] if plan.work else [])])
            self.left_out.emit(text)
            self._say_once(text, "warning")

    def _on_looked(self, found: Found | None) -> None:
        # A save may have been faster than this search: what is open here already is no earlier work.
        if found is None:
            return
        here = [layer for layer in self._settled_layers() if self._image_of(layer) is found.image]
        opened = {layer.name for layer in here} | {self._restored.get(layer, "") for layer in here}
        if {labels.name for labels in found.state.labels} - opened - self._unplaced_of(found.state):
            self.found.emit(found)

    def _unplaced_of(self, state: ImageState) -> set[str]:
        """Return the names of the labels of an image that could not be put over it."""
        return {name for sha256, name in self._unplaced if sha256 == state.sha256}

    def _on_failed(self, error: WNetError) -> None:
        self._say_once(str(error), "error")

    def _say_once(self, problem: str, kind: str) -> None:
        """Say what is wrong, with a notification the first time: it is tried again and again."""
        popup = "" if problem == self._failure else problem
        self._failure = problem
        self.said.emit(f"Autosave: {problem}", kind, popup)


def _work(image: Layer, states: list[LabelsState], made: dict[str, Any]) -> _Work:
    pixels = full_size(image)
    return _Work(
        pixels=pixels,
        state=ImageState(
            name=image.name,
            path=str(image.source.path or ""),
            shape=tuple(pixels.shape),
            settings={**made, SAVED_AT: time.strftime("%Y-%m-%d %H:%M")},
            labels=tuple(states),
        ),
    )
