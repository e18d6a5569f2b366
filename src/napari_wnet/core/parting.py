"""Parting an object between pixels inside it: each pixel goes to the one that is reached on the cheapest path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.graph import MCP_Geometric
from skimage.segmentation import watershed

from napari_wnet.core.growth import direction
from napari_wnet.core.maps import UNIT
from napari_wnet.core.windows import SQUARE, Mask

FloatMap = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
Point = tuple[int, int]

STEP_COST = 0.2
"""Of a pixel that nothing speaks against."""
NECK_COST = 5.0
"""At the object's rim; falls with the distance from it, so that the border runs through the narrowest place."""
RIVAL_COST = 2.0
"""For each unit of cosine by which a pixel is more like another clicked pixel."""
RIM_COST = 2.0
"""Where the distance map says boundary."""
EDGE_COST = 4.0
"""For each unit of cosine that the embedding changes by over two pixels."""


def part(mask: Mask, maps: tuple[npt.NDArray[Any], FloatMap] | None, points: Sequence[Point]) -> Labels:
    """Give each pixel of a mask to one of the points in it.

    Neither map decides alone, nor the shape: two objects that were taken for one often share their embedding, or have
    no valley between their distances, or no neck. The costs were chosen on the validation images of nuclei
    (benchmarks/repair.py).

    Parameters
    ----------
    mask : (h, w) bool array
    maps : (h, w) float array and (h, w, E) float32 array, or None
        Distance, and embedding in whole numbers of UNIT. Without them the mask's own distance to its rim decides.
    points : sequence of (int, int)
        Row and column of pixels in the mask.

    Returns
    -------
    (h, w) int32 array
        1..N in the order of the points, 0 outside the mask. Each part hangs together, but for pixels of the mask that
        no point can reach: they go to the nearest part.
    """
    if len(points) == 1:
        return mask.astype(np.int32)
    costs = _costs(mask, maps, points)
    reached = np.stack(
        [
            MCP_Geometric(np.where(mask, cost, -1.0)).find_costs([point])[0]
            for cost, point in zip(costs, points, strict=True)
        ]
    )
    parts = np.where(np.isfinite(reached).any(axis=0) & mask, reached.argmin(axis=0) + 1, 0).astype(np.int32)
    for number, point in enumerate(points, start=1):
        parts[point] = number
    return _connected(parts, mask, points)


def part_by_odds(mask: Mask, odds: FloatMap, points: Sequence[Point]) -> Labels:
    """Give each pixel of a mask to the point for whose object most speaks.

    Parameters
    ----------
    mask : (h, w) bool array
    odds : (N, h, w) float32 array
        Log odds of belonging to the object of each point; -inf where nobody has looked.
    points : sequence of (int, int)
        Row and column of pixels in the mask.

    Returns
    -------
    (h, w) int32 array
        As of :func:`part`.
    """
    parts = np.where(mask & np.isfinite(odds).any(axis=0), odds.argmax(axis=0) + 1, 0).astype(np.int32)
    for number, point in enumerate(points, start=1):
        parts[point] = number
    return _connected(parts, mask, points)


def _connected(parts: Labels, mask: Mask, points: Sequence[Point]) -> Labels:
    """Return parts that hang together: what does not hang with its point goes to what it touches."""
    kept = np.zeros_like(parts)
    for number, point in enumerate(points, start=1):
        pieces, _ = ndimage.label(parts == number, SQUARE)
        kept[pieces == pieces[point]] = number
    filled = np.asarray(watershed(np.zeros(mask.shape, np.uint8), kept, connectivity=2, mask=mask), np.int32)
    lost = mask & (filled == 0)
    if lost.any():
        nearest = ndimage.distance_transform_edt(filled == 0, return_distances=False, return_indices=True)
        filled[lost] = filled[tuple(nearest)][lost]
    return filled


def _costs(mask: Mask, maps: tuple[npt.NDArray[Any], FloatMap] | None, points: Sequence[Point]) -> list[FloatMap]:
    """Return for each point what a step onto each pixel costs on the way from it."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    shape = (STEP_COST + NECK_COST / np.maximum(depth, 0.5)).astype(np.float32)
    if maps is None:
        return [shape] * len(points)
    distance, vectors = np.clip(maps[0].astype(np.float32), 0, 1), maps[1] / np.float32(UNIT)
    common = shape + RIM_COST * (1 - distance) ** 2 + EDGE_COST * _edges(vectors)
    likeness = np.stack([vectors @ mean_near(vectors, point) for point in points])
    costs = []
    for number in range(len(points)):
        rival = np.delete(likeness, number, axis=0).max(axis=0)
        costs.append(common + RIVAL_COST * np.clip(rival - likeness[number], 0, None))
    return costs


def mean_near(vectors: FloatMap, at: Point) -> FloatMap:
    """Return the direction of the pixels around one: a single pixel's is noisy."""
    y, x = at
    near = vectors[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
    return direction(near.reshape(-1, vectors.shape[-1]).sum(axis=0))


def _edges(vectors: FloatMap) -> FloatMap:
    """Return how much the embedding changes across each pixel, from one neighbour to the opposite one."""
    edges = np.zeros(vectors.shape[:2], np.float32)
    for axis in (0, 1):
        moved = np.moveaxis(vectors, axis, 0)
        if len(moved) > 2:
            change = 1 - np.einsum("ijk,ijk->ij", moved[2:], moved[:-2])
            across = np.moveaxis(edges, axis, 0)[1:-1]
            np.maximum(across, change, out=across)
    return edges
