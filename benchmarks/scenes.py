"""What is measured on: the sample image, repeated, and made-up maps of touching objects, as a network returns them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.io import imread

from napari_wnet.core.maps import Maps
from napari_wnet.core.targets import distance_map, neighbours
from napari_wnet.sample_data import sample_path


def repeated_sample(size: int) -> npt.NDArray[np.uint8]:
    """Return the sample image of nuclei, repeated until it is (size, size)."""
    sample = imread(sample_path("nuclei"))
    times = -(-size // min(sample.shape))
    return np.tile(sample, (times, times))[:size, :size].copy()


def touching_cells(size: int, n_objects: int, seed: int = 0) -> npt.NDArray[np.int32]:
    """Return (size, size) labels: cells of a jittered grid, rounded, most of them touching."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(n_objects)))
    spacing = size / side
    rows, columns = np.divmod(np.arange(side * side)[:n_objects], side)
    centres = np.stack([rows, columns], 1) * spacing + spacing / 2 + rng.uniform(-0.15, 0.15, (n_objects, 2)) * spacing
    seeds = np.ones((size, size), bool)
    at = np.clip(centres.astype(int), 0, size - 1)
    seeds[at[:, 0], at[:, 1]] = False
    distance, nearest = ndimage.distance_transform_edt(seeds, return_indices=True)
    numbers = np.zeros((size, size), np.int32)
    numbers[at[:, 0], at[:, 1]] = np.arange(1, n_objects + 1)
    return np.where(distance < 0.6 * spacing, numbers[nearest[0], nearest[1]], 0).astype(np.int32)


def maps_of(
    labels: npt.NDArray[Any], noise: float = 0.15, dimensions: int = 8, *, distance_noise: float = 0.05
) -> Maps:
    """Return maps whose clustering should give `labels` back, with Gaussian noise on every pixel."""
    rng = np.random.default_rng(0)
    colours = _colours(labels, dimensions - 1)
    directions = np.eye(dimensions)[colours]
    embedding = directions[labels] + noise * rng.standard_normal((*labels.shape, dimensions))
    distance = distance_map(labels) + distance_noise * rng.standard_normal(labels.shape)
    foreground = (labels > 0) * 0.9 + 0.03 * rng.standard_normal(labels.shape)
    return Maps.from_floats(np.clip(distance, 0, 1), np.moveaxis(embedding, -1, 0), np.clip(foreground, 0, 1))


def _colours(labels: npt.NDArray[Any], n_colours: int) -> npt.NDArray[np.int64]:
    """Colour the objects so that neighbours differ, greedily; background has the last colour."""
    pairs = neighbours(labels, 3)
    colours = np.full(int(labels.max()) + 1, -1)
    colours[0] = n_colours
    for label in range(1, len(colours)):
        used = colours[pairs[pairs[:, 0] == label, 1]]
        colours[label] = next(colour for colour in range(n_colours + 1) if colour not in used)
    return colours
