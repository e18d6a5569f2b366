"""Tables come back from their files as they went in, whole or not at all."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_wnet.core.tables import measure
from napari_wnet.errors import OutputError
from napari_wnet.io.tables import format_table, write_table
from scenes import label_pair


def read_back(columns: dict[str, np.ndarray]) -> tuple[list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(format_table(columns)))
    return header, rows


@given(st.lists(st.floats(allow_nan=False), max_size=8))
def test_numbers_read_back_exactly(numbers: list[float]) -> None:
    header, rows = read_back({"label": np.arange(len(numbers)), "value": np.array(numbers, float)})
    assert header == ["label", "value"]
    assert [(int(label), float(value)) for label, value in rows] == list(enumerate(numbers))


def test_text_reads_back_and_missing_values_are_empty() -> None:
    names = ["leaf, old", 'the "first"', "Blätter\nzwei", ""]
    assert read_back({"name": np.array(names)}) == (["name"], [[name] for name in names])
    assert read_back({"a": np.array([1.5, np.nan]), "b": np.arange(2)})[1] == [["1.5", "0"], ["", "1"]]


def test_columns_of_different_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="differ in length"):
        format_table({"a": np.arange(2), "b": np.arange(3)})
    with pytest.raises(OutputError, match="differ in length"):
        write_table(tmp_path / "a.parquet", {"a": np.arange(2), "b": np.arange(3)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".CSV"])
@pytest.mark.parametrize("empty", [False, True])
def test_measurements_come_back_exactly(tmp_path: Path, ending: str, empty: bool) -> None:
    pytest.importorskip("pyarrow")
    labels = label_pair(0)[1] * (0 if empty else 2**33)
    table = measure(labels, np.random.default_rng(0).random(labels.shape), (0.1, 0.3))
    path = tmp_path / f"leaves ä{ending}"
    write_table(path, table)
    back = pandas.read_parquet(path) if ending == ".parquet" else pandas.read_csv(path)
    assert list(back) == list(table)
    assert len(back) == len(table)
    for name in table:
        np.testing.assert_array_equal(back[name], table[name], err_msg=name)
        assert empty or back[name].dtype == table[name].dtype
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_tables_are_made_with_their_folder_and_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "out" / "a.csv"
    columns = {"label": np.array([1, 2]), "area": np.array([2.5, 3.0])}
    write_table(path, columns)
    assert path.read_text() == "label,area\n1,2.5\n2,3.0\n"
    with pytest.raises(OutputError, match="--overwrite"):
        write_table(path, columns)
    write_table(path, {"label": np.array([], int)}, overwrite=True)
    assert path.read_text() == "label\n"
    assert [file.name for file in path.parent.iterdir()] == ["a.csv"]


def test_without_pyarrow_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OutputError, match="pip install pyarrow"):
        write_table(tmp_path / "a.parquet", {"label": np.arange(2)})
    assert not list(tmp_path.iterdir())


def test_other_endings_are_refused(tmp_path: Path) -> None:
    for name in ("a.xlsx", "a", "a.csv.gz"):
        with pytest.raises(OutputError, match="ends so"):
            write_table(tmp_path / name, {"label": np.arange(2)})
    assert not list(tmp_path.iterdir())
