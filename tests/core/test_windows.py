"""A margin ends where the plane does, and a mask at the plane's own frame reaches no edge of its window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_wnet.core.windows import Place, reaches_edge, widened


@st.composite
def windows(draw: st.DrawFn):
    shape = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    window = []
    for length in shape:
        start = draw(st.integers(0, length - 1))
        window.append(slice(start, draw(st.integers(start + 1, length))))
    return tuple(window), shape


@given(windows(), st.integers(0, 5))
def test_a_margin_holds_all_pixels_of_the_plane_that_near_and_no_others(drawn, margin):
    window, shape = drawn
    wide = widened(window, margin, shape)
    for axis, side in enumerate(window):
        near = [place for place in range(shape[axis]) if side.start - margin <= place < side.stop + margin]
        assert list(range(wide[axis].start, wide[axis].stop)) == near


@given(windows(), st.data())
def test_a_pixel_reaches_an_edge_where_the_plane_goes_on_beside_it(drawn, data):
    window, shape = drawn
    at = tuple(data.draw(st.integers(side.start, side.stop - 1)) for side in window)
    claim = np.zeros([side.stop - side.start for side in window], bool)
    assert not reaches_edge(claim, window, shape)
    claim[at[0] - window[0].start, at[1] - window[1].start] = True
    beside = [(at[0] - 1, at[1]), (at[0] + 1, at[1]), (at[0], at[1] - 1), (at[0], at[1] + 1)]
    goes_on = any(
        0 <= row < shape[0]
        and 0 <= column < shape[1]
        and not (window[0].start <= row < window[0].stop and window[1].start <= column < window[1].stop)
        for row, column in beside
    )
    assert reaches_edge(claim, window, shape) == goes_on


def test_an_image_lies_in_itself_from_its_first_pixel_on():
    place = Place.whole((7, 9))
    assert (place.corner, place.frame) == ((0, 0), (7, 9))


def test_a_window_of_another_number_of_axes_than_the_plane_is_an_error():
    with pytest.raises(ValueError, match="zip"):
        widened((slice(0, 1), slice(0, 1)), 1, (5, 5, 5))
