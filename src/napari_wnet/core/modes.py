"""Clusters of embeddings wherever their pixels lie: mean shift and HDBSCAN, on a sample of the foreground.

Source: Comaniciu, Meer 2002, doi 10.1109/34.1000236, with seeds in bins as in scikit-learn; Campello, Moulavi, Sander
2013, doi 10.1007/978-3-642-37456-2_14.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_wnet.core.extras import check_installed
from napari_wnet.core.maps import Maps, to_float
from napari_wnet.core.windows import Mask
from napari_wnet.params import ClusteringParams

Labels = npt.NDArray[np.int32]
Vectors = npt.NDArray[np.float32]

MOST_SHIFTED = 10_000
"""Pixels of the sample in which mean shift looks for modes."""
MAX_SHIFTS = 300
STILL = 1e-3
"""A mean that moves by less than this part of the bandwidth has arrived."""
BATCH = 64
"""Means that are moved at once."""


def meanshift_labels(maps: Maps, mask: Mask, params: ClusteringParams) -> Labels:
    """Give each pixel of the foreground to the mode of the embeddings that is nearest to its own.

    Parameters
    ----------
    maps : Maps
    mask : (Y, X) bool array
        Foreground.
    params : ClusteringParams
        Pixels within `angle` have a say in a mean; modes that lie closer are one.

    Returns
    -------
    (Y, X) int32 array
        1 for the mode with most pixels around it, and so on.
    """
    vectors, drawn = _sampled(maps, mask, MOST_SHIFTED)
    labels = np.zeros(mask.shape, np.int32)
    if len(vectors):
        found = modes(vectors[drawn], 2 * np.sin(np.radians(params.angle) / 2)).astype(np.float32)
        nearest = vectors @ found.T - (found**2).sum(axis=1) / 2
        labels[mask] = nearest.argmax(axis=1) + 1
    return labels


def modes(points: Vectors, bandwidth: float) -> npt.NDArray[np.float64]:
    """Return where the means of a flat kernel come to rest, (K, E), the fullest first.

    Parameters
    ----------
    points : (N, E) float array
        At least one.
    bandwidth : float
        Radius of the kernel. Means start in the bins of this side that hold any point; of two that come to rest within
        it of one another, only the fuller one counts.
    """
    exact = points.astype(np.float64)
    squares = (exact**2).sum(axis=1)
    starts = np.unique(np.round(exact / bandwidth), axis=0) * bandwidth
    ends: dict[tuple[float, ...], int] = {}
    for begin in range(0, len(starts), BATCH):
        means, counts = _shifted(exact, squares, starts[begin : begin + BATCH], bandwidth)
        ends.update(zip(map(tuple, means.tolist()), counts.tolist(), strict=True))
    fullest = sorted((end for end, count in ends.items() if count), key=lambda end: (ends[end], end), reverse=True)
    chosen: list[npt.NDArray[np.float64]] = []
    for end in np.array(fullest):
        if not chosen or np.linalg.norm(np.array(chosen) - end, axis=1).min() > bandwidth:
            chosen.append(end)
    return np.array(chosen)


def _shifted(
    points: npt.NDArray[np.float64], squares: npt.NDArray[np.float64], means: npt.NDArray[np.float64], bandwidth: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Move means to the middle of the points around them until they rest; return them and how many points those are."""
    means, counts = means.copy(), np.zeros(len(means), np.int64)
    moving = np.arange(len(means))
    for _ in range(MAX_SHIFTS + 1):
        here = means[moving]
        near = squares - 2 * here @ points.T <= bandwidth**2 - (here**2).sum(axis=1)[:, np.newaxis]
        counts[moving] = near.sum(axis=1)
        filled = counts[moving] > 0
        moving, here, near = moving[filled], here[filled], near[filled]
        means[moving] = near.astype(np.float64) @ points / counts[moving, np.newaxis]
        moving = moving[np.linalg.norm(means[moving] - here, axis=1) > STILL * bandwidth]
        if not len(moving):
            break
    return means, counts


def hdbscan_labels(maps: Maps, mask: Mask, params: ClusteringParams) -> Labels:
    """Find clusters in a sample of the foreground's embeddings, and give each other pixel to the nearest of them.

    Where none is found, as in an image with a single object, the mean of the whole sample stands for the only one.

    Parameters
    ----------
    maps : Maps
    mask : (Y, X) bool array
        Foreground.
    params : ClusteringParams
        `min_cluster_size` and `n_sampled` say what a cluster is. A pixel that is in none goes to the cluster whose mean
        is nearest, if it lies within `angle`.

    Returns
    -------
    (Y, X) int32 array
        1..K; 0 for pixels that are like no cluster.

    Raises
    ------
    ParamsError
        If scikit-learn is not installed.
    """
    vectors, drawn = _sampled(maps, mask, params.n_sampled)
    labels = np.zeros(mask.shape, np.int32)
    if not len(vectors):
        return labels
    own = _dense(vectors[drawn], params.min_cluster_size)
    members = [own == number for number in range(int(own.max()) + 1)] or [np.ones(len(own), bool)]
    sums = np.stack([vectors[drawn][chosen].sum(axis=0) for chosen in members])
    means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    cosines = vectors @ means.T
    found = np.where(cosines.max(axis=1) > np.cos(np.radians(params.angle)), cosines.argmax(axis=1) + 1, 0)
    found[drawn[own >= 0]] = own[own >= 0] + 1
    labels[mask] = found
    return labels


def _dense(points: Vectors, min_cluster_size: int) -> npt.NDArray[np.int64]:
    """Return for each point its cluster, from 0, or -1."""
    check_installed("hdbscan")
    from sklearn.cluster import HDBSCAN  # takes seconds

    if len(points) <= min_cluster_size:
        return np.full(len(points), -1, np.int64)
    # A selection epsilon other than 0 crashes scikit-learn 1.9 with numpy 2.4.
    found = HDBSCAN(min_cluster_size=min_cluster_size, cluster_selection_epsilon=0.0, copy=True).fit_predict(points)
    return np.asarray(found, np.int64)


def _sampled(maps: Maps, mask: Mask, most: int) -> tuple[Vectors, npt.NDArray[np.int64]]:
    """Return the embeddings of the foreground, (N, E), and which of them are the sample: the same with each call."""
    vectors = to_float(np.moveaxis(maps.embedding, 0, -1)[mask])
    if len(vectors) <= most:
        return vectors, np.arange(len(vectors))
    return vectors, np.sort(np.random.default_rng(0).choice(len(vectors), most, replace=False))
