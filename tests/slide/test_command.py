"""``napari-wnet segment`` of slides: what is written, said and refused."""

from __future__ import annotations

import csv
import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_wnet import cli
from napari_wnet.io import ngff
from napari_wnet.io.ngff import open_ngff
from napari_wnet.io.sidecar import labels_sha256, read_sidecar
from napari_wnet.network.checkpoint import read_model, save_model
from napari_wnet.network.registry import load_model
from slide.test_source import as_ngff
from slide_scenes import labels_in


@pytest.fixture
def slide(tmp_path, nuclei_image):
    (tmp_path / "in").mkdir()
    return as_ngff(tmp_path / "in", nuclei_image[0, :200, 300:520])


def segment(*arguments):
    return cli.main(["segment", "--device", "cpu", *map(str, arguments)])


def test_a_slide_gets_the_labels_of_the_same_image_in_a_file(tmp_path, slide, nuclei_image, capsys, monkeypatch):
    tifffile.imwrite(tmp_path / "in" / "b.tif", nuclei_image[0, :200, 300:520])
    out = tmp_path / "out"
    monkeypatch.setattr(ngff, "LARGE_PX", 100)
    assert segment(slide, tmp_path / "in" / "b.tif", "--out", out) == 0
    assert "2 of 2 images" in capsys.readouterr().out
    names = ["a.csv", "a.json", "a_labels.ome.zarr", "b.csv", "b.json", "b_labels.tif", "report.html"]
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


def test_a_slide_is_made_again_from_its_sidecar(tmp_path, slide, capsys):
    arguments = ("--out", tmp_path / "out", "--blocks", "128", "--tile-size", "64", "--angle", "40")
    assert segment(slide, *arguments) == 0
    before = sorted((tmp_path / "out").rglob("*"))
    sidecar = tmp_path / "out" / "a.json"
    assert cli.main(["replay", str(sidecar)]) == 0
    assert "identical labels" in capsys.readouterr().out
    assert sorted((tmp_path / "out").rglob("*")) == before
    assert cli.main(["replay", str(sidecar), "--out", str(tmp_path / "copy")]) == 0
    one, two = (labels_in(tmp_path / folder / "a_labels.ome.zarr") for folder in ("out", "copy"))
    np.testing.assert_array_equal(one, two)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.csv").write_text("mine")
    assert cli.main(["replay", str(sidecar), "--out", str(tmp_path / "mine"), "--overwrite"]) == 1
    assert "not known to be a result" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["a.csv"]
    info = json.loads(sidecar.read_text())
    info["result"]["labels_sha256"] = "0" * 64
    sidecar.write_text(json.dumps(info))
    assert cli.main(["replay", str(sidecar)]) == 1


def test_a_slide_made_with_a_file_of_a_model_is_made_again_with_that(tmp_path, slide, capsys):
    theirs = read_model(load_model("nuclei").path)
    save_model(tmp_path / "theirs.safetensors", theirs.network, replace(theirs.header, name="theirs"))
    model = ("--model", tmp_path / "theirs.safetensors")
    assert segment(slide, "--out", tmp_path / "out", "--blocks", "96", *model) == 0
    assert cli.main(["replay", str(tmp_path / "out" / "a.json")]) == 0
    assert "identical labels" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["precious.zarr", "..", "../out/precious.zarr", "", None])
def test_a_slide_made_again_takes_the_place_of_no_other_files(tmp_path, slide, capsys, name):
    assert segment(slide, "--out", tmp_path / "out", "--blocks", "96") == 0
    sidecar, copy = tmp_path / "out" / "a.json", tmp_path / "copy"
    info = json.loads(sidecar.read_text())
    if name is None:
        del info["result"]["files"]["labels"]
    else:
        info["result"]["files"]["labels"] = name
    sidecar.write_text(json.dumps(info))
    (copy / "precious.zarr").mkdir(parents=True)
    (copy / "precious.csv").write_text("precious")
    assert cli.main(["replay", str(sidecar), "--out", str(copy), "--overwrite"]) == 1
    assert "a.json" in capsys.readouterr().err
    assert sorted(path.name for path in copy.iterdir()) == ["precious.csv", "precious.zarr"]
    assert (copy / "precious.csv").read_text() == "precious"


@pytest.mark.parametrize("blocks", [None, [], {}, {"size": "large"}, {"size": True}])
def test_blocks_of_no_sense_are_told(tmp_path, slide, capsys, blocks):
    assert segment(slide, "--out", tmp_path / "out", "--blocks", "96") == 0
    sidecar = tmp_path / "out" / "a.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"blocks": blocks}))
    assert cli.main(["replay", str(sidecar)]) == 1
    assert "segment the image again" in capsys.readouterr().err


