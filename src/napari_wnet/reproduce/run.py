"""A whole study: all its runs, one after the other; one that fails does not end the others."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from napari_wnet.datasets.cvppp_hdf5 import write_submission
from napari_wnet.errors import OutputError, WNetError
from napari_wnet.network.checkpoint import read_model
from napari_wnet.network.device import choose_device
from napari_wnet.network.inference import fused
from napari_wnet.reports import EpochReport, Progress
from napari_wnet.reproduce.data import StudyData, data_steps
from napari_wnet.reproduce.job import ReproduceJob, RunDone, run_name
from napari_wnet.reproduce.table import Row, rows_of, write_tables
from napari_wnet.reproduce.training import labels_of, run_steps


@dataclass(frozen=True, kw_only=True, eq=False)
class Reproduced:
    """What came of a study.

    Attributes
    ----------
    rows : tuple of Row
        One for each variant that has a finished run.
    failed : tuple of RunDone
    files : tuple of Path
        The tables and the plot.
    notes : tuple of str
    """

    rows: tuple[Row, ...]
    failed: tuple[RunDone, ...]
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def reproduce_steps(job: ReproduceJob) -> Generator[Progress | EpochReport | RunDone, None, Reproduced]:
    """Train and score every row of a study, and write its tables after each run.

    Yields
    ------
    Progress
        While data is read or drawn.
    EpochReport
        While a network is trained.
    RunDone
        For each run.

    Raises
    ------
    WNetError
        If the data cannot be used, or the folder cannot be written or holds other runs.
    """
    data = yield from data_steps(job)
    done: list[RunDone] = []
    files: tuple[Path, ...] = ()
    notes = data.problems
    for variant, seed in job.runs():
        try:
            finished = yield from run_steps(job, data.of(variant.subsets), variant, seed)
        except OutputError:
            raise
        except WNetError as error:
            finished = RunDone(variant=variant, seed=seed, error=str(error))
        except Exception as error:  # noqa: BLE001 - the other runs are worth having whatever becomes of this one
            finished = RunDone(variant=variant, seed=seed, error=f"{type(error).__name__}: {error}")
        done.append(finished)
        files, more = write_tables(job, done)
        yield finished
    notes = (*notes, *more, *_hand_in(job, data, done))
    return Reproduced(rows=rows_of(job, done), failed=tuple(run for run in done if run.error), files=files, notes=notes)


def _hand_in(job: ReproduceJob, data: StudyData, done: list[RunDone]) -> tuple[str, ...]:
    """Write labels of what has none, by the network that was trained on most, as the leaf challenge takes them."""
    finished = [run for run in done if not run.error]
    if not (job.study.by_subset and data.unlabelled and finished):
        return ()
    last = finished[-1]
    device, params = choose_device(job.device), job.segment_params(last.variant)
    network = fused(read_model(job.out / "runs" / f"{run_name(last.variant, last.seed)}.safetensors").network)
    network = network.to(device)
    labels = ((image.name, labels_of(network, image, params, device)) for image in data.unlabelled)
    path = job.out / "submission.h5"
    count = write_submission(path, labels, overwrite=True)
    return (f"Labels of {count} plants without any are in {path}, to be handed in.",)
