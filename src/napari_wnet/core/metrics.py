"""Scores of predicted labels against true ones: single numbers, one image, a set of images.

Everything is counted from :mod:`napari_wnet.core.overlaps`, which also says what holds where nothing is labelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wnet.core.overlaps import THRESHOLDS, MatchCounts, overlap_table
from napari_wnet.errors import ImageError


@dataclass(frozen=True, kw_only=True)
class ImageScores:
    """How well one image was segmented; see :mod:`napari_wnet.core.overlaps` for what is undefined.

    Attributes
    ----------
    n_true, n_predicted : int
        Number of objects.
    best_dice_true, best_dice_predicted : float
        Mean over the true, and over the predicted objects, of the best Dice on the other side.
    foreground_dice, foreground_iou : float
        Agreement of everything labelled, whatever its label.
    matches : tuple of MatchCounts
        Objects found and missed, for each IoU threshold.
    """

    n_true: int
    n_predicted: int
    best_dice_true: float
    best_dice_predicted: float
    foreground_dice: float
    foreground_iou: float
    matches: tuple[MatchCounts, ...]

    @property
    def symmetric_best_dice(self) -> float:
        """The lower of the two best Dice scores (SBD)."""
        return min(self.best_dice_true, self.best_dice_predicted)

    @property
    def count_difference(self) -> int:
        """Predicted minus true number of objects."""
        return self.n_predicted - self.n_true

    @property
    def mean_average_precision(self) -> float:
        """Mean of the average precision over the thresholds."""
        return _mean([counts.average_precision for counts in self.matches])

    def row(self) -> dict[str, float]:
        """Return the scores as a row of a table, column name to value."""
        return {
            "n_true": self.n_true,
            "n_predicted": self.n_predicted,
            "count_difference": self.count_difference,
            "abs_count_difference": abs(self.count_difference),
            "symmetric_best_dice": self.symmetric_best_dice,
            "best_dice_true": self.best_dice_true,
            "best_dice_predicted": self.best_dice_predicted,
            "foreground_dice": self.foreground_dice,
            "foreground_iou": self.foreground_iou,
            "mean_average_precision": self.mean_average_precision,
            **average_precisions(self.matches),
        }


@dataclass(frozen=True, kw_only=True)
class DatasetScores:
    """How well a set of images was segmented.

    Attributes
    ----------
    names : tuple of str
        What each image is called.
    images : tuple of ImageScores
        In the same order; at least one.
    """

    names: tuple[str, ...]
    images: tuple[ImageScores, ...]

    def __post_init__(self) -> None:
        """Refuse a set that has no mean."""
        if not self.images:
            raise ImageError("There are no images to evaluate; give at least one pair of true and predicted labels.")
        if len(self.names) != len(self.images):
            raise ImageError(f"There are {len(self.names)} names for {len(self.images)} images; give each a name.")
        if len({tuple(counts.threshold for counts in image.matches) for image in self.images}) > 1:
            raise ImageError("The images were scored at different IoU thresholds; score all of them at the same ones.")

    @property
    def mean(self) -> dict[str, float]:
        """Mean over the images of each column of :meth:`ImageScores.row`; every image counts the same.

        The mean of ``abs_count_difference`` is the leaf challenge's absolute difference in count, DiC.
        """
        rows = [image.row() for image in self.images]
        return {column: _mean([row[column] for row in rows]) for column in rows[0]}

    @property
    def pooled(self) -> tuple[MatchCounts, ...]:
        """Objects found and missed in all images together, for each IoU threshold; every object counts the same."""
        return tuple(_add(counts) for counts in zip(*(image.matches for image in self.images), strict=True))

    @property
    def pooled_mean_average_precision(self) -> float:
        """Mean over the thresholds of the average precision of all images together."""
        return _mean([counts.average_precision for counts in self.pooled])

    def table(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the columns of a table with a row for each image, ready to be written as CSV."""
        rows = [image.row() for image in self.images]
        return {"name": np.array(self.names)} | {column: np.array([row[column] for row in rows]) for column in rows[0]}


