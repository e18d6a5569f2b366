"""The sparse table of overlaps that every score is counted from.

One rule for what is undefined: a ratio whose denominator is 0 is 0. So every score of an image where neither side has
an object is 0, as in the leaf challenge's evaluation (best Dice, foreground Dice) and in stardist's ``matching``
(average precision). Scores pooled over images are not touched by such an image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array

from napari_wnet.core.labels import IndexArray, LabelArray, check_labels, run_starts
from napari_wnet.errors import ParamsError

FloatArray = npt.NDArray[np.float64]

THRESHOLDS: tuple[float, ...] = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
"""IoU thresholds of the mean average precision.

Written out, because ``np.arange`` gives 0.6000000000000001 and would lose a match at an IoU of exactly 3/5.
"""


def ratio(numerator: float, denominator: float) -> float:
    """Return the quotient, or 0 where the denominator is 0."""
    return float(numerator / denominator) if denominator else 0.0


@dataclass(frozen=True, kw_only=True)
class MatchCounts:
    """How many objects were found at one threshold of the intersection over union (IoU).

    Attributes
    ----------
    threshold : float
        Least IoU that counts as found.
    true_positives, false_positives, false_negatives : int
        Objects matched one to one, predicted objects left over, true objects left over.
    """

    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN), the average precision of the nucleus and cell segmentation literature."""
        return ratio(self.true_positives, self.true_positives + self.false_positives + self.false_negatives)

    @property
    def precision(self) -> float:
        """Fraction of the predicted objects that are right."""
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Fraction of the true objects that were found."""
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)


@dataclass(frozen=True, kw_only=True, eq=False)
class OverlapTable:
    """Sizes of all objects and of all their overlaps; background is left out.

    Attributes
    ----------
    true_labels, predicted_labels : (T,), (P,) integer arrays
        The labels present, ascending.
    true_areas, predicted_areas : (T,), (P,) int64 arrays
        Their sizes in pixels.
    rows, columns : (N,) int64 arrays
        Which true and which predicted object make up each overlapping pair, as places in the arrays above.
    intersections : (N,) int64 array
        Pixels that the two objects of each pair share, at least 1.
    """

    true_labels: LabelArray
    predicted_labels: LabelArray
    true_areas: IndexArray
    predicted_areas: IndexArray
    rows: IndexArray
    columns: IndexArray
    intersections: IndexArray

    @property
    def n_true(self) -> int:
        """Number of true objects."""
        return self.true_labels.size

    @property
    def n_predicted(self) -> int:
        """Number of predicted objects."""
        return self.predicted_labels.size

    @property
    def dice(self) -> FloatArray:
        """Dice coefficient of each overlapping pair, (N,)."""
        return 2 * self.intersections / (self.true_areas[self.rows] + self.predicted_areas[self.columns])

    @property
    def iou(self) -> FloatArray:
        """Intersection over union of each overlapping pair, (N,)."""
        union = self.true_areas[self.rows] + self.predicted_areas[self.columns] - self.intersections
        return self.intersections / union

    @property
    def best_dice_each(self) -> FloatArray:
        """Best Dice that any predicted object has with each true object, (T,)."""
        return _best(self.dice, self.rows, self.n_true)

    @property
    def best_dice_true(self) -> float:
        """Mean over the true objects of the best Dice that any predicted object has with it."""
        return _mean(self.best_dice_each)

    @property
    def best_dice_predicted(self) -> float:
        """Mean over the predicted objects of the best Dice that any true object has with it."""
        return _mean(_best(self.dice, self.columns, self.n_predicted))

    @property
    def symmetric_best_dice(self) -> float:
        """The lower of the two best Dice scores (SBD)."""
        return min(self.best_dice_true, self.best_dice_predicted)

    @property
    def foreground_dice(self) -> float:
        """Dice of everything labelled, whatever its label."""
        return ratio(2 * self.intersections.sum(), self.true_areas.sum() + self.predicted_areas.sum())

    @property
    def foreground_iou(self) -> float:
        """Intersection over union of everything labelled, whatever its label."""
        shared = self.intersections.sum()
        return ratio(shared, self.true_areas.sum() + self.predicted_areas.sum() - shared)

    def match(self, threshold: float) -> IndexArray:
        """Pair objects one to one: as many as can be with IoU >= `threshold`, and of those the greatest sum of IoU.

        Parameters
        ----------
        threshold : float
            Above 0, at most 1.

        Returns
        -------
        (M,) int64 array
            The pairs chosen, as places in `rows` and `columns`, ascending.

        Raises
        ------
        ParamsError
            If the threshold is out of its range.
        """
        if not 0 < threshold <= 1:
            raise ParamsError(f"{threshold} cannot be an IoU threshold; choose one above 0 and at most 1, such as 0.5.")
        iou = self.iou
        candidates = np.flatnonzero(iou >= threshold)
        rows, columns = self.rows[candidates], self.columns[candidates]
        # Above 0.5 no two candidates share an object, so the assignment problem is empty or small.
        disputed = (np.bincount(rows)[rows] > 1) | (np.bincount(columns)[columns] > 1)
        chosen = candidates[disputed]
        kept = chosen[_assign(rows[disputed], columns[disputed], iou[chosen])]
        return np.sort(np.concatenate([candidates[~disputed], kept]))

    def count(self, threshold: float) -> MatchCounts:
        """Count the objects found and missed at an IoU threshold; see :meth:`match`."""
        n_matched = self.match(threshold).size
        return MatchCounts(
            threshold=threshold,
            true_positives=n_matched,
            false_positives=self.n_predicted - n_matched,
            false_negatives=self.n_true - n_matched,
        )


def overlap_table(true: npt.ArrayLike, predicted: npt.ArrayLike) -> OverlapTable:
    """Count the pixels that each true and each predicted object have in common.

    Parameters
    ----------
    true, predicted : integer arrays of the same shape
        0 is background; any number of dimensions. To score part of an image, give ``true[part], predicted[part]``.

    Raises
    ------
    ImageError
        If either is not labels or their shapes differ.
    """
    true = check_labels(true, "The true labels")
    predicted = check_labels(predicted, "The predicted labels", shape=true.shape)
    starts = run_starts(true, predicted)
    lengths = np.diff(starts, append=true.size)
    true_labels, rows = np.unique(true.ravel()[starts], return_inverse=True)
    predicted_labels, columns = np.unique(predicted.ravel()[starts], return_inverse=True)
    table = coo_array((lengths, (rows, columns)), shape=(true_labels.size, predicted_labels.size)).tocsr()
    true_areas, predicted_areas = table.sum(axis=1), table.sum(axis=0)
    # Background, where present, is the first row or column: labels are not negative.
    top, left = int((true_labels[:1] == 0).sum()), int((predicted_labels[:1] == 0).sum())
    objects = table[top:, left:].tocoo()
    return OverlapTable(
        true_labels=true_labels[top:],
        predicted_labels=predicted_labels[left:],
        true_areas=true_areas[top:],
        predicted_areas=predicted_areas[left:],
        rows=objects.row.astype(np.int64),
        columns=objects.col.astype(np.int64),
        intersections=objects.data,
    )


def _best(scores: FloatArray, owners: IndexArray, n_owners: int) -> FloatArray:
    best = np.zeros(n_owners)
    np.maximum.at(best, owners, scores)
    return best


def _mean(values: FloatArray) -> float:
    return ratio(values.sum(), values.size)


def _assign(rows: IndexArray, columns: IndexArray, iou: FloatArray) -> IndexArray:
    """Return which of the pairs to keep, so that no row and no column is used twice and as many as can be are kept."""
    if not rows.size:
        return np.zeros(0, np.int64)
    row_values, row = np.unique(rows, return_inverse=True)
    column_values, column = np.unique(columns, return_inverse=True)
    # The IoU only breaks ties: all of them together weigh less than one pair.
    weight = np.zeros((row_values.size, column_values.size))
    weight[row, column] = 1 + iou / (2 * min(weight.shape))
    place = np.full(weight.shape, -1, np.int64)
    place[row, column] = np.arange(rows.size)
    kept: IndexArray = place[linear_sum_assignment(weight, maximize=True)]
    return kept[kept >= 0]
