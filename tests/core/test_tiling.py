"""Tiles: every pixel written once, every window on the pooling grid, every margin as wide as asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_wnet.core.tiling import padded_shape, plan_tiles
from napari_wnet.params import TileParams

steady = settings(deadline=None, derandomize=True, max_examples=200)
FACTORS = (1, 2, 6, 8, 16, 128)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "shape": draw(st.tuples(st.integers(1, 700), st.integers(1, 700))),
        "params": TileParams(size=draw(st.integers(64, 400)), overlap=draw(st.integers(-1, 100))),
        "factor": draw(st.sampled_from(FACTORS)),
        "radius": draw(st.integers(0, 150)),
    }


@steady
@given(plans())
def test_every_pixel_is_written_once_in_raster_order(plan: dict[str, Any]) -> None:
    written = np.zeros(plan["shape"], int)
    starts = []
    for tile in plan_tiles(**plan):
        written[tile.write] += 1
        starts.append((tile.write[0].start, tile.write[1].start))
        for side, length in zip(tile.write, plan["shape"], strict=True):
            assert 0 <= side.start < side.stop <= length
    assert (written == 1).all()
    assert starts == sorted(starts)


@steady
@given(plans())
def test_windows_lie_on_the_pooling_grid_of_the_padded_plane(plan: dict[str, Any]) -> None:
    padded, factor = padded_shape(plan["shape"], plan["factor"]), plan["factor"]
    for tile in plan_tiles(**plan):
        for read, write, length in zip(tile.read, tile.write, padded, strict=True):
            assert read.start % factor == read.stop % factor == write.start % factor == 0
            assert 0 <= read.start <= write.start < write.stop <= read.stop <= length


@steady
@given(plans())
def test_the_crop_of_what_is_read_is_what_is_written(plan: dict[str, Any]) -> None:
    padded = padded_shape(plan["shape"], plan["factor"])
    plane = np.arange(padded[0] * padded[1]).reshape(padded)
    for tile in plan_tiles(**plan):
        np.testing.assert_array_equal(plane[tile.read][tile.crop], plane[tile.write])


@steady
@given(plans())
def test_margins_reach_as_far_as_asked_or_to_the_frame(plan: dict[str, Any]) -> None:
    overlap = plan["radius"] if plan["params"].overlap < 0 else plan["params"].overlap
    padded = padded_shape(plan["shape"], plan["factor"])
    for tile in plan_tiles(**plan):
        for read, write, length in zip(tile.read, tile.write, padded, strict=True):
            assert read.start == 0 or write.start - read.start >= overlap
            assert read.stop == length or read.stop - write.stop >= overlap
            # No more than that is computed for nothing.
            assert write.start - read.start < overlap + plan["factor"]
            assert read.stop - write.stop < overlap + 2 * plan["factor"]


@steady
@given(plans())
def test_tiles_are_of_nearly_one_size_and_no_larger_than_asked(plan: dict[str, Any]) -> None:
    tiles = plan_tiles(**plan)
    size, factor = plan["params"].size, plan["factor"]
    for axis in (0, 1):
        sides = {tile.write[axis].start: tile.write[axis].stop - tile.write[axis].start for tile in tiles}
        lengths = [sides[start] for start in sorted(sides)]
        assert len(set(lengths[:-1])) <= 1
        assert max(lengths) < size + factor
        assert len(lengths) <= -(-plan["shape"][axis] // max(size, factor))


@steady
@given(plans())
def test_a_plane_that_fits_is_one_tile(plan: dict[str, Any]) -> None:
    shape = (min(plan["shape"][0], plan["params"].size), min(plan["shape"][1], plan["params"].size))
    (tile,) = plan_tiles(**{**plan, "shape": shape})
    padded = padded_shape(shape, plan["factor"])
    whole = (slice(0, shape[0]), slice(0, shape[1]))
    assert tile.read == (slice(0, padded[0]), slice(0, padded[1]))
    assert tile.write == tile.crop == whole


@pytest.mark.parametrize(("shape", "factor", "expected"), [((1, 16), 16, (16, 16)), ((17, 30), 8, (24, 32))])
def test_padded_shape(shape: tuple[int, int], factor: int, expected: tuple[int, int]) -> None:
    assert padded_shape(shape, factor) == expected


def test_an_example() -> None:
    tiles = plan_tiles((100, 30), TileParams(size=64, overlap=5), factor=8, radius=999)
    assert [(tile.read[0], tile.crop[0], tile.write[0]) for tile in tiles] == [
        (slice(0, 64), slice(0, 56), slice(0, 56)),
        (slice(48, 104), slice(8, 52), slice(56, 100)),
    ]
    assert {(tile.read[1].stop, tile.write[1].stop) for tile in tiles} == {(32, 30)}
