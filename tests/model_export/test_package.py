"""Packages for bioimage.io: its own library passes them, and runs them to napari-wnet's maps and labels."""

from __future__ import annotations

import functools
import hashlib
import io
import logging
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import yaml

import napari_wnet
from napari_wnet.core.image import normalize
from napari_wnet.core.maps import to_float
from napari_wnet.errors import ImageError, ParamsError
from napari_wnet.io.images import read_image
from napari_wnet.model_export.example import SIDE, Example, make_example
from napari_wnet.model_export.job import ExportedModel, export_model
from napari_wnet.model_export.normalisation import declared
from napari_wnet.model_export.package import package_files, write_zip
from napari_wnet.model_export.publication import Publication
from napari_wnet.network import inference
from napari_wnet.network.checkpoint import Model, ModelHeader, read_model, save_model
from napari_wnet.network.onnx_file import TOLERANCE, run_network, to_onnx
from napari_wnet.network.registry import load_model
from napari_wnet.network.wnet import WNet
from napari_wnet.params import NormalizeParams, SegmentParams, WNetConfig
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import drain
from napari_wnet.sample_data import sample_path

for needed in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(needed)

# The library leaves the package open that it was given.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
BUNDLED = {"nuclei": "nuclei", "cells": "cells", "leaf": "rosette"}
TWO = WNetConfig(in_channels=2, widths=(4, 8), concat_channels=4, embedding_dim=4)
OWN = Publication(authors=("Ada Lovelace",), licence="CC-BY-4.0")


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ExportedModel]:
    """Return the package of a bundled model; to make one takes seconds."""
    folder = tmp_path_factory.mktemp("packages")
    return functools.cache(lambda name: export_model(name, folder / f"{name}.zip", "bioimageio"))


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, bytes]:
    """A model of someone's own that reads two channels, and its ONNX file."""
    path = tmp_path_factory.mktemp("own") / "two_stains.safetensors"
    torch.manual_seed(0)
    save_model(path, WNet(TWO), ModelHeader(name="two stains", config=TWO))
    model = read_model(path)
    return model, to_onnx(model.network, {})


@pytest.fixture(scope="session")
def stains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "stains.npy"
    rng = np.random.default_rng(1)
    scale = np.array([200, 3000])[:, None, None]
    np.save(path, (scale * rng.gamma(2, size=(2, 50, 70))).astype(np.uint16))
    return path


def with_normalisation(model: Model, **changes: Any) -> Model:
    params = SegmentParams(normalize=NormalizeParams(**changes))
    header = ModelHeader(name=model.name, config=model.header.config, params=params)
    return Model(network=model.network, header=header, sha256=model.sha256, path=model.path)


