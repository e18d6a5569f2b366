"""The outline network sees what it is meant to see, and its answer comes back to where it was asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_wnet.core.prompts import Frame, Prompt
from napari_wnet.network.inference import fused
from napari_wnet.network.outline.net import (
    IN_CHANNELS,
    LESS,
    MORE,
    OutlineConfig,
    OutlineNet,
    prompt_channels,
    read_square,
    spots,
    standardized,
)
from napari_wnet.network.outline.predict import predict_outline

SMALL = OutlineConfig(side=32, widths=(8, 16))


class Repeats(torch.nn.Module):
    """Answers with one of its channels."""

    def __init__(self, channel: int) -> None:
        super().__init__()
        self.config, self.channel = OutlineConfig(side=64), channel

    def forward(self, squares: torch.Tensor) -> torch.Tensor:
        return squares[:, self.channel]


@pytest.mark.parametrize("config", [SMALL, OutlineConfig(), OutlineConfig(stem=1, side=16, widths=(4, 8, 16))])
def test_the_answer_is_as_large_as_the_square(config):
    odds = OutlineNet(config)(torch.zeros(3, IN_CHANNELS, config.side, config.side))
    assert odds.shape == (3, config.side, config.side)


def test_folding_the_normalisations_changes_nothing():
    torch.manual_seed(0)
    network = OutlineNet(SMALL)
    squares = torch.randn(4, IN_CHANNELS, 32, 32)
    network.train()
    for _ in range(5):
        network(squares)
    network.eval()
    torch.testing.assert_close(fused(network)(squares), network(squares), rtol=1e-3, atol=1e-3)


def test_channels_are_averaged_and_no_type_runs_over():
    image = np.full((3, 10, 10), 65535, np.uint16)
    np.testing.assert_allclose(read_square(image, Frame(top=-3, left=-3, side=16)), 65535)


def test_a_pixel_that_is_no_number_does_not_spoil_the_answer():
    image = np.ones((1, 20, 20), np.float32)
    image[0, 5, 5], image[0, 6, 6] = np.nan, np.inf
    torch.manual_seed(0)
    outline = predict_outline(OutlineNet(SMALL).eval(), image, Prompt.click((8, 8), 10.0))
    assert np.isfinite(outline.log_odds).all()


def test_standardising_looks_at_what_is_inside_only(rng):
    image = torch.from_numpy(rng.normal(50, 9, (16, 16)).astype(np.float32))
    inside = torch.ones(16, 16)
    inside[:, 8:] = 0
    shown = standardized(image, inside)
    assert shown[:, :8].mean().abs() < 1e-5
    assert shown[:, :8].std(correction=0) == pytest.approx(1, abs=1e-4)
    assert (shown[:, 8:] == 0).all()
    torch.testing.assert_close(standardized(7 * image - 3, inside), shown, rtol=1e-3, atol=1e-3)
    assert (standardized(torch.full((16, 16), 5.0), inside) == 0).all()


def test_a_box_is_shown_by_its_sides_and_a_click_by_its_spot():
    box = Prompt.box(((10, 20), (29, 39)))
    channels = prompt_channels(box, Frame.around(box), 32)
    inside = channels[0] > 0
    assert inside.sum() == pytest.approx(32**2 / 1.6**2, rel=0.1)
    assert (channels[1] <= channels[0] + 1e-6).all()
    assert (channels[2:] == 0).all()
    click = Prompt.click((10, 20), 16.0).without((4, 20))
    channels = prompt_channels(click, Frame.around(click), 32)
    assert (channels[:2] == 0).all()
    middle = np.unravel_index(int(channels[MORE - 1].argmax()), (32, 32))
    assert middle == pytest.approx((15.5, 15.5), abs=1)
    step = Frame.around(click).side / 32
    assert np.unravel_index(int(channels[LESS - 1].argmax()), (32, 32))[0] == pytest.approx(15.5 - 6 / step, abs=1)


def test_spots_beyond_the_square_are_not_seen():
    assert spots([(-40.0, 5.0)], 16).max() < 1e-6
    assert spots([], 16).max() == 0
    assert spots([(3.0, 4.0), (10.0, 2.0)], 16)[3, 4] == 1


@pytest.mark.parametrize("shape", [(40, 40), (200, 120)])
def test_the_outline_lies_where_the_object_is(shape):
    image = np.zeros((1, *shape), np.uint8)
    image[0, 12:21, 14:30] = 200
    outline = predict_outline(Repeats(0), image, Prompt.box(((12, 14), (20, 29))))
    found = np.zeros(shape, bool)
    window = outline.window(shape)
    found[window] = outline.part(window) > 0
    truth = image[0] > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.85


def test_at_the_image_s_corner_nothing_is_said_of_what_lies_beyond():
    image = np.zeros((1, 30, 30), np.uint8)
    outline = predict_outline(Repeats(5), image, Prompt.click((0, 0), 10.0))
    window = outline.window((30, 30))
    assert outline.frame.top < 0
    assert (outline.part(window)[:8, :8] > 0.5).all()


def test_asking_twice_gives_the_same_and_asking_is_not_learning():
    torch.manual_seed(0)
    network = OutlineNet(SMALL).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    image = np.random.default_rng(0).integers(0, 255, (1, 50, 50), np.uint8)
    one, other = (predict_outline(network, image, Prompt.click((20, 20), 12.0)) for _ in range(2))
    np.testing.assert_array_equal(one.log_odds, other.log_odds)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
