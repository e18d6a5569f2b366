"""What the docks of one viewer share: cached maps, loaded models, what was segmented."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QObject, Signal

from napari_wnet.core.maps import Maps
from napari_wnet.params import SegmentParams
from napari_wnet.ui.cache import MapsCache
from napari_wnet.ui.layers import Index
from napari_wnet.ui.pairs import Pairs
from napari_wnet.ui.requests import ModelNews
from napari_wnet.ui.sessions import Sessions
from napari_wnet.ui.settings import SegmentSettings
from napari_wnet.ui.work import Models


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What the Segment dock is set to, what its model recommends and which diameter in pixels that was trained on.

    None and 0 until the model has been read.
    """

    settings: SegmentSettings
    recommended: SegmentParams | None
    known: float = 0.0


@dataclass(eq=False)
class Hub:
    """The shared part of a viewer's docks.

    Attributes
    ----------
    cache : MapsCache
    models : Models
    sessions : Sessions
    pairs : Pairs
    training : bool
        Whether a model is being fine-tuned; two at once would take each other's memory and time.
    batching : bool
        Whether a batch is going on; the same holds for two of them.
    chosen : Chosen or None
        What the Segment dock is set to, or was when it was closed; None: it has not been opened.
    """

    sessions: Sessions
    pairs: Pairs
    cache: MapsCache = field(default_factory=MapsCache)
    models: Models = field(default_factory=Models)
    _computed: WeakKeyDictionary[Layer, tuple[Any, Mapping[Index, Hashable]]] = field(default_factory=WeakKeyDictionary)
    n_docks: int = 0
    training: bool = False
    batching: bool = False
    chosen: Chosen | None = None
    _adoption: list[Callable[[str], None]] = field(default_factory=list)
    _followers: list[Callable[[], None]] = field(default_factory=list)

    def leave(self) -> None:
        """Note that a dock is closed; with the last one everything is forgotten, and memory given back."""
        self.n_docks -= 1
        if self.n_docks <= 0:
            self.cache.clear()
            for key in [key for key, (_, hub) in _hubs.items() if hub is self]:
                del _hubs[key]

    def on_adopted(self, listener: Callable[[str], None]) -> None:
        """Call a function with the name of each model that is adopted."""
        self._adoption.append(listener)

    def forget_adopted(self, listener: Callable[[str], None]) -> None:
        """Call it no more."""
        self._adoption.remove(listener)

    def tell_adopted(self, name: str) -> None:
        """Tell all docks that a model is among the user's now, and is to be used."""
        for listener in tuple(self._adoption):
            listener(name)

    def on_models(self, reader: Callable[[ModelNews], None]) -> None:
        """Call a method of a QObject when other models can be chosen, in whichever window that was done."""
        _board.changed.connect(reader)

    def forget_models(self, reader: Callable[[ModelNews], None]) -> None:
        """Call it no more."""
        _board.changed.disconnect(reader)

    def note_chosen(self, chosen: Chosen) -> None:
        """Note what the Segment dock is set to now, and tell the docks that follow it."""
        if chosen != self.chosen:
            self.chosen = chosen
            for follower in tuple(self._followers):
                follower()

    def follow(self, follower: Callable[[], None]) -> None:
        """Call a function when the Segment dock is set to something else."""
        self._followers.append(follower)

    def unfollow(self, follower: Callable[[], None]) -> None:
        """Call it no more."""
        self._followers.remove(follower)

    def note_maps(self, image: Layer, keys: Mapping[Index, Hashable]) -> None:
        """Remember under which keys the maps of an image's planes are cached, beside those of its other planes."""
        data, known = self._computed.get(image, (None, {}))
        self._computed[image] = image.data, {**known, **keys} if data is image.data else keys

    def maps(self, image: Layer | None, index: Index) -> Maps | None:
        """Return the cached maps of a plane of an image, if they were made from the data that it has now."""
        if image is None:
            return None
        session = self.sessions.of(image)
        if session is not None and session.data is image.data and index in session.keys:
            found = self.cache.get(session.keys[index])
            if found is not None:
                return found
        data, keys = self._computed.get(image, (None, {}))
        return self.cache.get(keys[index]) if data is image.data and index in keys else None

    def image_of(self, labels: Layer) -> Layer | None:
        """Return the open image that labels of ours were made from, or else that others are worked on with."""
        made_from = self.sessions.image_of(labels)
        if made_from is not None and self.sessions.of(made_from) is not None:
            return made_from
        return self.pairs.image_of(labels)


class _Board(QObject):
    """Where it is put up which models can be chosen: by a signal, which forgets whom a closed window has deleted."""

    changed = Signal(object)


_board = _Board()
_hubs: dict[int, tuple[ViewerModel, Hub]] = {}


def tell_models(news: ModelNews) -> None:
    """Tell the docks of all viewers which models can be chosen: they are the person's, not a viewer's."""
    _board.changed.emit(news)


def join_hub(viewer: ViewerModel) -> Hub:
    """Return what the docks of a viewer share; a dock calls :meth:`Hub.leave` when it is closed."""
    known, hub = _hubs.get(id(viewer), (None, None))
    if hub is None or known is not viewer:
        hub = Hub(Sessions(viewer), Pairs(viewer))
        _hubs[id(viewer)] = viewer, hub
    hub.n_docks += 1
    return hub
