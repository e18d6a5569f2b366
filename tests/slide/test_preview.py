"""A small picture of a slide shows what the slide shows, with the labels over it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wnet.slide import assemble
from napari_wnet.slide import preview as preview_module
from napari_wnet.slide.assemble import create_labels, plan_levels
from napari_wnet.slide.grid import Grid
from napari_wnet.slide.preview import preview
from napari_wnet.slide.source import open_slide
from napari_wnet.slide.store import open_array
from slide.test_source import as_ngff


@pytest.mark.parametrize("kind", ["array", "ngff"])
@pytest.mark.parametrize("side", [20, 60, 150, 1000])
def test_picture_and_labels_are_every_so_many_th_pixel_of_the_slide(tmp_path, rng, monkeypatch, kind, side):
    monkeypatch.setattr(assemble, "SMALLEST_LEVEL", 32)
    monkeypatch.setattr(preview_module, "STRIP_PX", 50)
    image = rng.integers(0, 255, (201, 130)).astype(np.uint8)
    labels = tmp_path / "labels.ome.zarr"
    levels = plan_levels(Grid(shape=image.shape, step=(64, 64)))
    create_labels(labels, levels, 255, None)
    for level in levels:
        open_array(labels / str(level.number))[:] = image[:: 2**level.number, :: 2**level.number]
    slide = open_slide(image if kind == "array" else as_ngff(tmp_path, image), 1)
    picture, small = preview(slide, labels, side)
    np.testing.assert_array_equal(picture[0], small)
    step = next(n for n in (4, 2, 1) if n == 1 or 201 / n >= side) if side > 30 else 8
    np.testing.assert_array_equal(small, image[::step, ::step])
