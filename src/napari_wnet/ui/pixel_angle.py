"""The angle between the embeddings of two pixels, read off in the picture: one is clicked, another pointed at."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Points
from qtpy.QtCore import QObject, Signal

from napari_wnet.clustering_params import BY_ANGLE
from napari_wnet.core.embedding_view import angle_between
from napari_wnet.errors import ImageError
from napari_wnet.params import SegmentParams
from napari_wnet.ui.hub import Hub
from napari_wnet.ui.layers import MARK, Source

Place = tuple[int, ...]
"""Plane, row and column."""

STILL_PX = 2
"""A pointer that moves less between press and release has clicked."""
END_KEY = "Escape"
MARK_PART = 1 / 40
"""Size of a mark, as a part of the image's longer side."""
LEAST_MARK_PX = 3.0
TEXT_LOOK = {"position": "top_left", "font_size": 14.0, "box": True, "visible": True}
FIRST = "Click a pixel"
HINT = "Click a pixel in the picture, then point at others. Esc ends."
NO_MAPS = "There are no maps of this image here: press Run, and then compare pixels."
NO_PLANE = "no maps: press Run"
OTHER_PLANE = "marked in another plane"
OUTSIDE = "outside"


class PixelAngle(QObject):
    """Marks a clicked pixel and shows the angle from it to the pixel under the pointer; a second click keeps it.

    Parameters
    ----------
    viewer : ViewerModel
    hub : Hub
        Knows the maps.

    Attributes
    ----------
    activeChanged : Signal(bool)
    said : Signal(str, str, str)
        As :class:`napari_wnet.ui.segmenter.Segmenter` says it.
    """

    activeChanged = Signal(bool)  # noqa: N815
    said = Signal(str, str, str)

    def __init__(self, viewer: ViewerModel, hub: Hub, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._hub = viewer, hub
        self._image: Layer | None = None
        self._marks: Points | None = None
        self._active_before: Layer | None = None
        self._places: list[Place] = []
        self._limit: float | None = None
        self._text_before: dict[str, Any] = {}

    @property
    def active(self) -> bool:
        """Whether clicks mark pixels."""
        return self._marks is not None

    def setParams(self, params: SegmentParams) -> None:  # noqa: N802
        """Note within which angle pixels join an object, to say on which side of it an angle is."""
        clustering = params.clustering
        self._limit = clustering.angle if clustering.method in BY_ANGLE else None

    def start(self, image: Layer | None) -> None:
        """Compare pixels of an image; say so if it has no maps."""
        self.stop()
        session = None if image is None else self._hub.sessions.of(image)
        if image is None or session is None:
            self.said.emit(NO_MAPS, "warning", "")
            self.activeChanged.emit(False)
            return
        self._image, self._marks = image, _marks(session.source)
        self._active_before = self._viewer.layers.selection.active
        self._viewer.add_layer(self._marks)  # which also makes it active, so that no click paints
        overlay = self._viewer.canvas.overlays.text
        self._text_before = {name: getattr(overlay, name) for name in ("text", *TEXT_LOOK)}
        overlay.update(TEXT_LOOK)
        self._show(FIRST)
        self._viewer.mouse_drag_callbacks.append(self._on_drag)
        self._viewer.mouse_move_callbacks.append(self._on_move)
        self._viewer.layers.events.removed.connect(self._on_removed)
        self._viewer.layers.selection.events.active.connect(self._on_active)
        self._viewer.bind_key(END_KEY, self._on_end_key, overwrite=True)
        self.said.emit(HINT, "info", "")
        self.activeChanged.emit(True)

    def stop(self) -> None:
        """Compare no more; the marks and the text in the picture go."""
        marks, self._marks, self._image, self._places = self._marks, None, None, []
        if marks is None:
            return
        self._viewer.mouse_drag_callbacks.remove(self._on_drag)
        self._viewer.mouse_move_callbacks.remove(self._on_move)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        self._viewer.bind_key(END_KEY, None)
        if marks in self._viewer.layers:
            self._viewer.layers.remove(marks)
        if self._viewer.layers.selection.active is None and self._active_before in self._viewer.layers:
            self._viewer.layers.selection.active = self._active_before
        self._active_before = None
        self._viewer.canvas.overlays.text.update(self._text_before)
        self.activeChanged.emit(False)

    def _on_drag(self, viewer: ViewerModel, event: Any) -> Generator[None, None, None]:
        """Take for a click what moves no further than a hand trembles; else the picture is moved."""
        start = end = self._place(event.position)
        yield
        while event.type == "mouse_move":
            end = self._place(event.position)
            yield
        still = max(abs(one - other) for one, other in zip(start, end, strict=True)) <= STILL_PX
        if event.button == 1 and still and self._marks is not None:
            self.click(start)

    def _on_move(self, viewer: ViewerModel, event: Any) -> None:
        if len(self._places) == 1:
            self._show(self._reading(self._places[0], self._place(event.position)))

    def click(self, place: Place) -> None:
        """Mark a pixel: the first to compare with, then the second; a third begins anew."""
        if not self._inside(place):
            return
        again = len(self._places) != 1 or self._places[0][:-2] != place[:-2]
        self._places = [place] if again else [*self._places, place]
        if self._marks is not None:
            self._marks.data = np.array(self._places, float)
            self._marks.symbol = ["ring", "cross"][: len(self._places)]
        if again:
            self._show("point at another")
            self.said.emit(f"Pixel {place[-2:]} is marked: point at another, or click it.", "info", "")
        else:
            reading, (one, other) = self._reading(*self._places), self._places
            self._show(reading)
            self.said.emit(f"From {one[-2:]} to {other[-2:]}: {reading}.", "info", "")

    def _reading(self, one: Place, other: Place) -> str:
        """Return what is to be said of two pixels, in few words: there is little room in the picture."""
        if one[:-2] != other[:-2]:
            return OTHER_PLANE
        maps = self._hub.maps(self._image, one[:-2])
        if maps is None:
            return NO_PLANE
        try:
            angle = angle_between(maps.embedding, (one[-2], one[-1]), (other[-2], other[-1]))
        except ImageError:
            return OUTSIDE
        if self._limit is None:
            return f"{angle:.0f}°"
        return f"{angle:.0f}°, {'within' if angle <= self._limit else 'beyond'} the {self._limit:g}° of an object"

    def _show(self, text: str) -> None:
        self._viewer.canvas.overlays.text.text = text

    def _place(self, position: Any) -> Place:
        if self._marks is None:
            return ()
        return tuple(round(float(value)) for value in self._marks.world_to_data(position))

    def _inside(self, place: Place) -> bool:
        session = None if self._image is None else self._hub.sessions.of(self._image)
        return session is not None and all(0 <= at < side for at, side in zip(place, session.source.shape, strict=True))

    def _on_removed(self, event: Any) -> None:
        if event.value in (self._marks, self._image):
            self.stop()

    def _on_active(self, event: Any) -> None:
        if isinstance(event.value, Labels):  # to be painted in, or edited with the tools of the Repair dock
            self.stop()

    def _on_end_key(self, viewer: ViewerModel) -> None:
        """W-Net: compare no more pixels."""
        self.stop()


def _marks(source: Source) -> Points:
    """Return a layer for the pixels of a source that are compared."""
    ndim = len(source.shape)
    return Points(
        np.empty((0, ndim)),
        ndim=ndim,
        name=f"{source.name} angle",
        size=max(LEAST_MARK_PX, MARK_PART * max(source.shape[-2:])),
        face_color="white",
        border_color="black",
        metadata={MARK: {"kind": "angle"}},
        **source.placement,
    )
