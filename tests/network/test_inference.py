"""Maps of a plane: the same whatever the tiles, and with little memory too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_wnet.core.maps import UNIT
from napari_wnet.errors import DeviceError
from napari_wnet.network import inference
from napari_wnet.network.inference import fused, predict_tiles
from napari_wnet.network.wnet import WNet
from napari_wnet.params import TileParams, WNetConfig
from napari_wnet.reports import drain
from network.test_wnet import CONFIGS, lively

CPU = torch.device("cpu")


def maps(network: WNet, image: np.ndarray, **tiles: int):
    return drain(predict_tiles(network, image, TileParams(**tiles), device=CPU))


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
@pytest.mark.parametrize("shape", [(150, 203), (64, 301)])
def test_tiles_do_not_show(config, shape):
    network = fused(lively(config))
    image = np.random.default_rng(0).normal(size=(config.in_channels, *shape)).astype(np.float32)
    whole = maps(network, image, size=1024)
    assert whole.embedding.shape == (config.embedding_dim, *shape)
    for size in (64, 100):
        tiled = maps(network, image, size=size)
        assert np.abs(tiled.distance - whole.distance).max() <= 2e-3 * max(1, whole.distance.max())
        assert np.abs(tiled.embedding.astype(int) - whole.embedding).max() <= 4
        assert (tiled.foreground is None) == (whole.foreground is None)


def test_too_small_an_overlap_does_show():
    network = fused(lively(WNetConfig(widths=(8, 16), stem=1)))
    image = np.random.default_rng(0).normal(size=(1, 128, 128)).astype(np.float32)
    seams = maps(network, image, size=64, overlap=0).embedding.astype(int) - maps(network, image, size=128).embedding
    assert np.abs(seams).max() > 50


def test_embeddings_have_unit_length():
    image = np.random.default_rng(0).normal(size=(1, 40, 50)).astype(np.float32)
    found = maps(fused(lively(CONFIGS[0])), image, size=64)
    assert np.allclose(np.linalg.norm(found.embedding.astype(float), axis=0), UNIT, atol=3)
    assert found.distance.min() >= 0
    assert found.distance.max() <= 1
    assert 0 <= found.foreground.min() <= found.foreground.max() <= 1


class Greedy(WNet):
    """A network that needs more memory than there is for more than `limit` pixels."""

    limit = 0

    def forward(self, image):
        if image[0, 0].numel() > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return super().forward(image)


def greedy(limit: int) -> Greedy:
    network = Greedy(CONFIGS[0]).eval()
    network.load_state_dict(lively(CONFIGS[0]).state_dict())
    network.limit = limit
    return network


def test_too_little_memory_halves_the_tiles_and_goes_on():
    image = np.random.default_rng(0).normal(size=(1, 300, 300)).astype(np.float32)
    wanted = maps(greedy(10**9), image, size=512)
    steps = predict_tiles(greedy(290 * 290), image, TileParams(size=512), device=CPU)
    totals = []
    try:
        while True:
            totals.append(next(steps).total)
    except StopIteration as stop:
        found = stop.value
    assert totals[0] == 1
    assert totals == sorted(totals)
    assert totals[-1] >= 4
    assert np.abs(found.distance - wanted.distance).max() <= 2e-3


def test_no_memory_at_all_names_the_remedy():
    with pytest.raises(DeviceError, match="choose the device 'cpu'"):
        maps(greedy(0), np.zeros((1, 200, 200), np.float32), size=256)


def test_other_errors_are_not_taken_for_want_of_memory(monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(inference, "_predict_tile", broken)
    with pytest.raises(RuntimeError, match="do not fit"):
        maps(greedy(10**9), np.zeros((1, 64, 64), np.float32), size=64)
