"""Polygons of a slide that is read in blocks are those of the labels as a whole, to the byte."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import zarr

from napari_wnet import cli
from napari_wnet.core.clustering import in_raster_order
from napari_wnet.io import ngff
from napari_wnet.io.export_context import ExportContext
from napari_wnet.io.geojson import write_geojson
from napari_wnet.io.sidecar import read_sidecar
from napari_wnet.reports import drain
from napari_wnet.slide.polygons import write_geojson_steps
from slide.test_source import as_ngff
from slide_scenes import clusters


def scene() -> np.ndarray:
    """Return (200, 230) labels: cells on seams and corners, one that is long, one around others, one in two parts."""
    labels = np.zeros((200, 230), np.int32)
    labels[:, :200] = clusters(200, 20, 0.3, seed=3)
    labels[:, 150:] = 0
    labels[5:190, 160:163] = 2001
    labels[20:120, 170:228] = 2002
    labels[40:100, 180:220] = 0
    labels[60:70, 190:200] = 2003
    labels[130:135, 170:220] = labels[150:152, 170:180] = 2004
    return in_raster_order(labels)


@pytest.mark.parametrize("block", [16, 64, 100, 300])
def test_blocks_make_no_difference(tmp_path, block):
    labels = scene()
    context = ExportContext(category="cell", object_type="detection")
    write_geojson(tmp_path / "whole.geojson", labels, context)
    array = zarr.create_array(str(tmp_path / "a.zarr"), data=labels, chunks=(50, 70))
    count = drain(write_geojson_steps(tmp_path / "blocks.geojson", array, context, block))
    assert count == labels.max()
    assert (tmp_path / "blocks.geojson").read_bytes() == (tmp_path / "whole.geojson").read_bytes()


def test_no_object_makes_a_file_without_any(tmp_path):
    assert drain(write_geojson_steps(tmp_path / "a.geojson", np.zeros((70, 60), int), ExportContext(), 32)) == 0
    assert json.loads((tmp_path / "a.geojson").read_text())["features"] == []


def test_the_command_writes_polygons_of_a_slide_at_once_or_later(tmp_path, nuclei_image, capsys, monkeypatch):
    monkeypatch.setattr(ngff, "LARGE_PX", 100)
    slide = as_ngff(tmp_path, nuclei_image[0, :200, 300:520])
    tifffile.imwrite(tmp_path / "b.tif", nuclei_image[0, :200, 300:520])

    def segment(path, out, *more):
        return cli.main(["segment", "--device", "cpu", str(path), "--out", str(tmp_path / out), *more])

    assert segment(tmp_path / "b.tif", "plain", "--save", "geojson") == 0
    wanted = (tmp_path / "plain" / "b.geojson").read_bytes()
    assert segment(slide, "one", "--save", "labels,geojson") == 0
    assert segment(slide, "two") == 0
    assert not (tmp_path / "two" / "a.geojson").exists()
    labels = str(tmp_path / "two" / "a_labels.ome.zarr")
    assert cli.main(["export", labels, "--as", "geojson", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "a.geojson").read_bytes() == wanted
    capsys.readouterr()
    assert segment(slide, "two", "--save", "geojson") == 0
    assert "finished before" in capsys.readouterr().out
    for out in ("one", "two"):
        assert (tmp_path / out / "a.geojson").read_bytes() == wanted
        files = read_sidecar(tmp_path / out / "a.json")["result"]["files"]
        assert files == {"labels": "a_labels.ome.zarr", "table": "a.csv", "geojson": "a.geojson"}
