"""What a training leaves to look at while it runs: a table, TensorBoard's files, pictures of validation images."""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from napari_wnet.atomic import write_text
from napari_wnet.errors import OutputError, ParamsError
from napari_wnet.io.panels import Row, write_panel
from napari_wnet.network.dataset import Sample
from napari_wnet.network.training import scores_summary
from napari_wnet.reports import EpochReport, watched

Result = TypeVar("Result")
Each = Callable[[EpochReport], None]
PICTURED = 4
"""Validation images in a picture."""
PICTURES = ".pictures"
"""Ending of the folder of pictures beside a model."""


def logged(
    steps: Generator[EpochReport, None, Result], path: Path, *, resume: bool, also: Sequence[Each] = ()
) -> Generator[EpochReport, None, Result]:
    """Pass the reports of a training on, and write each into a table, after those of the training that is resumed.

    `also` is called with each report after that.
    """
    rows: list[dict[str, Any]] = _read_log(path) if resume else []

    def note(report: EpochReport) -> None:
        # What came after the checkpoint that is resumed from comes again.
        rows[:] = [*(row for row in rows if _step(row) < report.step), log_row(report)]
        write_text(path, as_csv(rows), overwrite=True)
        for each in also:
            each(report)

    return (yield from watched(steps, note))


def log_row(report: EpochReport) -> dict[str, Any]:
    """Return a report as a row of the log."""
    return {
        "step": report.step,
        "learning_rate": report.learning_rate,
        **{f"loss_{name}": value for name, value in report.losses.items()},
        **{f"validation_{name}": value for name, value in _told(report).items()},
    }


def _told(report: EpochReport) -> dict[str, float]:
    scores = report.validation or {}
    return scores_summary(scores) or dict(scores)


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as a table; a column that a row lacks is left empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _step(row: dict[str, Any]) -> float:
    """Return the step of a row; one that somebody wrote in by hand, without any, is before all others."""
    try:
        return float(row["step"])
    except (KeyError, TypeError, ValueError):
        return -1.0


def _read_log(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@contextlib.contextmanager
def tensorboard(folder: str, *, resume: bool) -> Iterator[Each]:
    """Give what writes reports as event files into a folder, for ``tensorboard --logdir FOLDER``.

    Raises
    ------
    ParamsError
        If TensorBoard is not installed.
    OutputError
        If the folder cannot be written to.
    """
    try:
        module = importlib.import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise ParamsError(
            "TensorBoard's event files need the package tensorboard: pip install tensorboard, or leave out "
            "--tensorboard (the log is written as a table in any case)."
        ) from error
    writer: Any = None

    def note(report: EpochReport) -> None:
        nonlocal writer
        with _explained(folder):
            if writer is None:  # what an earlier run wrote of later steps is not shown any more
                writer = module.SummaryWriter(folder, purge_step=report.step if resume else None)
            for tag, value in _scalars(report):
                writer.add_scalar(tag, value, report.step)
            writer.flush()

    with _explained(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
    try:
        yield note
    finally:
        if writer is not None:
            with _explained(folder):
                writer.close()


@contextlib.contextmanager
def _explained(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"TensorBoard's files cannot be written into {folder} ({error.strerror or error}); choose another folder "
            "(--tensorboard)."
        ) from error


def _scalars(report: EpochReport) -> Iterator[tuple[str, float]]:
    yield "learning_rate", report.learning_rate
    yield from ((f"loss/{name}", value) for name, value in report.losses.items())
    yield from ((f"validation/{name}", value) for name, value in _told(report).items())


def pictures(folder: Path, validation: Sequence[Sample]) -> Each:
    """Return what draws the validation images of a report, with what was annotated and what was found in them.

    The files are called ``step-004000.png``.

    Parameters
    ----------
    folder : Path
    validation : sequence of Sample
        All of them; which are drawn, a report says.
    """
    known = {sample.name: sample for sample in validation}

    def note(report: EpochReport) -> None:
        rows = [
            Row(name=name, image=known[name].image, true=known[name].labels, found=found)
            for name, found in report.previews
        ]
        if rows:
            score = (report.validation or {}).get("symmetric_best_dice")
            title = f"step {report.step}" + ("" if score is None else f", SBD {score:.3f}")
            write_panel(folder / f"step-{report.step:06}.png", rows, title)

    return note
