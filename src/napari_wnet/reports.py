"""What long work yields while it runs: plain values that a bar, a log or a widget can show."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

Report = TypeVar("Report")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a piece of work has come.

    Attributes
    ----------
    done, total : int
        Units finished and units in all; a unit is a tile, a file or a step.
    what : str
        What is being done, for a person to read.
    """

    done: int
    total: int
    what: str = ""


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """The state of a training run at a validation or a logging point.

    Attributes
    ----------
    step, steps : int
        Optimiser steps done and planned.
    losses : dict of str to float
        Mean of each loss term since the last report, and their weighted sum as ``total``.
    learning_rate : float
        At this step.
    seconds_left : float
        Estimate from the steps so far.
    validation : dict of str to float or None
        Scores on the validation set, where this report follows a validation.
    best_step : int or None
        Step of the best validation so far.
    previews : tuple of (str, (Y, X) int32 array)
        Names of the first validation images, and the labels found in them, after a validation.
    """

    step: int
    steps: int
    losses: dict[str, float]
    learning_rate: float
    seconds_left: float
    validation: dict[str, float] | None = None
    best_step: int | None = None
    previews: tuple[tuple[str, Any], ...] = ()


def watched(
    steps: Generator[Report, None, Result], each: Callable[[Report], object]
) -> Generator[Report, None, Result]:
    """Pass reports on as they come, after calling a function with each, and KeyboardInterrupt back to the work."""
    interrupt: KeyboardInterrupt | None = None
    with contextlib.closing(steps):
        while True:
            try:
                report = next(steps) if interrupt is None else steps.throw(interrupt)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            interrupt = None
            try:
                each(report)
                yield report
            except KeyboardInterrupt as error:  # while it was shown: the work is told all the same
                interrupt = error


def drain(steps: Generator[object, None, Result]) -> Result:
    """Run a generator of reports to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result
