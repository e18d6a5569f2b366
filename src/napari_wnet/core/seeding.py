"""Seeds that a person moves: only the objects around them are clustered again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.adding import add
from napari_wnet.core.changes import Change, Point, change_of, numbers_in, unused_number, window_of
from napari_wnet.core.labels import LabelArray, object_ranks
from napari_wnet.core.maps import Maps
from napari_wnet.core.parting import part
from napari_wnet.core.targets import distance_map
from napari_wnet.core.windows import SQUARE, Window, reaches_edge, widened
from napari_wnet.params import EditParams

REACH_PX = 32
"""How far beyond an object its neighbours are looked for at first."""


def seed_points(labels: LabelArray) -> npt.NDArray[np.int64]:
    """Return the innermost pixel of each object, ascending by label: (N, 2) rows and columns."""
    ranks, depth = object_ranks(labels)[1].ravel(), distance_map(labels).ravel()
    deepest = np.zeros(int(ranks.max(initial=0)) + 1, depth.dtype)
    np.maximum.at(deepest, ranks, depth)
    innermost = np.flatnonzero((ranks > 0) & (depth == deepest[ranks]))
    _, first = np.unique(ranks[innermost], return_index=True)
    return np.stack(np.unravel_index(innermost[first], labels.shape), axis=1)


def reseed(
    labels: LabelArray,
    maps: Maps | None,
    seeds: tuple[Sequence[Point], Sequence[Point]],
    params: EditParams,
    kept: Collection[int] = (),
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
    seeds : two sequences of (int, int)
        All seeds, rows and columns, before and after. Places outside the plane are passed over.
    params : EditParams
        For objects that grow.
    kept : collection of int
        Labels of objects that stay as they are, whatever their seeds do.

    Returns
    -------
    Change
        None of whose pixels may differ, if the seeds say nothing new.

    Raises
    ------
    EditError
        If a seed was put where the network sees only background.
    """
    before, after = ([point for point in some if _counts(labels, point, kept)] for some in seeds)
    old, new = set(before), list(dict.fromkeys(after))
    gone, come = sorted(old - set(new)), [point for point in new if point not in old]
    inherited = len(gone) == len(come) == 1 and int(labels[come[0]]) in (0, int(labels[gone[0]]))
    heir = {come[0]: int(labels[gone[0]])} if inherited else {}  # a seed that is moved takes its number along
    changes: list[Change] = []
    first_unused = unused_number(labels)
    for point in come:
        if labels[point] == 0 and maps is not None:
            number = heir.get(point, first_unused)
            first_unused += number == first_unused
            grown = add(labels, maps, point, params)
            changes.append(replace(grown, values=np.full_like(grown.values, number), objects=(number,)))
    hit = sorted({int(labels[point]) for point in (*gone, *come)} - {0})
    if hit:
        # One that only got a second seed takes nothing from its neighbours.
        alone = {int(labels[point]) for point in come} - {int(labels[point]) for point in gone}
        region = _region(labels, hit, (frozenset(alone), frozenset(kept)))
        changes.append(_part_again(labels, maps, region, _Seeds(points=new, heir=heir, unused=first_unused)))
    return _joined(changes)


@dataclass(frozen=True, kw_only=True)
class _Region:
    """Objects to be parted again: those that were hit and those that they touch, and a window that holds them all."""

    hit: frozenset[int]
    members: frozenset[int]
    window: Window


@dataclass(frozen=True, kw_only=True)
class _Seeds:
    """All seeds, which of them has the number of the one that it replaces, and the first number that nobody has."""

    points: list[Point]
    heir: dict[Point, int]
    unused: int


def _region(labels: LabelArray, hit: Sequence[int], but: tuple[frozenset[int], frozenset[int]]) -> _Region:
    """Return the region of objects that were hit; `but`: those that keep to themselves, and those that stay."""
    alone, kept = but
    start = window_of(labels, *hit, margin=1)
    near = labels[start]
    rivals = [number for number in hit if number not in alone]
    rim = ndimage.binary_dilation(np.isin(near, rivals), SQUARE) if rivals else np.zeros(near.shape, bool)
    members = np.array(sorted({*hit, *np.unique(near[rim]).tolist()} - {0} - kept))
    reach, window = REACH_PX, start
    while True:
        wider = widened(start, reach, labels.shape)
        window, reach = wider, 2 * reach
        if not reaches_edge(np.isin(labels[window], members), window, labels.shape):
            return _Region(hit=frozenset(hit), members=frozenset(members.tolist()), window=window)


def _part_again(labels: LabelArray, maps: Maps | None, region: _Region, seeds: _Seeds) -> Change:
    """Give the pixels of the objects that were hit to the seeds in the region."""
    window = region.window
    before = numbers_in(labels, window)
    inside = [point for point in seeds.points if int(labels[point]) in region.members]
    hit = np.isin(before, list(region.hit))
    if not inside:
        return change_of(labels, window, np.where(hit, 0, before))
    vectors = None
    if maps is not None:
        vectors = maps.distance[window], maps.vectors(window)
    local = [(y - window[0].start, x - window[1].start) for y, x in inside]
    parts = part(np.isin(before, list(region.members)), vectors, local)
    numbers = [0]
    unused = seeds.unused
    for point in inside:
        number = seeds.heir.get(point, int(labels[point]))
        if number in numbers:
            number, unused = unused, unused + 1
        numbers.append(number)
    own = np.array([False, *(int(labels[point]) in region.hit for point in inside)])
    given = np.array(numbers, np.int64)[parts]
    mine = hit | own[parts]
    wanted = np.where(mine, given, before)
    return change_of(labels, window, wanted, sorted(set(np.unique(given[mine]).tolist())))


def _joined(changes: Sequence[Change]) -> Change:
    """Return changes of different pixels as one."""
    none = np.zeros(0, np.int64)
    return Change(
        rows=np.concatenate([none, *(change.rows for change in changes)]),
        columns=np.concatenate([none, *(change.columns for change in changes)]),
        values=np.concatenate([none, *(change.values for change in changes)]),
        objects=tuple(dict.fromkeys(number for change in changes for number in change.objects)),
    )


def _counts(labels: LabelArray, point: Point, kept: Collection[int]) -> bool:
    """Tell whether a seed is in the plane, and not in an object that stays."""
    inside = 0 <= point[0] < labels.shape[0] and 0 <= point[1] < labels.shape[1]
    return inside and int(labels[point]) not in kept
