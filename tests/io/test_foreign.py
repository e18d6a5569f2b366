from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from napari_wnet.errors import ImageError
from napari_wnet.io import foreign
from napari_wnet.io.axes import arrange
from napari_wnet.io.images import is_image_name, read_image

IMAGE = np.random.default_rng(0).integers(0, 60_000, (2, 3, 1, 40, 50), np.uint16)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for bioio with a plug-in for CZI and one for a rare format; what a file holds can be set."""
    scene = SimpleNamespace(
        data=IMAGE,
        dims=SimpleNamespace(order="TCZYX"),
        scenes=("Scene:0",),
        physical_pixel_sizes=SimpleNamespace(Z=None, Y=0.5, X=0.25),
        dimension_properties=SimpleNamespace(Y=SimpleNamespace(unit=None), X=SimpleNamespace(unit=None)),
    )
    package, plugins = ModuleType("bioio"), ModuleType("bioio.plugins")
    package.BioImage = lambda path: scene
    plugins.get_plugins = lambda use_cache: {".czi": [], ".rare.fmt": []}
    monkeypatch.setitem(sys.modules, "bioio", package)
    monkeypatch.setitem(sys.modules, "bioio.plugins", plugins)
    monkeypatch.setattr(foreign.importlib.util, "find_spec", lambda name: object())
    return scene


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.czi"
    path.write_bytes(b"as a microscope writes it")
    return path


def test_what_a_plug_in_reads_comes_with_axes_and_pixel_size(stand_in, file):
    read = read_image(file)
    np.testing.assert_array_equal(read.array, IMAGE)
    assert (read.axes, read.pixel_size, read.unit, read.notes) == ("TCZYX", (0.5, 0.25), "um", ())
    assert arrange(read).array.shape == (2, 3, 40, 50)


def test_units_are_converted_and_nonsense_is_no_size(stand_in, file):
    stand_in.dimension_properties.Y.unit = stand_in.dimension_properties.X.unit = "nanometer"
    assert read_image(file).pixel_size == pytest.approx((0.0005, 0.00025))
    stand_in.dimension_properties.X.unit = "parsec"
    assert read_image(file).pixel_size is None
    stand_in.dimension_properties.X.unit = None
    for size in (None, 0.0, float("nan")):
        stand_in.physical_pixel_sizes.X = size
        assert read_image(file).pixel_size is None


def test_further_images_of_a_file_are_mentioned(stand_in, file):
    stand_in.scenes = ("A1", "A2")
    assert "2 images; the first, A1" in read_image(file).notes[0]


def test_a_rare_format_is_read_where_a_plug_in_knows_it(stand_in, tmp_path):
    path = tmp_path / "a.rare.fmt"
    path.write_bytes(b"x")
    assert read_image(path).array.shape == IMAGE.shape
    path.with_name("a.fmt").write_bytes(b"x")
    with pytest.raises(ImageError, match="known endings"):
        read_image(tmp_path / "a.fmt")


@pytest.mark.parametrize(("ending", "package"), [(".nd2", "bioio-nd2"), (".LIF", "bioio-lif")])
def test_a_missing_plug_in_is_named(stand_in, tmp_path, ending, package):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"x")
    with pytest.raises(ImageError, match=f"pip install bioio {package}'"):
        read_image(path)
    assert is_image_name(path)


def test_missing_bioio_is_named(monkeypatch, file):
    monkeypatch.setattr(foreign.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImageError, match="pip install bioio bioio-czi'"):
        read_image(file)


def test_what_a_plug_in_cannot_read_is_damaged_and_said_once(stand_in, file, monkeypatch, capfd):
    del stand_in.dims
    with pytest.raises(ImageError, match="damaged"):
        read_image(file)

    def refuse(path):
        logging.getLogger("bioio.bio_image").warning("failed with error")
        raise RuntimeError("You may need to install an extra format dependency")

    monkeypatch.setattr(sys.modules["bioio"], "BioImage", refuse)
    with pytest.raises(ImageError, match="damaged or not what its name says; copy"):
        read_image(file)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("bioio").propagate


def test_a_real_czi_is_read_through_bioio(tmp_path):
    pytest.importorskip("bioio_czi", reason="an extra")
    from pylibCZIrw.czi import create_czi

    with create_czi(str(tmp_path / "a.czi")) as document:
        for time, channels in enumerate(IMAGE):
            for channel, plane in enumerate(channels):
                document.write(plane[0][..., None], plane={"T": time, "C": channel, "Z": 0})
        document.write_metadata(document_name="a", scale_x=0.25e-6, scale_y=0.5e-6)
    read = read_image(tmp_path / "a.czi")
    np.testing.assert_array_equal(read.array, IMAGE)
    assert read.axes == "TCZYX"
    assert read.pixel_size == pytest.approx((0.5, 0.25))
    content = (tmp_path / "a.czi").read_bytes()
    (tmp_path / "cut.czi").write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageError, match=r"cut\.czi is damaged"):
        read_image(tmp_path / "cut.czi")
