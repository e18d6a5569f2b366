"""What a person has settled stays as it is when everything around it is clustered again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wnet.core.labels import LabelArray, connected_parts, object_ranks
from napari_wnet.core.windows import Mask
from napari_wnet.errors import ImageError

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """What stays of a plane of labels.

    Attributes
    ----------
    labels : (Y, X) int32 array
        The objects that stay, with their numbers; 0 elsewhere.
    cleared : (Y, X) bool array or None
        Pixels that stay background, where somebody deleted or erased something.
    """

    labels: Labels
    cleared: Mask | None = None

    @classmethod
    def of(cls, labels: LabelArray, numbers: npt.ArrayLike, cleared: Mask | None = None) -> Kept:
        """Return what stays if the objects of these numbers do, and the cleared pixels that are still background."""
        wanted = np.asarray(numbers, np.int64).ravel()
        values, ranks = object_ranks(labels)
        chosen = np.concatenate([[False], np.isin(values, wanted)])
        stays = np.where(chosen[ranks], labels, 0).astype(np.int32)
        return cls(labels=stays, cleared=None if cleared is None else cleared & (labels == 0))

    def check(self, shape: tuple[int, int]) -> None:
        """Refuse labels of another plane.

        Raises
        ------
        ImageError
        """
        if self.labels.shape != shape:
            raise ImageError(f"What is to stay has shape {self.labels.shape}, the image {shape}; they must agree.")

    def reserve(self, mask: Mask) -> Mask:
        """Return where objects may be: `mask` without what is cleared, and with all that stays."""
        free = mask if self.cleared is None else mask & ~self.cleared
        return free | (self.labels > 0)

    def seeded(self, seeds: Labels) -> Labels:
        """Return seeds, with each connected part of what stays as a seed of its own in place of those within it.

        What stays is so a rival of the seeds around it: they do not creep along its rim.
        """
        stays = self.labels > 0
        areas = np.bincount(seeds.ravel())
        inside = np.bincount(seeds[stays], minlength=len(areas))
        left = (2 * inside <= areas) & (inside < areas)
        left[0] = False
        numbers = np.where(left, np.cumsum(left), 0)
        own = connected_parts(self.labels) + numbers.max(initial=0)
        return np.where(stays, own, numbers[seeds]).astype(np.int32)

    def freed(self, labels: Labels) -> Labels:
        """Return labels without what stays, what that has claimed beyond its own pixels, and what is cleared."""
        theirs = np.zeros(int(labels.max(initial=0)) + 1, bool)
        theirs[labels[self.labels > 0]] = True
        gone = theirs[labels] if self.cleared is None else theirs[labels] | self.cleared
        return np.where(gone, 0, labels)

    def restored(self, labels: Labels) -> Labels:
        """Return labels 1..N of other objects together with what stays; they get the numbers that are free."""
        count, taken = int(labels.max(initial=0)), np.unique(self.labels)
        free = np.setdiff1d(np.arange(1, count + len(taken) + 1), taken)[:count]
        numbers = np.array([0, *free], np.int32)
        return np.where(self.labels > 0, self.labels, numbers[labels]).astype(np.int32)
