from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_wnet.errors import ImageError, OutputError
from napari_wnet.io.images import is_image_name, read_image, read_labels, read_mask, write_labels


@pytest.fixture
def grey(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 60_000, (24, 36), np.uint16)


@pytest.fixture
def colour(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (24, 36, 3), np.uint8)


def save_palette(path: Path, indices: np.ndarray, palette: list[int]) -> Path:
    picture = Image.fromarray(indices.astype(np.uint8), mode="P")
    picture.putpalette(palette)
    picture.save(path)
    return path


# Reading: TIFF


def test_imagej_stack_keeps_axes_and_pixel_size(tmp_path: Path, grey: np.ndarray) -> None:
    stack = np.stack([grey, grey // 2])
    options = {"axes": "TYX", "unit": "micron"}
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, resolution=(4.0, 2.0), metadata=options)
    file = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(file.array, stack)
    assert (file.axes, file.rgb, file.unit) == ("TYX", False, "um")
    assert file.pixel_size == pytest.approx((0.5, 0.25))


def test_ome_tiff_keeps_axes_and_converts_units(tmp_path: Path, grey: np.ndarray) -> None:
    stack = np.broadcast_to(grey, (2, 3, *grey.shape))
    sizes = {"PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.0005, "PhysicalSizeYUnit": "mm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "TCYX", **sizes})
    file = read_image(tmp_path / "a.ome.tif")
    assert file.axes == "TCYX"
    assert file.pixel_size == pytest.approx((0.5, 0.25))


def test_resolution_in_inches_is_not_believed_but_in_centimetres_is(tmp_path: Path, grey: np.ndarray) -> None:
    for unit, expected in (("INCH", None), ("CENTIMETER", pytest.approx((5.0, 10.0)))):
        tifffile.imwrite(tmp_path / "a.tif", grey, resolution=(1000.0, 2000.0), resolutionunit=unit)
        assert read_image(tmp_path / "a.tif").pixel_size == expected


def test_unknown_unit_gives_no_pixel_size(tmp_path: Path, grey: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", grey, imagej=True, resolution=(4.0, 2.0), metadata={"unit": "furlong"})
    file = read_image(tmp_path / "a.tif")
    assert (file.pixel_size, file.unit) == (None, "pixel")


@pytest.mark.parametrize("metadata", [{}, None], ids=["other", "run of pages"])
def test_pages_without_names_are_unknown_axes(tmp_path: Path, grey: np.ndarray, metadata: dict | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([grey] * 3), photometric="minisblack", metadata=metadata)
    file = read_image(tmp_path / "a.tif")
    assert file.array.shape == (3, 24, 36)
    assert file.axes is not None
    assert file.axes[0] in "QI"


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_comes_last_however_it_is_stored(tmp_path: Path, colour: np.ndarray, planar: str) -> None:
    stored = colour if planar == "contig" else np.moveaxis(colour, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    file = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(file.array, colour)
    assert (file.axes, file.rgb) == ("YXS", True)


def test_big_endian_files_come_in_the_machines_byte_order(tmp_path: Path, grey: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", grey, byteorder=">")
    np.save(tmp_path / "a.npy", grey.astype(">u2"))
    for name in ("a.tif", "a.npy"):
        array = read_image(tmp_path / name).array
        assert array.dtype.isnative
        np.testing.assert_array_equal(array, grey)


def test_palette_tiff_gives_colours_as_image_and_indices_as_labels(tmp_path: Path) -> None:
    indices = np.arange(24 * 36, dtype=np.uint8).reshape(24, 36) % 3
    colormap = np.zeros((3, 256), np.uint16)
    colormap[:, 1], colormap[:, 2] = (65535, 0, 0), (0, 0, 65535)
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colormap)
    file = read_image(tmp_path / "a.tif")
    assert file.rgb
    np.testing.assert_array_equal(file.array[0, 1], (255, 0, 0))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), indices)


def test_a_second_image_in_the_file_is_mentioned(tmp_path: Path, grey: np.ndarray) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(grey, metadata=None)
        writer.write(grey[:12], metadata=None)
    file = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(file.array, grey)
    assert "2 images" in file.notes[0]


