from __future__ import annotations

import json

import geojson
import numpy as np
import pytest
import shapely

from napari_wnet.errors import OutputError
from napari_wnet.io.export_context import ExportContext
from napari_wnet.io.geojson import write_geojson
from odd_labels import ODD


def read(path) -> geojson.FeatureCollection:
    collection = geojson.loads(path.read_text(encoding="utf-8"))
    assert isinstance(collection, geojson.FeatureCollection)
    assert collection.is_valid, collection.errors()
    return collection


def filled(collection: geojson.FeatureCollection, shape: tuple[int, int]) -> np.ndarray:
    """Fill the shapes with shapely: a pixel is inside where its centre is."""
    rows, columns = np.indices(shape)
    centres = shapely.points(columns + 0.5, rows + 0.5)
    labels = np.zeros(shape, int)
    for feature in collection.features:
        polygon = shapely.geometry.shape(feature.geometry)
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        inside = shapely.contains(polygon, centres)
        assert polygon.area == inside.sum()
        labels[inside] = int(feature.properties["name"])
    return labels


@pytest.mark.parametrize("name", ODD)
def test_polygons_read_by_geojson_and_shapely_fill_back_to_the_same_pixels(tmp_path, name):
    labels = ODD[name]
    write_geojson(tmp_path / "a.geojson", labels)
    collection = read(tmp_path / "a.geojson")
    np.testing.assert_array_equal(filled(collection, labels.shape), labels)
    assert len(collection.features) == len(np.unique(labels[labels > 0]))


def test_what_qupath_asks_of_an_object_is_there(tmp_path):
    write_geojson(tmp_path / "a.geojson", ODD["several parts"], ExportContext(category="Zellkern µ"))
    (feature,) = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))["features"]
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert feature["properties"] == {
        "objectType": "annotation", "classification": {"name": "Zellkern µ"}, "name": "1",
    }  # fmt: skip
    assert "plane" not in feature["geometry"]
    write_geojson(tmp_path / "b.geojson", ODD["hole"], ExportContext(object_type="detection"))
    (feature,) = read(tmp_path / "b.geojson").features
    assert feature.properties["objectType"] == "detection"
    assert len(feature.geometry.coordinates) == 2


@pytest.mark.parametrize(("lead", "plane"), [("TZ", (1, 2)), ("ZT", (2, 1)), ("QQ", (1, 2))])
def test_objects_of_a_stack_know_their_plane(tmp_path, lead, plane):
    stack = np.zeros((2, 3, 4, 5), int)
    stack[1, 2, 1, 1] = 7
    write_geojson(tmp_path / "a.geojson", stack, ExportContext(lead=lead))
    (feature,) = read(tmp_path / "a.geojson").features
    assert feature.geometry["plane"] == {"c": -1, "t": plane[0], "z": plane[1]}


def test_axes_that_qupath_does_not_know_are_refused(tmp_path):
    with pytest.raises(OutputError, match="--axes"):
        write_geojson(tmp_path / "a.geojson", np.ones((2, 3, 4), int), ExportContext(lead="P"))
    with pytest.raises(OutputError, match="--axes"):
        write_geojson(tmp_path / "a.geojson", np.ones((2, 2, 2, 3, 4), int))
    assert not list(tmp_path.iterdir())
