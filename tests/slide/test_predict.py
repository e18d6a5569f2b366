"""What is of one colour is computed once, with the result that it always has."""

from __future__ import annotations

import numpy as np
import torch

from napari_wnet.network.inference import fused, predict_tiles
from napari_wnet.params import TileParams, WNetConfig
from napari_wnet.reports import drain
from napari_wnet.slide.predict import Remembering
from network.test_wnet import lively


class Counting:
    """Counts what is computed."""

    def __init__(self, network):
        self.network, self.config, self.calls = network, network.config, 0

    def __call__(self, image):
        self.calls += 1
        return self.network(image)


def test_tiles_of_one_colour_are_computed_once():
    network = Counting(fused(lively(WNetConfig(widths=(4, 8), stem=1))))
    image = np.zeros((1, 400, 400), np.float32)
    image[0, :60, :60] = np.random.default_rng(0).normal(size=(60, 60))
    maps = []
    for computing in (network, Remembering(network)):
        network.calls = 0
        maps.append(drain(predict_tiles(computing, image, TileParams(size=64), device=torch.device("cpu"))))
        maps[-1] = (maps[-1], network.calls)
    (plain, n_plain), (remembered, n_remembered) = maps
    assert n_plain == 49
    assert n_remembered < 25
    np.testing.assert_array_equal(plain.distance, remembered.distance)
    np.testing.assert_array_equal(plain.embedding, remembered.embedding)
    np.testing.assert_array_equal(plain.foreground, remembered.foreground)


def test_two_colours_are_not_mistaken_for_each_other():
    remembering = Remembering(fused(lively(WNetConfig(widths=(4, 8), stem=1))))
    outputs = [remembering(torch.full((1, 1, 32, 32), value)).distance for value in (0.0, 1.0, 0.0)]
    assert torch.equal(outputs[0], outputs[2])
    assert not torch.equal(outputs[0], outputs[1])