def evaluate_image(
    true: npt.ArrayLike, predicted: npt.ArrayLike, thresholds: Sequence[float] = THRESHOLDS
) -> ImageScores:
    """Compare the predicted labels of one image with the true ones.

    Parameters
    ----------
    true, predicted : integer arrays of the same shape
        0 is background. To score part of an image, give ``true[part], predicted[part]``.
    thresholds : sequence of float
        IoU thresholds, each above 0 and at most 1.

    Raises
    ------
    ImageError
        If either is not labels or their shapes differ.
    ParamsError
        If a threshold is out of its range.
    """
    table = overlap_table(true, predicted)
    return ImageScores(
        n_true=table.n_true,
        n_predicted=table.n_predicted,
        best_dice_true=table.best_dice_true,
        best_dice_predicted=table.best_dice_predicted,
        foreground_dice=table.foreground_dice,
        foreground_iou=table.foreground_iou,
        matches=tuple(table.count(threshold) for threshold in thresholds),
    )


def evaluate(
    samples: Iterable[tuple[str, npt.ArrayLike, npt.ArrayLike]], thresholds: Sequence[float] = THRESHOLDS
) -> DatasetScores:
    """Compare the predicted labels of many images with the true ones.

    Parameters
    ----------
    samples : iterable of (name, true, predicted)
        Read one at a time, so a generator that opens files keeps no more than one image in memory.
    thresholds : sequence of float
        IoU thresholds, each above 0 and at most 1.

    Raises
    ------
    ImageError
        If there is no sample or one cannot be scored; the message names it.
    ParamsError
        If a threshold is out of its range.
    """
    names, images = [], []
    for name, true, predicted in samples:
        try:
            images.append(evaluate_image(true, predicted, thresholds))
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from error
        names.append(name)
    return DatasetScores(names=tuple(names), images=tuple(images))


def best_dice(true: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return the mean over the true objects of the best Dice among the predicted ones; 0 when either side is empty.

    Swap the arguments for the mean over the predicted objects.
    """
    return overlap_table(true, predicted).best_dice_true


def symmetric_best_dice(true: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return the symmetric best Dice (SBD), the lower of :func:`best_dice` both ways; 0 when either side is empty.

    Parameters
    ----------
    true, predicted : integer arrays of the same shape
        0 is background.

    Raises
    ------
    ImageError
        If either is not labels or their shapes differ.

    References
    ----------
    Scharr et al. 2016, "Leaf segmentation in plant phenotyping: a collation study",
    https://doi.org/10.1007/s00138-015-0737-3
    """
    return overlap_table(true, predicted).symmetric_best_dice


def foreground_dice(true: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return the Dice of everything labelled, whatever its label; 0 when either side is empty."""
    return overlap_table(true, predicted).foreground_dice


def average_precision(
    true: npt.ArrayLike, predicted: npt.ArrayLike, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[float, ...]:
    """Return TP / (TP + FP + FN) at each IoU threshold; objects are matched one to one, and IoU >= threshold counts.

    Parameters
    ----------
    true, predicted : integer arrays of the same shape
        0 is background.
    thresholds : sequence of float
        Each above 0 and at most 1.

    Raises
    ------
    ImageError
        If either is not labels or their shapes differ.
    ParamsError
        If a threshold is out of its range.
    """
    table = overlap_table(true, predicted)
    return tuple(table.count(threshold).average_precision for threshold in thresholds)


def average_precisions(matches: Sequence[MatchCounts]) -> dict[str, float]:
    """Return the average precision at each threshold under its column name, such as ``average_precision_0.5``."""
    return {f"average_precision_{counts.threshold:g}": counts.average_precision for counts in matches}


def _add(counts: Sequence[MatchCounts]) -> MatchCounts:
    return MatchCounts(
        threshold=counts[0].threshold,
        true_positives=sum(one.true_positives for one in counts),
        false_positives=sum(one.false_positives for one in counts),
        false_negatives=sum(one.false_negatives for one in counts),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
