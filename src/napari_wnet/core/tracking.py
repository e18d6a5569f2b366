"""Objects linked over the frames of a time series, so that each keeps its number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.labels import check_labels, object_ranks
from napari_wnet.errors import ImageError, ParamsError
from napari_wnet.track_params import TrackParams

if TYPE_CHECKING:
    from pandas import DataFrame

Labels = npt.NDArray[np.int32]
INSTALL = "Linking needs laptrack: run 'pip install \"napari-wnet[tracks]\"'."


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracks:
    """Objects linked over time.

    Attributes
    ----------
    labels : (T, Y, X) int32 array
        The objects with the numbers of their tracks, from 1 in the order in which they appear; 0 is background.
    points : (N, 4) float64 array
        Track, frame, row and column of each object's centroid, sorted: what napari's Tracks layer takes.
    parents : dict of int to tuple of int
        Tracks that began by a division, and of which.
    """

    labels: Labels
    points: npt.NDArray[np.float64]
    parents: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def n_tracks(self) -> int:
        """How many tracks there are."""
        return int(self.labels.max(initial=0))

    def table(self) -> DataFrame:
        """Return ``track``, ``t``, ``centroid_y_px``, ``centroid_x_px`` and ``parent`` (0: none) of each object."""
        from pandas import DataFrame

        table = DataFrame(self.points, columns=["track", "t", "centroid_y_px", "centroid_x_px"])
        table = table.astype({"track": int, "t": int})
        parents = {track: own[0] for track, own in self.parents.items()}
        return table.assign(parent=table["track"].map(parents).fillna(0).astype(int))


def link(labels: npt.ArrayLike, params: TrackParams | None = None) -> Tracks:
    """Link objects over the frames of a time series.

    Parameters
    ----------
    labels : (T, Y, X) integer array
        0 is background; the numbers of one frame mean nothing in the next.
    params : TrackParams, optional

    Returns
    -------
    Tracks

    Raises
    ------
    ImageError
        If these are no labels of two frames or more.
    ParamsError
        If laptrack is not installed.

    References
    ----------
    Linear assignment over frames, then over gaps and divisions: Jaqaman et al. 2008, doi 10.1038/nmeth.1237, as
    laptrack does it (Fukai, Kawaguchi 2023, doi 10.1093/bioinformatics/btac799).
    """
    params = params or TrackParams()
    stack = check_labels(labels)
    if stack.ndim != 3 or len(stack) < 2:
        raise ImageError(f"Labels of shape {stack.shape} are no time series; give two frames or more, (T, Y, X).")
    numbered, points = _numbered(stack)
    if not len(points):
        return Tracks(labels=numbered, points=np.zeros((0, 4)))
    tracks, parents = _linked(numbered, points, params)
    return _renumbered(numbered, points, tracks, parents)


def _numbered(stack: npt.NDArray[Any]) -> tuple[Labels, npt.NDArray[np.float64]]:
    """Give the objects of all frames numbers of their own, from 1; return those, and frame, row, column of each."""
    numbered = np.zeros(stack.shape, np.int32)
    points = [np.zeros((0, 3))]
    count = 0
    for frame, plane in enumerate(stack):
        values, own = object_ranks(plane)
        numbered[frame] = np.where(own > 0, own + count, 0)
        n_here = len(values)
        centres = np.array(ndimage.center_of_mass(own > 0, own, np.arange(1, n_here + 1))).reshape(-1, 2)
        points.append(np.column_stack([np.full(n_here, frame), centres]))
        count += n_here
    return numbered, np.concatenate(points)


def _linked(
    numbered: Labels, points: npt.NDArray[np.float64], params: TrackParams
) -> tuple[npt.NDArray[np.int64], dict[int, tuple[int, ...]]]:
    """Return the track of each object, in the order of their numbers, and the parents of tracks."""
    try:
        from laptrack import LapTrack
    except ImportError as error:
        raise ParamsError(INSTALL) from error
    from pandas import DataFrame

    if params.by == "distance":
        limit: float = params.largest_distance**2
        metric: Any = "sqeuclidean"
        columns = ["y", "x"]
    else:
        limit = 1.0 - params.least_overlap + 1e-9
        metric = _Overlap(numbered, params.gap)
        columns = ["number"]
    options: dict[str, Any] = {
        "metric": metric,
        "cutoff": limit,
        "gap_closing_metric": metric,
        "gap_closing_cutoff": limit if params.gap else False,
        "gap_closing_max_frame_count": params.gap + 1,
        "splitting_metric": metric,
        "splitting_cutoff": limit if params.divisions else False,
        "merging_cutoff": False,
    }
    tracker = LapTrack(**options)
    frame = DataFrame(points, columns=["frame", "y", "x"]).astype({"frame": int})
    frame["number"] = np.arange(1, len(points) + 1, dtype=float)
    found, splits, _ = tracker.predict_dataframe(frame, columns, only_coordinate_cols=False)
    found = found.sort_values("number")
    parents: dict[int, tuple[int, ...]] = {}
    if len(splits):
        for parent, child in splits[["parent_track_id", "child_track_id"]].to_numpy(int).tolist():
            parents[child] = (*parents.get(child, ()), parent)
    return found["track_id"].to_numpy(np.int64), parents


class _Overlap:
    """How far two objects are from being one: 1 minus the part of the smaller that both share.

    Called with the numbers of two objects, as arrays of one element: laptrack asks in this way.
    """

    def __init__(self, numbered: Labels, gap: int) -> None:
        areas = np.bincount(numbered.ravel())
        self._shared: dict[tuple[int, int], float] = {}
        for step in range(1, gap + 2):
            for one, other in zip(numbered[:-step], numbered[step:], strict=True):
                both = (one > 0) & (other > 0)
                pairs, counts = np.unique(np.stack([one[both], other[both]]), axis=1, return_counts=True)
                for (a, b), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
                    self._shared[a, b] = self._shared[b, a] = count / min(areas[a], areas[b])

    def __call__(self, one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
        return 1.0 - self._shared.get((int(one[0]), int(other[0])), 0.0)


def _renumbered(
    numbered: Labels,
    points: npt.NDArray[np.float64],
    tracks: npt.NDArray[np.int64],
    parents: Mapping[int, tuple[int, ...]],
) -> Tracks:
    """Give tracks the numbers from 1, in the order in which they appear."""
    _, first = np.unique(tracks, return_index=True)
    order = np.unique(tracks)[np.argsort(first, kind="stable")]
    numbers = {int(track): number for number, track in enumerate(order.tolist(), start=1)}
    own = np.array([numbers[int(track)] for track in tracks])
    table = np.concatenate([[0], own]).astype(np.int32)
    rows = np.column_stack([own, points])
    return Tracks(
        labels=table[numbered],
        points=rows[np.lexsort((rows[:, 1], rows[:, 0]))],
        parents={numbers[child]: tuple(numbers[p] for p in own_parents) for child, own_parents in parents.items()},
    )
