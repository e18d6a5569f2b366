"""What is in a picture: which plants, how large, where; and which pixel shows which leaf."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_wnet.datasets.rosettes.leaf import Patch, make_patch
from napari_wnet.datasets.rosettes.params import RosetteParams
from napari_wnet.datasets.rosettes.plant import Leaf, grow, habit, scaled

KINDS = ("small", "rosette", "canopy", "broad")
SHARES = (0.1, 0.45, 0.33, 0.12)
LEAVES = {"small": (3, 8), "rosette": (6, 21), "canopy": (15, 41), "broad": (3, 13)}
DIAMETERS = {"small": (0.13, 0.42), "rosette": (0.28, 1.05), "canopy": (0.5, 1.15), "broad": (0.55, 1.25)}
"""Of a plant, as shares of the shorter side of the picture."""
SMALLEST_PX = 60
CROWD = (2, 7)
TRIES = 30


def plants(params: RosetteParams, rng: np.random.Generator) -> list[Leaf]:
    """Return the leaves of all plants of a picture, from the lowest to the topmost."""
    if rng.random() < params.groups:
        return _group(params, rng)
    kind = str(rng.choice(KINDS, p=SHARES))
    low, high = DIAMETERS[kind]
    middle = np.array(params.size) / 2
    if rng.random() < 0.1:
        centre = middle * rng.uniform(0.2, 1.8, 2)
    else:
        centre = middle + rng.normal(0, 0.05, 2) * min(params.size)
    # Drawn by their logarithm, so that small plants are not rare.
    share = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    return _plant(kind, 0, (centre, share), params, rng)


def _group(params: RosetteParams, rng: np.random.Generator) -> list[Leaf]:
    share = rng.uniform(0.14, 0.42)
    kind = str(rng.choice(KINDS[:2]))
    placed: list[npt.NDArray[np.float64]] = []
    leaves: list[Leaf] = []
    for _ in range(int(rng.integers(*CROWD))):
        for _ in range(TRIES):
            centre = rng.uniform(0.08, 0.92, 2) * params.size
            if all(np.hypot(*(centre - other)) > 0.8 * share * min(params.size) for other in placed):
                own = share * rng.uniform(0.7, 1.2)
                leaves += _plant(kind, len(placed), (centre, own), params, rng)
                placed.append(centre)
                break
    return leaves


def _plant(
    kind: str,
    number: int,
    where: tuple[npt.NDArray[np.float64], float],
    params: RosetteParams,
    rng: np.random.Generator,
) -> list[Leaf]:
    centre, share = where
    side = min(params.size)
    reach = max(share * side, min(SMALLEST_PX, 0.7 * side)) / 2
    low, high = LEAVES[kind]
    # Larger plants have more leaves, within what is usual for the kind.
    place = np.clip(rng.beta(1.3, 1.6) * 0.7 + 0.3 * share, 0, 1)
    n_leaves = int(np.clip(round(low + (high - 1 - low) * place), params.min_leaves, params.max_leaves))
    leaves = grow(habit(kind, n_leaves, rng), number, rng)
    return [scaled(leaf, reach, (float(centre[0]), float(centre[1]))) for leaf in leaves]


def visible(leaves: Sequence[Leaf], shape: tuple[int, int], min_area: int) -> tuple[list[Patch], npt.NDArray[np.int32]]:
    """Return the leaves of which enough can be seen, and labels that number them 1, 2, 3, ... from below.

    The others are left out as if they had not grown: their pixels show what lies under them.
    """
    patches = [patch for leaf in leaves if (patch := make_patch(leaf, shape)) is not None]
    seen = np.bincount(_stack(patches, shape).ravel(), minlength=len(patches) + 1)[1:]
    # Once is enough: without some leaves, no other shows less than before.
    kept = [patch for patch, area in zip(patches, seen, strict=True) if area >= min_area]
    return kept, _stack(kept, shape)


def _stack(patches: Sequence[Patch], shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    labels = np.zeros(shape, np.int32)
    for number, patch in enumerate(patches, start=1):
        labels[patch.place][patch.inside] = number
    return labels
