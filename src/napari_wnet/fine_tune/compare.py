"""The new model against the current one, on pieces that neither was fine-tuned on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.clustering import cluster
from napari_wnet.core.holdout import Rectangle
from napari_wnet.core.metrics import DatasetScores, evaluate
from napari_wnet.core.partial import Mask, countable
from napari_wnet.fine_tune.data import Piece
from napari_wnet.network.checkpoint import Model
from napari_wnet.params import NormalizeParams, SegmentParams
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import Progress, drain

Labels = npt.NDArray[np.int32]
SHOWN = ("symmetric_best_dice", "average_precision_0.5", "average_precision_0.75", "mean_average_precision")


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOutPiece:
    """One piece and what either model finds in it.

    Attributes
    ----------
    name : str
        Of the image.
    rectangle : Rectangle
        Where it lies in the image.
    true : (Y, X) integer array
        The labels given.
    known : (Y, X) bool array or None
        Where they count.
    current, new : (Y, X) int32 arrays
        What the two models find.
    """

    name: str
    rectangle: Rectangle
    true: npt.NDArray[Any]
    known: Mask | None
    current: Labels
    new: Labels


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Scores of both models on all pieces, by name: SBD, average precision, objects labelled and found.

    Of objects in parts that nobody labelled nothing is counted.
    """

    pieces: tuple[HeldOutPiece, ...]
    current: dict[str, float]
    new: dict[str, float]

    @property
    def better(self) -> bool:
        """Whether the new model is better: in the sum of symmetric best Dice and average precision at IoU .5."""
        return _merit(self.new) > _merit(self.current)


def _merit(scores: dict[str, float]) -> float:
    return scores["symmetric_best_dice"] + scores["average_precision_0.5"]


def compare_steps(
    pieces: Sequence[Piece], current: Model, new: Model, device: str
) -> Generator[Progress, None, Comparison]:
    """Segment every piece with both models, at the images' own size, and score the labels.

    The current model is given its better chance: at the size of the images as they are, or with the objects brought to
    the size it knows. Both cluster as the current model recommends.

    Yields
    ------
    Progress
        Before each run of a model over a piece.
    """
    clustering = current.header.params.clustering
    scaled = new.header.params.normalize.diameter
    sizes = [current.header.params.normalize.diameter]
    if scaled and current.header.diameter:
        sizes.append(scaled)
    runs = [(current, SegmentParams(normalize=_ready(size), clustering=clustering)) for size in sizes]
    runs.append((new, SegmentParams(normalize=_ready(scaled), clustering=clustering)))
    found: list[list[Labels]] = []
    for number, (model, params) in enumerate(runs):
        labels = []
        for place, piece in enumerate(pieces):
            done = number * len(pieces) + place
            yield Progress(done=done, total=len(runs) * len(pieces), what=f"comparing on {piece.name}")
            image = piece.image if model is new else piece.current_image
            maps = drain(predict_steps(image, model, params, device=device))
            labels.append(cluster(maps, clustering))
        found.append(labels)
    *olds, fresh = [_scores(pieces, labels) for labels in found]
    best = max(range(len(olds)), key=lambda place: _merit(olds[place]))
    shown = tuple(
        HeldOutPiece(
            name=piece.name, rectangle=piece.rectangle, true=piece.labels, known=piece.known, current=old, new=fine
        )
        for piece, old, fine in zip(pieces, found[best], found[-1], strict=True)
    )
    return Comparison(pieces=shown, current=olds[best], new=fresh)


def _ready(diameter: float) -> NormalizeParams:
    """Return parameters for a piece whose intensities are normalised already."""
    return NormalizeParams(method="none", diameter=diameter)


def _scores(pieces: Sequence[Piece], labels: Sequence[Labels]) -> dict[str, float]:
    scores: DatasetScores = evaluate(
        (str(place), countable(piece.labels, piece.known), countable(found, piece.known))
        for place, (piece, found) in enumerate(zip(pieces, labels, strict=True))
    )
    mean = scores.mean
    pooled = {one.threshold: one.average_precision for one in scores.pooled}
    return {
        **{name: mean[name] for name in SHOWN},
        "pooled_average_precision_0.5": pooled[0.5],
        "n_true": float(sum(one.n_true for one in scores.images)),
        "n_predicted": float(sum(one.n_predicted for one in scores.images)),
    }