def test_a_slide_made_again_still_says_that_its_diameter_was_estimated(tmp_path, slide):
    size = ("--blocks", "128", "--tile-size", "64", "--diameter")
    for name, diameter in (("out", "auto"), ("fixed", "14")):
        assert segment(slide, "--out", tmp_path / name, *size, diameter) == 0
        assert cli.main(["replay", str(tmp_path / name / "a.json"), "--out", str(tmp_path / name / "copy")]) == 0
        infos = [read_sidecar(tmp_path / name / place) for place in ("a.json", "copy/a.json")]
        assert [info["run"]["diameter_estimated"] for info in infos] == [diameter == "auto"] * 2


def test_other_files_are_worked_on_in_blocks_if_asked(tmp_path, nuclei_image):
    tifffile.imwrite(tmp_path / "b.tif", nuclei_image[0, :200, 300:520])
    sha = []
    for blocks in ([], ["--blocks", "64"], ["--blocks", "128"]):
        out = tmp_path / f"out{len(sha)}"
        assert segment(tmp_path / "b.tif", "--tile-size", "64", "--out", out, *blocks) == 0
        sha.append(json.loads((out / "b.json").read_text())["result"]["labels_sha256"])
    assert len(set(sha)) == 1


@pytest.mark.parametrize("method", ["paper", "authors", "mutex", "meanshift", "hdbscan"])
def test_a_clustering_that_needs_the_whole_image_is_refused(tmp_path, slide, method, capsys):
    assert segment(slide, "--out", tmp_path / "out", "--blocks", "64", "--clustering", method) != 0
    said = capsys.readouterr().err
    assert f"'{method}' needs the whole image" in said
    assert "choose angular, combined or watershed" in said
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_what_a_version_without_some_settings_has_made_is_not_made_again(tmp_path, slide, capsys):
    arguments = ("--out", tmp_path / "out", "--blocks", "128", "--tile-size", "64")
    assert segment(slide, *arguments) == 0
    sidecar = tmp_path / "out" / "a.json"
    info = json.loads(sidecar.read_text())
    del info["params"]["clustering"]["mutex_reach"]
    sidecar.write_text(json.dumps(info))
    capsys.readouterr()
    assert segment(slide, *arguments) == 0
    assert "finished before" in capsys.readouterr().out


def test_a_folder_of_slides_is_found_own_results_are_not_and_a_second_run_skips(tmp_path, slide, capsys):
    for more, says in ((), "1 of 1 images"), ((), "finished before"), (("--overwrite",), "1 of 1 images"):
        assert segment(slide.parent, "--out", slide.parent, "--blocks", "2048", *more) == 0
        assert says in capsys.readouterr().out
    assert segment(slide.parent, "--out", slide.parent, "--blocks", "2048", "--angle", "30") == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a_labels.ome.zarr", "a.csv", "a.json", "a.geojson"])
def test_what_is_no_result_is_not_replaced_by_those_of_a_slide(tmp_path, slide, capsys, name):
    mine = tmp_path / "out" / name
    mine.parent.mkdir()
    if name.endswith(".zarr"):
        mine.mkdir()
        mine /= "mine"
    mine.write_text("mine")
    for more in (), ("--overwrite",):
        assert segment(slide, "--out", tmp_path / "out", "--blocks", "96", "--save", "geojson", *more) == 1
        said = capsys.readouterr().err
        assert "not known to be a result" in said
        assert "--overwrite" not in said
        assert mine.read_text() == "mine"


def test_results_of_a_slide_without_a_sidecar_are_replaced_if_their_run_was_cut_short(tmp_path, slide, capsys):
    out = tmp_path / "out"
    arguments = ("--out", out, "--blocks", "96", "--save", "geojson")
    assert segment(slide, *arguments) == 0
    sidecar = (out / "a.json").read_text()
    (out / "a.json").unlink()
    assert segment(slide, *arguments, "--overwrite") == 1
    assert "move it away" in capsys.readouterr().err
    (out / ".a.partial").mkdir()
    assert segment(slide, *arguments, "--overwrite") == 0
    assert json.loads((out / "a.json").read_text())["result"] == json.loads(sidecar)["result"]


def test_polygons_that_an_interrupted_run_has_not_come_to_are_not_its_own(tmp_path, slide, capsys):
    out = tmp_path / "out"
    (out / ".a.partial").mkdir(parents=True)
    (out / "a.geojson").write_text("mine")
    assert segment(slide, "--out", out, "--blocks", "96", "--save", "geojson", "--overwrite") == 1
    assert "a.geojson exists already and is not known" in capsys.readouterr().err
    assert (out / "a.geojson").read_text() == "mine"


def test_polygons_of_earlier_labels_of_a_slide_may_be_replaced_later(tmp_path, slide):
    out = tmp_path / "out"
    for more in ("--save", "geojson"), ("--angle", "30"), ("--angle", "40", "--save", "geojson"):
        assert segment(slide, "--out", out, "--blocks", "96", "--overwrite", *more) == 0
        result = json.loads((out / "a.json").read_text())["result"]
        assert ("geojson" in result["files"]) == ("geojson" in more)
        assert result.get("earlier", []) == ([] if "geojson" in more else ["a.geojson"])


