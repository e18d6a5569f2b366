"""The user's mask, from labels, shapes or a boolean image."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Points, Shapes

from napari_wnet.errors import ImageError
from napari_wnet.ui.foreground import read_foreground
from napari_wnet.ui.layers import read_source

SHAPE = (8, 10)
MASK = np.zeros(SHAPE, bool)
MASK[2:5, 3:7] = True
CORNERS = [[2, 3], [2, 6], [4, 6], [4, 3]]


def mask_of(layer, image, index=()):
    return read_foreground(layer, image, read_source(image)).mask(index, SHAPE)


@pytest.mark.parametrize("layer", [Labels(7 * MASK.astype(int)), Image(MASK)], ids=["labels", "image"])
def test_labels_and_boolean_images(layer):
    image = Image(np.zeros(SHAPE))
    assert (mask_of(layer, image) == MASK).all()
    stack = Image(np.zeros((3, *SHAPE)))
    assert (mask_of(layer, stack, (2,)) == MASK).all()


def test_each_plane_of_a_stack_has_its_own():
    stack = Image(np.zeros((2, *SHAPE)))
    layer = Labels(np.stack([MASK, ~MASK]).astype(int))
    assert (mask_of(layer, stack, (1,)) == ~MASK).all()


def test_shapes_are_drawn_in_the_pixels_of_the_image():
    image = Image(np.zeros(SHAPE), scale=(0.5, 0.5), translate=(10, 0))
    flat = Shapes([np.array(CORNERS)], shape_type="polygon", scale=(0.5, 0.5), translate=(10, 0))
    world = Shapes([np.array(CORNERS) * 0.5 + (10, 0)], shape_type="polygon")
    assert (mask_of(flat, image) == MASK).all()
    assert (mask_of(world, image) == MASK).all()


def test_shapes_of_a_stack_belong_to_their_plane_or_to_all():
    stack = Image(np.zeros((3, *SHAPE)))
    deep = Shapes([np.array([[1, *corner] for corner in CORNERS])], shape_type="polygon")
    assert (mask_of(deep, stack, (1,)) == MASK).all()
    assert not mask_of(deep, stack, (0,)).any()
    flat = Shapes([np.array(CORNERS)], shape_type="polygon")
    assert (mask_of(flat, stack, (2,)) == MASK).all()


@pytest.mark.parametrize("channel_axis", [0, 1, -3])
def test_shapes_on_an_image_with_channels_belong_to_their_plane_whatever_the_channel(channel_axis):
    stack = Image(np.zeros((3, 3, *SHAPE)))  # both axes of one length: only which is which tells them apart
    deep = Shapes([np.array([[1, 2, *corner] for corner in CORNERS])], shape_type="polygon")
    source = read_source(stack, channel_axis=channel_axis)
    own = 2 if channel_axis == 0 else 1
    for plane in range(3):
        mask = read_foreground(deep, stack, source).mask((plane,), SHAPE)
        assert (mask == (MASK if plane == own else False)).all()
    flat = Shapes([np.array(CORNERS)], shape_type="polygon")
    assert all((read_foreground(flat, stack, source).mask((plane,), SHAPE) == MASK).all() for plane in range(3))


def test_shapes_on_channels_that_come_last_are_drawn_where_they_are():
    image = Image(np.zeros((*SHAPE, 2)), rgb=False)
    layer = Shapes([np.array([[*corner, 1] for corner in CORNERS])], shape_type="polygon")
    mask = read_foreground(layer, image, read_source(image, channel_axis=2)).mask((), SHAPE)
    assert (mask == MASK).all()


def test_drawing_later_does_not_change_the_snapshot():
    image, shapes = Image(np.zeros(SHAPE)), Shapes([np.array(CORNERS)], shape_type="polygon")
    foreground = read_foreground(shapes, image, read_source(image))
    shapes.data = []
    assert (foreground.mask((), SHAPE) == MASK).all()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Labels(np.zeros((3, 3), int)), "8 x 10"),
        (Labels(np.zeros((2, *SHAPE), int)), "axes"),
        (Shapes(), "no shapes"),
        (Points(np.zeros((1, 2))), "cannot be a foreground"),
    ],
)
def test_what_does_not_fit_is_refused(layer, message):
    with pytest.raises(ImageError, match=message):
        mask_of(layer, Image(np.zeros(SHAPE)))


def test_too_few_planes_are_refused():
    stack = Image(np.zeros((3, *SHAPE)))
    with pytest.raises(ImageError, match="fewer planes"):
        mask_of(Labels(np.zeros((2, *SHAPE), int)), stack, (2,))
