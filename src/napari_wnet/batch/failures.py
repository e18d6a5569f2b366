"""The list of the files that could not be segmented."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from napari_wnet.atomic import write_text
from napari_wnet.batch.job import FileResult

NAMES = ("failed.csv", "failed_files.csv")
"""The second, where something else has the first."""
HEAD = ("file", "why")


def write_failures(out: Path, results: Sequence[FileResult]) -> Path | None:
    """Write which files failed and why; a list of an earlier run is replaced, or taken away if none failed.

    Returns
    -------
    Path or None
        The list, if any file failed.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    path = failures_path(out)
    failed = [result for result in results if result.state == "failed"]
    if not failed:
        if path.exists() and _is_ours(path):
            path.unlink()
        return None
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEAD)
    table.writerows((result.path, result.error) for result in failed)
    write_text(path, text.getvalue(), overwrite=True)
    return path


def failures_path(out: Path) -> Path:
    """Return where the list of an output folder is, or goes."""
    return out / NAMES[0] if _is_ours(out / NAMES[0]) else out / NAMES[1]


def _is_ours(path: Path) -> bool:
    """Tell whether a file is such a list, or not there."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return tuple(next(csv.reader(file), ())) == HEAD
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
