"""The tables of a study: CSV, Markdown and a plot, beside the paper's numbers."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_wnet.atomic import atomic_path, write_text
from napari_wnet.reproduce.job import ReproduceJob, RunDone
from napari_wnet.reproduce.studies import SBD

LEARNT = 0.6
"""Symmetric best Dice on training images below which a network has not learnt its task, and says nothing."""
NO_PLOT = 'There is no plot: run pip install "napari-wnet[plots]" for it.'
MEASURES = {
    "symmetric_best_dice": "mSBD",
    "mean_average_precision": "mAP",
    "average_precision_0.5": "AP .5",
    "abs_count_difference": "count error",
    "train_symmetric_best_dice": "mSBD on training images",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One variant over its seeds.

    Attributes
    ----------
    label : str
    n_seeds : int
    mean, spread : dict of str to float
        By measure; the spread is the standard deviation over seeds, 0 for one.
    paper : dict of str to float
    """

    label: str
    n_seeds: int
    mean: dict[str, float]
    spread: dict[str, float]
    paper: dict[str, float]

    @property
    def counts(self) -> bool:
        """Whether the network has learnt its task, on the images that it saw."""
        return self.mean.get("train_symmetric_best_dice", 0.0) >= LEARNT


def rows_of(job: ReproduceJob, done: Sequence[RunDone]) -> tuple[Row, ...]:
    """Return a row for each variant of which a run is finished, in the order of the study."""
    rows = []
    for variant in job.study.variants:
        scores = [run.scores for run in done if run.variant.key == variant.key and not run.error]
        if not scores:
            continue
        names = [name for name in scores[0] if all(name in one for one in scores)]
        values = {name: [one[name] for one in scores] for name in names}
        rows.append(
            Row(
                label=variant.label,
                n_seeds=len(scores),
                mean={name: statistics.fmean(each) for name, each in values.items()},
                spread={name: statistics.stdev(each) if len(each) > 1 else 0.0 for name, each in values.items()},
                paper=dict(variant.paper),
            )
        )
    return tuple(rows)


def write_tables(job: ReproduceJob, done: Sequence[RunDone]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write what is there so far; return the files and what to know of them."""
    rows = rows_of(job, done)
    table, text, plot = (job.out / f"{job.study.name}{ending}" for ending in (".csv", ".md", ".png"))
    write_text(table, as_csv(rows), overwrite=True)
    write_text(text, as_markdown(job, done), overwrite=True)
    if not rows:
        return (table, text), ()
    if not draw(job, rows, plot):
        return (table, text), (NO_PLOT,)
    return (table, text, plot), ()


def _columns(rows: Sequence[Row]) -> list[str]:
    """Return the measures that are shown, those that the paper gives for some row included."""
    asked = dict.fromkeys([*MEASURES, *(name for row in rows for name in row.paper)])
    return [name for name in asked if any(name in row.mean for row in rows)]


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows as a table with each measure's mean, spread and paper's number."""
    columns = _columns(rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["row", "seeds", "counts", *(f"{name}{ending}" for name in columns for ending in ("", "_std", "_paper"))]
    )
    for row in rows:
        cells = [
            f"{values[name]:.4f}" if name in values else ""
            for name in columns
            for values in (row.mean, row.spread, row.paper)
        ]
        writer.writerow([row.label, row.n_seeds, row.counts, *cells])
    return text.getvalue()


def as_markdown(job: ReproduceJob, done: Sequence[RunDone]) -> str:
    """Return rows as a Markdown table, with how they were come by and what failed."""
    rows = rows_of(job, done)
    columns = _columns(rows)
    steps = job.params(job.study.variants[0], 0)
    budget = f"{steps.epochs} epochs" if steps.epochs else f"{steps.steps} steps"
    lines = [
        f"# {job.study.title}",
        "",
        f"Data: {job.data}. Recipe: {job.budget.recipe}, {budget} of {steps.batch_size} crops of {steps.crop_size} px; "
        "true foreground; mean over test images, standard deviation over seeds.",
        "",
        "| | seeds | " + " | ".join(MEASURES.get(name, name) for name in columns) + " | paper |",
        "|" + "---|" * (len(columns) + 3),
    ]
    for row in rows:
        cells = [_cell(row, name) for name in columns]
        paper = ", ".join(f"{MEASURES.get(name, name)} {value:.3f}" for name, value in row.paper.items())
        name = row.label if row.counts else f"{row.label} (has not learnt its training images)"
        lines.append(f"| {name} | {row.n_seeds} | " + " | ".join(cells) + f" | {paper} |")
    failed = [run for run in done if run.error]
    if failed:
        lines += ["", "Failed:", "", *(f"- {run.name}: {run.error}" for run in failed)]
    return "\n".join(lines) + "\n"


def _cell(row: Row, name: str) -> str:
    if name not in row.mean:
        return ""
    spread = f" ± {row.spread[name]:.3f}" if row.n_seeds > 1 else ""
    return f"{row.mean[name]:.3f}{spread}"


def draw(job: ReproduceJob, rows: Sequence[Row], path: Path) -> bool:
    """Plot the mean symmetric best Dice of each row beside the paper's; tell whether there is a library to do so."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(7, 0.45 * len(rows) + 1.3), layout="constrained")
    axes = figure.subplots()
    places = range(len(rows))
    axes.errorbar(
        [row.mean[SBD] for row in rows],
        places,
        xerr=[row.spread[SBD] for row in rows],
        fmt="o",
        color="#1b6ca8",
        capsize=4,
        label="here",
    )
    known = [(place, row.paper[SBD]) for place, row in zip(places, rows, strict=True) if SBD in row.paper]
    if known:
        axes.scatter(
            [value for _, value in known], [place for place, _ in known], marker="x", color="#777777", label="paper"
        )
    axes.set_yticks(list(places), [row.label for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("mean symmetric best Dice")
    axes.set_title(job.study.title, fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8)
    with atomic_path(path, overwrite=True) as partial:
        figure.savefig(partial, format="png", dpi=120)
    return True
