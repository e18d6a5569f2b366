"""With which settings a training began and went on: its model has to tell all of them, not only the last ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_wnet.datasets.split import names_sha256
from napari_wnet.errors import TrainingError
from napari_wnet.json_values import differences
from napari_wnet.network.checkpoint import load_state_info
from napari_wnet.train_data import TrainingData

TRAINING, VALIDATION = "training images", "validation images"
MATTER = ("enlarge", "init", "network", "params", "clustering")
"""Settings that decide what is learnt; of the folders their images count, not where they lie."""


def settings_of(job: Mapping[str, Any], data: TrainingData) -> dict[str, Any]:
    """Return what decides the result of a training, as JSON values.

    Parameters
    ----------
    job : mapping
        All settings of a training, as its ``to_dict`` returns them.
    data : TrainingData
    """
    wanted = {name: job[name] for name in MATTER}
    wanted[TRAINING] = names_sha256(one.name for one in data.train)
    wanted[VALIDATION] = names_sha256(one.name for one in data.validation)
    result: dict[str, Any] = json.loads(json.dumps(wanted))
    return result


@dataclass(frozen=True, kw_only=True)
class History:
    """What a training remembers of itself.

    Attributes
    ----------
    settings : dict
        Those that it begins or goes on with.
    changes : tuple of dict
        For each time that it went on with others: the ``step``, and what they were ``before``, by names such as
        ``params.learning_rate``.
    now : str
        What changes now, in words; empty: nothing.
    """

    settings: dict[str, Any]
    changes: tuple[dict[str, Any], ...] = ()
    now: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return what the checkpoint keeps, as JSON values."""
        return {"settings": self.settings, "changes": list(self.changes)}


def resumed(settings: dict[str, Any], checkpoint: Path) -> History:
    """Return the history of a training that goes on from a checkpoint.

    Parameters
    ----------
    settings : dict
        From :func:`settings_of`.
    checkpoint : Path

    Raises
    ------
    WNetError
        If the checkpoint cannot be read, or its best weights were chosen on other images than those that validate now.
    """
    info = load_state_info(checkpoint)
    about = info.get("about")
    before, changes = (about.get("settings"), about.get("changes")) if isinstance(about, dict) else (None, None)
    if not (isinstance(before, dict) and isinstance(changes, list)):
        return History(settings=settings)
    names = differences(before, settings)
    if VALIDATION in names:
        raise TrainingError(
            f"The training of {checkpoint} was validated on other images: scores cannot be compared, and it may have "
            "learnt from those that are to validate now. Go on with the same images, --split and --validate-on, or "
            "begin anew (--overwrite)."
        )
    if names:
        changes = [*changes, {"step": info.get("step"), "before": {name: _at(before, name) for name in names}}]
    told = (f"{name} {_at(before, name)} -> {_at(settings, name)}" for name in names if name != TRAINING)
    now = ", ".join([*told, *([f"other {TRAINING}"] if TRAINING in names else [])])
    return History(settings=settings, changes=tuple(changes), now=now)


def _at(values: Any, name: str) -> Any:
    """Return the value of a name such as ``params.learning_rate``; None where there is none."""
    for key in name.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values
