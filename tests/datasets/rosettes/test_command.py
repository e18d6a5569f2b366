"""``napari-wnet synthesize`` as a person uses it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from skimage.io import imread

from napari_wnet import cli

SMALL = ("--size", "96", "128", "--max-leaves", "8")


def synthesize(out: Path, *more: str, n: str = "2", kind: str = "rosettes") -> int:
    return cli.main(["synthesize", kind, "--n", n, "--out", str(out), *SMALL, *more])


def test_it_says_what_was_written(tmp_path, capsys):
    assert synthesize(tmp_path / "out", "--seed", "4") == 0
    record = json.loads((tmp_path / "out" / "rosettes.json").read_text(encoding="utf-8"))
    assert capsys.readouterr().out == f"2 images with {record['n_leaves']} leaves written to {tmp_path / 'out'}\n"
    assert (record["seed"], record["n"]) == (4, 2)
    assert record["params"]["size"] == [96, 128] and record["params"]["max_leaves"] == 8
    assert imread(tmp_path / "out" / "images" / "rosette-000001.png").shape == (96, 128, 3)


def test_an_earlier_result_is_replaced_only_if_told_to(tmp_path, capsys):
    assert synthesize(tmp_path / "out") == 0
    before = (tmp_path / "out" / "images" / "rosette-000000.png").read_bytes()
    assert synthesize(tmp_path / "out", "--seed", "1") == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "out" / "images" / "rosette-000000.png").read_bytes() == before
    assert synthesize(tmp_path / "out", "--seed", "1", "--overwrite") == 0
    assert (tmp_path / "out" / "images" / "rosette-000000.png").read_bytes() != before


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--size", "95"), "between 96 and 4096"),
        (("--size", "100", "100", "100"), "height and a width"),
        (("--min-leaves", "1"), "between 2 and 60"),
        (("--min-leaves", "9"), "lower it"),
        (("--workers", "0"), "--workers"),
        (("--seed", "-1"), "--seed"),
        (("--n", "0"), "--n"),
    ],
)
def test_wrong_use_is_status_2_and_writes_nothing(flags, told, tmp_path, capsys):
    assert synthesize(tmp_path / "out", *flags) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unknown_kind_lists_the_known(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        synthesize(tmp_path / "out", kind="roses")
    assert stop.value.code == 2
    assert "rosettes" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything can be written to")
def test_a_folder_that_may_not_be_written_is_explained(tmp_path, capsys):
    tmp_path.chmod(0o500)
    try:
        assert synthesize(tmp_path / "out") == 1
    finally:
        tmp_path.chmod(0o700)
    assert "no permission" in capsys.readouterr().err
