"""The leaf challenge's way with scores: by subset, pooled, and as means of subsets.

The challenge reports the mean over all test images, pooled, so that A4 with most images counts most. The W-Net paper's
A1-3 is the mean of the means of A1, A2 and A3, whatever their number of images. Both are given, under names that say
which they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_wnet.core.metrics import DatasetScores
from napari_wnet.errors import ImageError

PLANT = re.compile(r"(A[1-5])_(.+)")
MEASURES = ("symmetric_best_dice", "abs_count_difference", "count_difference", "foreground_dice")
"""What the challenge reports: SBD, |DiC|, DiC and the foreground's Dice."""
ALL = "all images"
MEANS_OF_SUBSETS = {
    "A1-3": ("A1", "A2", "A3"),
    "A1-4": ("A1", "A2", "A3", "A4"),
    "A1-5": ("A1", "A2", "A3", "A4", "A5"),
    "Arabidopsis": ("A1", "A2", "A4"),
}


@dataclass(frozen=True, kw_only=True)
class GroupScores:
    """Mean and spread of the challenge's measures over a group.

    Attributes
    ----------
    name : str
    of : str
        ``images``: each image counts the same; ``subsets``: it is the mean of the subsets' means.
    n : int
        So many images or subsets.
    mean : mapping of str to float
        By the names of :data:`MEASURES`.
    std : mapping of str to float
        Standard deviation over those n, with n - 1 below; 0 for a single one.
    """

    name: str
    of: str
    n: int
    mean: Mapping[str, float]
    std: Mapping[str, float]

    def row(self) -> dict[str, str | float]:
        """Return the scores as a row of a table, column name to value."""
        columns: dict[str, str | float] = {"group": self.name, "mean_of": self.of, "n": self.n}
        for measure in MEASURES:
            columns |= {measure: self.mean[measure], f"{measure}_std": self.std[measure]}
        return columns


def subset_of(name: str) -> str:
    """Return the subset that a name such as ``A1_plant001`` tells; empty where it tells none."""
    match = PLANT.fullmatch(name)
    return match[1] if match else ""


def plant_of(name: str) -> tuple[str, str]:
    """Return the subset and the plant that a name such as ``A1_plant001`` tells.

    Raises
    ------
    ImageError
        If it tells none.
    """
    match = PLANT.fullmatch(name)
    if not match:
        raise ImageError(f"'{name}' names no plant of the leaf challenge; name it like A1_plant001.")
    return match[1], match[2]


def challenge_scores(scores: DatasetScores, subsets: Sequence[str] | None = None) -> tuple[GroupScores, ...]:
    """Return the scores of each subset, of all images pooled, and of each mean of subsets that are all there.

    Parameters
    ----------
    scores : DatasetScores
    subsets : sequence of str, optional
        Of each image; by default what the names tell. Images of no subset count among all images only.

    Returns
    -------
    tuple of GroupScores
        Empty where no image belongs to a subset.

    Raises
    ------
    ImageError
        If there are not as many subsets as images.
    """
    belongs = [subset_of(name) for name in scores.names] if subsets is None else list(subsets)
    if len(belongs) != len(scores.images):
        raise ImageError(f"There are {len(belongs)} subsets for {len(scores.images)} images; give one for each.")
    rows = [image.row() for image in scores.images]
    own = {
        subset: _group(subset, "images", [row for row, one in zip(rows, belongs, strict=True) if one == subset])
        for subset in sorted(filter(None, set(belongs)))
    }
    if not own:
        return ()
    means = [
        _group(name, "subsets", [own[subset].mean for subset in parts])
        for name, parts in MEANS_OF_SUBSETS.items()
        if set(parts) <= set(own)
    ]
    return (*own.values(), _group(ALL, "images", rows), *means)


def _group(name: str, of: str, rows: Sequence[Mapping[str, float]]) -> GroupScores:
    columns = {measure: np.array([row[measure] for row in rows], float) for measure in MEASURES}
    return GroupScores(
        name=name,
        of=of,
        n=len(rows),
        mean={measure: float(values.mean()) for measure, values in columns.items()},
        std={measure: float(values.std(ddof=1)) if len(rows) > 1 else 0.0 for measure, values in columns.items()},
    )
