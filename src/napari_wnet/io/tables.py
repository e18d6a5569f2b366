"""Tables in files, CSV or Parquet by the ending of the name; each complete or not there at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import atomic_path, refuse_existing, write_text
from napari_wnet.errors import OutputError

if TYPE_CHECKING:
    from pandas import DataFrame

Columns: TypeAlias = Mapping[str, npt.NDArray[Any]]
ENDINGS = (".csv", ".parquet")
"""Of the files that are written."""
NO_PARQUET = "Parquet files need another package: run 'pip install pyarrow', or choose a name that ends in .csv."


def write_table(path: str | Path, table: DataFrame | Columns, *, overwrite: bool = False) -> None:
    """Write a table as CSV (commas, names in the first line, empty cells where a value is missing) or as Parquet.

    Numbers read back exactly.

    Parameters
    ----------
    path : str or Path
        Ends in ``.csv`` or ``.parquet``.
    table : pandas.DataFrame or mapping of str to 1D array
        Columns of equal length; no row at all is fine.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If the file exists or cannot be written, its name has another ending, the columns differ in length, or Parquet
        is asked for and pyarrow is not installed.
    """
    path = Path(path)
    check_ending(path)
    refuse_existing(path, overwrite=overwrite)
    columns = {str(name): np.asarray(table[name]) for name in table}
    _check_lengths(columns)
    if path.suffix.lower() == ".csv":
        write_text(path, format_table(columns), overwrite=overwrite)
        return
    import pandas

    with atomic_path(path, overwrite=overwrite) as partial:
        try:
            pandas.DataFrame(columns).to_parquet(partial, engine="pyarrow", index=False)
        except ImportError as error:
            raise OutputError(f"{path}: {NO_PARQUET}") from error


def check_ending(path: Path) -> None:
    """Refuse the name of a table that would be neither CSV nor Parquet.

    Raises
    ------
    OutputError
        If it has another ending.
    """
    if path.suffix.lower() not in ENDINGS:
        raise OutputError(f"{path}: tables are written as {' or '.join(ENDINGS)}; give a name that ends so.")


def format_table(columns: Columns) -> str:
    """Return columns as the text of a CSV file: commas, names in the first line, numbers that read back exactly.

    Parameters
    ----------
    columns : mapping of str to 1D array
        All of the same length; no row at all is fine.

    Raises
    ------
    OutputError
        If the columns differ in length.
    """
    _check_lengths(columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    # Plain Python numbers are written in their shortest exact form; NumPy's would carry the name of their type.
    writer.writerows(zip(*(_cells(column) for column in columns.values()), strict=True))
    return text.getvalue()


def _cells(column: npt.NDArray[Any]) -> list[Any]:
    values = np.asarray(column)
    cells: list[Any] = values.tolist()
    if values.dtype.kind == "f" and np.isnan(values).any():
        return ["" if cell != cell else cell for cell in cells]
    return cells


def _check_lengths(columns: Columns) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise OutputError(f"The table's columns differ in length, {lengths}; give each one value a row.")
