from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_wnet.errors import ImageError
from napari_wnet.io import memory
from napari_wnet.io.axes import arrange
from napari_wnet.io.images import is_image_name, read_image, read_labels
from napari_wnet.io.ngff import is_zarr, label_names, open_ngff

IMAGE = np.random.default_rng(0).integers(1, 255, (2, 3, 40, 50), np.uint8)
NAMES = {"t": "time", "c": "channel"}


def described(axes: str, unit: str | None = "nanometer") -> list[dict[str, str]]:
    found = [{"name": axis, "type": NAMES.get(axis, "space")} for axis in axes]
    for axis in found[-2:] if unit else []:
        axis["unit"] = unit
    return found


def attributes(axes: Any, n_axes: int, **more: Any) -> dict[str, Any]:
    scale = [7.0, 1.0, 500.0, 250.0][-n_axes:]
    dataset = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    return {"multiscales": [{"version": "0.4", "axes": axes, "datasets": [dataset], **more}]}


def write(path: Path, array: np.ndarray, info: dict[str, Any], *, version: str = "0.4", name: str = "0") -> Path:
    """Write a folder by zarr alone, with any metadata."""
    old = version == "0.4"
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if old else 3)
    group.attrs.update(info if old else {"ome": {"version": version, **info}})
    if name:
        group.create_array(name, data=array, chunks=(1,) * (array.ndim - 2) + (32, 32))
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_axes_pixel_size_and_levels_are_read(tmp_path, version):
    path = write(tmp_path / "a.ome.zarr", IMAGE, attributes(described("tcyx"), 4), version=version)
    image = open_ngff(path)
    assert (image.axes, image.unit, image.version) == ("TCYX", "um", version)
    assert image.pixel_size == pytest.approx((0.5, 0.25))
    assert image.scale == (7.0, 1.0, 500.0, 250.0)
    assert isinstance(image.levels[0], zarr.Array)
    file = read_image(path)
    np.testing.assert_array_equal(file.array, IMAGE)
    assert (file.axes, file.rgb, file.unit) == ("TCYX", False, "um")
    assert arrange(file).array.shape == IMAGE.shape


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_what_ome_zarr_writes_is_read(tmp_path, version):
    pytest.importorskip("ome_zarr", reason="its newer versions need pydantic of their own")
    from ngff_images import make_image

    make_image(tmp_path / "a.zarr", version, IMAGE, "tcyx")
    image = open_ngff(tmp_path / "a.zarr")
    assert (image.axes, image.version) == ("TCYX", version)
    assert image.pixel_size == pytest.approx((0.5, 0.25))
    assert [level.shape[-2:] for level in image.levels] == [(40, 50), (20, 25)]
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr").array, IMAGE)


def test_scales_of_a_whole_image_and_of_a_level_are_multiplied(tmp_path):
    more = {"coordinateTransformations": [{"type": "translation", "translation": [5, 5]}, {"scale": [2.0, 3.0]}]}
    path = write(tmp_path / "a.zarr", IMAGE[0, 0], attributes(described("yx", "micrometer"), 2, **more))
    assert open_ngff(path).pixel_size == (1000.0, 750.0)


@pytest.mark.parametrize("unit", [None, "furlong", 7])
def test_without_a_known_unit_there_is_no_pixel_size(tmp_path, unit):
    image = open_ngff(write(tmp_path / "a.zarr", IMAGE[0, 0], attributes(described("yx", unit), 2)))
    assert (image.pixel_size, image.unit) == (None, "pixel")


