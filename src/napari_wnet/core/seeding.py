"""Seeds that a person moves: only the objects around them are clustered again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.edits import Change, add, change_of, unused_number, window_of
from napari_wnet.core.labels import LabelArray
from napari_wnet.core.maps import Maps
from napari_wnet.core.parting import part
from napari_wnet.core.targets import distance_map
from napari_wnet.core.windows import SQUARE, Window
from napari_wnet.params import EditParams

Point = tuple[int, int]
Labels = npt.NDArray[np.int32]


def seed_points(labels: LabelArray) -> npt.NDArray[np.int64]:
    """Return the innermost pixel of each object, ascending by label: (N, 2) rows and columns."""
    flat, depth = labels.ravel(), distance_map(labels).ravel()
    deepest = np.zeros(int(labels.max(initial=0)) + 1, depth.dtype)
    np.maximum.at(deepest, flat, depth)
    innermost = np.flatnonzero((flat > 0) & (depth == deepest[flat]))
    _, first = np.unique(flat[innermost], return_index=True)
    return np.stack(np.unravel_index(innermost[first], labels.shape), axis=1)


def reseed(
    labels: LabelArray, maps: Maps | None, before: Sequence[Point], after: Sequence[Point], params: EditParams
) -> Change:
    """Cluster the surroundings of seeds that were added, taken away or moved.

    A seed added within an object parts it; one added on the background grows an object. The pixels of an object that
    loses its seed go to the neighbours that touch it, or to the background where none does. Where a seed was moved,
    the border between its object and the neighbours moves; borders among the neighbours stay.

    Parameters
    ----------
    labels : (Y, X) integer array
    maps : Maps or None
        Of the same plane; without them shapes alone decide, and no object grows on the background.
    before, after : sequences of (int, int)
        All seeds, rows and columns, before and after. Places outside the plane are passed over.
    params : EditParams
        For objects that grow.

    Returns
    -------
    Change
        None of whose pixels may differ, if the seeds say nothing new.

    Raises
    ------
    EditError
        If a seed was put where the network sees only background.
    """
    old = [point for point in before if _inside(labels, point)]
    new = [point for point in after if _inside(labels, point)]
    gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    edited = np.array(labels, np.int32)
    objects: set[int] = set()
    windows: list[Window] = []
    owners = {point: int(labels[point]) for point in old}
    if len(gone) == len(come) == 1 and edited[come[0]] in (0, owners[gone[0]]):
        owners[come[0]] = owners[gone[0]]  # moved: it takes its object's number along
    for point in come:
        if edited[point] == 0 and maps is not None:
            grown = add(edited, maps, point, params)
            edited[grown.rows, grown.columns] = owners.setdefault(point, grown.objects[0])
            objects |= {owners[point]}
            windows.append(_box(grown.rows, grown.columns))
    for number in sorted({int(labels[point]) for point in (*gone, *come)} - {0}):
        if not (edited == number).any():
            continue  # a seed that went before has taken the whole of it along
        found, window = _part_again(edited, maps, number, (new, owners))
        objects |= found
        windows.append(window)
    whole = (
        slice(min((rows.start for rows, _ in windows), default=0), max((rows.stop for rows, _ in windows), default=0)),
        slice(min((cols.start for _, cols in windows), default=0), max((cols.stop for _, cols in windows), default=0)),
    )
    return change_of(labels, whole, edited[whole], sorted(objects))


def _box(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Window:
    return slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)


def _part_again(
    edited: Labels, maps: Maps | None, number: int, seeds: tuple[Sequence[Point], dict[Point, int]]
) -> tuple[set[int], Window]:
    """Give the pixels of an object, in `edited` itself, to its seeds and those of the objects that touch it.

    Returns the labels of the objects that it made or changed, and the window in which they lie.
    """
    points, owners = seeds
    own = [point for point in points if edited[point] == number]
    around = window_of(edited, number, margin=1)
    mask = edited[around] == number
    touching = set(np.unique(edited[around][ndimage.binary_dilation(mask, SQUARE)]).tolist()) - {0, number}
    # A seed that was put beside others in one object takes nothing from the neighbours.
    members = {number} if len(own) > 1 else {number, *touching}
    window = window_of(edited, *members)
    before = edited[window].copy()
    inside = [point for point in points if edited[point] in members]
    if not inside:
        before[before == number] = 0
        edited[window] = before
        return set(), window
    local = [(y - window[0].start, x - window[1].start) for y, x in inside]
    vectors = None
    if maps is not None:
        vectors = maps.distance[window], np.moveaxis(maps.embedding, 0, -1)[window].astype(np.float32)
    parts = part(np.isin(before, list(members)), vectors, local)
    numbers = [0]
    for point in inside:
        taken = owners.get(point, 0)
        numbers.append(taken if taken and taken not in numbers else max(unused_number(edited), max(numbers) + 1))
    given = np.array(numbers, np.int32)[parts]
    mine = np.array([False, *(point in own for point in inside)])[parts]
    edited[window] = np.where((before == number) | mine, given, before)
    return set(np.unique(given[(before == number) | mine]).tolist()), window


def _inside(labels: LabelArray, point: Point) -> bool:
    return all(0 <= place < length for place, length in zip(point, labels.shape, strict=True))