def run(core: Any, path: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    """Return the maps that bioimageio.core makes of a raw image, (C, Y, X)."""
    maps = core.predict(model=core.load_model_description(path), inputs={"image": image[None]})
    return {str(name): tensor.data.values for name, tensor in maps.members.items()}


def raw(sample: str, factor: int) -> np.ndarray:
    """Return a bundled image as large as a network reads it, (C, Y, X)."""
    image = read_image(sample_path(sample)).array
    image = np.moveaxis(image, -1, 0) if image.ndim == 3 else image[None]
    height, width = (length // factor * factor for length in image.shape[1:])
    return image[:, :height, :width]


@pytest.mark.parametrize("name", BUNDLED)
def test_the_library_of_bioimage_io_passes_it(bioimageio, package, name):
    summary = bioimageio.test_model(package(name).path)
    assert summary.status == "passed", summary.format()
    # Who maintains it, by a name on GitHub, is for whoever uploads it to say.
    warned = [note.msg for detail in summary.details for note in detail.warnings if note.severity > logging.INFO]
    assert all("github_user" in text for text in warned), warned


@pytest.mark.parametrize(
    ("name", "sample", "kind"), [*((*names, np.uint8) for names in BUNDLED.items()), ("nuclei", "nuclei", np.uint16)]
)
def test_raw_images_give_the_same_maps(bioimageio, package, monkeypatch, name, sample, kind):
    model = load_model(name)
    image = raw(sample, model.header.config.pooling_factor).astype(kind)
    image = image * kind(257) if kind is np.uint16 else image
    theirs = run(bioimageio, package(name).path, image)
    own = run_network(model.network, normalize(image, model.header.params.normalize)[None])
    for output, maps in own.items():
        assert np.abs(maps - theirs[output]).max() < TOLERANCE, output
    # What the docks and the command show, rounded for storage; in 32 bits, which not every processor takes by itself.
    monkeypatch.setattr(inference, "fast_dtype", lambda device: torch.float32)
    shown = drain(predict_steps(image, model, model.header.params, device="cpu"))
    assert np.abs(theirs["distance"][0, 0] - shown.distance).max() < TOLERANCE
    assert np.abs(theirs["embedding"][0] - to_float(shown.embedding)).max() < TOLERANCE
    assert np.abs(theirs["foreground"][0, 0] - shown.foreground).max() < TOLERANCE


def test_the_page_of_the_package_tells_how_to_get_labels(bioimageio, package, tmp_path, monkeypatch):
    with zipfile.ZipFile(package("nuclei").path) as archive:
        page = archive.read("README.md").decode()
        archive.extract("test_image.npy", tmp_path)
    (tmp_path / "package.zip").write_bytes(package("nuclei").path.read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(code, names)
    monkeypatch.setattr(inference, "fast_dtype", lambda device: torch.float32)
    image = np.load("test_image.npy")[0].astype(np.uint8)
    own = napari_wnet.segment(image, "nuclei", device="cpu")
    assert own.n_objects > 20
    assert np.mean(names["labels"] != own.labels) < 1e-3


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("method", ["percentile", "standardize", "none"])
def test_every_normalisation_is_told_to_others(bioimageio, two, stains, tmp_path, method, together, invert):
    model = with_normalisation(two[0], method=method, together=together, invert=invert)
    example = make_example(model, two[1], stains)
    write_zip(tmp_path / "two.zip", package_files(model, OWN, two[1], example))
    theirs = run(bioimageio, tmp_path / "two.zip", example.image)
    for name, maps in example.maps.items():
        np.testing.assert_allclose(theirs[name], maps, atol=1e-4)
    # Between neighbouring ranks of so few pixels there are gaps; the arithmetic is the same.
    own = normalize(example.image, model.header.params.normalize)
    np.testing.assert_allclose(declared(example.image, model.header.params.normalize), own, rtol=0.02, atol=0.02)


def test_a_model_of_ones_own_passes_with_a_picture_of_ones_own(bioimageio, two, stains, tmp_path):
    out = tmp_path / "two.zip"
    export_model(two[0], out, "bioimageio", publication=Publication(authors=OWN.authors, licence="mit", image=stains))
    summary = bioimageio.test_model(out)
    assert summary.status == "passed", summary.format()
    told = yaml.safe_load(zipfile.ZipFile(out).read("bioimageio.yaml"))
    assert told["authors"] == [{"name": "Ada Lovelace"}]
    assert told["license"] == "MIT"
    assert "attachments" not in told or told["attachments"] == []


def test_what_a_package_says_and_holds(package):
    with zipfile.ZipFile(package("leaf").path) as archive:
        assert archive.testzip() is None
        told = yaml.safe_load(archive.read("bioimageio.yaml"))
        page = archive.read("README.md").decode()
        sample = tifffile.imread(io.BytesIO(archive.read("sample_image.tif")))
        assert archive.read("LICENSE-test-image.txt").startswith(b"                                 Apache License")
        named = [told["weights"]["onnx"], *told["attachments"]]
        for tensor in (*told["inputs"], *told["outputs"]):
            named += [tensor["test_tensor"], tensor["sample_tensor"]]
        for file in named:
            assert hashlib.sha256(archive.read(file["source"])).hexdigest() == file["sha256"]
    model = load_model("leaf")
    assert (told["name"], told["license"]) == ("napari-wnet leaf", model.header.licence)
    assert told["cite"][0]["doi"] == "10.48550/arXiv.2007.06660"
    assert told["config"]["napari_wnet"]["clustering"] == model.header.params.clustering.to_dict()
    assert told["inputs"][0]["axes"][2]["size"] == {"min": 16, "step": 16}
    assert sample.shape == (3, SIDE, SIDE)
    assert sample.dtype == np.uint8
    for text in (str(model.header.scores["validation"]["symmetric_best_dice"]), "Synthetic rosettes", "Apache-2.0"):
        assert text in page
    assert package("leaf").deviation < TOLERANCE


def test_the_same_model_gives_the_same_package(two, stains, tmp_path):
    for name in ("a.zip", "b.zip"):
        write_zip(tmp_path / name, package_files(two[0], OWN, two[1], make_example(two[0], two[1], stains)))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_limits_that_only_some_models_have_are_told(two, stains):
    model = with_normalisation(two[0], method="standardize", square=64)
    page = package_files(model, OWN, two[1], make_example(model, two[1], stains))["README.md"].decode()
    assert "stretched to 64 x 64 px" in page
    assert "Percentiles" not in page
    model = with_normalisation(two[0], diameter=12.0)
    page = package_files(model, OWN, two[1], make_example(model, two[1], stains))["README.md"].decode()
    assert "as for objects of 12 px" in page
    assert "Percentiles" in page
    assert "No scores are known" in page


def test_a_picture_that_percentiles_are_told_apart_by_is_reported(two, tmp_path):
    image = np.zeros((2, 16, 16), np.uint16)
    image[:, 0, 0], image[:, 0, 1] = 60_000, 10_000  # the upper percentile lies between the two
    np.save(tmp_path / "gap.npy", image)
    publication = Publication(authors=OWN.authors, licence=OWN.licence, image=tmp_path / "gap.npy")
    exported = export_model(two[0], tmp_path / "gap.zip", "bioimageio", publication=publication)
    assert exported.deviation > TOLERANCE
    assert "percentiles" in exported.notes[0]


def test_the_cover_shows_picture_and_objects_side_by_side(two):
    from PIL import Image

    labels = np.zeros((32, 32), np.int32)
    labels[8:24, 8:24] = 1
    maps = {"distance": np.ones((1, 1, 32, 32), np.float32)}
    image = np.arange(1024, dtype=np.uint16).reshape(1, 32, 32)
    cover = Example(image=image, maps=maps, labels=labels, deviation=0.0).cover()
    picture = np.asarray(Image.open(io.BytesIO(cover)))
    assert picture.shape == (32, 64, 3)
    assert np.ptp(picture[:, :32], axis=2).max() == 0
    assert np.ptp(picture[:, 32:], axis=2).max() > 100


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"authors": ()}, r"who made two stains \(--author"),
        ({"authors": ("A/B",)}, "without slashes"),
        ({"authors": (" ",)}, "cannot be an author"),
        ({"licence": ""}, "--licence CC-BY-4.0"),
        ({"licence": "free for all"}, "no licence of the SPDX list"),
        ({"licence": "MIT OR Apache-2.0"}, "no licence of the SPDX list"),
    ],
)
def test_what_a_package_cannot_say_is_refused(two, changes, words):
    with pytest.raises(ParamsError, match=words):
        Publication(**{"authors": OWN.authors, "licence": OWN.licence, **changes}).of(two[0])


def test_bundled_models_are_by_the_developers():
    assert Publication().of(load_model("nuclei")).authors == ("napari-wnet developers",)


def test_pictures_that_do_not_fit_are_refused(two, tmp_path):
    with pytest.raises(ImageError, match=r"no bundled picture has so many.*--image"):
        make_example(two[0], two[1], None)
    np.save(tmp_path / "small.npy", np.zeros((2, 3, 40), np.uint8))
    with pytest.raises(ImageError, match="too small for this network: at least 4 x 4 px"):
        make_example(two[0], two[1], tmp_path / "small.npy")
