"""How well objects are found by their size: a mean over all says little where a model fails at small ones only."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wnet.core.overlaps import overlap_table, ratio
from napari_wnet.errors import ParamsError

DIAMETERS_PX = (0.0, 8.0, 16.0, 32.0, 64.0, 128.0, math.inf)
"""Limits of the classes; the diameter is that of a circle of the same area."""
FOUND_IOU = 0.5


@dataclass(frozen=True, kw_only=True)
class SizeClass:
    """True objects of like size in a set of images, and how well they were found.

    Attributes
    ----------
    smallest, largest : float
        Diameter in pixels of a circle of the same area: at least, and less than.
    n_true, n_found : int
        Objects, and those of them that were matched one to one with an IoU of .5 or more.
    best_dice : float
        Mean over the objects of the best Dice that any predicted object has with it.
    """

    smallest: float
    largest: float
    n_true: int
    n_found: int
    best_dice: float

    @property
    def recall(self) -> float:
        """Part of the objects that were found."""
        return ratio(self.n_found, self.n_true)

    @property
    def label(self) -> str:
        """The class in words."""
        if self.smallest == 0:
            return f"below {self.largest:g} px"
        return (
            f"{self.smallest:g} px and more"
            if math.isinf(self.largest)
            else f"{self.smallest:g} to {self.largest:g} px"
        )


def by_size(
    samples: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]], limits: Sequence[float] = DIAMETERS_PX
) -> tuple[SizeClass, ...]:
    """Score the true objects of a set of images by their size.

    Parameters
    ----------
    samples : iterable of (true, predicted)
        Labels of each image, two integer arrays of the same shape.
    limits : sequence of float
        Ascending diameters in pixels between which classes lie.

    Returns
    -------
    tuple of SizeClass
        Those that have an object, smallest first.

    Raises
    ------
    ImageError
        If a pair is not labels or their shapes differ.
    ParamsError
        If the limits do not ascend.
    """
    if len(limits) < 2 or any(low >= high for low, high in itertools.pairwise(limits)):
        raise ParamsError(f"The limits of size classes must ascend, {tuple(limits)} do not; give two or more that do.")
    diameters, found, dice = [], [], []
    for true, predicted in samples:
        table = overlap_table(true, predicted)
        matched = np.zeros(table.n_true, bool)
        matched[table.rows[table.match(FOUND_IOU)]] = True
        diameters.append(2 * np.sqrt(table.true_areas / math.pi))
        found.append(matched)
        dice.append(table.best_dice_each)
    if not diameters:
        return ()
    size, hit, score = (np.concatenate(parts) for parts in (diameters, found, dice))
    chosen = [(low, high, (size >= low) & (size < high)) for low, high in itertools.pairwise(limits)]
    return tuple(
        SizeClass(
            smallest=low,
            largest=high,
            n_true=int(of.sum()),
            n_found=int(hit[of].sum()),
            best_dice=float(score[of].mean()),
        )
        for low, high, of in chosen
        if of.any()
    )
