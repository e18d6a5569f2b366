"""Maps of a plane: the same whatever the tiles, and with little memory too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_wnet.core.maps import UNIT, Maps, to_float
from napari_wnet.errors import DeviceError
from napari_wnet.network import inference
from napari_wnet.network.inference import fused, predict_tiles
from napari_wnet.network.wnet import WNet, receptive_radius
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


@pytest.mark.parametrize("size", [64, 72, 90, 1024])
def test_tiles_do_not_show_in_bfloat16_either(size, monkeypatch):
    monkeypatch.setattr(inference, "fast_dtype", lambda _: torch.bfloat16)
    network = fused(lively(CONFIGS[0]))
    image = np.random.default_rng(1).normal(size=(1, 101, 157)).astype(np.float32)
    whole, tiled = maps(network, image, size=2048), maps(network, image, size=size)
    assert np.abs(tiled.distance - whole.distance).max() <= 0.02
    assert (cosines(tiled, whole) > 0.998).all()


def cosines(one: Maps, other: Maps) -> np.ndarray:
    return (to_float(one.embedding) * to_float(other.embedding)).sum(axis=0)


def test_maps_are_what_the_network_says(monkeypatch):
    monkeypatch.setattr(inference, "fast_dtype", lambda _: torch.float32)
    network = lively(CONFIGS[0])
    image = np.random.default_rng(2).normal(size=(1, 48, 56)).astype(np.float32)
    with torch.inference_mode():
        output = network(torch.from_numpy(image)[None])
    found = maps(network, image, size=64)
    np.testing.assert_allclose(found.distance, (output.distance[0, 0] / 10).clamp(max=1), atol=1e-3)
    np.testing.assert_allclose(to_float(found.embedding), output.embedding[0], atol=0.51 / UNIT + 1e-5)
    np.testing.assert_allclose(found.foreground, output.foreground[0, 0].sigmoid(), atol=1e-3)
    empty = Maps.empty((48, 56), 8, foreground=True)
    for name in ("distance", "embedding", "foreground"):
        one, other = getattr(found, name), getattr(empty, name)
        assert (one.dtype, one.shape, one.strides) == (other.dtype, other.shape, other.strides)


def test_beyond_the_image_its_last_pixels_are_repeated():
    network = fused(lively(CONFIGS[0]))
    image = np.random.default_rng(3).normal(size=(1, 45, 61)).astype(np.float32)
    padded = np.pad(image, ((0, 0), (0, 3), (0, 3)), mode="edge")
    small, large = maps(network, image, size=64), maps(network, padded, size=64)
    np.testing.assert_array_equal(small.distance, large.distance[:45, :61])
    np.testing.assert_array_equal(small.embedding, large.embedding[:, :45, :61])


def test_progress_counts_the_tiles():
    steps = predict_tiles(
        fused(lively(CONFIGS[0])), np.zeros((1, 200, 150), np.float32), TileParams(size=64), device=CPU
    )
    reports = list(steps)
    assert [report.done for report in reports] == list(range(13))
    assert {(report.total, report.what) for report in reports} == {(12, "tiles")}


def test_a_closed_run_computes_no_further_tile():
    network = Counting(CONFIGS[0]).eval()
    steps = predict_tiles(network, np.zeros((1, 200, 200), np.float32), TileParams(size=64), device=CPU)
    assert next(steps).done == 0
    assert network.calls == 0
    next(steps)
    next(steps)
    steps.close()
    assert network.calls == 2


class Counting(WNet):
    """A network that counts the tiles it computes."""

    calls = 0

    def forward(self, image):
        self.calls += 1
        return super().forward(image)


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


@pytest.mark.parametrize("size", [64, 100, 127, 128, 300, 1024])
def test_tiles_are_halved_down_to_the_smallest_and_no_further(size):
    """Without an overlap, so that the network's windows are the tiles."""
    tried = []

    class Never(Greedy):
        def forward(self, image):
            tried.append(max(image.shape[-2:]))
            raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(
        DeviceError, match=f"Not enough memory on cpu even for tiles of {size >> (size.bit_length() - 7)} px"
    ):
        maps(Never(CONFIGS[0]).eval(), np.zeros((1, 1024, 1024), np.float32), size=size, overlap=0)
    assert len(tried) == size.bit_length() - 6
    assert tried[-1] < 128 + CONFIGS[0].pooling_factor
    assert tried == sorted(tried, reverse=True)


@pytest.mark.parametrize("side", [90, 200, 330])
def test_tiles_that_are_no_less_to_compute_are_not_tried(side):
    tried = []

    class Never(Greedy):
        def forward(self, image):
            tried.append(image[0, 0].numel())
            raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(DeviceError, match="Not enough memory"):
        maps(Never(CONFIGS[0]).eval(), np.zeros((1, side, side), np.float32), size=2048)
    assert tried == sorted(set(tried), reverse=True)
    assert (len(tried) > 1) == (side > 100)


def test_progress_starts_anew_with_smaller_tiles():
    """The window of the tile in the middle, with a margin on all sides, is the first that is too large."""
    config = WNetConfig(widths=(4, 8), stem=1)
    network = Greedy(config).eval()
    network.limit = 180 * 180
    steps = predict_tiles(network, np.zeros((1, 450, 450), np.float32), TileParams(size=150), device=CPU)
    reports = [(report.done, report.total) for report in steps]
    assert receptive_radius(config) in range(16, 30)
    assert reports == [(done, 9) for done in range(5)] + [(done, 36) for done in range(37)]


def test_no_memory_at_all_names_the_remedy():
    with pytest.raises(DeviceError, match="choose the device 'cpu'"):
        maps(greedy(0), np.zeros((1, 200, 200), np.float32), size=256)


def test_other_errors_are_not_taken_for_want_of_memory(monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(inference, "_predict_tile", broken)
    with pytest.raises(RuntimeError, match="do not fit"):
        maps(greedy(10**9), np.zeros((1, 64, 64), np.float32), size=64)
