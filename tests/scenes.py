"""Seeded inputs: those behind the reference numbers in ``data``, and made-up cells, maps and pictures.

The first three functions are NumPy only and changed by nobody, or the reference numbers no longer fit.
``sbd_official_synthetic.csv``: the official leaf challenge evaluation (MATLAB, run unmodified in Octave) of
``label_pair(0)`` to ``label_pair(11)`` and of four edge cases. ``average_precision_stardist.csv``: stardist 0.9.2's
``matching`` of the same pairs. ``loss_and_distmap_authors.json``: the method authors' published code, on
``loss_scene()``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.maps import Maps
from napari_wnet.core.targets import distance_map, neighbours

Labels = npt.NDArray[Any]


def label_pair(seed: int) -> tuple[Labels, Labels]:
    """Return two (40, 48) labels images, (true, predicted).

    Even, odd and third seeds shift, merge or split objects; 3 % of the predicted pixels are dropped.
    """
    rng = np.random.default_rng(seed)
    height, width = 40, 48
    y, x = np.mgrid[:height, :width]
    true = np.zeros((height, width), int)
    for label in range(1, rng.integers(3, 9)):
        cy, cx = rng.integers(5, height - 5), rng.integers(5, width - 5)
        ry, rx = rng.integers(3, 9), rng.integers(3, 9)
        true[((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1] = label
    dy, dx = rng.integers(-2, 3, 2)
    predicted = np.roll(true, (dy, dx), (0, 1))
    if seed % 3 == 1:
        predicted[predicted == 1] = 2
    if seed % 3 == 2:
        predicted[(predicted == 2) & (x % 48 > 24)] = predicted.max() + 1
    predicted[rng.random((height, width)) < 0.03] = 0
    return true, predicted


def named_pair(name: str) -> tuple[Labels, Labels]:
    """Return the pair behind a row of the reference tables: "s00" to "s11" or an edge case, "e_...", ".mat" or not."""
    name = name.removesuffix(".mat")
    first, nothing = label_pair(0)[0], np.zeros((40, 48), int)
    no_background = label_pair(3)[0] + 1
    edge_cases = {
        "e_both_empty": (nothing, nothing),
        "e_empty_gt": (nothing, first),
        "e_empty_pred": (first, nothing),
        "e_no_background": (no_background, no_background),
    }
    return edge_cases[name] if name in edge_cases else label_pair(int(name.removeprefix("s")))


def loss_scene() -> tuple[npt.NDArray[np.int32], dict[str, npt.NDArray[np.float32]]]:
    """Return (32, 40) labels and two (32, 40, 8) embeddings.

    "random" is Gaussian noise; "structured" adds one axis an object. Neither is normalised: the loss does that.
    """
    y, x = np.mgrid[:32, :40]
    labels = np.zeros((32, 40), np.int32)
    labels[((y - 9) / 6) ** 2 + ((x - 9) / 7) ** 2 <= 1] = 1
    labels[((y - 9) / 6) ** 2 + ((x - 22) / 6) ** 2 <= 1] = 2
    labels[((y - 23) / 6) ** 2 + ((x - 10) / 5) ** 2 <= 1] = 3
    labels[((y - 24) / 5) ** 2 + ((x - 32) / 6) ** 2 <= 1] = 4
    labels[3:6, 34:38] = 5
    random = np.random.default_rng(42).standard_normal((32, 40, 8)).astype(np.float32)
    structured = random * 0.3 + np.eye(8, dtype=np.float32)[labels % 8]
    return labels, {"random": random, "structured": structured}


def cells(size: int, n_objects: int, seed: int = 0) -> npt.NDArray[np.int32]:
    """Return (size, size) labels 1..`n_objects`: rounded cells on a jittered grid, most of them touching."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(n_objects)))
    spacing = size / side
    grid = np.stack(np.divmod(np.arange(n_objects), side), axis=1)
    centres = (grid + 0.5 + rng.uniform(-0.15, 0.15, (n_objects, 2))) * spacing
    points = np.moveaxis(np.mgrid[:size, :size], 0, -1)
    distances = np.linalg.norm(points[:, :, None] - centres, axis=-1)
    return np.where(distances.min(axis=-1) < 0.6 * spacing, distances.argmin(axis=-1) + 1, 0).astype(np.int32)


def maps_of(labels: Labels, noise: float = 0.0, *, seed: int = 0, dimensions: int = 8, foreground: bool = True) -> Maps:
    """Return the maps of a network that knows `labels`, with Gaussian noise on embedding, distance and foreground.

    Each object has an axis of the embedding space; neighbours have different ones, background has the last.
    """
    rng = np.random.default_rng(seed)
    directions = np.eye(dimensions)[_axes(labels, dimensions - 1)]
    embedding = directions[labels] + noise * rng.standard_normal((*labels.shape, dimensions))
    distance = distance_map(labels) + noise / 3 * rng.standard_normal(labels.shape)
    probability = 0.05 + 0.9 * (labels > 0) + noise / 5 * rng.standard_normal(labels.shape)
    return Maps.from_floats(
        np.clip(distance, 0, 1), np.moveaxis(embedding, -1, 0), np.clip(probability, 0, 1) if foreground else None
    )


def _axes(labels: Labels, n_axes: int) -> npt.NDArray[np.int64]:
    pairs = neighbours(labels, 3)
    axes = np.full(int(labels.max()) + 1, -1)
    axes[0] = n_axes
    for label in range(1, len(axes)):
        used = axes[pairs[pairs[:, 0] == label, 1]]
        axes[label] = next(axis for axis in range(n_axes) if axis not in used)
    return axes


def disks_picture(seed: int, size: int = 96) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Return a (1, size, size) picture of soft bright disks on a dim noisy ground, and its labels; few disks touch."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((size, size), np.int32)
    rows, columns = np.mgrid[:size, :size]
    for centre in rng.uniform(4, size - 4, (40, 2)):
        radius = rng.uniform(5, 8)
        away = np.hypot(rows - centre[0], columns - centre[1])
        if not labels[away < radius + 1].any():
            labels[away < radius] = labels.max() + 1
    brightness = rng.uniform(0.6, 1, labels.max() + 1)
    brightness[0] = 0.15
    picture = ndimage.gaussian_filter(brightness[labels], 0.7) + 0.03 * rng.standard_normal(labels.shape)
    return (200 * np.clip(picture, 0, 1.2)).astype(np.uint8)[None], labels


def turned(array: npt.NDArray[Any], quarters: int, mirrored: bool) -> npt.NDArray[Any]:
    """Turn the last two axes by quarter turns, and mirror them."""
    array = np.rot90(array, quarters, (-2, -1))
    return array[..., ::-1] if mirrored else array