def test_a_folder_may_hold_slides_and_other_images(tmp_path, slide, nuclei_image, capsys, monkeypatch):
    monkeypatch.setattr(ngff, "LARGE_PX", 150)
    tifffile.imwrite(slide.parent / "b.tif", nuclei_image[0, :100, 300:400])
    small = as_ngff(tmp_path / "small", nuclei_image[0, :100, 300:400])
    assert segment(slide.parent, small, "--out", tmp_path / "out") == 0
    assert "3 of 3 images" in capsys.readouterr().out
    written = sorted(path.name for path in (tmp_path / "out").glob("*labels*"))
    assert len(written) == 3
    assert sum(name.endswith(".zarr") for name in written) == 1


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs Dask distributed")
def test_blocks_are_done_by_the_workers_of_a_scheduler(tmp_path, slide):
    for out, scheduler in (("one", "threads"), ("two", "processes")):
        arguments = ("--out", tmp_path / out, "--blocks", "64", "--tile-size", "64", "--scheduler", scheduler)
        assert segment(slide, *arguments) == 0
    one, two = (labels_in(tmp_path / out / "a_labels.ome.zarr") for out in ("one", "two"))
    assert one.any()
    np.testing.assert_array_equal(one, two)


def test_a_bad_slide_does_not_stop_the_others_and_is_listed_until_it_is_mended(
    tmp_path, slide, nuclei_image, capsys, monkeypatch
):
    monkeypatch.setattr(ngff, "LARGE_PX", 100)
    bad = as_ngff(tmp_path / "bad", nuclei_image[0, :200, 300:520])
    bad = bad.rename(tmp_path / "in" / "bad.ome.zarr")
    chunk = bad / "0" / "c" / "0" / "0" / "0" / "0"
    good_chunk = chunk.read_bytes()
    chunk.write_bytes(b"nonsense")
    tifffile.imwrite(tmp_path / "in" / "c.tif", nuclei_image[0, :100, 300:400])
    out = tmp_path / "out"
    assert segment(tmp_path / "in", "--out", out) == 1
    captured = capsys.readouterr()
    assert "2 of 3 images" in captured.out
    assert "1 image failed, see" in captured.err
    with (out / "failed.csv").open(newline="") as file:
        (failed,) = csv.DictReader(file)
    assert failed["file"] == str(bad)
    assert "cannot be read at rows 0 to" in failed["why"]
    page = (out / "report.html").read_text()
    assert "2 of 3 images segmented" in page
    assert page.count("data:image/jpeg") == 2
    chunk.write_bytes(good_chunk)
    assert segment(tmp_path / "in", "--out", out) == 0
    assert "2 images finished before" in capsys.readouterr().out
    assert not (out / "failed.csv").exists()
    assert "3 of 3 images segmented" in (out / "report.html").read_text()


def test_a_plane_of_a_stack_has_the_labels_of_that_plane_and_is_made_again(tmp_path, nuclei_image, capsys):
    stack = np.stack([nuclei_image[0, :200, start : start + 200] for start in (0, 300)])
    np.save(tmp_path / "a.npy", stack)
    tifffile.imwrite(tmp_path / "b.tif", stack[1])
    flags = ("--blocks", "128", "--tile-size", "64")
    assert segment(tmp_path / "a.npy", "--axes", "ZYX", *flags, "--out", tmp_path / "no") == 1
    assert "--plane Z=1" in capsys.readouterr().err
    assert segment(tmp_path / "a.npy", "--axes", "ZYX", "--plane", "Z=1", *flags, "--out", tmp_path / "out") == 0
    assert segment(tmp_path / "b.tif", *flags, "--out", tmp_path / "out") == 0
    one, two = (read_sidecar(tmp_path / "out" / f"{name}.json") for name in "ab")
    assert one["result"]["labels_sha256"] == two["result"]["labels_sha256"]
    assert cli.main(["replay", str(tmp_path / "out" / "a.json")]) == 0
    assert "identical labels" in capsys.readouterr().out
    (tmp_path / "out" / "a.json").write_text(json.dumps(one | {"input": one["input"] | {"plane": [1, 0]}}))
    assert cli.main(["replay", str(tmp_path / "out" / "a.json")]) != 0
    assert "misstates the plane; segment the image again" in capsys.readouterr().err
    assert segment(tmp_path / "a.npy", "--axes", "ZYX", "--plane", "Z=0", *flags, "--out", tmp_path / "out") == 1
    assert "exists already" in capsys.readouterr().err
    assert segment(tmp_path / "b.tif", "--plane", "Z=0", "--out", tmp_path / "out") == 2
    assert "leave out --plane" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--save", "labels,pca"], ["--blocks", "10"]])
def test_what_cannot_be_done_in_blocks_is_refused(tmp_path, slide, capsys, more):
    assert segment(slide, "--out", tmp_path / "out", "--blocks", "2048", *more) == 2
    assert "block" in capsys.readouterr().err.lower()
