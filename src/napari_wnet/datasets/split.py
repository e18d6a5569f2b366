"""Splits: training, validation and test by place among the sorted names, and halves at random, as published."""

from __future__ import annotations

import hashlib
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
    ordered = _once(names)
    parts = {TEST: ordered[TEST::PERIOD], VALIDATION: ordered[VALIDATION::PERIOD]}
    train = [name for place, name in enumerate(ordered) if place % PERIOD not in parts]
    return Split(train=tuple(train), validation=tuple(parts[VALIDATION]), test=tuple(parts[TEST]))


def halves(names: Iterable[str], seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split names at random into two halves, each sorted; the first is the smaller where their number is odd.

    The halves are a function of the seed and the names alone, whatever the machine and the version of numpy: names are
    ordered by the hash of the seed with the name.

    Raises
    ------
    TrainingError
        If a name comes twice.
    """
    ordered = _once(names)
    keys = {name: f"{seed}:{name}".encode(errors="surrogatepass") for name in ordered}
    shuffled = sorted(ordered, key=lambda name: hashlib.sha256(keys[name]).digest())
    middle = len(shuffled) // 2
    return tuple(sorted(shuffled[:middle])), tuple(sorted(shuffled[middle:]))


def names_sha256(names: Iterable[str]) -> str:
    """Return the hash by which a set of names is recognised, in whatever order they come."""
    return hashlib.sha256("\n".join(sorted(names)).encode(errors="surrogatepass")).hexdigest()


def _once(names: Iterable[str]) -> list[str]:
    ordered = sorted(names)
    twice = sorted({first for first, second in itertools.pairwise(ordered) if first == second})
    if twice:
        raise TrainingError(f"The names {', '.join(twice[:3])} come twice; give each image a name of its own.")
    return ordered
