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
