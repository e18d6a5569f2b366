"""A foreground mask is read in blocks from whatever it lies in, and is part of what a run is known by."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_wnet import cli
from napari_wnet.errors import ImageError, OutputError
from napari_wnet.io.sidecar import read_sidecar
from napari_wnet.network.wnet import WNet
from napari_wnet.params import WNetConfig
from napari_wnet.slide.foreground import open_foreground
from napari_wnet.slide.run import segment_zarr, segment_zarr_steps
from slide.test_source import as_ngff, as_npy, as_tiff
from slide_scenes import tiny_model

WINDOW = (slice(17, 60), slice(30, 101))
SHAPE = (130, 150)


@pytest.fixture
def mask(rng):
    return rng.random(SHAPE) > 0.5


@pytest.fixture
def model(tmp_path):
    return tiny_model(tmp_path, WNet(WNetConfig(widths=(4, 8), stem=1)).eval())


@pytest.mark.parametrize("write", [as_npy, as_tiff, as_ngff])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_what_is_not_zero_is_foreground(tmp_path, mask, write, dtype):
    opened = open_foreground(write(tmp_path, mask.astype(dtype) * 7), SHAPE)
    np.testing.assert_array_equal(opened.read(WINDOW), mask[WINDOW])


def test_in_colours_what_is_not_black_is_foreground(tmp_path, mask):
    colours = np.zeros((*SHAPE, 3), np.uint8)
    colours[..., 1] = mask
    np.testing.assert_array_equal(open_foreground(colours, SHAPE).read(WINDOW), mask[WINDOW])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.zeros((130, 151), bool), "130 x 151 px, the slide 130 x 150"),
        (np.full(SHAPE, np.nan), "NaN"),
        (np.zeros((2, *SHAPE), bool), "cannot be used"),
    ],
)
def test_what_is_no_mask_of_the_slide_is_refused(given, says):
    with pytest.raises(ImageError, match=says):
        open_foreground(given, SHAPE).read(WINDOW)


def test_another_mask_is_another_run(tmp_path, mask, model, rng):
    image = rng.integers(0, 255, SHAPE).astype(np.uint8)
    options = {"block": 64, "device": "cpu"}
    out = tmp_path / "out" / "a_labels.ome.zarr"
    steps = segment_zarr_steps(image, out, model, foreground=mask, **options)
    for _ in range(12):
        next(steps)
    steps.close()
    with pytest.raises(OutputError, match="differs in: foreground"):
        segment_zarr(image, out, model, **options)
    with pytest.raises(OutputError, match="of another image or foreground"):
        segment_zarr(image, out, model, foreground=~mask, **options)
    segment_zarr(image, out, model, foreground=mask, **options)
    with pytest.raises(OutputError, match="exists already"):
        segment_zarr(image, out, model, **options)


@pytest.mark.parametrize("use", ["objects", "region"])
def test_the_command_takes_a_mask_file_and_results_are_made_again_with_it(tmp_path, nuclei_image, capsys, use):
    image = nuclei_image[0, :200, 300:520]
    tifffile.imwrite(tmp_path / "b.tif", image)
    mask = np.zeros(image.shape, np.uint8)
    mask[20:150, 40:180] = 255
    mask[::60] = mask[:, ::50] = 0
    tifffile.imwrite(tmp_path / "mask.tif", mask, compression="zlib")
    flags = ("--foreground", tmp_path / "mask.tif", "--foreground-use", use, "--tile-size", "64", "--device", "cpu")

    def run(out, *more):
        return cli.main([*map(str, ("segment", tmp_path / "b.tif", "--out", tmp_path / out, *flags, *more))])

    found = []
    for out, blocks in (("out0", ()), ("out1", ("--blocks", "64")), ("out2", ("--blocks", "128"))):
        assert run(out, *blocks) == 0
        found.append(read_sidecar(tmp_path / out / "b.json"))
    assert len({info["result"]["labels_sha256"] for info in found}) == 1
    assert found[0]["result"]["objects"] > 0
    assert found[1]["foreground"]["sha256"] == found[0]["foreground"]["sha256"]
    assert cli.main(["replay", str(tmp_path / "out1" / "b.json")]) == 0
    assert "identical labels" in capsys.readouterr().out
    assert run("out1", "--blocks", "128") == 1
    assert "exists already" in capsys.readouterr().err
    assert run("out1", "--blocks", "64") == 0
    assert "finished before" in capsys.readouterr().out


def test_what_was_in_no_file_cannot_be_made_again_and_that_is_said(tmp_path, mask, model, rng, capsys):
    found = segment_zarr(
        rng.integers(0, 255, SHAPE).astype(np.uint8), tmp_path / "a.ome.zarr", model, block=64, foreground=mask
    )
    assert json.loads(found.sidecar.read_text())["foreground"]["path"] is None
    assert cli.main(["replay", str(found.sidecar)]) == 1
    assert "an array that was in no file" in capsys.readouterr().err
