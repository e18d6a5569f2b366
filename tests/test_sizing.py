"""The diameter of objects, estimated: by scale, in pieces, once for each file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.transform import resize

import napari_wnet
from napari_wnet import cli
from napari_wnet.core.image import resize_plane
from napari_wnet.errors import ParamsError
from napari_wnet.io.images import read_image
from napari_wnet.network.registry import load_model
from napari_wnet.params import AUTO, NormalizeParams, SegmentParams
from napari_wnet.pipeline import predict_steps, segment
from napari_wnet.reports import drain
from napari_wnet.sample_data import sample_path
from napari_wnet.sizing import UNKNOWN, SizeEstimate, applied, estimate_diameter, spread


@pytest.fixture(scope="module")
def nuclei() -> np.ndarray:
    return read_image(sample_path("nuclei")).array[:256, :256]


def at(nuclei: np.ndarray, factor: float) -> np.ndarray:
    shape = tuple(round(length * factor) for length in nuclei.shape)
    return np.rint(resize(nuclei, shape, order=1, anti_aliasing=factor < 1, preserve_range=True)).astype(nuclei.dtype)


def test_the_estimate_goes_with_the_size_of_the_image(nuclei: np.ndarray) -> None:
    own = estimate_diameter(nuclei, device="cpu")
    assert own.n_objects >= 5
    for factor in (0.4, 3.0):
        found = estimate_diameter(at(nuclei, factor), device="cpu")
        assert found.diameter == pytest.approx(own.diameter * factor, rel=0.25), factor


def test_the_estimate_does_not_depend_on_the_diameter_that_is_set(nuclei: np.ndarray) -> None:
    model = load_model("nuclei")
    image = at(nuclei, 1 / 3)
    found = estimate_diameter(image, model, device="cpu")
    for diameter in (120.0, found.diameter):
        params = model.header.params.with_diameter(diameter, model.header.diameter)
        assert estimate_diameter(image, model, params, device="cpu").diameter == pytest.approx(found.diameter, rel=0.05)


def test_a_model_that_recommends_a_diameter_is_asked_as_it_was_trained(nuclei: np.ndarray) -> None:
    model = load_model("nuclei")
    image = at(nuclei, 1 / 3)
    header = model.header
    tuned = dataclasses.replace(
        model, header=dataclasses.replace(header, params=header.params.with_diameter(120.0, header.diameter))
    )
    found = [
        estimate_diameter(image, one, one.header.params.replace(normalize__diameter=AUTO)) for one in (model, tuned)
    ]
    assert found[1].diameter == pytest.approx(found[0].diameter, rel=0.05)
    used = [applied(found[0], one, one.header.params.replace(normalize__diameter=AUTO)) for one in (model, tuned)]
    assert used[1].clustering.min_area == pytest.approx(used[0].clustering.min_area, abs=1)


def test_planes_that_are_looked_at_are_spread_over_the_stack() -> None:
    for count, chosen in {0: [], 1: [0], 2: [0, 1], 3: [0, 1, 2], 4: [0, 2, 3], 5: [0, 2, 4], 30: [5, 15, 25]}.items():
        assert [int(plane) for plane in spread([np.array(number) for number in range(count)])] == chosen


def test_an_image_without_objects_has_no_size() -> None:
    assert estimate_diameter(np.zeros((80, 80), np.uint8), device="cpu") == UNKNOWN
    assert estimate_diameter(np.full((5, 5), 7, np.uint8), device="cpu").diameter == 0


def test_small_objects_are_found_where_their_size_is_estimated(nuclei: np.ndarray) -> None:
    small = at(nuclei, 0.3)
    model = load_model("nuclei")
    plain = segment(small, model, device="cpu")
    auto = segment(small, model, model.header.params.replace(normalize__diameter="auto"), device="cpu")
    assert auto.labels.shape == small.shape
    assert auto.n_objects > plain.n_objects
    used = auto.params
    assert 0 < used.normalize.diameter < model.header.diameter / 1.4
    assert used.clustering.min_area < model.header.params.clustering.min_area
    again = segment(small, model, used, device="cpu")
    np.testing.assert_array_equal(again.labels, auto.labels)
    assert any("px wide" in note for note in auto.notes)


def test_objects_that_the_model_knows_are_not_rescaled(nuclei: np.ndarray) -> None:
    model = load_model("nuclei")
    auto = segment(nuclei, model, model.header.params.replace(normalize__diameter=AUTO), device="cpu")
    assert auto.params == model.header.params
    np.testing.assert_array_equal(auto.labels, segment(nuclei, model, device="cpu").labels)


def test_the_smallest_area_goes_with_the_diameter() -> None:
    params = SegmentParams().replace(clustering__min_area=40)
    twice = params.with_diameter(32.0, 16.0)
    assert (twice.normalize.diameter, twice.clustering.min_area) == (32.0, 160)
    assert twice.with_diameter(0.0, 16.0) == params
    assert params.with_diameter(50.0, 0.0).clustering.min_area == 40
    assert params.with_diameter(5000.0, 1.0).clustering.min_area == 1_000_000
    with pytest.raises(ParamsError, match="between"):
        params.with_diameter(-3.0, 16.0)


def test_a_fine_tuned_model_counts_from_the_size_it_recommends() -> None:
    model = load_model("nuclei")
    found = SizeEstimate(diameter=200.0, n_objects=9, disagreement=0.02)
    assert applied(found, model, model.header.params.replace(normalize__diameter=AUTO)).normalize.diameter == 200.0


@pytest.mark.parametrize("value", ["auto", -1, -1.0])
def test_auto_is_a_diameter(value: object) -> None:
    params = NormalizeParams(diameter=value)  # type: ignore[arg-type]
    assert params.diameter == AUTO
    assert NormalizeParams.from_dict(params.to_dict()) == params


@pytest.mark.parametrize("value", ["automatic", -0.5, -2, True])
def test_other_words_and_negative_numbers_are_none(value: object) -> None:
    with pytest.raises(ParamsError):
        NormalizeParams(diameter=value)  # type: ignore[arg-type]


def test_maps_alone_need_a_number(nuclei: np.ndarray) -> None:
    model = load_model("nuclei")
    params = model.header.params.replace(normalize__diameter=AUTO)
    with pytest.raises(ParamsError, match="give a number of pixels"):
        drain(predict_steps(nuclei[None], model, params, device="cpu"))


def test_a_batch_decides_for_each_file_and_says_so(
    nuclei: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "small.tif", at(nuclei, 0.3))
    tifffile.imwrite(tmp_path / "in" / "usual.tif", nuclei)
    command = ["segment", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert cli.main([*command, "--diameter", "auto"]) == 0
    assert "px wide" in capsys.readouterr().out
    small, usual = (json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in ("small", "usual"))
    assert 0 < small["params"]["normalize"]["diameter"] < 12
    assert usual["params"]["normalize"]["diameter"] == 0
    assert small["run"]["diameter_estimated"] and usual["run"]["diameter_estimated"]
    assert cli.main([*command, "--diameter", "auto"]) == 0
    assert "2 images finished before, skipped" in capsys.readouterr().out
    assert cli.main(["replay", str(tmp_path / "out" / "small.json")]) == 0
    assert "identical" in capsys.readouterr().out
    assert cli.main([*command, "--diameter", "auto", "--min-area", "2000"]) == 1
    assert "other parameters" in capsys.readouterr().err
    assert cli.main([*command, "--diameter", "9"]) == 1  # made in another way
    assert "other parameters" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([*command, "--diameter", "atuo"])
    assert "'atuo' is no number, nor auto" in capsys.readouterr().err


def test_the_command_line_scales_the_smallest_area_unless_it_is_given(nuclei: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", at(nuclei, 0.3))
    areas = []
    for number, more in enumerate(([], ["--min-area", "11"])):
        out = tmp_path / str(number)
        assert cli.main(["segment", str(tmp_path / "a.tif"), "--out", str(out), "--diameter", "8", *more]) == 0
        areas.append(json.loads((out / "a.json").read_text())["params"]["clustering"]["min_area"])
    known = load_model("nuclei").header
    assert areas == [round(known.params.clustering.min_area * (8 / known.diameter) ** 2), 11]


def test_a_slide_decides_once_with_the_same_labels_as_with_the_number(nuclei: np.ndarray, tmp_path: Path) -> None:
    slide = at(nuclei, 0.3)
    model = load_model("nuclei")
    params = model.header.params.replace(normalize__diameter=AUTO)
    result = napari_wnet.segment_zarr(slide, tmp_path / "a.ome.zarr", model, params, block=64, device="cpu")
    info = json.loads(result.sidecar.read_text())
    assert info["run"]["diameter_estimated"]
    assert any("px wide" in note for note in result.notes)
    used = SegmentParams.from_dict(info["params"])
    assert used.normalize.diameter > 0
    second = napari_wnet.segment_zarr(slide, tmp_path / "b.ome.zarr", model, used, block=64, device="cpu")
    assert json.loads(second.sidecar.read_text())["result"]["labels_sha256"] == info["result"]["labels_sha256"]
    assert result.n_objects == pytest.approx(segment(slide, model, used, device="cpu").n_objects, rel=0.05)


def test_labels_come_back_at_the_pixel_centres_of_the_image() -> None:
    """A rescaled ramp is the ramp: nothing is moved by half a pixel."""
    ramp = np.arange(40, dtype=np.float32)[None, None] + np.zeros((1, 30, 1), np.float32)
    back = resize_plane(resize_plane(ramp, (60, 80)), (30, 40))
    np.testing.assert_allclose(back[..., 3:-3], ramp[..., 3:-3], atol=0.2)
