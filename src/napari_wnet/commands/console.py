"""What commands write: results to standard output, progress and complaints to standard error."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, TypeVar

from napari_wnet.reports import Progress

if TYPE_CHECKING:
    from napari_wnet.batch import FileResult

Result = TypeVar("Result")


def say(text: str) -> None:
    """Write a line of the result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def with_bar(steps: Generator[Progress, None, Result]) -> Result:
    """Run a generator to its end under a progress bar (on a terminal only) and return its result."""
    from tqdm import tqdm

    with tqdm(disable=None, leave=False) as bar:
        while True:
            try:
                report = next(steps)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            show(bar, report)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 object``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def show(bar: object, report: Progress) -> None:
    """Bring a tqdm bar to the state of a report."""
    bar.total, bar.n = report.total, report.done  # type: ignore[attr-defined]
    bar.set_description_str(report.what, refresh=True)  # type: ignore[attr-defined]


def show_files(reports: Iterable[Progress | FileResult]) -> list[FileResult]:
    """Show tiles as a bar and each finished file as a line; return the files."""
    from tqdm import tqdm

    finished: list[FileResult] = []
    with tqdm(disable=None, leave=False) as bar:
        for report in reports:
            if isinstance(report, Progress):
                show(bar, report)
                continue
            bar.clear()
            finished.append(report)
            if report.error:
                warn(f"{report.path}: {report.error}")
                continue
            say(f"{report.path}: {counted(report.n_objects, 'object')}, {report.seconds:.1f} s")
            for note in report.notes:
                say(f"  {note}")
    return finished