def test_older_standards_name_axes_shortly_or_not_at_all(tmp_path):
    assert open_ngff(write(tmp_path / "a.zarr", IMAGE, attributes(["t", "c", "y", "x"], 4))).axes == "TCYX"
    info = attributes(None, 4)
    del info["multiscales"][0]["axes"], info["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert open_ngff(write(tmp_path / "b.zarr", IMAGE[None], info)).axes == "TCZYX"


def test_an_axis_of_another_name_is_unknown_and_can_be_named(tmp_path):
    axes = [{"name": "angle"}, *described("cyx")]
    file = read_image(write(tmp_path / "a.zarr", IMAGE, attributes(axes, 4)))
    assert file.axes == "QCYX"
    with pytest.raises(ImageError, match="--axes"):
        arrange(file)
    assert arrange(file, axes="PCYX").lead == "P"


def test_channels_that_are_colours_make_an_rgb_image(tmp_path):
    channels = [{"color": colour} for colour in ("FF0000", "00FF00", "0000FF")]
    info = {**attributes(described("cyx"), 3), "omero": {"channels": channels}}
    file = read_image(write(tmp_path / "a.zarr", IMAGE[0], info))
    assert (file.axes, file.rgb, file.array.shape) == ("YXS", True, (40, 50, 3))
    np.testing.assert_array_equal(file.array[..., 1], IMAGE[0, 1])
    info["omero"]["channels"][2]["color"] = "FF00FF"
    assert not read_image(write(tmp_path / "b.zarr", IMAGE[0], info)).rgb


@pytest.mark.parametrize("listed", [True, False])
def test_of_several_images_the_first_is_used_and_said(tmp_path, listed):
    for name in ("0", "1"):
        write(tmp_path / "a.zarr" / name, IMAGE[int(name)], attributes(described("cyx"), 3))
    zarr.open_group(str(tmp_path / "a.zarr"), mode="a", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    if listed:
        zarr.open_group(str(tmp_path / "a.zarr" / "OME"), mode="w", zarr_format=2).attrs["series"] = ["1", "0"]
    file = read_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(file.array, IMAGE[1 if listed else 0])
    assert "2 images" in file.notes[0]
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr" / "1").array, IMAGE[1])


def test_a_bare_array_is_an_image_without_named_axes(tmp_path):
    zarr.create_array(str(tmp_path / "a.zarr"), data=IMAGE, zarr_format=2)
    zarr.create_array(str(tmp_path / "b.zarr"), data=IMAGE, dimension_names=["t", "c", "y", "x"])
    zarr.create_array(str(tmp_path / "c"), data=IMAGE[0, 0])
    assert [read_image(tmp_path / name).axes for name in ("a.zarr", "b.zarr", "c")] == [None, "TCYX", "YX"]


def test_labels_without_an_image_and_with_single_planes_are_read(tmp_path):
    labels = IMAGE[:, :1, None].astype(np.int64) * 1000
    axes = [*described("tc"), *described("zyx")]
    info = attributes(axes, 5)
    info["multiscales"][0]["datasets"][0]["coordinateTransformations"] = []
    path = write(tmp_path / "a.zarr", labels, {**info, "image-label": {}})
    np.testing.assert_array_equal(read_labels(path), labels[:, 0, 0])


# Refusals and trust


def without(*keys: str) -> Callable[[dict[str, Any]], object]:
    return lambda multiscale: [multiscale.pop(key) for key in keys]


def changed(**entries: Any) -> Callable[[dict[str, Any]], object]:
    return lambda multiscale: multiscale.update(entries)


DAMAGED = {
    "no datasets": (without("datasets"), "datasets"),
    "empty datasets": (changed(datasets=[]), "datasets"),
    "no path": (changed(datasets=[{}]), "no path"),
    "path of a number": (changed(datasets=[{"path": 0}]), "no path"),
    "missing level": (changed(datasets=[{"path": "7"}]), "does not exist"),
    "too few axes": (changed(axes=described("cyx")), "axes"),
    "axes without names": (changed(axes=[{}] * 4), "axes"),
    "the same axis twice": (changed(axes=described("tyyx")), "each once"),
    "no x": (changed(axes=described("tczy")), "each once"),
    "axes of a number": (changed(axes=4), "axes"),
    "scale of another length": (changed(coordinateTransformations=[{"scale": [1]}]), "scale"),
    "scale of words": (changed(coordinateTransformations=[{"scale": ["a"] * 4}]), "damaged"),
    "scale of nothing": (changed(coordinateTransformations=[{"scale": [0] * 4}]), "above 0"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_metadata_is_named_and_refused(tmp_path, name):
    damage, words = DAMAGED[name]
    info = attributes(described("tcyx"), 4)
    damage(info["multiscales"][0])
    with pytest.raises(ImageError, match=words) as caught:
        read_image(write(tmp_path / "a.zarr", IMAGE, info))
    assert "a.zarr" in str(caught.value)


def test_other_folders_are_told_apart(tmp_path):
    assert not is_zarr(tmp_path)
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(ImageError, match=r"neither zarr\.json"):
        read_image(tmp_path / "empty.zarr")
    zarr.open_group(str(tmp_path / "group.zarr"), mode="w")
    with pytest.raises(ImageError, match="without an OME-Zarr image"):
        read_image(tmp_path / "group.zarr")
    zarr.open_group(str(tmp_path / "plate.zarr"), mode="w", zarr_format=2).attrs["plate"] = {"wells": []}
    with pytest.raises(ImageError, match="name one of them"):
        read_image(tmp_path / "plate.zarr")
    (tmp_path / "file.zarr").write_text("x")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path / "file.zarr")
    with pytest.raises(ImageError, match="does not exist"):
        read_image(tmp_path / "missing.zarr")
    assert is_image_name("a.ome.zarr")


@pytest.mark.parametrize("name", ["../outside", "/etc", "0/../../outside", "", "..", "a\\..\\b", "c:/x"])
def test_a_path_out_of_the_folder_is_not_followed(tmp_path, name):
    zarr.create_array(str(tmp_path / "outside"), data=IMAGE)
    info = attributes(described("tcyx"), 4)
    info["multiscales"][0]["datasets"][0]["path"] = name
    with pytest.raises(ImageError, match="leads out of the folder"):
        read_image(write(tmp_path / "a.zarr", IMAGE, info))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    zarr.create_array(str(tmp_path / "outside"), data=IMAGE)
    path = write(tmp_path / "a.zarr", IMAGE, attributes(described("tcyx"), 4), name="")
    (path / "0").symlink_to(tmp_path / "outside")
    with pytest.raises(ImageError, match="leads out of the folder"):
        read_image(path)


def test_names_of_labels_and_series_are_not_followed_out_of_the_folder(tmp_path):
    write(tmp_path / "outside", IMAGE, attributes(described("tcyx"), 4))
    path = write(tmp_path / "a.zarr", IMAGE, attributes(described("tcyx"), 4))
    zarr.open_group(str(path / "labels"), mode="w", zarr_format=2).attrs["labels"] = ["../../outside"]
    assert label_names(path) == ("../../outside",)
    with pytest.raises(ImageError, match="leads out of the folder"):
        read_labels(path)
    series = zarr.open_group(str(tmp_path / "b.zarr"), mode="w", zarr_format=2)
    series.create_group("OME").attrs["series"] = ["../outside"]
    with pytest.raises(ImageError, match="leads out of the folder"):
        read_image(tmp_path / "b.zarr")


def test_no_code_of_the_file_is_run(tmp_path):
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), data=IMAGE[0, 0], zarr_format=2, chunks=(40, 50), compressors=None)
    ran = tmp_path / "ran"
    array = json.loads((path / ".zarray").read_text())
    (path / ".zarray").write_text(json.dumps({**array, "filters": [{"id": "pickle", "protocol": 5}]}))
    payload = f"cbuiltins\nopen\n(S'{ran}'\nS'w'\ntR."
    next(path.glob("0*")).write_bytes(payload.encode())
    with pytest.raises(ImageError, match="pickle"):
        read_image(path)
    assert not ran.exists()


def test_words_and_numbers_of_other_kinds_are_refused(tmp_path):
    zarr.create_array(str(tmp_path / "a.zarr"), data=np.ones((4, 5), complex))
    with pytest.raises(ImageError, match="floating-point"):
        read_image(tmp_path / "a.zarr")
    zarr.create_array(str(tmp_path / "b.zarr"), data=np.ones(5))
    with pytest.raises(ImageError, match="two axes"):
        read_image(tmp_path / "b.zarr")


def test_more_than_the_memory_is_not_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 1_000_000)
    zarr.create_array(str(tmp_path / "a.zarr"), shape=(10**6, 10**6), chunks=(1000, 1000), dtype="uint8")
    with pytest.raises(ImageError, match="1000 GB"):
        read_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("packing", ["auto", None, "blosc"])
