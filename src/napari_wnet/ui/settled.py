"""Which objects of a labels layer a person has settled, by editing them or by ticking them as done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_wnet.core.keeping import Kept
from napari_wnet.ui.layers import Index

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class SettledPlane:
    """What is settled in one plane, as it was when this was asked for.

    Attributes
    ----------
    numbers : tuple of int
        Labels of objects that were edited or ticked.
    cleared : (Y, X) bool array or None
        Pixels that were made background.
    """

    numbers: tuple[int, ...] = ()
    cleared: npt.NDArray[np.bool_] | None = None

    def kept(self, labels: Array) -> Kept | None:
        """Return what is to stay of a plane of labels, None if nothing is."""
        if not self.numbers and self.cleared is None:
            return None
        return Kept.of(labels, self.numbers, self.cleared)


class Settled:
    """Watches a labels layer: every undoable edit settles the objects that it touched.

    Painting, filling, erasing and this plugin's tools all go through the layer's history, which says what changed.

    Parameters
    ----------
    layer : Labels
    """

    def __init__(self, layer: Labels) -> None:
        self.revision = 0
        self._edited: dict[Index, set[int]] = {}
        self._done: dict[Index, set[int]] = {}
        self._cleared: dict[Index, npt.NDArray[np.bool_]] = {}
        self._shape: tuple[int, ...] = tuple(layer.data.shape)
        self._listeners: list[Callable[[], None]] = []
        layer.events.paint.connect(self._on_paint)

    def plane(self, index: Index) -> SettledPlane:
        """Return what is settled in a plane."""
        cleared = self._cleared.get(index)
        numbers = sorted(self._edited.get(index, set()) | self._done.get(index, set()))
        return SettledPlane(numbers=tuple(numbers), cleared=None if cleared is None else cleared.copy())

    def planes(self) -> dict[Index, SettledPlane]:
        """Return what is settled, plane by plane."""
        indices = {*self._edited, *self._done, *self._cleared}
        return {index: self.plane(index) for index in sorted(indices)}

    def __bool__(self) -> bool:
        return any(self._edited.values()) or any(self._done.values()) or bool(self._cleared)

    def edited(self, index: Index) -> frozenset[int]:
        """Return the labels of the objects that were edited."""
        return frozenset(self._edited.get(index, ()))

    def done(self, index: Index) -> frozenset[int]:
        """Return the labels of the objects that were ticked."""
        return frozenset(self._done.get(index, ()))

    def tick(self, index: Index, numbers: Iterable[int], done: bool = True) -> None:
        """Mark objects as done, or no longer; what was only edited is then free again as well."""
        ticked, wanted = self._done.setdefault(index, set()), set(numbers)
        if done:
            ticked |= wanted
        else:
            ticked -= wanted
            self._edited.get(index, set()).difference_update(wanted)
        self._tell()

    def restore(self, index: Index, done: Iterable[int], edited: Iterable[int], cleared: Any = None) -> None:
        """Set what is settled in a plane, as it was saved."""
        self._done[index], self._edited[index] = set(done), set(edited)
        if cleared is not None:
            self._cleared[index] = np.asarray(cleared, bool)
        self._tell()

    def clear(self) -> None:
        """Forget everything; the layer holds other labels now."""
        for known in (self._edited, self._done, self._cleared):
            known.clear()
        self._tell()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call a function after each change."""
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def _on_paint(self, event: Any) -> None:
        for atom in event.value:
            for index, (old, new), where in _by_plane(atom, len(self._shape) - 2):
                touched = self._edited.setdefault(index, set())
                touched.update((set(np.unique(old).tolist()) | set(np.unique(new).tolist())) - {0})
                if (new == 0).any():
                    cleared = self._cleared.setdefault(index, np.zeros(self._shape[-2:], bool))
                    emptied = np.broadcast_to(new == 0, old.shape)
                    cleared[where[0][emptied], where[1][emptied]] = True
        self.revision += 1
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def _by_plane(atom: Any, n_lead: int) -> Iterator[tuple[Index, tuple[Array, Array], tuple[Array, Array]]]:
    """Yield for each plane that an undoable change touches its labels before and after, and rows and columns."""
    if hasattr(atom, "slice_key"):  # painted with brush, bucket or polygon
        axes = [np.arange(side.start, side.stop) for side in atom.slice_key]
        grid = [place.ravel() for place in np.meshgrid(*axes, indexing="ij")]
        chosen = np.ones(grid[0].shape, bool) if atom.mask is None else atom.mask.ravel()
        indices = [place[chosen] for place in grid]
        old, new = np.asarray(atom.old_values).ravel(), np.full(chosen.sum(), atom.new_value)
    else:
        indices, old, new = [np.asarray(axis) for axis in atom[0]], np.asarray(atom[1]), np.asarray(atom[2])
        new = np.broadcast_to(new, old.shape)
    lead = np.stack(indices[:n_lead], axis=1) if n_lead else np.zeros((len(old), 0), int)
    for index in np.unique(lead, axis=0) if len(old) else []:
        here = (lead == index).all(axis=1)
        yield tuple(int(i) for i in index), (old[here], new[here]), (indices[-2][here], indices[-1][here])


_books: WeakKeyDictionary[Labels, Settled] = WeakKeyDictionary()


def settled(layer: Labels) -> Settled:
    """Return what a person has settled in a labels layer, watched from the first call on."""
    book = _books.get(layer)
    if book is None:
        book = _books[layer] = Settled(layer)
    return book
