"""Scoring as a use case: folders of true and predicted labels in, scores out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_wnet.core.metrics import DatasetScores, evaluate
from napari_wnet.datasets.folder import Pair, pairs
from napari_wnet.errors import ImageError
from napari_wnet.io.images import read_labels


@dataclass(frozen=True, kw_only=True)
class FolderScores:
    """Scores of what could be compared, and a line for each file that could not."""

    scores: DatasetScores
    problems: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the scores as lines of text: means over images, then all objects pooled."""
        mean = self.scores.mean
        rows = [(name, mean[name]) for name in mean]
        rows += [(f"pooled_average_precision_{one.threshold:g}", one.average_precision) for one in self.scores.pooled]
        rows.append(("pooled_mean_average_precision", self.scores.pooled_mean_average_precision))
        width = max(len(name) for name, _ in rows)
        return [f"{len(self.scores.images)} images", *(f"{name:<{width}}  {value:.4f}" for name, value in rows)]


def score_folders(labels: Path, predictions: Path) -> FolderScores:
    """Compare the label images of two folders, matched by name.

    Raises
    ------
    WNetError
        If nothing can be compared.
    """
    found = pairs(predictions, labels)
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
