"""``napari-wnet measure`` as a person uses it: labels files in, tables out, what fails is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
import tifffile

from napari_wnet import cli
from napari_wnet.core.tables import growth, measure, traits
from napari_wnet.io.export_context import ExportContext
from napari_wnet.io.images import write_labels
from napari_wnet.io.ngff_labels import write_ngff_labels
from scenes import label_pair


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as `segment` leaves it: labels of two images, one with a pixel size, and what else it writes."""
    folder = tmp_path / "results"
    write_labels(folder / "a_labels.tif", label_pair(0)[1], (0.5, 0.25))
    write_labels(folder / "b_labels.tif", label_pair(1)[1], (0.5, 0.25))
    tifffile.imwrite(folder / "a_distmap.tif", np.zeros((40, 48), np.float32))
    (folder / "a.json").write_text("{}")
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.npy", "b_img.npy"):
        np.save(folder / name, rng.random((2, 40, 48)))
    return folder


def run(*arguments: object) -> int:
    return cli.main(["measure", *map(str, arguments)])


def test_a_folder_of_labels_becomes_tables(folder, tmp_path, capsys):
    assert run(folder, "--out", tmp_path / "o.csv", "--traits", tmp_path / "t.csv") == 0
    objects, images = pandas.read_csv(tmp_path / "o.csv"), pandas.read_csv(tmp_path / "t.csv")
    assert set(objects["file"]) == set(images["file"]) == {"a_labels.tif", "b_labels.tif"}
    for number, name in enumerate(("a_labels.tif", "b_labels.tif")):
        labels = label_pair(number)[1]
        expected = measure(labels, pixel_size=(0.5, 0.25))
        found = objects[objects["file"] == name].drop(columns="file").reset_index(drop=True)
        pandas.testing.assert_frame_equal(found, expected, check_dtype=False)
        row = images[images["file"] == name].drop(columns="file").reset_index(drop=True)
        pandas.testing.assert_frame_equal(row, traits(labels, (0.5, 0.25)), check_dtype=False)
    assert "a_labels.tif: " in capsys.readouterr().out


def test_intensities_come_from_images_of_the_same_name(folder, images, tmp_path):
    assert run(folder, "--image", images, "--channels", "1", "--out", tmp_path / "o.csv") == 0
    table = pandas.read_csv(tmp_path / "o.csv")
    for number, (name, image) in enumerate((("a_labels.tif", "a.npy"), ("b_labels.tif", "b_img.npy"))):
        expected = measure(label_pair(number)[1], np.load(images / image)[1])["mean_intensity"]
        np.testing.assert_allclose(table[table["file"] == name]["mean_intensity"], expected)


def test_what_fails_is_named_and_the_others_go_on(folder, images, tmp_path, capsys):
    (folder / "c_labels.tif").write_bytes(b"no picture")
    write_labels(folder / "d_labels.tif", label_pair(2)[1])
    assert run(folder, "--image", images, "--channels", "0", "--out", tmp_path / "o.csv") == 1
    captured = capsys.readouterr()
    assert "c_labels.tif is damaged" in captured.err
    assert "no image for" in captured.err
    assert "2 of 4 files" in captured.out
    assert set(pandas.read_csv(tmp_path / "o.csv")["file"]) == {"a_labels.tif", "b_labels.tif"}


def test_a_time_series_and_its_growth(tmp_path):
    labels = np.stack([label_pair(seed)[0] for seed in (0, 1, 2)])
    write_labels(tmp_path / "s.tif", labels, axes="TYX")
    growth_file = tmp_path / "g.csv"
    given = ("--interval", "0.5", "--time-unit", "h", "--pixel-size", "2")
    assert run(tmp_path / "s.tif", "--out", tmp_path / "o.csv", "--growth", growth_file, *given) == 0
    assert set(pandas.read_csv(tmp_path / "o.csv")["t"]) == {0, 1, 2}
    found = pandas.read_csv(growth_file).drop(columns="file")
    expected = growth(labels, (2, 2), interval=0.5, time_unit="h")
    pandas.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_a_stack_of_depths_is_no_time_series_unless_it_is_said_to_be(tmp_path, capsys):
    write_labels(tmp_path / "s.tif", np.stack([label_pair(seed)[0] for seed in (0, 1)]), axes="ZYX")
    assert run(tmp_path / "s.tif", "--growth", tmp_path / "g.csv") == 1
    assert "--axes TYX" in capsys.readouterr().err
    assert run(tmp_path / "s.tif", "--growth", tmp_path / "g.csv", "--axes", "TYX") == 0


def test_properties_and_parquet(folder, tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "o.parquet"
    assert run(folder / "a_labels.tif", "--properties", "solidity,area", "--out", path) == 0
    assert list(pandas.read_parquet(path)) == ["file", "label", "area_um2", "solidity"]


def test_labels_of_no_object_have_a_row_among_the_images(tmp_path):
    write_labels(tmp_path / "a.tif", np.zeros((4, 5), int))
    assert run(tmp_path / "a.tif", "--out", tmp_path / "o.csv", "--traits", tmp_path / "t.csv") == 0
    assert len(pandas.read_csv(tmp_path / "o.csv")) == 0
    assert pandas.read_csv(tmp_path / "t.csv")["n_objects"].tolist() == [0]


def test_an_earlier_table_is_not_replaced_unasked(folder, tmp_path, capsys):
    (tmp_path / "o.csv").write_text("mine")
    assert run(folder, "--out", tmp_path / "o.csv") == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "o.csv").read_text() == "mine"
    assert run(folder, "--out", tmp_path / "o.csv", "--overwrite") == 0


def test_files_of_one_name_are_told_apart(folder, tmp_path):
    write_labels(tmp_path / "other" / "a_labels.tif", label_pair(3)[1])
    names = (folder / "a_labels.tif", tmp_path / "other" / "a_labels.tif")
    assert run(*names, "--out", tmp_path / "o.csv", "--pixel-size", "1,2") == 0
    assert set(pandas.read_csv(tmp_path / "o.csv")["file"]) == {str(name) for name in names}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a table"),
        (("--out", "o.xlsx"), "ends so"),
        (("--out", "o.csv", "--properties", "volume"), "choose from"),
        (("--out", "o.csv", "--pixel-size", "small"), "0.65"),
        (("--out", "o.csv", "--pixel-size", "0"), "above 0"),
    ],
)
def test_wrong_use_is_told_before_any_work(folder, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    try:
        status = run(folder, *arguments)
    except SystemExit as end:
        status = end.code
    assert status in (1, 2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "o.csv").exists()


def test_a_name_that_leads_nowhere(tmp_path, capsys):
    assert run(tmp_path / "nothing*.tif", "--out", tmp_path / "o.csv") == 1
    assert "names no labels file" in capsys.readouterr().err


def test_labels_in_a_zarr_folder_are_one_file(tmp_path):
    labels = label_pair(0)[1]
    write_ngff_labels(tmp_path / "in" / "a_labels.ome.zarr", labels, ExportContext(pixel_size=(0.5, 0.25)))
    for name in (tmp_path / "in", tmp_path / "in" / "a_labels.ome.zarr"):
        assert run(name, "--out", tmp_path / "o.csv", "--overwrite") == 0
        table = pandas.read_csv(tmp_path / "o.csv")
        assert table["area_um2"].tolist() == measure(labels, pixel_size=(0.5, 0.25))["area_um2"].tolist()