def test_lzw_needs_no_other_package_and_rarer_packings_name_it(tmp_path: Path, grey: np.ndarray) -> None:
    pages = [Image.fromarray(page) for page in (grey, grey // 2)]
    pages[0].save(tmp_path / "lzw.tif", compression="tiff_lzw", save_all=True, append_images=pages[1:])
    np.save(tmp_path / "expected.npy", np.stack([grey, grey // 2]))
    tifffile.imwrite(tmp_path / "rare.tif", grey)
    with tifffile.TiffFile(tmp_path / "rare.tif", mode="r+b") as file:
        file.pages.first.tags["Compression"].overwrite(tifffile.COMPRESSION.LERC)
    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"  # as where it is not installed
        "import numpy as np\n"
        "from napari_wnet.errors import ImageError\n"
        "from napari_wnet.io.images import read_image\n"
        "np.testing.assert_array_equal(read_image('lzw.tif').array, np.load('expected.npy'))\n"
        "try:\n    read_image('rare.tif')\n"
        "except ImageError as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    assert "LERC" in run.stdout
    assert "pip install imagecodecs" in run.stdout


# Reading: pictures and arrays


@pytest.mark.parametrize("ending", [".png", ".PNG", ".jpg", ".jpeg"])
def test_grey_and_colour_pictures(tmp_path: Path, ending: str) -> None:
    ramp = np.broadcast_to(np.arange(24, dtype=np.uint8)[:, None] * 10, (24, 36))  # smooth, so that JPEG keeps it
    colour = np.stack([ramp, ramp[::-1], ramp // 2], axis=-1)
    for array, axes in ((colour, "YXS"), (colour[..., 0], "YX")):
        path = tmp_path / f"a{ending}"
        Image.fromarray(array).save(path, format="PNG" if ending.lower() == ".png" else "JPEG", quality=100)
        file = read_image(path)
        assert (file.axes, file.array.shape, file.array.dtype) == (axes, array.shape, np.uint8)
        assert np.abs(file.array.astype(int) - array).mean() < 5


def test_16_bit_grey_png_is_exact(tmp_path: Path, grey: np.ndarray) -> None:
    Image.fromarray(grey).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").array, grey)


def test_transparency_is_kept_for_colour_and_dropped_for_grey(tmp_path: Path, colour: np.ndarray) -> None:
    Image.fromarray(colour).convert("RGBA").save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").array.shape == (24, 36, 4)
    Image.fromarray(colour[..., 0]).convert("LA").save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png").array, colour[..., 0])


def test_palette_png_gives_colours_as_image_and_indices_as_labels(tmp_path: Path) -> None:
    indices = np.arange(24 * 36).reshape(24, 36) % 3
    path = save_palette(tmp_path / "a.png", indices, [0, 0, 0, 255, 0, 0, 0, 0, 255])
    file = read_image(path)
    assert file.axes == "YXS"
    np.testing.assert_array_equal(file.array[0, :3], [(0, 0, 0), (255, 0, 0), (0, 0, 255)])
    np.testing.assert_array_equal(read_labels(path), indices)


def test_a_palette_of_greys_is_a_grey_image(tmp_path: Path) -> None:
    indices = np.arange(24 * 36).reshape(24, 36) % 3
    path = save_palette(tmp_path / "a.png", indices, [0, 0, 0, 100, 100, 100, 200, 200, 200])
    file = read_image(path)
    assert file.axes == "YX"
    np.testing.assert_array_equal(file.array, 100 * indices)


def test_cmyk_jpeg_becomes_colour(tmp_path: Path, colour: np.ndarray) -> None:
    Image.fromarray(colour).convert("CMYK").save(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg").array.shape == (24, 36, 3)


def test_npy_keeps_its_type_and_says_nothing_of_axes(tmp_path: Path, rng: np.random.Generator) -> None:
    for shape, axes in (((24, 36), "YX"), ((2, 24, 36), None)):
        array = rng.normal(size=shape)
        np.save(tmp_path / "a.npy", array)
        file = read_image(tmp_path / "a.npy")
        assert file.axes == axes
        np.testing.assert_array_equal(file.array, array)


# Refusals


def write_text_file(path: Path) -> None:
    path.write_text("not an image\n" * 50)


def write_objects(path: Path) -> None:
    np.save(path, np.array([[1, None], ["x", 2]], object), allow_pickle=True)


def write_without_pixels(path: Path) -> None:
    np.save(path, np.zeros((0, 5)))


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "text.png": (write_text_file, "no PNG or JPEG"),
    "text.jpg": (write_text_file, "no PNG or JPEG"),
    "text.tif": (write_text_file, "damaged"),
    "text.npy": (write_text_file, "not an NPY"),
    "empty.png": (Path.touch, "0 bytes"),
    "empty.tif": (Path.touch, "0 bytes"),
    "folder.tif": (Path.mkdir, "is a folder"),
    "missing.tif": (lambda _: None, "does not exist"),
    "film.mp4": (write_text_file, r"known endings are .*\.tif"),
    "objects.npy": (write_objects, "Python objects"),
    "words.npy": (lambda path: np.save(path, np.full((3, 3), "word")), "plain numbers"),
    "complex.npy": (lambda path: np.save(path, np.ones((3, 3), complex)), "plain numbers"),
    "complex.tif": (lambda path: tifffile.imwrite(path, np.ones((3, 3), np.complex64)), "numbers"),
    "flat.npy": (lambda path: np.save(path, np.ones(9)), "two axes"),
    "none.npy": (write_without_pixels, "no pixels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_image_is_named_and_refused(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    write, words = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(ImageError, match=words) as caught:
        read_image(tmp_path / name)
    assert name in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_picture_too_large_to_unpack_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.zeros((50, 50), np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ImageError, match=r"a\.png has more than .* save it as TIFF"):
        read_image(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)  # Pillow only warns
    assert read_image(tmp_path / "a.png").array.shape == (50, 50)


def make(folder: Path, kind: str) -> Path:
    stack = np.random.default_rng(1).integers(0, 255, (3, 24, 36), np.uint8)
    path = folder / f"whole.{kind.split('-')[0]}"
    if kind == "npy":
        np.save(path, stack)
    elif kind in ("png", "jpg"):
        Image.fromarray(stack[0]).save(path)
    else:
        options = {
            "tif-pages": {"metadata": None},
            "tif-imagej": {"imagej": True},
            "tif-packed": {"compression": "zlib", "metadata": None},
            "tif-tiled": {"tile": (16, 16), "metadata": {"axes": "TYX"}},
        }[kind]
        tifffile.imwrite(path, stack, photometric="minisblack", **options)
    return path


KINDS = ["npy", "png", "jpg", "tif-pages", "tif-imagej", "tif-packed", "tif-tiled"]


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_truncated_files_are_refused(tmp_path: Path, kind: str, part: float, capfd: pytest.CaptureFixture[str]) -> None:
    whole = make(tmp_path, kind)
    cut = whole.with_stem("cut")
    data = whole.read_bytes()
    cut.write_bytes(data[: int(len(data) * part)])
    assert read_image(whole).array.size
    with pytest.raises(ImageError, match="cut"):
        read_image(cut)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_raise_nothing_but_our_own_error(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray(make(tmp_path, kind).read_bytes())
    edits = st.tuples(st.integers(0, min(len(content) - 1, 600)), st.integers(0, 255))
    for place, value in data.draw(st.lists(edits, min_size=1, max_size=6)):
        content[place] = value
    broken = tmp_path / f"broken.{kind.split('-')[0]}"
    broken.write_bytes(content)
    try:
        assert read_image(broken).array.size > 0
    except ImageError as error:
        assert broken.name in str(error)


# Labels and masks


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint32, np.uint64, np.float32, np.float64])
def test_labels_of_any_number_type_are_read_as_int32(tmp_path: Path, dtype: type) -> None:
    labels = (np.arange(24 * 36).reshape(24, 36) % 7).astype(dtype)
    np.save(tmp_path / "a.npy", labels)
    read = read_labels(tmp_path / "a.npy")
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, labels)


def test_bool_labels_become_one_object_a_region(tmp_path: Path) -> None:
    mask = np.zeros((2, 20, 20), bool)
    mask[0, 2:5, 2:5] = mask[0, 5:8, 5:8] = mask[0, 12:15, 2:5] = mask[1, :4] = True  # the first two touch at a corner
    np.save(tmp_path / "a.npy", mask)
    labels = read_labels(tmp_path / "a.npy")
    assert [plane.max() for plane in labels] == [2, 1]
    np.testing.assert_array_equal(labels > 0, mask)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((4, 4), 0.5), "whole numbers"),
        (np.full((4, 4), np.nan), "whole numbers"),
        (np.full((4, 4), -1), "negative"),
        (np.full((4, 4), -2.0), "negative"),
        (np.full((4, 4), 2**31, np.uint32), "relabel_sequential"),
        (np.full((4, 4), 1e12), "relabel_sequential"),
    ],
)
def test_what_cannot_be_labels_is_refused(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ImageError, match=words):
        read_labels(tmp_path / "a.npy")


def test_colour_and_multichannel_labels_are_refused(tmp_path: Path, colour: np.ndarray) -> None:
    Image.fromarray(colour).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(colour, -1, 0), imagej=True, metadata={"axes": "CYX"})
    for name in ("a.png", "a.tif"):
        with pytest.raises(ImageError, match="single number a pixel"):
            read_labels(tmp_path / name)


def test_leading_axes_of_length_one_are_dropped(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((1, 1, 8, 9), np.uint8))
    assert read_labels(tmp_path / "a.npy").shape == (8, 9)
    assert read_mask(tmp_path / "a.npy").shape == (8, 9)


def test_masks_are_what_is_not_zero_or_black(tmp_path: Path) -> None:
    mask = np.eye(20, dtype=bool)
    picture = np.zeros((20, 20, 4), np.uint8)
    picture[..., 1], picture[..., 3] = mask * 9, 255
    Image.fromarray(picture).save(tmp_path / "colour.png")
    Image.fromarray(mask).save(tmp_path / "bits.png")
    np.save(tmp_path / "numbers.npy", mask * 0.5)
    for name in ("colour.png", "bits.png", "numbers.npy"):
        read = read_mask(tmp_path / name)
        assert read.dtype == bool
        np.testing.assert_array_equal(read, mask)
    np.save(tmp_path / "nan.npy", np.full((4, 4), np.nan))
    with pytest.raises(ImageError, match="NaN"):
        read_mask(tmp_path / "nan.npy")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lead=st.sampled_from(["", "T", "TZ", "P"]),
    top=st.sampled_from([0, 1, 65_535, 65_536, 2**31 - 1]),
    size=st.none() | st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
)
def test_labels_round_trip(tmp_path: Path, lead: str, top: int, size: tuple[float, float] | None) -> None:
    labels = np.zeros((*(2, 3)[: len(lead)], 12, 17), np.int32)
    labels[..., 3:6, 4:9] = top
    axes = lead + "YX"
    write_labels(tmp_path / "a.tif", labels, size, axes=axes, overwrite=True)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), labels)
    file = read_image(tmp_path / "a.tif")
    assert file.axes == axes
    assert file.array.dtype == (np.uint16 if top < 65_536 else np.uint32)
    assert file.pixel_size == (None if size is None else pytest.approx(size, rel=1e-6))


