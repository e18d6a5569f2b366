"""What commands write: results to standard output, progress and complaints to standard error."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, TypeVar

from napari_wnet.errors import ParamsError
from napari_wnet.reports import EpochReport, Progress

if TYPE_CHECKING:
    from napari_wnet.batch.job import FileResult, FileStarted

Result = TypeVar("Result")
VALIDATION_NAMES = {"symmetric_best_dice": "SBD", "average_precision_0.5": "AP .5"}


def say(text: str) -> None:
    """Write a line of the result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Declare how many processor threads the network has."""
    parser.add_argument("--threads", type=_n_threads, help="processor threads of the network")


def _n_threads(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of threads; give 1 or more, or leave it out")
    return int(text)


def confirmed(question: str) -> bool:
    """Ask on the terminal, and tell whether the answer is yes; Enter alone is no.

    Raises
    ------
    ParamsError
        If nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        raise ParamsError(f"{question} Nobody can be asked here: give --yes if that is meant.")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


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


def show_files(
    steps: Generator[Progress | FileStarted | FileResult | None, None, tuple[FileResult, ...]], total: int
) -> tuple[FileResult, ...]:
    """Show files as a bar, and each that is finished as a line; return them."""
    from tqdm import tqdm

    from napari_wnet.batch.job import FileResult

    skipped = 0
    with tqdm(total=total, unit="image", disable=None, leave=False) as bar:
        while True:
            try:
                report = next(steps)
            except StopIteration as stop:
                results: tuple[FileResult, ...] = stop.value
                break
            if isinstance(report, Progress):
                bar.set_postfix_str(f"{report.what} {report.done} of {report.total}")
            if not isinstance(report, FileResult):
                continue
            bar.set_postfix_str("")
            bar.update()
            skipped += report.state == "skipped"
            if report.state != "skipped":
                bar.clear()
                _show_file(report)
    if skipped:
        say(f"{counted(skipped, 'image')} finished before, skipped")
    return results


def _show_file(result: FileResult) -> None:
    if result.error:
        warn(f"{result.path}: {result.error}")
        return
    say(f"{result.path}: {counted(result.n_objects, 'object')}, {result.seconds:.1f} s")
    for note in result.notes:
        say(f"  {note}")


def run_training(steps: Generator[EpochReport, None, Result]) -> Result:
    """Run a training to its end, a line for each report; Ctrl-C ends it with the best so far, twice at once."""
    interrupt: KeyboardInterrupt | None = None
    while True:
        try:
            say(report_line(next(steps) if interrupt is None else steps.throw(interrupt)))
        except StopIteration as stop:
            result: Result = stop.value
            return result
        except KeyboardInterrupt as error:
            if interrupt is not None:  # twice: leave at once, the checkpoint stays
                raise
            interrupt = error


def report_line(report: EpochReport) -> str:
    """Return a report of a training as a line."""
    losses = "  ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
    line = f"step {report.step}/{report.steps}  {losses}  {report.seconds_left / 60:.0f} min left"
    if report.validation:
        told = "  ".join(
            f"{VALIDATION_NAMES.get(name, name)} {value:.4f}"
            for name, value in report.validation.items()
            if name in VALIDATION_NAMES or name.startswith(("right", "mended"))
        )
        line += f"  | validation {told}  best step {report.best_step}"
    return line
