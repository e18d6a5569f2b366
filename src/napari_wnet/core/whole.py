"""Clusterings that look at the whole image at once, and what all of them have in common."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_wnet.core.filling import claim_rest, fill_holes
from napari_wnet.core.growth import direction
from napari_wnet.core.keeping import Kept
from napari_wnet.core.labels import connected_parts, in_raster_order
from napari_wnet.core.maps import FixedArray, Maps
from napari_wnet.core.modes import hdbscan_labels, meanshift_labels
from napari_wnet.core.mutex import mutex_labels
from napari_wnet.core.peaks import authors_labels, paper_labels
from napari_wnet.core.windows import Mask
from napari_wnet.params import ClusteringParams

Labels = npt.NDArray[np.int32]

RULES = {
    "paper": paper_labels,
    "authors": authors_labels,
    "mutex": mutex_labels,
    "meanshift": meanshift_labels,
    "hdbscan": hdbscan_labels,
}


def whole_objects(
    maps: Maps, mask: Mask, given: Mask | None, params: ClusteringParams, kept: Kept | None = None
) -> Labels:
    """Cluster the foreground by one of :data:`RULES`, and make objects of what that joins.

    Embeddings repeat over objects that do not touch, so each connected part is an object of its own. Where objects are
    filled, parts that are too small to be objects go to those around them, as all leftover foreground does. Where the
    network has said nothing, not having been run, there is no embedding and no object.

    Parameters
    ----------
    maps : Maps
    mask : (Y, X) bool array
        Where objects may be, what stays included.
    given : (Y, X) bool array or None
        What a person said of that: no hole is filled outside.
    params : ClusteringParams
    kept : Kept, optional
        What stays is not clustered. Where objects are filled, it gets the foreground at its rim that is too small to be
        an object, and so none of the others does.

    Returns
    -------
    (Y, X) int32 array
        Objects numbered in any order, each of one piece; 0 background.
    """
    mask = mask & maps.embedding.any(axis=0)
    free = mask if kept is None else mask & (kept.labels == 0)
    labels = connected_parts(RULES[params.method](maps, free, params))
    if kept is not None or params.fill:
        labels = in_raster_order(labels, params.min_area)
    if kept is not None:
        np.copyto(labels, connected_parts(kept.labels) + labels.max(initial=0), where=kept.labels > 0)
    if params.fill and labels.any():
        embedding = np.moveaxis(maps.embedding, 0, -1)
        claim_rest(labels, mask, (embedding, mean_directions(embedding, labels)))
        labels = fill_holes(labels, given)
    return labels


def mean_directions(embedding: FixedArray, labels: Labels) -> npt.NDArray[np.float32]:
    """Return the unit vector of the mean embedding of each object 1..N: (N, E) of (Y, X, E)."""
    at = np.flatnonzero(labels)
    vectors, own = embedding.reshape(-1, embedding.shape[-1])[at], labels.ravel()[at]
    sums = [np.bincount(own, weights=component, minlength=int(own.max(initial=0)) + 1) for component in vectors.T]
    return direction(np.stack(sums, axis=1)[1:])
