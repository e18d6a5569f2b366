"""Where a person points, and the square that is looked at: nothing is cut off, nothing is made up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_wnet.core.prompts import BOX_COVER, CLICK_COVER, Frame, Outline, Prompt, usual_length

points = st.tuples(st.integers(-50, 150), st.integers(-50, 150))


@given(points, points)
def test_a_box_is_the_same_whichever_corner_comes_first(one, other):
    prompt = Prompt.box((one, other))
    assert prompt == Prompt.box((other, one)) == Prompt.box(((one[0], other[1]), (other[0], one[1])))
    assert prompt.rows[1] - prompt.rows[0] == abs(one[0] - other[0]) + 1
    assert prompt.exact
    assert prompt.more == ()


@given(points, st.floats(1, 80))
def test_a_click_is_in_the_middle_of_what_it_expects(point, diameter):
    prompt = Prompt.click(point, diameter)
    assert prompt.centre == pytest.approx((point[0] + 0.5, point[1] + 0.5))
    assert prompt.length == pytest.approx(diameter)
    assert prompt.more == (point,)


@given(points, points)
def test_a_frame_holds_the_prompt_and_its_surroundings(one, other):
    for prompt, cover in ((Prompt.box((one, other)), BOX_COVER), (Prompt.click(one, 20.0), CLICK_COVER)):
        frame = Frame.around(prompt)
        assert frame.side == max(8, round(cover * prompt.length))
        assert frame.top <= prompt.rows[0] <= prompt.rows[1] <= frame.top + frame.side
        assert frame.left <= prompt.columns[0] <= prompt.columns[1] <= frame.left + frame.side


def test_pixels_are_added_to_a_prompt_not_put_in_their_place():
    prompt = Prompt.click((5, 6), 10.0).also((7, 8)).without((1, 1)).without((2, 2))
    assert prompt.more == ((5, 6), (7, 8))
    assert prompt.less == ((1, 1), (2, 2))


@given(st.integers(-20, 40), st.integers(-20, 40), st.integers(8, 40))
def test_beyond_the_image_a_frame_repeats_the_rim_and_says_so(top, left, side):
    image = np.arange(30 * 20).reshape(30, 20)
    frame = Frame(top=top, left=left, side=side)
    rows, columns = frame.places(image.shape)
    inside = frame.inside(image.shape)
    seen = image[rows[:, np.newaxis], columns]
    assert seen.shape == inside.shape == (side, side)
    for y, x in np.ndindex(side, side):
        place = top + y, left + x
        assert inside[y, x] == (0 <= place[0] < 30 and 0 <= place[1] < 20)
        assert seen[y, x] == image[min(max(place[0], 0), 29), min(max(place[1], 0), 19)]


def test_an_outline_is_read_where_it_lies(rng):
    odds = rng.normal(size=(8, 8)).astype(np.float32)
    outline = Outline(frame=Frame(top=-2, left=3, side=8), log_odds=odds)
    assert outline.window((20, 20)) == (slice(0, 6), slice(3, 11))
    np.testing.assert_array_equal(outline.part((slice(0, 6), slice(3, 11))), odds[2:])
    wide = outline.part((slice(0, 20), slice(0, 20)))
    np.testing.assert_array_equal(wide[:6, 3:11], odds[2:])
    assert np.isneginf(wide).sum() == 400 - 48


def test_the_usual_length_is_the_median_of_the_longer_sides():
    labels = np.zeros((40, 40), np.int32)
    labels[0:4, 0:10], labels[10:22, 0:3], labels[30:38, 30:38] = 1, 2, 7
    assert usual_length(labels) == 10
    assert usual_length(np.zeros((5, 5), np.int32)) == 0
    assert usual_length(np.where(labels > 0, labels.astype(np.int64) + 3_000_000_000, 0)) == 10
    assert usual_length(np.full((5, 7), 3_000_000_000)) == 7


def test_a_frame_is_square_with_the_prompt_in_its_middle():
    assert Frame.around(Prompt.box(((10, 20), (29, 59)))) == Frame(top=-12, left=8, side=64)  # 1.6 times 40
    assert Frame.around(Prompt.click((50, 60), 20.0)) == Frame(top=24, left=34, side=52)  # 2.6 times 20
    assert Frame.around(Prompt.click((50, 60), 1.0)).side == 8


def test_the_part_of_an_image_that_was_looked_at_ends_at_its_frame():
    outline = Outline(frame=Frame(top=-3, left=15, side=10), log_odds=np.zeros((10, 10), np.float32))
    assert outline.window((20, 18)) == (slice(0, 7), slice(15, 18))
    assert outline.window((5, 40)) == (slice(0, 5), slice(15, 25))
    inside = Outline(frame=Frame(top=4, left=0, side=10), log_odds=np.zeros((10, 10), np.float32))
    assert inside.window((20, 18)) == (slice(4, 14), slice(0, 10))
    assert inside.part((slice(0, 20), slice(0, 18))).dtype == np.float32


def test_prompts_of_a_box_and_a_click_in_numbers():
    assert Prompt.box(((3, 9), (7, 2))) == Prompt(rows=(3.0, 8.0), columns=(2.0, 10.0), exact=True)
    assert Prompt.click((3, 9), 5.0) == Prompt(rows=(1.0, 6.0), columns=(7.0, 12.0), exact=False, more=((3, 9),))
