"""What commands write: results to standard output, progress and complaints to standard error."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_wnet.errors import ParamsError
from napari_wnet.reports import EpochReport, Progress

if TYPE_CHECKING:
    from napari_wnet.batch import FileResult

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


def read_config(path: Path | None) -> dict[str, Any]:
    """Return what a configuration file says, as it says it.

    Raises
    ------
    ParamsError
        If the file cannot be read.
    """
    if path is None:
        return {}
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} cannot be read as YAML: {error}") from error


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
