"""What is read from layers, and where results are put over them."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from napari.layers import Image, Labels, Points, Shapes

from napari_wnet.errors import ImageError
from napari_wnet.ui.layers import (
    MARK,
    channel_axes,
    channel_axis_beside,
    displayed_index,
    image_for,
    is_candidate,
    is_foreground,
    is_labels,
    likely_channel_axis,
    n_planes,
    piece_placement,
    placement,
    read_source,
    stacked_features,
)

UM = "micrometer"


class PlainIndexing:
    """An array like zarr's, that knows neither numpy's functions nor new axes."""

    def __init__(self, data):
        self._data = data
        self.shape, self.dtype, self.ndim, self.size = data.shape, data.dtype, data.ndim, data.size

    def __getitem__(self, key):
        assert None not in (key if isinstance(key, tuple) else (key,))
        return self._data[key]


@pytest.mark.parametrize(
    ("shape", "rgb", "axis", "lead", "plane"),
    [
        ((5, 6), False, None, (), (1, 5, 6)),
        ((5, 6, 3), True, None, (), (3, 5, 6)),
        ((5, 6, 4), True, None, (), (4, 5, 6)),
        ((7, 5, 6), False, None, (7,), (1, 5, 6)),
        ((7, 5, 6), False, 0, (), (7, 5, 6)),
        ((2, 7, 5, 6), False, 1, (2,), (7, 5, 6)),
        ((5, 6, 7), False, 2, (), (7, 5, 6)),
        ((2, 5, 6, 3), True, None, (2,), (3, 5, 6)),
    ],
)
def test_planes_of_every_kind_of_image(shape, rgb, axis, lead, plane):
    data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    source = read_source(Image(data, rgb=rgb), channel_axis=axis)
    assert source.lead == lead
    assert source.shape == (*lead, 5, 6)
    indices = list(source.indices())
    assert len(indices) == np.prod(lead, dtype=int)
    planes = [source.plane(index) for index in indices]
    assert {part.shape for part in planes} == {plane}
    assert sorted(np.concatenate([part.ravel() for part in planes])) == sorted(data.ravel())


def test_channels_are_chosen_and_ordered():
    data = np.stack([np.full((4, 5), value) for value in (10, 20, 30)])
    source = read_source(Image(data), channel_axis=0, channels=(2, 0))
    assert source.plane(())[:, 0, 0].tolist() == [30, 10]
    with pytest.raises(ImageError, match="3 channels"):
        read_source(Image(data), channel_axis=0, channels=(3,)).plane(())


@pytest.mark.parametrize("wrap", [dask.array.from_array, PlainIndexing])
def test_lazy_arrays_stay_lazy(wrap):
    data = np.arange(2 * 3 * 5 * 6).reshape(2, 3, 5, 6)
    source = read_source(Image(wrap(data)), channel_axis=1)
    assert isinstance(source.planes, dask.array.Array)
    assert source.shape == (2, 5, 6)
    plane = source.plane((1,))
    assert isinstance(plane, np.ndarray)
    assert (plane == data[1]).all()


def test_largest_level_of_a_pyramid_is_read():
    source = read_source(Image([np.ones((8, 8)), np.ones((4, 4))], multiscale=True))
    assert source.shape == (8, 8)


@pytest.mark.parametrize("layer", [Labels(np.zeros((4, 4), int)), Points(np.zeros((1, 2))), Shapes()])
def test_other_layers_are_no_image(layer):
    with pytest.raises(ImageError, match="choose an image layer"):
        read_source(layer)


def test_a_result_lies_over_its_source():
    layer = Image(
        np.zeros((2, 3, 5, 6)),
        scale=(4, 3, 0.5, 0.25),
        translate=(0, 1, 2, 3),
        rotate=20,
        units=(UM,) * 4,
        axis_labels=("z", "c", "y", "x"),
    )
    same = Labels(np.zeros((2, 3, 5, 6), int), **placement(layer))
    np.testing.assert_allclose(same.extent.world, layer.extent.world)
    without = Labels(np.zeros((2, 5, 6), int), **placement(layer, dropped_axis=1))
    np.testing.assert_allclose(without.extent.world, np.delete(layer.extent.world, 1, axis=1))
    assert without.axis_labels == ("z", "y", "x")
    assert without.units == layer.units[1:]


def test_a_sheared_result_lies_over_its_source():
    layer = Image(np.zeros((5, 6)), shear=[0.2], rotate=30, affine=[[1, 0.1, 4], [0, 2, 0], [0, 0, 1]])
    picture = Image(np.zeros((5, 6, 3), np.uint8), rgb=True, **placement(layer))
    np.testing.assert_allclose(picture.extent.world, layer.extent.world)


def test_a_piece_lies_over_its_part_of_a_turned_layer_in_a_stack():
    options = {"scale": [7, 0.5, 0.25], "translate": [1, 2, 3], "units": ("s", UM, UM)}
    layer = Image(np.zeros((4, 50, 60)), rotate=(0, 0, 30), **options)
    piece = Labels(np.zeros((10, 20), int), **piece_placement(layer, (15, 30), (2, 1)))
    for pixel in ([0, 0], [9, 19], [3, 7]):
        here = np.array([15, 30]) + np.array([2, 1]) * pixel
        np.testing.assert_allclose(piece.data_to_world(pixel), layer.data_to_world((0, *here))[1:])
    assert piece.units == layer.units[1:]


def test_labels_find_their_image_by_name_or_else_by_size():
    first, second = Image(np.zeros((20, 30)), name="first"), Image(np.zeros((20, 30)), name="second")
    channels, small = Image(np.zeros((3, 20, 30)), name="channels"), Image(np.zeros((5, 6)), name="small")
    labels = Labels(np.zeros((20, 30), int))
    assert image_for(labels, [first, second, small]) is second
    assert image_for(labels, [channels, small]) is channels
    assert image_for(labels, [small]) is None
    labels.metadata[MARK] = {"source": "first"}
    assert image_for(labels, [first, second]) is first


@pytest.mark.parametrize(
    ("labels", "image"),
    [
        ("cell 1 labels", "cell 1"),
        ("cell 1_cp_masks", "cell 1"),
        ("cell 1_mask", "cell 1_img"),
        ("cell 1.tif", "cell 1"),
        ("cell 1", "cell 1 [1]"),
    ],
)
def test_labels_find_their_image_by_likeness_of_names_as_files_do(labels, image):
    path = "/data/cell 1.tif" if image.endswith("]") else None  # the name was taken, the file says it
    own = Image(np.zeros((20, 30)), name=image)
    own._source = own.source.model_copy(update={"path": path})
    others = [Image(np.zeros((20, 30)), name=name) for name in ("cell 10", "cell", "cell 2 img")]
    small = Image(np.zeros((5, 6)), name="cell 1")
    assert image_for(Labels(np.zeros((20, 30), int), name=labels), [small, own, *others]) is own


def test_labels_that_were_renamed_find_the_image_that_is_named_like_their_source():
    own, newer = Image(np.zeros((20, 30)), name="cells_raw"), Image(np.zeros((20, 30)), name="newer")
    labels = Labels(np.zeros((20, 30), int), name="mine", metadata={MARK: {"source": "cells"}})
    assert image_for(labels, [own, newer]) is own
    assert image_for(Labels(np.zeros((20, 30), int), name="_labels"), [own, newer]) is newer


def test_the_axis_that_labels_lack_is_that_of_channels():
    labels = Labels(np.zeros((20, 30), int))
    assert channel_axis_beside(Image(np.zeros((20, 30))), labels) is None
    assert channel_axis_beside(Image(np.zeros((20, 30, 3), np.uint8), rgb=True), labels) is None
    assert channel_axis_beside(Image(np.zeros((3, 20, 30))), labels) == 0
    assert channel_axis_beside(Image(np.zeros((20, 30, 2))), labels) == 2
    twice = Image(np.zeros((4, 4, 30)), axis_labels=("t", "c", "x"))
    assert channel_axis_beside(twice, Labels(np.zeros((4, 30), int))) == 1
    with pytest.raises(ImageError, match="do not go together"):
        channel_axis_beside(Image(np.zeros((20, 31))), labels)


def test_pictures_of_labels_are_not_labels_to_work_on():
    assert is_labels(Labels(np.zeros((5, 6), int)))
    assert is_labels(Labels(np.zeros((5, 6), int), metadata={MARK: {"kind": "labels"}}))
    assert not is_labels(Labels(np.zeros((5, 6), int), metadata={MARK: {"kind": "preview"}}))
    assert not is_labels(Image(np.zeros((5, 6))))


def test_channel_axis_is_guessed_from_its_name_or_length():
    assert channel_axes(Image(np.zeros((5, 6)))) == ()
    assert channel_axes(Image(np.zeros((5, 6, 3), np.uint8), rgb=True)) == ()
    stack = Image(np.zeros((3, 100, 200)))
    assert channel_axes(stack) == (0,)
    assert likely_channel_axis(stack, 1) is None
    assert likely_channel_axis(stack, 3) == 0
    assert likely_channel_axis(Image(np.zeros((3, 5, 6)), axis_labels=("Channel", "y", "x")), 1) == 0


def test_planes_are_counted_without_channels():
    assert n_planes(Image(np.zeros((5, 6)))) == 1
    assert n_planes(Image(np.zeros((2, 3, 5, 6)))) == 6
    assert n_planes(Image(np.zeros((2, 3, 5, 6))), channel_axis=1) == 2
    assert n_planes(Image(np.zeros((4, 5, 6, 3), np.uint8), rgb=True)) == 4


def test_the_plane_seen_is_found_through_the_transform():
    layer = Image(np.zeros((4, 3, 5, 6)), scale=(2, 1, 1, 1), translate=(10, 0, 0, 0))
    assert displayed_index(layer, (14, 1, 0, 0)) == (2, 1)
    assert displayed_index(layer, (14, 1, 0, 0), channel_axis=1) == (2,)
    assert displayed_index(layer, (-100, 99, 0, 0)) == (0, 2)
    assert displayed_index(Image(np.zeros((5, 6))), (7, 1, 1)) == ()


def test_which_layers_are_listed():
    image, own = Image(np.zeros((4, 4))), Image(np.zeros((4, 4)), metadata={MARK: {"kind": "distmap"}})
    labels, mask = Labels(np.zeros((4, 4), int)), Image(np.zeros((4, 4), bool))
    assert [is_candidate(layer) for layer in (image, own, labels, mask)] == [True, False, False, True]
    assert [is_foreground(layer) for layer in (image, own, labels, mask, Shapes())] == [False, False, True, True, True]


def test_features_of_a_plane_follow_its_labels():
    table = {"label": np.array([1, 2]), "area": np.array([5, 6])}
    features = Labels(np.zeros((4, 4), int), features=stacked_features({(): table})).features
    assert features["index"].tolist() == features["label"].tolist() == [1, 2]


def test_features_of_a_stack_name_the_plane():
    tables = {
        (1,): {"label": np.array([1]), "area": np.array([7])},
        (0,): {"label": np.array([1, 2]), "area": np.array([5, 6])},
    }
    features = stacked_features(tables)
    assert features["plane"].tolist() == [0, 0, 1]
    assert features["area"].tolist() == [5, 6, 7]
    assert len(set(features["index"])) == 3
    assert max(features["index"]) < 0
    assert stacked_features({})["index"].size == 0
