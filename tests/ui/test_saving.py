"""What ``File > Save Selected Layers...`` offers for a labels layer, through napari's own way of saving."""

from __future__ import annotations

import json

import numpy as np
import pytest
import roifile
from napari.layers import Image, Labels
from napari.plugins.io import save_layers
from npe2 import PluginManifest

from napari_wnet.io.images import read_image, read_labels
from odd_labels import LARGE, ODD


@pytest.fixture(autouse=True)
def ours(npe2pm):
    """Have only this plugin's writers, as declared in its manifest, in a manager that no other test knows."""
    npe2pm.register(PluginManifest.from_distribution("napari-wnet"))
    return npe2pm


def test_the_dialog_offers_the_formats_for_labels_alone(ours):
    from napari.plugins._npe2 import file_extensions_string_for_layers

    text, writers = file_extensions_string_for_layers([Labels(ODD["hole"])])
    for offered in ("ImageJ ROIs (*.zip)", "GeoJSON (*.geojson)", "COCO (*.json)", "OME-Zarr labels (*.zarr)"):
        assert any(offered in line for line in text.split(";;")), text
    assert {writer.command for writer in writers} >= {"napari-wnet.save_rois"}
    text, _ = file_extensions_string_for_layers([Image(np.ones((4, 5)))])
    assert "ROIs" not in (text or "")


def test_a_layer_is_saved_by_its_ending_and_replaces_what_the_dialog_asked_for(tmp_path):
    stack = np.stack([ODD["touching"], ODD["touching"] * LARGE])
    layer = Labels(stack, name="leaves", axis_labels=("t", "y", "x"), scale=(1, 0.5, 0.25), units=("s", "um", "um"))
    for ending in ("zip", "geojson", "json", "zarr"):
        for _ in range(2):
            assert save_layers(str(tmp_path / f"a.{ending}"), [layer]) == [str(tmp_path / f"a.{ending}")]
    assert [roi.position for roi in roifile.roiread(tmp_path / "a.zip")] == [1] * 4 + [2] * 4
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert features[-1]["geometry"]["plane"]["t"] == 1
    assert json.loads((tmp_path / "a.json").read_text())["images"][0]["file_name"] == "leaves"
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), stack)
    file = read_image(tmp_path / "a.zarr")
    assert (file.axes, file.pixel_size) == ("TYX", (0.5, 0.25))


def test_layers_without_names_of_axes_and_of_several_scales_are_saved(tmp_path):
    save_layers(str(tmp_path / "a.geojson"), [Labels(np.stack([ODD["hole"]] * 3))])
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert [feature["geometry"]["plane"]["z"] for feature in features] == [0, 1, 2]
    levels = [np.kron(ODD["hole"], np.ones((4, 4), int)), np.kron(ODD["hole"], np.ones((2, 2), int))]
    layer = Labels(levels, multiscale=True)
    save_layers(str(tmp_path / "b.zarr"), [layer])
    np.testing.assert_array_equal(read_labels(tmp_path / "b.zarr"), levels[0])
    assert read_image(tmp_path / "b.zarr").pixel_size is None
