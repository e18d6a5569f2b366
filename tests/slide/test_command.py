"""``napari-wnet segment`` of slides: what is written, said and refused."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile

from napari_wnet import cli
from napari_wnet.io.ngff import open_ngff
from napari_wnet.io.sidecar import labels_sha256, read_sidecar
from slide.test_source import as_ngff
from slide_scenes import labels_in


@pytest.fixture
def slide(tmp_path, nuclei_image):
    (tmp_path / "in").mkdir()
    return as_ngff(tmp_path / "in", nuclei_image[0, :200, 300:520])


def segment(*arguments):
    return cli.main(["segment", "--device", "cpu", *map(str, arguments)])


def test_a_slide_gets_the_labels_of_the_same_image_in_a_file(tmp_path, slide, nuclei_image, capsys):
    tifffile.imwrite(tmp_path / "in" / "b.tif", nuclei_image[0, :200, 300:520])
    out = tmp_path / "out"
    assert segment(slide, tmp_path / "in" / "b.tif", "--out", out) == 0
    assert "2 of 2 images" in capsys.readouterr().out
    names = ["a.csv", "a.json", "a_labels.ome.zarr", "b.csv", "b.json", "b_labels.tif"]
    assert sorted(path.name for path in out.iterdir()) == names
    labels = labels_in(out / "a_labels.ome.zarr")
    np.testing.assert_array_equal(labels, tifffile.imread(out / "b_labels.tif"))
    info, plain = (read_sidecar(out / f"{name}.json") for name in "ab")
    assert info["result"]["labels_sha256"] == labels_sha256(labels) == plain["result"]["labels_sha256"]
    assert info["result"]["files"] == {"labels": "a_labels.ome.zarr", "table": "a.csv"}
    assert info["blocks"]["size"] == 2048
    assert info["params"] == plain["params"]
    written = open_ngff(out / "a_labels.ome.zarr")
    assert written.pixel_size == (0.5, 0.5)
    assert len({*info} - {*plain}) == 1
    with (out / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["label"]) for row in rows] == list(range(1, labels.max() + 1))
    assert sum(float(row["area_um2"]) for row in rows) == pytest.approx(np.count_nonzero(labels) / 4)


def test_other_files_are_worked_on_in_blocks_if_asked(tmp_path, nuclei_image):
    tifffile.imwrite(tmp_path / "b.tif", nuclei_image[0, :200, 300:520])
    sha = []
    for blocks in ([], ["--blocks", "64"], ["--blocks", "128"]):
        out = tmp_path / f"out{len(sha)}"
        assert segment(tmp_path / "b.tif", "--tile-size", "64", "--out", out, *blocks) == 0
        sha.append(json.loads((out / "b.json").read_text())["result"]["labels_sha256"])
    assert len(set(sha)) == 1


def test_a_folder_of_slides_is_found_and_own_results_are_not(tmp_path, slide, capsys):
    assert segment(slide.parent, "--out", slide.parent) == 0
    assert "1 of 1 images" in capsys.readouterr().out
    assert segment(slide.parent, "--out", slide.parent, "--overwrite") == 0
    assert "1 of 1 images" in capsys.readouterr().out


def test_a_folder_may_hold_slides_and_other_images(tmp_path, slide, nuclei_image, capsys):
    tifffile.imwrite(slide.parent / "b.tif", nuclei_image[0, :100, 300:400])
    assert segment(slide.parent, "--out", tmp_path / "out") == 0
    assert "2 of 2 images" in capsys.readouterr().out
    assert (tmp_path / "out" / "a_labels.ome.zarr").is_dir()
    assert (tmp_path / "out" / "b_labels.tif").is_file()


def test_a_bad_slide_does_not_stop_the_others(tmp_path, slide, capsys):
    bad = tmp_path / "in" / "bad.zarr"
    bad.mkdir()
    assert segment(bad, slide, "--out", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert "1 of 2 images" in captured.out
    assert "bad.zarr" in captured.err


@pytest.mark.parametrize("more", [["--save", "labels,pca"], ["--foreground", "mask.tif"], ["--blocks", "10"]])
def test_what_cannot_be_done_in_blocks_is_refused(tmp_path, slide, capsys, more):
    assert segment(slide, "--out", tmp_path / "out", *more) == 2
    assert "block" in capsys.readouterr().err.lower()
