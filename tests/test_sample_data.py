"""The bundled images are what their pages say, and napari takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from napari_wnet import sample_data
from napari_wnet.errors import ImageError
from napari_wnet.sample_data import SAMPLES, sample_path

SHAPES = {"nuclei": (520, 696), "cells": (512, 512), "rosette": (432, 432, 3), "cell_walls": (16, 128, 128)}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_one_image_layer(name):
    ((array, options, kind),) = getattr(sample_data, name)()
    assert kind == "image"
    assert array.shape == SHAPES[name]
    assert array.dtype == np.uint8
    assert array.std() > 5
    assert options["name"] == SAMPLES[name].title
    assert options["rgb"] == (name == "rosette")


def test_a_dark_sample_is_shown_bright_and_its_pixels_are_left_alone():
    ((array, options, _),) = sample_data.nuclei()
    low, white = options["contrast_limits"]
    assert low == array.min()
    assert np.percentile(array, 99.5) < white < array.max() < 255
    assert (array == imread(sample_path("nuclei"))).all()


@pytest.mark.parametrize("name", SAMPLES)
def test_napari_takes_the_layer_as_it_is(name):
    layers = pytest.importorskip("napari.layers")
    ((array, options, _),) = getattr(sample_data, name)()
    layer = layers.Image(array, **options)
    assert layer.data.shape == SHAPES[name]
    if name == "cell_walls":
        np.testing.assert_allclose(layer.scale, (0.235, 0.15, 0.15))
        assert {str(unit) for unit in layer.units} == {"micrometer"}


def test_the_manifest_offers_every_sample():
    import yaml

    manifest = yaml.safe_load(Path(sample_data.__file__).with_name("napari.yaml").read_text(encoding="utf-8"))
    commands = {command["id"]: command.get("python_name") for command in manifest["contributions"]["commands"]}
    offered = {item["key"]: commands[item["command"]] for item in manifest["contributions"]["sample_data"]}
    assert offered == {name: f"napari_wnet.sample_data:{name}" for name in SAMPLES}


def test_an_unknown_sample_lists_the_choices():
    with pytest.raises(ImageError, match="nuclei, cells, rosette, cell_walls"):
        sample_path("mitosis")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_small_and_keeps_its_licence(name):
    path = sample_path(name)
    page = path.with_name("README.md").read_text(encoding="utf-8")
    licence = path.with_name(f"LICENSE-{name}.txt")
    assert path.stat().st_size < 400_000
    assert f"`{path.name}`" in page
    assert licence.is_file()
    assert f"({licence.name})" in page


def test_the_test_labels_belong_to_the_sample(nuclei_image, nuclei_labels):
    assert nuclei_labels.shape == nuclei_image.shape[1:] == imread(sample_path("nuclei")).shape
    assert len(np.unique(nuclei_labels)) - 1 == 119
    inside, outside = nuclei_image[0][nuclei_labels > 0], nuclei_image[0][nuclei_labels == 0]
    assert np.percentile(inside, 5) > np.percentile(outside, 95)
