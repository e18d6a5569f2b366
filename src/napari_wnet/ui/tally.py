"""How far a batch has come, in numbers and in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from napari_wnet.batch.job import FileResult
from napari_wnet.ui.batch_settings import in_the_dock
from napari_wnet.ui.batch_work import BatchDone

MINUTE_S = 60


@dataclass(kw_only=True)
class Tally:
    """How far a batch has come.

    Attributes
    ----------
    total, done, failed, before : int
        Files in all, those of which it is known what became of them, and of these the failed and those that had been
        finished before.
    n_objects : int
    error : str
        Why the first of the failed failed.
    began : float
        Seconds of `clock`; moved on by pauses.
    """

    total: int = 0
    done: int = 0
    failed: int = 0
    before: int = 0
    n_objects: int = 0
    error: str = ""
    clock: Callable[[], float] = time.monotonic
    began: float = 0.0
    _paused_at: float | None = field(default=None, repr=False)

    def start(self, total: int) -> None:
        """Begin to count."""
        self.total, self.began = total, self.clock()

    def add(self, result: FileResult) -> None:
        """Count a file."""
        self.done += 1
        self.failed += result.state == "failed"
        self.before += result.state == "skipped"
        self.n_objects += result.n_objects
        self.error = self.error or result.error

    def pause(self, paused: bool) -> None:
        """Leave out the time from a pause to its end."""
        if paused:
            self._paused_at = self.clock()
        elif self._paused_at is not None:
            self.began, self._paused_at = self.began + self.clock() - self._paused_at, None

    def seconds_left(self) -> float | None:
        """Return how long the other files will take, as the files so far did; None while none has been done."""
        worked = self.done - self.before
        now = self.clock() if self._paused_at is None else self._paused_at
        return None if not worked else (now - self.began) / worked * (self.total - self.done)

    def __str__(self) -> str:
        parts = [f"{self.done} of {self.total}"]
        parts += [f"{self.failed} failed"] if self.failed else []
        left = self.seconds_left()
        parts += [f"about {in_words(left)} left"] if left is not None and self.done < self.total else []
        return ", ".join(parts)


def in_words(seconds: float) -> str:
    """Return a time as a person would say it."""
    if seconds < MINUTE_S:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / MINUTE_S)
    return f"{minutes} min" if minutes < 2 * MINUTE_S else f"{round(minutes / MINUTE_S)} h"


def summary(tally: Tally, outcome: BatchDone) -> str:
    """Return what has come of a batch."""
    if tally.failed == tally.done:  # and most likely all for the same reason
        return in_the_dock(f"None of {counted(tally.done)} could be segmented. The first: {tally.error}")
    segmented = tally.done - tally.failed
    of_all = f"{segmented} of {counted(tally.done)}" if tally.failed else counted(tally.done)
    before = f", {tally.before} of them before" if tally.before else ""
    text = f"Done: {of_all}{before}; {tally.n_objects} objects."
    where = f", or see {outcome.failures.name} with the results" if outcome.failures else ""
    return text + (f" {tally.failed} failed: click one for why{where}." if tally.failed else "")


def counted(n_images: int) -> str:
    """Return a number of images in words."""
    return f"{n_images} image{'s' if n_images != 1 else ''}"
