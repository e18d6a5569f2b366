"""The network: the paper's exact size, what it returns, how far it sees."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_wnet.network.inference import fused
from napari_wnet.network.wnet import WNet, n_parameters, receptive_radius
from napari_wnet.params import WNetConfig

CONFIGS = [
    WNetConfig(widths=(8, 16, 24), stem=2),
    WNetConfig(widths=(8, 16), stem=4, decoder_convs=2),
    WNetConfig(widths=(8, 12, 16), stem=1, norm="channel", upsample="conv2x2", decoder_convs=2),
    WNetConfig(widths=(8, 16), stem=1, norm="none", in_channels=3, embedding_dim=4, foreground_head=False),
]


def lively(config: WNetConfig, seed: int = 0) -> WNet:
    """Return a network in evaluation mode with batch statistics as after a training."""
    torch.manual_seed(seed)
    network = WNet(config).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return network


def test_the_paper_network_has_its_size_and_shapes():
    network = WNet(WNetConfig.paper(in_channels=3, embedding_dim=8))
    assert n_parameters(network) == 15_541_193
    with torch.inference_mode():
        output = network(torch.rand(1, 3, 64, 96))
    assert output.distance.shape == (1, 1, 64, 96)
    assert output.embedding.shape == (1, 8, 64, 96)
    assert output.foreground is None
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_the_default_is_small_and_sees_little():
    config = WNetConfig()
    assert n_parameters(WNet(config)) <= 4_500_000
    assert receptive_radius(config) <= 128


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_outputs_have_the_images_size_and_embeddings_unit_length(config):
    network = lively(config)
    height, width = 3 * config.pooling_factor, 5 * config.pooling_factor
    with torch.inference_mode():
        output = network(torch.randn(2, config.in_channels, height, width))
    assert output.distance.shape == (2, 1, height, width)
    assert (output.distance >= 0).all()
    assert output.embedding.shape == (2, config.embedding_dim, height, width)
    assert torch.allclose(output.embedding.norm(dim=1), torch.ones(2, height, width), atol=1e-5)
    assert (output.foreground is not None) == config.foreground_head


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_nothing_beyond_the_receptive_radius_matters(config):
    network = lively(config).double()
    radius, factor = receptive_radius(config), config.pooling_factor
    side = -(-(2 * radius + 3 * factor) // factor) * factor
    image = torch.randn(1, config.in_channels, side, side, dtype=torch.float64)
    far_seen = 0
    # Pixels at each place within a cell of the coarsest grid, since pooling sees them differently.
    for offset in {0, 1, factor // 2, factor - 1}:
        at = side // 2 // factor * factor + offset
        changed = image.clone()
        changed[..., at, at] += 100
        with torch.inference_mode():
            differs = (network(image).embedding != network(changed).embedding).any(dim=1)[0]
        rows, columns = torch.nonzero(differs, as_tuple=True)
        reach = max((rows - at).abs().max().item(), (columns - at).abs().max().item())
        assert reach <= radius
        far_seen = max(far_seen, reach)
    assert far_seen > radius / 3  # the bound means something


def test_detached_features_keep_the_embedding_out_of_the_first_network():
    for detach in (True, False):
        network = WNet(WNetConfig(widths=(8, 16), detach_features=detach, norm="none"))
        network(torch.rand(1, 1, 32, 32)).embedding[:, 0].sum().backward()
        first = next(network.unet1.parameters()).grad
        assert (first is None or not first.any()) == detach


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_the_fused_network_computes_the_same(config):
    network = lively(config)
    image = torch.randn(1, config.in_channels, 2 * config.pooling_factor, 3 * config.pooling_factor)
    with torch.inference_mode():
        before, after = network(image), fused(network)(image)
    for one, other in zip(before, after, strict=True):
        assert (one is None and other is None) or torch.allclose(one, other, atol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused(network).modules())