def test_truncated_chunks_are_refused(tmp_path, version, packing, part):
    codecs = {"0.4": numcodecs.Blosc(), "0.5": zarr.codecs.BloscCodec()}
    path = write(tmp_path / "a.zarr", IMAGE[0, 0], attributes(described("yx"), 2), version=version, name="")
    group = zarr.open_group(str(path), mode="a")
    group.create_array("0", data=IMAGE[0, 0], compressors=codecs[version] if packing == "blosc" else packing)
    (chunk,) = (file for file in (path / "0").rglob("*") if file.is_file() and file.name[0] in "0123456789")
    np.testing.assert_array_equal(read_image(path).array, IMAGE[0, 0])
    content = chunk.read_bytes()
    chunk.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ImageError, match=r"a\.zarr.*(damaged|truncated)"):
        read_image(path)


def test_missing_pixels_are_mentioned(tmp_path):
    path = write(tmp_path / "a.zarr", IMAGE[0, 0], attributes(described("yx"), 2))
    for file in (path / "0").glob("[0-9]*"):
        file.unlink()
    file = read_image(path)
    assert not file.array.any()
    assert "no pixels stored" in file.notes[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_damaged_files_raise_nothing_but_our_own_error(tmp_path, version, data):
    path = write(tmp_path / "a.zarr", IMAGE[0, 0], attributes(described("yx"), 2), version=version)
    names = [".zattrs", ".zgroup", "0/.zarray"] if version == "0.4" else ["zarr.json", "0/zarr.json"]
    file = path / data.draw(st.sampled_from(names))
    content = bytearray(file.read_bytes())
    # Digits stay: a folder that promises more pixels than it holds is legal, and takes its time to fill.
    places = [place for place, value in enumerate(content) if not chr(value).isdigit()]
    edits = st.tuples(st.sampled_from(places), st.sampled_from(b'{}[]",: anx-'))
    for place, value in data.draw(st.lists(edits, min_size=1, max_size=3)):
        content[place] = value
    file.write_bytes(content)
    try:
        assert read_image(path).array.size > 0
    except ImageError as error:
        assert "a.zarr" in str(error)


def test_deeply_nested_metadata_is_refused(tmp_path):
    path = write(tmp_path / "a.zarr", IMAGE[0, 0], attributes(described("yx"), 2))
    (path / ".zattrs").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(ImageError, match="damaged"):
        read_image(path)
