"""Scoring as a use case: folders of true and predicted labels in, scores out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_wnet.core.leaf_challenge import MEASURES, GroupScores, challenge_scores
from napari_wnet.core.metrics import DatasetScores, evaluate
from napari_wnet.datasets.folder import Pair, pairs
from napari_wnet.errors import ImageError
from napari_wnet.io.images import read_labels


@dataclass(frozen=True, kw_only=True)
class FolderScores:
    """Scores of what could be compared, and a line for each file that could not."""

    scores: DatasetScores
    problems: tuple[str, ...]

    @property
    def groups(self) -> tuple[GroupScores, ...]:
        """Scores by subset of the leaf challenge and over subsets; empty where no name tells a subset."""
        return challenge_scores(self.scores)

    def groups_table(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the columns of a table with a row for each group.

        Raises
        ------
        ImageError
            If there are none.
        """
        rows = [group.row() for group in self.groups]
        if not rows:
            raise ImageError("No name tells a subset of the leaf challenge, as A1_plant001 does; leave out --groups.")
        return {column: np.array([row[column] for row in rows]) for column in rows[0]}

    def lines(self) -> list[str]:
        """Return the scores as lines of text: means over images, all objects pooled, and subsets where there are."""
        mean = self.scores.mean
        rows = [(name, mean[name]) for name in mean]
        rows += [(f"pooled_average_precision_{one.threshold:g}", one.average_precision) for one in self.scores.pooled]
        rows.append(("pooled_mean_average_precision", self.scores.pooled_mean_average_precision))
        width = max(len(name) for name, _ in rows)
        lines = [f"{len(self.scores.images)} images", *(f"{name:<{width}}  {value:.4f}" for name, value in rows)]
        return [*lines, *_group_lines(self.groups)]


def _group_lines(groups: Sequence[GroupScores]) -> list[str]:
    """Return a table of groups as text: means, and standard deviations in parentheses."""
    if not groups:
        return []
    cells = [["", "mean over", *MEASURES]]
    for group in groups:
        of = f"{group.n} {group.of.removesuffix('s') if group.n == 1 else group.of}"
        spread = {measure: f" ({group.std[measure]:.4f})" if group.n > 1 else "" for measure in MEASURES}
        scores = [f"{group.mean[measure]:.4f}{spread[measure]}" for measure in MEASURES]
        cells.append([group.name, of, *scores])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rows = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return ["", "leaf challenge: mean (standard deviation)", *rows]


def score_folders(labels: Path, predictions: Path) -> FolderScores:
    """Compare the label images of two folders, matched by name; the predictions may be a folder of results.

    Raises
    ------
    WNetError
        If nothing can be compared.
    """
    found = pairs(predictions, labels, results=True)
    problems = list(found.problems)

    def readable() -> Iterator[tuple[str, npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
        for pair in found.pairs:
            read = _read(pair, problems)
            if read is not None:
                yield pair.name, *read

    return FolderScores(scores=evaluate(readable()), problems=tuple(problems))


def _read(pair: Pair, problems: list[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]] | None:
    try:
        true, predicted = read_labels(pair.labels_path), read_labels(pair.image_path)
    except ImageError as error:
        problems.append(str(error))
        return None
    if true.shape != predicted.shape:
        problems.append(
            f"{pair.name}: true labels have shape {true.shape}, predicted ones {predicted.shape}; not scored"
        )
        return None
    return true, predicted
