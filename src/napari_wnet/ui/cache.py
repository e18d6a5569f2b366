"""Maps of recent planes, kept for re-clustering up to a memory limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from napari_wnet.core.maps import Maps

DEFAULT_LIMIT = 2 * 1024**3
"""Bytes; about 24 planes of 2048 x 2048 px with 8 embedding dimensions."""


class MapsCache:
    """Keeps the maps used last; the least recently used go when they exceed the limit together.

    The newest maps are always kept, however large they are: the sliders must work on what was just computed.

    Parameters
    ----------
    limit : int
        Bytes that all maps together may hold.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self._maps: OrderedDict[Hashable, Maps] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._maps)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._maps

    @property
    def nbytes(self) -> int:
        """Memory held."""
        with self._lock:
            return self._held()

    def get(self, key: Hashable) -> Maps | None:
        """Return the maps kept under `key`, which now count as used last, or None."""
        with self._lock:
            if key in self._maps:
                self._maps.move_to_end(key)
            return self._maps.get(key)

    def put(self, key: Hashable, maps: Maps) -> None:
        """Keep maps under `key`, at the expense of the least recently used."""
        with self._lock:
            self._maps[key] = maps
            self._maps.move_to_end(key)
            while len(self._maps) > 1 and self._held() > self.limit:
                self._maps.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._maps.clear()

    def _held(self) -> int:
        return sum(maps.nbytes for maps in self._maps.values())
