"""The Repair dock without its widgets: which labels are edited with which maps, and how edits get into the layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_wnet.core.doubt import doubts
from napari_wnet.core.edits import Change, Core, Outline, Prompt, core_of, regrow
from napari_wnet.core.maps import Maps
from napari_wnet.errors import EditError, WNetError
from napari_wnet.params import EditParams
from napari_wnet.ui.autosave import Autosaver
from napari_wnet.ui.hub import join_hub
from napari_wnet.ui.layers import Index, image_for, stacked_features
from napari_wnet.ui.mapper import Mapper
from napari_wnet.ui.outliner import Outliner
from napari_wnet.ui.rest_timer import RestTimer
from napari_wnet.ui.runner import LatestRunner
from napari_wnet.ui.settled import Settled, settled
from napari_wnet.ui.work import Ranked, doubt_steps

Array = npt.NDArray[Any]
Edit = Callable[[Array, Maps | None], Change]

UNKNOWN_PX = 30.0
"""How large an object is expected to be where there is none yet."""
IMAGE_ONLY = (
    "These labels have no maps: clicks and boxes go by the image. 'Compute maps' ranks the objects and lets Angle work."
)
NO_MAPS = "These labels have no maps: tools go by shapes alone. 'Compute maps' lets the network look at the image."


class Repairer(QObject):
    """Edits a labels layer and ranks its objects.

    Attributes
    ----------
    ranked : Signal(Doubts)
        The objects of the plane that is seen, the most doubtful first.
    said : Signal(str, str, str)
        A message, "info", "warning" or "error", and the part of it that deserves a notification.
    mapsChanged : Signal(bool)
        Whether the plane that is seen has maps.
    busyChanged : Signal(bool)
        Whether maps are being computed.
    progressed : Signal(Progress)
    """

    ranked = Signal(object)
    said = Signal(str, str, str)
    mapsChanged = Signal(bool)  # noqa: N815
    busyChanged = Signal(bool)  # noqa: N815
    progressed = Signal(object)

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._hub = join_hub(viewer)
        self._open = True
        self.autosaver = Autosaver(viewer, self._hub, self)
        self.params = EditParams()
        self._labels: Labels | None = None
        self._image: Layer | None = None
        self._turning: _Turning | None = None
        self._last: tuple[Change, Index, int] | None = None
        self._usual_px = 0.0
        self.outliner = Outliner(self)
        self._ranker, self._mapper = LatestRunner(self), Mapper(self._hub, self)
        self._soon = RestTimer(self, self.rank)
        self._ranker.returned.connect(self._on_ranked)
        self._mapper.progressed.connect(self.progressed)
        self._mapper.busyChanged.connect(self.busyChanged)
        self._mapper.mapped.connect(self._on_maps)
        for runner in (self._ranker, self._mapper, self.outliner.loader):
            runner.failed.connect(self._complain)
        self.outliner.load()
        viewer.dims.events.current_step.connect(self._soon_again)

    @property
    def labels(self) -> Labels | None:
        """The layer that is edited."""
        return self._labels

    @property
    def settled(self) -> Settled | None:
        """What a person has settled in it."""
        return None if self._labels is None else settled(self._labels)

    @property
    def busy(self) -> bool:
        """Whether maps are being computed."""
        return self._mapper.busy

    def choose(self, labels: Labels | None, image: Layer | None = None) -> None:
        """Edit another layer; the image is where its maps come from, by default the one that it was made from."""
        if self._labels is not None:
            self._labels.events.set_data.disconnect(self._soon_again)
            settled(self._labels).unlisten(self._soon_again)
        # Where the image was removed, the next one is there in its place, and nobody has chosen it.
        removed = labels is self._labels and self._image is not None and self._image not in self._viewer.layers
        guessed = image is None or removed
        self._labels = labels
        self._image = image or (None if labels is None else self._image_of(labels))
        if labels is not None and self._image is not None:
            self._hub.pairs.note(labels, self._image, guessed=guessed)
        self._turning = None
        self.outliner.forget()
        if labels is not None:
            labels.events.set_data.connect(self._soon_again)
            self.autosaver.watch(labels)
            settled(labels).listen(self._soon_again)
        self.rank()

    def _image_of(self, labels: Labels) -> Layer | None:
        return self._hub.image_of(labels) or image_for(labels, self._viewer.layers)

    @property
    def image(self) -> Layer | None:
        """Where the maps come from."""
        return self._image

    def index(self) -> Index:
        """Return the plane that is seen."""
        if self._labels is None:
            return ()
        position = self._labels.world_to_data(self._viewer.dims.point)
        shape = self._labels.data.shape
        return tuple(
            int(np.clip(round(place), 0, length - 1)) for place, length in zip(position, shape[:-2], strict=False)
        )

    def maps(self) -> Maps | None:
        """Return the cached maps of the plane that is seen, if there are any of its size."""
        if self._labels is None:
            return None
        found = self._hub.maps(self._image, self.index())
        return found if found is not None and found.shape == tuple(self._labels.data.shape[-2:]) else None

    def plane(self) -> Array:
        """Return the labels of the plane that is seen, the layer's own array.

        Raises
        ------
        EditError
            If there is none that can be edited.
        """
        if self._labels is None or self._labels not in self._viewer.layers:
            raise EditError("There are no labels to edit: press Run in the Segment dock, or open some.")
        if not isinstance(self._labels.data, np.ndarray):
            raise EditError(
                "These labels are not in memory and cannot be edited here; save them as TIFF and open that."
            )
        if self._viewer.dims.ndisplay != 2 or tuple(self._viewer.dims.displayed[-2:]) != self._last_axes():
            raise EditError("Edits need the plane as it was segmented: turn to 2D, with the axes in their own order.")
        return self._labels.data[self.index()]

    def edit(self, make: Edit) -> Change | None:
        """Apply an edit to the plane that is seen, as one undo step; return it, or None where it cannot be made."""
        self._turning = None
        return self._applied(make)

    @property
    def usual_px(self) -> float:
        """How long an object of the plane that is seen usually is."""
        return self._usual_px or UNKNOWN_PX

    def outline(self, prompt: Prompt) -> Outline | None:
        """Outline what is pointed at in the plane that is seen; None while the network or the image is not there."""
        if self._labels is None or self._image is None:
            return None
        return self.outliner.outline(self._image, self._labels, self.index(), prompt)

    @property
    def outlines(self) -> bool:
        """Whether what is pointed at can be outlined: the network is there, and the image."""
        if self._labels is None or self._image is None:
            return False
        return self.outliner.plane(self._image, self._labels, self.index()) is not None

    def turn(self, number: int, params: EditParams, by: float) -> float | None:
        """Grow the object of a number anew with its angle changed by some degrees; return the angle.

        Turns of one and the same object in a row are one undo step.
        """
        turning = self._turning
        try:
            plane, maps = self.plane(), _needed(self.maps())
            same = turning is not None and turning.core.number == number and turning.index == self.index()
            # This turn replaces the last one, unless somebody has changed something meanwhile.
            if turning is None or not same or (turning.last is not None and not self.take_back(turning.last)):
                turning = _Turning(core=core_of(plane, maps, number), index=self.index(), params=params, last=None)
        except EditError as error:
            self._complain(error)
            return None
        params = turning.params.replace(angle=float(np.clip(turning.params.angle + by, 1, 90)))
        core = turning.core
        change = self._applied(lambda plane, _: regrow(plane, maps, core, params))
        self._turning = replace(turning, params=params, last=change)
        return params.angle

    def take_back(self, last: Change) -> bool:
        """Undo the last edit; tell whether it was still the last, and still there to be undone."""
        change, *moment = self._last or (None,)
        # It may have been made in a plane that is out of sight now.
        if self._labels is None or change is not last or moment != [self.index(), settled(self._labels).revision]:
            return False
        if last.n_pixels:
            if (self.plane()[last.rows, last.columns] != last.values).any():
                return False
            self._labels.undo()
        return True

    def tick(self, numbers: list[int], done: bool = True) -> None:
        """Mark objects of the plane that is seen as done."""
        if self.settled is not None:
            self.settled.tick(self.index(), numbers, done)

    def done(self) -> frozenset[int]:
        """Return the objects of the plane that is seen that are marked as done."""
        return frozenset() if self.settled is None else self.settled.done(self.index())

    def rank(self) -> None:
        """Rank the objects of the plane that is seen, outside the GUI thread."""
        self._soon.stop()
        maps = self.maps()
        self.mapsChanged.emit(maps is not None)
        try:
            plane = self.plane()
        except EditError:
            self.ranked.emit(doubts(np.zeros((1, 1), np.int32), None))
            return
        index, session = self.index(), self._hub.sessions.of(self._image) if self._image is not None else None
        ours = session is not None and session.outputs.labels is self._labels and index in session.tables
        image = (session.source, session.in_channels) if ours and session is not None else None
        layer = self._labels
        self._ranker.submit(lambda: doubt_steps(plane, maps, (layer, index, image)))

    def compute_maps(self, image: Layer) -> None:
        """Let the network look at an image, as it did when the labels were made, to have maps for them."""
        if self._labels is None:
            return
        try:
            self._mapper.compute(image, self._labels, self.index())
        except WNetError as error:
            self._complain(error)
            return
        self._image = image

    def close(self) -> None:
        """Stop everything."""
        self.choose(None)
        for runner in (self._ranker, self._mapper, self.outliner.loader):
            runner.cancel()
        self._soon.stop()
        if self._open:
            self.autosaver.close()
            self._viewer.dims.events.current_step.disconnect(self._soon_again)
            self._hub.leave()
        self._open = False

    def wait(self, seconds: float) -> bool:
        """Wait for the threads to end and tell whether they have."""
        return all(
            [runner.wait(seconds) for runner in (self._ranker, self._mapper, self.outliner.loader)]
        ) and self.autosaver.wait(seconds)

    def _applied(self, make: Edit) -> Change | None:
        try:
            change = make(self.plane(), self.maps())
            if self._labels is not None:
                _check_room(self._labels, change)
        except WNetError as error:
            self._complain(error)
            return None
        labels = self._labels
        if labels is not None and change.n_pixels:
            lead = [np.full(change.n_pixels, place) for place in self.index()]
            labels.data_setitem((*lead, change.rows, change.columns), change.values.astype(labels.data.dtype))
        if labels is not None:
            self._last = change, self.index(), settled(labels).revision
        return change

    def _last_axes(self) -> tuple[int, int]:
        return self._viewer.dims.ndim - 2, self._viewer.dims.ndim - 1

    def _soon_again(self) -> None:
        self._soon.start()

    def _on_ranked(self, found: Ranked) -> None:
        if found.layer is not self._labels:
            return  # others were chosen meanwhile, and are being ranked
        session = None if self._image is None else self._hub.sessions.of(self._image)
        if found.table is not None and session is not None and session.outputs.labels is self._labels:
            session.tables = {**session.tables, found.index: found.table}
            session.outputs.describe(stacked_features(session.tables), session.metadata)
        self._usual_px = found.usual_px
        self.ranked.emit(found.doubts)

    def _on_maps(self) -> None:
        self.said.emit("Maps are ready: the tools know the image now.", "info", "")
        self.rank()

    def _complain(self, error: WNetError) -> None:
        if isinstance(error, EditError):
            self.said.emit(str(error), "warning", "")
        else:
            self.said.emit(str(error), "error", str(error))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Turning:
    """An object whose angle is being turned: from what it grows, in which plane, and what the last turn changed."""

    core: Core
    index: Index
    params: EditParams
    last: Change | None


def _check_room(layer: Labels, change: Change) -> None:
    """Refuse a number that the layer cannot hold: it would come out as another, that of some other object."""
    largest, dtype = int(change.values.max(initial=0)), layer.data.dtype
    if largest > np.iinfo(dtype).max:
        wider = "int32" if largest <= np.iinfo(np.int32).max else "int64"
        raise EditError(
            f"'{layer.name}' holds {dtype} numbers, and {largest} is too large for them: right-click it in the layer "
            f"list, choose 'Convert data type', then '{wider}'."
        )


def _needed(maps: Maps | None) -> Maps:
    if maps is None:
        raise EditError(NO_MAPS)
    return maps
