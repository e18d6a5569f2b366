"""``napari-wnet export`` as a person uses it: what is found, what is written, what is said."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import roifile
import tifffile
from PIL import Image

from napari_wnet import cli
from napari_wnet.datasets.naming import find_labels
from napari_wnet.errors import ImageError
from napari_wnet.io.images import read_labels, write_labels
from napari_wnet.io.ngff_labels import write_ngff_labels
from odd_labels import ODD

ALL = "roi,geojson,coco,outlines,zarr"


def export(*arguments):
    return cli.main(["export", *map(str, arguments)])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def results(tmp_path, nuclei_image):
    """Return a folder of results of ``napari-wnet segment``: of an image and of a time series."""
    images = tmp_path / "images"
    images.mkdir()
    tifffile.imwrite(images / "a.tif", nuclei_image[0, :160, :160])
    stack = np.stack([nuclei_image[0, :128, :128], nuclei_image[0, 128:256, :128]])
    tifffile.imwrite(images / "film.tif", stack, imagej=True, metadata={"axes": "TYX"})
    assert cli.main(["segment", str(images), "--out", str(tmp_path / "results"), "--device", "cpu"]) == 0
    return tmp_path / "results"


def test_a_folder_of_results_goes_to_every_program(tmp_path, results, capsys):
    out = tmp_path / "out"
    assert export(results, "--as", ALL, "--out", out) == 0
    assert names(out) == sorted(
        f"{stem}{ending}"
        for stem in ("a", "film")
        for ending in ("_rois.zip", ".geojson", "_coco.json", "_outlines.png", "_labels.ome.zarr")
    )
    labels = read_labels(results / "film_labels.tif")
    np.testing.assert_array_equal(read_labels(out / "film_labels.ome.zarr"), labels)
    assert {roi.position for roi in roifile.roiread(out / "film_rois.zip")} == {1, 2}
    planes = {
        feature["geometry"]["plane"]["t"] for feature in json.loads((out / "film.geojson").read_text())["features"]
    }
    assert planes == {0, 1}
    assert {image["file_name"] for image in json.loads((out / "film_coco.json").read_text())["images"]} == {"film.tif"}
    with Image.open(out / "film_outlines.png") as picture:
        assert picture.size == (128, 128)
    assert "the middle one" in capsys.readouterr().out


def test_all_labels_go_into_one_coco_file_if_asked(tmp_path, results):
    assert export(results, "--as", "coco", "--together", "--category", "nucleus", "--out", tmp_path / "out") == 0
    assert names(tmp_path / "out") == ["annotations_coco.json"]
    found = json.loads((tmp_path / "out" / "annotations_coco.json").read_text())
    assert [image["file_name"] for image in found["images"]] == ["a.tif", "film.tif", "film.tif"]
    assert found["categories"][0]["name"] == "nucleus"
    planes = [read_labels(results / "a_labels.tif"), *read_labels(results / "film_labels.tif")]
    assert len(found["annotations"]) == sum(plane.max() for plane in planes)


def test_the_image_may_be_elsewhere_now_or_beside_the_result(tmp_path, results, capsys):
    (tmp_path / "images").rename(tmp_path / "moved")
    labels = results / "a_labels.tif"
    assert export(labels, "--as", "outlines,roi", "--out", tmp_path / "one") == 1
    assert "--image" in capsys.readouterr().err
    assert not (tmp_path / "one").exists()
    assert export(labels, "--as", "outlines", "--out", tmp_path / "one", "--image", tmp_path / "moved") == 0
    shutil.copy(tmp_path / "moved" / "a.tif", results)
    assert export(labels, "--as", "outlines", "--out", tmp_path / "two") == 0
    assert (tmp_path / "one" / "a_outlines.png").read_bytes() == (tmp_path / "two" / "a_outlines.png").read_bytes()


def test_outlines_are_drawn_on_the_image_that_was_segmented_not_on_one_of_its_name(
    tmp_path, nuclei_image, capsys, monkeypatch
):
    for place, columns in (("here", slice(0, 96)), ("there", slice(200, 296))):
        (tmp_path / place / "images").mkdir(parents=True)
        tifffile.imwrite(tmp_path / place / "images" / "a.tif", nuclei_image[0, :96, columns])
    monkeypatch.chdir(tmp_path / "here")
    assert cli.main(["segment", "images/a.tif", "--out", "../results", "--device", "cpu"]) == 0
    labels = tmp_path / "results" / "a_labels.tif"
    assert export(labels, "--as", "outlines", "--out", "../one") == 0
    monkeypatch.chdir(tmp_path / "there")
    assert export(labels, "--as", "outlines", "--out", "../two") == 0
    one, two = ((tmp_path / folder / "a_outlines.png").read_bytes() for folder in ("one", "two"))
    assert one == two
    (tmp_path / "here" / "images" / "a.tif").unlink()
    shutil.copy("images/a.tif", tmp_path / "results")
    capsys.readouterr()
    assert export(labels, "--as", "outlines", "--out", "../three") == 1
    said = capsys.readouterr().err
    assert "has changed since a.json was written" in said
    assert "--image" in said
    assert export(labels, "--as", "coco", "--out", "../three") == 0
    found = json.loads((tmp_path / "three" / "a_coco.json").read_text())
    assert found["images"][0]["file_name"] == "a.tif"


def test_labels_of_other_programs_are_exported_too(tmp_path):
    write_labels(tmp_path / "mine.tif", ODD["touching"])
    write_ngff_labels(tmp_path / "theirs.ome.zarr", ODD["hole"])
    assert export(tmp_path / "mine.tif", tmp_path / "theirs.ome.zarr", "--as", "coco", "--out", tmp_path / "out") == 0
    assert names(tmp_path / "out") == ["mine_coco.json", "theirs_coco.json"]
    assert json.loads((tmp_path / "out" / "mine_coco.json").read_text())["images"][0]["file_name"] == "mine.tif"


def test_axes_that_the_file_does_not_name_can_be_named(tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.stack([ODD["touching"]] * 3))
    for axes, place in ((None, "z"), ("TYX", "t")):
        more = () if axes is None else ("--axes", axes)
        assert export(tmp_path / "a.npy", "--as", "geojson", "--out", tmp_path / str(axes), *more) == 0
        features = json.loads((tmp_path / str(axes) / "a.geojson").read_text())["features"]
        assert features[-1]["geometry"]["plane"][place] == 2
    assert export(tmp_path / "a.npy", "--as", "roi", "--out", tmp_path / "no", "--axes", "TZYX") == 1
    assert "names 2" in capsys.readouterr().err


def test_one_bad_file_does_not_stop_the_others_nor_is_anything_replaced(tmp_path, results, capsys):
    (results / "b_labels.tif").write_text("no labels")
    assert export(results, "--as", "roi", "--out", tmp_path / "out", "--object-type", "detection") == 1
    assert names(tmp_path / "out") == ["a_rois.zip", "film_rois.zip"]
    assert "b_labels.tif" in capsys.readouterr().err
    assert export(results / "a_labels.tif", "--as", "roi,coco", "--out", tmp_path / "out") == 1
    assert "--overwrite" in capsys.readouterr().err
    assert names(tmp_path / "out") == ["a_rois.zip", "film_rois.zip"]
    assert export(results / "a_labels.tif", "--as", "roi,coco", "--out", tmp_path / "out", "--overwrite") == 0
    shutil.copy(results / "a_labels.tif", tmp_path)
    assert export(results / "a_labels.tif", tmp_path / "a_labels.tif", "--as", "roi", "--out", tmp_path / "two") == 1
    assert "another --out" in capsys.readouterr().err


def test_labels_are_found_by_name_and_once(tmp_path, results):
    found = find_labels([str(results), str(results / "a_labels.tif"), str(results / "*_labels.tif")])
    assert [path.name for path in found] == ["a_labels.tif", "film_labels.tif"]
    (tmp_path / "plain").mkdir()
    write_labels(tmp_path / "plain" / "x.tif", ODD["hole"])
    write_ngff_labels(tmp_path / "plain" / "y.zarr", ODD["hole"])
    assert [path.name for path in find_labels([str(tmp_path / "plain")])] == ["x.tif", "y.zarr"]
    with pytest.raises(ImageError, match="names no labels file"):
        find_labels([str(tmp_path / "nothing*")])


def test_an_unknown_format_is_wrong_use(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        export(tmp_path, "--as", "roi,svg", "--out", tmp_path)
    assert "roi, geojson, coco, outlines, zarr, not svg" in capsys.readouterr().err