@pytest.mark.parametrize("size", [(1e-12, 1e-12), (1e14, 1e14), (1.0, 1e14)])
def test_a_pixel_size_beyond_all_measure_is_left_out(tmp_path: Path, size: tuple[float, float]) -> None:
    write_labels(tmp_path / "a.tif", np.ones((4, 5), int), size)
    assert read_image(tmp_path / "a.tif").pixel_size is None


def test_labels_files_are_imagejs_and_compressed(tmp_path: Path) -> None:
    labels = np.zeros((3, 200, 200), np.int32)
    labels[:, 50:60] = 7
    write_labels(tmp_path / "a.tif", labels, (0.5, 0.25), axes="TYX")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_imagej
        assert file.imagej_metadata["unit"] == "um"
        assert (file.imagej_metadata["frames"], file.imagej_metadata["max"]) == (3, 7.0)
        assert file.pages.first.compression == 8  # the deflate that ImageJ reads
    assert (tmp_path / "a.tif").stat().st_size < labels.size / 10


def test_labels_are_written_only_where_that_makes_sense(tmp_path: Path) -> None:
    labels = np.ones((4, 5, 6), int)
    with pytest.raises(OutputError, match="axes"):
        write_labels(tmp_path / "a.tif", labels, axes="YX")
    with pytest.raises(OutputError, match="axes"):
        write_labels(tmp_path / "a.tif", labels, axes="YYX")
    with pytest.raises(ImageError, match="integers"):
        write_labels(tmp_path / "a.tif", labels * 0.5)
    write_labels(tmp_path / "a.tif", labels)
    with pytest.raises(OutputError, match="--overwrite"):
        write_labels(tmp_path / "a.tif", labels)


def test_hidden_and_foreign_files_are_no_image_names() -> None:
    assert all(map(is_image_name, ("a.tif", "b.OME.TIFF", "c.Png", "d.jpeg", "e.npy")))
    assert not any(map(is_image_name, (".a.tif", "a.csv", "a", ".0011.partial")))
