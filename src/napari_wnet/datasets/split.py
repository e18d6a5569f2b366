"""The one split of every data set into training, validation and test: by place among the sorted names."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from napari_wnet.errors import TrainingError

PERIOD = 10
TEST, VALIDATION = 0, 5
"""Places modulo ten. Test is only reported; validation chooses checkpoints and settings; neither trains."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Names by what they are for, each sorted."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def split(names: Iterable[str]) -> Split:
    """Split names: of the sorted list every tenth, from the first on, is test; every tenth from the sixth, validation.

    Raises
    ------
    TrainingError
        If a name comes twice, since it could then train and test.
    """
    ordered = sorted(names)
    twice = sorted({first for first, second in itertools.pairwise(ordered) if first == second})
    if twice:
        raise TrainingError(f"The names {', '.join(twice[:3])} come twice; give each image a name of its own.")
    parts = {TEST: ordered[TEST::PERIOD], VALIDATION: ordered[VALIDATION::PERIOD]}
    train = [name for place, name in enumerate(ordered) if place % PERIOD not in parts]
    return Split(train=tuple(train), validation=tuple(parts[VALIDATION]), test=tuple(parts[TEST]))
