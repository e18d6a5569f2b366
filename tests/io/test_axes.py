from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_wnet.errors import ImageError
from napari_wnet.io.axes import arrange
from napari_wnet.io.images import ImageFile


def image_file(shape: tuple[int, ...], axes: str | None = None) -> ImageFile:
    array = np.arange(int(np.prod(shape)), dtype=np.uint32).reshape(shape)
    rgb = axes is not None and axes.endswith("S")
    return ImageFile(array=array, axes=axes, rgb=rgb, pixel_size=None, unit="pixel", path=Path("cells.tif"))


@pytest.mark.parametrize(
    ("shape", "axes", "expected", "lead", "rgb"),
    [
        ((20, 30), "YX", (1, 20, 30), "", False),
        ((20, 30, 3), "YXS", (3, 20, 30), "", True),
        ((20, 30, 4), "YXS", (4, 20, 30), "", True),
        ((5, 2, 20, 30), "TCYX", (5, 2, 20, 30), "T", False),
        ((2, 5, 20, 30), "CZYX", (5, 2, 20, 30), "Z", False),
        ((4, 5, 20, 30), "TZYX", (4, 5, 1, 20, 30), "TZ", False),
        ((4, 20, 30, 3), "TYXS", (4, 3, 20, 30), "T", True),
        ((1, 1, 20, 30), "QQYX", (1, 20, 30), "", False),
        ((1, 20, 30), "CYX", (1, 20, 30), "", False),
        ((1, 2, 20, 30, 1), "TCYXS", (2, 20, 30), "", False),
        ((20, 30), None, (1, 20, 30), "", False),
        ((20, 30, 3), None, (3, 20, 30), "", True),
        ((1, 20, 30, 4), None, (4, 20, 30), "", True),
        ((1, 20, 30), None, (1, 20, 30), "", False),
        ((20, 1), "YX", (1, 20, 1), "", False),
    ],
)
def test_known_and_safely_guessed_axes(
    shape: tuple[int, ...], axes: str | None, expected: tuple[int, ...], lead: str, rgb: bool
) -> None:
    planes = arrange(image_file(shape, axes))
    assert (planes.array.shape, planes.lead, planes.rgb) == (expected, lead, rgb)
    assert planes.channels == tuple(range(expected[-3]))


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((3, 20, 30), None), ((5, 20, 30), "QYX"), ((5, 20, 30), "IYX"), ((20, 4, 3), None), ((4, 5, 20, 30), None)],
)
def test_unclear_axes_are_asked_for(shape: tuple[int, ...], axes: str | None) -> None:
    with pytest.raises(ImageError, match=r"cells\.tif has shape .*--axes [A-Z]*YX.*") as caught:
        arrange(image_file(shape, axes))
    assert str(shape) in str(caught.value)


def test_the_examples_in_the_message_are_accepted() -> None:
    for shape in ((5, 20, 30), (4, 5, 20, 30), (2, 4, 5, 20, 30)):
        with pytest.raises(ImageError) as caught:
            arrange(image_file(shape))
        words = str(caught.value).split()
        examples = [word for before, word in itertools.pairwise(words) if before == "--axes"]
        assert len(examples) == 2
        for example in examples:
            assert arrange(image_file(shape), axes=example).array.size == np.prod(shape)


def test_asking_for_channels_says_that_the_unknown_axis_is_channels() -> None:
    file = image_file((5, 20, 30), "QYX")
    planes = arrange(file, channels=(4, 0))
    np.testing.assert_array_equal(planes.array, file.array[[4, 0]])
    assert (planes.lead, planes.channels) == ("", (4, 0))


@pytest.mark.parametrize(("channels", "rgb"), [((0, 1, 2), True), ("2,0", False), ((1,), False), (" 0 ,1, 2 ", True)])
def test_channels_are_chosen_and_ordered(channels: tuple[int, ...] | str, rgb: bool) -> None:
    file = image_file((6, 20, 30, 4), "TYXS")
    planes = arrange(file, channels=channels)
    np.testing.assert_array_equal(planes.array, np.moveaxis(file.array, -1, 1)[:, list(planes.channels)])
    assert planes.rgb is rgb


@pytest.mark.parametrize("channels", [(3,), (-1,), "a", "", "1;2", ()])
def test_channels_that_are_not_there_are_refused(channels: tuple[int, ...] | str) -> None:
    with pytest.raises(ImageError, match="--channels"):
        arrange(image_file((3, 20, 30), "CYX"), channels=channels)


def test_the_users_word_wins_over_the_files() -> None:
    file = image_file((5, 20, 30), "TYX")
    assert arrange(file, axes="CYX").array.shape == (5, 20, 30)
    assert arrange(file, axes="yxt").array.shape == (30, 1, 5, 20)
    assert arrange(image_file((1, 5, 20, 30), "QQYX"), axes="ZYX").lead == "Z"


@pytest.mark.parametrize("axes", ["YX", "TCYX", "YYX", "TZC", "", "5YX", "CYXS"])
def test_axes_that_do_not_fit_are_refused(axes: str) -> None:
    with pytest.raises(ImageError, match="--axes"):
        arrange(image_file((5, 20, 30), "TYX"), axes=axes)


def test_channels_and_colours_together_are_refused() -> None:
    with pytest.raises(ImageError, match="channels and colours"):
        arrange(image_file((2, 20, 30, 3), "CYXS"))


@given(order=st.permutations("TZCYX"))
def test_any_order_of_axes_gives_the_same_planes(order: list[str]) -> None:
    sizes = {"T": 2, "Z": 3, "C": 4, "Y": 5, "X": 6}
    array = np.arange(720).reshape([sizes[letter] for letter in "TZCYX"])
    mixed = array.transpose(["TZCYX".index(letter) for letter in order])
    file = ImageFile(array=mixed, axes="".join(order), rgb=False, pixel_size=None, unit="pixel", path=Path("cells.tif"))
    planes = arrange(file)
    lead = array if planes.lead == "TZ" else array.swapaxes(0, 1)
    np.testing.assert_array_equal(planes.array, lead)
    assert np.shares_memory(planes.array, mixed)
