"""Fine-tuning of a model on a few images, labelled wholly or in part, judged on pieces it has not seen."""

from __future__ import annotations

from napari_wnet.fine_tune.compare import Comparison, HeldOutPiece
from napari_wnet.fine_tune.data import TrainingPair, plan_splits
from napari_wnet.fine_tune.job import FineTuned, FineTuneJob, fine_tune_params, fine_tune_steps, train

__all__ = [
    "Comparison",
    "FineTuneJob",
    "FineTuned",
    "HeldOutPiece",
    "TrainingPair",
    "fine_tune_params",
    "fine_tune_steps",
    "plan_splits",
    "train",
]
