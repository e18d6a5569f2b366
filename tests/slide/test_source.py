"""Slides of every kind are read window by window, and what cannot be is refused before anything is computed."""

from __future__ import annotations

import pickle

import dask.array
import numpy as np
import pytest
import tifffile
import zarr

from napari_wnet.errors import ImageError
from napari_wnet.slide.source import open_slide

WINDOW = (slice(17, 60), slice(30, 101))


@pytest.fixture
def plane(rng):
    return rng.integers(0, 65535, (130, 150)).astype(np.uint16)


def as_npy(folder, plane):
    np.save(folder / "a.npy", plane)
    return folder / "a.npy"


def as_tiff(folder, plane):
    tifffile.imwrite(
        folder / "a.ome.tif", plane, tile=(64, 64), metadata={"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    )
    return folder / "a.ome.tif"


def as_ngff(folder, plane):
    path = folder / "a.ome.zarr"
    group = zarr.create_group(str(path))
    group.create_array("0", data=plane[None, None], chunks=(1, 1, 50, 60))
    axes = [{"name": name, "type": kind} for name, kind in (("t", "time"), ("c", "channel"))]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = {"type": "scale", "scale": [1, 1, 0.5, 0.5]}
    multiscale = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return path


@pytest.mark.parametrize("write", [as_npy, as_tiff, as_ngff])
def test_files_are_read_window_by_window_and_can_be_sent_away(tmp_path, plane, write):
    slide = open_slide(write(tmp_path, plane), 1)
    assert slide.shape == plane.shape
    assert slide.pixel_size == (None if write is as_npy else (0.5, 0.5))
    for one in (slide, pickle.loads(pickle.dumps(slide))):
        np.testing.assert_array_equal(one.read(WINDOW), plane[WINDOW][None])
    assert len(pickle.dumps(slide)) < 2000
    assert slide.facts() == open_slide(slide.path, 1).facts()


@pytest.mark.parametrize("write", ["npy", "tiff", "ngff"])
def test_of_several_planes_one_is_chosen(tmp_path, rng, write):
    stack = rng.integers(0, 255, (3, 4, 70, 80)).astype(np.uint8)
    window = (slice(5, 60), slice(30, 70))
    path, axes = tmp_path / f"a.{write}", "TZYX"
    if write == "npy":
        np.save(path, stack)
    elif write == "tiff":
        tifffile.imwrite(path, stack, metadata={"axes": axes}, photometric="minisblack")
    else:
        group = zarr.create_group(str(path.with_suffix(".zarr")))
        group.create_array("0", data=stack)
        names = [{"name": name, "type": kind} for name, kind in zip("tzyx", ("time", *["space"] * 3), strict=True)]
        scale = {"type": "scale", "scale": [1, 1, 1, 1]}
        described = {"axes": names, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}
        group.attrs["ome"] = {"version": "0.5", "multiscales": [described]}
        path = path.with_suffix(".zarr")
    said = axes if write == "npy" else None
    slide = open_slide(path, 1, axes=said, plane="z=3, T=1")
    for one in (slide, pickle.loads(pickle.dumps(slide))):
        np.testing.assert_array_equal(one.read(window)[0], stack[1, 3][window])
    assert slide.facts() != open_slide(path, 1, axes=said, plane="Z=2,T=1").facts()
    for plane, says in (
        (None, r"such as --plane T=1,Z=2 "),
        ("T=1", r"such as --plane Z=2 "),
        ("T=1,Z=4", "has 4 along Z"),
        ("T=1,Z=1,Q=0", "no axis Q"),
        ("T=-1", "is no plane"),
        ("1", "is no plane"),
        ("Y=1", "is no plane"),
    ):
        with pytest.raises(ImageError, match=says):
            open_slide(path, 1, axes=said, plane=plane)


def swapped(plane):
    return plane.astype(">u2")


@pytest.mark.parametrize("wrap", [np.asarray, swapped, zarr.array, dask.array.from_array])
def test_arrays_are_slides_too(plane, wrap):
    part = open_slide(wrap(plane), 1).read(WINDOW)
    assert part.dtype == np.uint16
    np.testing.assert_array_equal(part, plane[WINDOW][None])


def test_channels_are_chosen_and_ordered(rng):
    array = rng.integers(0, 255, (4, 60, 70)).astype(np.uint8)
    window = (slice(3, 20), slice(5, 40))
    np.testing.assert_array_equal(open_slide(array, 2, channels="3,1").read(window), array[[3, 1]][:, *window])
    turned = np.moveaxis(array, 0, -1)
    np.testing.assert_array_equal(
        open_slide(turned, 2, axes="YXC", channels="3,1").read(window), array[[3, 1]][:, *window]
    )
    with pytest.raises(ImageError, match="reads 2 channel"):
        open_slide(array, 2)
    with pytest.raises(ImageError, match="count those of --channels from 0 to 3"):
        open_slide(array, 1, channels="4")
    with pytest.raises(ImageError, match="no list of channel numbers"):
        open_slide(array, 1, channels="red")


def test_colour_is_read_as_grey_and_says_so(rng):
    colour = rng.integers(0, 255, (60, 70, 3)).astype(np.uint8)
    slide = open_slide(colour, 1)
    grey = slide.read((slice(0, 60), slice(0, 70)))
    assert grey.shape == (1, 60, 70)
    assert "luminance" in slide.notes[0]
    np.testing.assert_array_equal(slide.read_raw((slice(0, 9), slice(0, 70))), np.moveaxis(colour[:9], -1, 0))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4, 60, 70), np.uint8), "not clear what its axes are"),
        (np.zeros((60, 70), complex), "convert it to real numbers"),
        (np.zeros((60, 1), np.uint8), "at least 2 x 2"),
        (np.zeros((60, 0), np.uint8), "at least 2 x 2"),
        (np.zeros((60, 70), "U3"), "convert it to real numbers"),
    ],
)
def test_what_no_network_can_segment_is_refused(array, message):
    with pytest.raises(ImageError, match=message):
        open_slide(array, 1)


def test_several_planes_are_refused():
    with pytest.raises(ImageError, match="several planes"):
        open_slide(np.zeros((5, 60, 70), np.uint8), 1, axes="ZYX")


def test_what_is_no_slide_is_refused(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        open_slide(tmp_path / "none.tif", 1)
    for name in ("a.tif", "a.npy"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(ImageError, match="damaged or not what its name says"):
            open_slide(tmp_path / name, 1)
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(ImageError, match="cannot be read block by block"):
        open_slide(tmp_path / "a.png", 1)
    with pytest.raises(ImageError, match="A list is no slide"):
        open_slide([1, 2], 1)


def test_a_chunk_that_is_damaged_is_named(tmp_path, plane):
    path = as_ngff(tmp_path, plane)
    slide = open_slide(path, 1)
    for file in (path / "0" / "c").rglob("*"):
        if file.is_file():
            file.write_bytes(b"broken")
    with pytest.raises(ImageError, match="rows 17 to 60"):
        slide.read(WINDOW)
