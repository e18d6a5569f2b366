"""The network: the paper's exact size, what it returns, how far it sees."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from napari_wnet.network.inference import fused
from napari_wnet.network.wnet import ChannelNorm, WNet, coordinates, n_parameters, receptive_radius
from napari_wnet.params import WNetConfig

CONFIGS = [
    WNetConfig(widths=(8, 16, 24), stem=2),
    WNetConfig(widths=(8, 16), stem=4, decoder_convs=2),
    WNetConfig(widths=(8, 12, 16), stem=1, norm="channel", upsample="conv2x2", decoder_convs=2),
    WNetConfig(widths=(8, 16), stem=1, norm="none", in_channels=3, embedding_dim=4, foreground_head=False),
    WNetConfig(widths=(4, 8), stem=3, in_channels=5, embedding_dim=3, concat_channels=6, normalize_features=False),
    WNetConfig(widths=(4, 8, 8), stem=2, norm="none", upsample="conv2x2", in_channels=2),
    WNetConfig(widths=(4, 8, 12), stem=2, concat="none"),
    WNetConfig(widths=(4, 8), stem=1, concat="coordinates", in_channels=3, foreground_head=False),
    WNetConfig(widths=(4, 8), stem=2, concat="coordinates"),
    WNetConfig(widths=(4, 8), stem=2, concat="distmap", in_channels=2),
    WNetConfig(widths=(4, 8), stem=2, concat="efeat", concat_channels=6, embedding_dim=5),
    WNetConfig(widths=(4, 8), stem=1, concat="dfeat+efeat", concat_channels=8),
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


def parameters(n_in: int, n_out: int, kernel: int = 3) -> int:
    """Count those of a convolution."""
    return n_in * n_out * kernel**2 + n_out


def unet_parameters(n_in: int, widths: tuple[int, ...]) -> int:
    """Count those of the paper's U-Net from its description: two convolutions a stage, 2x2 ones on the way up."""
    down = sum(parameters(a, b) + parameters(b, b) for a, b in pairwise((n_in, *widths)))
    up = sum(parameters(b, a, 2) + parameters(2 * a, a) + parameters(a, a) for a, b in pairwise(widths))
    return down + up


@pytest.mark.parametrize(
    ("concat", "channels", "count"),
    [
        ("none", 32, 7_762_665),
        ("coordinates", 32, 7_763_241),
        ("distmap", 32, 15_523_017),
        ("dfeat", 8, 15_527_345),
        ("dfeat", 16, 15_531_961),
        ("dfeat", 32, 15_541_193),
        ("efeat", 32, 15_543_505),
        ("dfeat+efeat", 32, 15_543_505),
    ],
)
def test_every_variant_has_its_size_and_shapes(concat, channels, count):
    config = WNetConfig.paper(3, 8).replace(concat=concat, concat_channels=channels)
    network = WNet(config)
    heads = parameters(32, 1) + parameters(32, 8)
    if concat in ("none", "coordinates"):
        expected = unet_parameters(3 if concat == "none" else 5, config.widths) + heads
    else:
        joined = 1 if concat == "distmap" else channels
        expected = unet_parameters(3, config.widths) + unet_parameters(3 + joined, config.widths) + heads
        expected += parameters(32, channels) if concat != "distmap" else 0
        expected += parameters(32, 8) if "efeat" in concat else 0
    assert n_parameters(network) == expected == count
    with torch.inference_mode():
        output = network(torch.rand(2, 3, 32, 48))
    assert output.distance.shape == (2, 1, 32, 48)
    assert output.embedding.shape == (2, 8, 32, 48)
    assert (output.first_embedding is not None) == ("efeat" in concat)


@pytest.mark.parametrize("dimensions", [4, 8, 16, 32, 64])
def test_embeddings_have_as_many_dimensions_as_asked_for(dimensions):
    config = WNetConfig(widths=(8, 16), embedding_dim=dimensions)
    assert WNet(config)(torch.rand(1, 1, 16, 16)).embedding.shape == (1, dimensions, 16, 16)


def touched(network: WNet, output: torch.Tensor) -> set[str]:
    """Return the parts of a network that an output's gradient reaches."""
    network.zero_grad()
    output.square().sum().backward()
    return {name.split(".")[0] for name, value in network.named_parameters() if value.grad is not None}


def test_each_head_hangs_where_its_variant_says():
    image = torch.rand(1, 1, 16, 16)
    parts = {}
    for concat in ("none", "distmap", "dfeat", "efeat", "dfeat+efeat"):
        network = WNet(WNetConfig(widths=(8, 16), concat=concat, foreground_head=False))
        output = network(image)
        parts[concat] = touched(network, output.distance[:, :, 2:-2])
    assert parts["none"] == parts["distmap"] == parts["dfeat"] == parts["dfeat+efeat"] == {"unet1", "distance"}
    assert parts["efeat"] == {"unet1", "concat", "unet2", "distance"}
    first = network(image).first_embedding
    assert touched(network, first[:, 0]) == {"unet1", "first_embedding"}


def test_the_halves_of_two_kinds_of_features_are_normalised_by_themselves():
    network = WNet(WNetConfig(widths=(4, 8), concat="dfeat+efeat", concat_channels=8))
    joined = network._joined(torch.randn(1, 4, 6, 6), None)
    for half in joined.chunk(2, dim=1):
        assert torch.allclose(half.norm(dim=1), torch.ones(1, 6, 6), atol=1e-5)


def test_coordinates_run_from_edge_to_edge_and_can_be_those_of_something_larger():
    rows, columns = coordinates((2, 4))
    assert rows.tolist() == [[-0.5] * 4, [0.5] * 4]
    assert columns.tolist() == [[-0.75, -0.25, 0.25, 0.75]] * 2
    network = lively(WNetConfig(widths=(4, 8), stem=1, concat="coordinates"))
    image = torch.rand(1, 1, 8, 8)
    with torch.inference_mode():
        own = network(image)
        given = network(torch.cat([image, coordinates((8, 8))[None]], dim=1))
        elsewhere = network(torch.cat([image, coordinates((8, 8))[None] / 2], dim=1))
    assert torch.equal(own.embedding, given.embedding)
    assert not torch.allclose(own.embedding, elsewhere.embedding, atol=1e-3)


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


@pytest.mark.parametrize("config", [*CONFIGS, WNetConfig(norm="none"), WNetConfig(decoder_convs=2)])
def test_a_tile_sees_as_far_as_the_receptive_radius_and_no_further(config):
    """What is read in vain around every tile costs time."""
    network = lively(config.replace(normalize_features=False)).double()  # which would drown what comes from afar
    radius, factor = receptive_radius(config), config.pooling_factor
    assert radius % factor == 0
    tile = slice(radius + factor, radius + 2 * factor)
    torch.manual_seed(1)
    reach = 0
    for side in (slice(None, factor), slice(factor, 2 * factor)):
        for changes in (side, slice(-side.stop, -side.start if side.start else None)):
            image = torch.randn(1, config.in_channels, 2 * factor, 2 * radius + 3 * factor, dtype=torch.float64)
            changed = image.clone()
            changed[..., changes] += 10 * torch.randn_like(changed[..., changes])
            with torch.inference_mode():
                before, after = network(image), network(changed)
            same = all(
                torch.equal(one[..., tile], other[..., tile])
                for one, other in zip(before, after, strict=True)
                if one is not None
            )
            assert same or side.start
            reach += not same
    assert reach


def test_convolutions_start_as_he_said_and_biases_at_nought():
    network = WNet(WNetConfig.paper())
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            if module.weight.numel() > 20_000:
                assert module.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05), name
            assert not module.bias.any()


def test_normalised_features_have_no_scale():
    """The second network sees the direction of the first one's features, not their size."""
    image = torch.randn(1, 1, 16, 16)
    for normalise in (True, False):
        network = lively(WNetConfig(widths=(4, 8), stem=2, norm="none", normalize_features=normalise))
        with torch.inference_mode():
            before = network(image).embedding
            network.concat.weight.mul_(7)
            after = network(image).embedding
        assert torch.allclose(before, after, atol=1e-5) is normalise


def test_images_of_a_batch_do_not_meet():
    network = lively(CONFIGS[0])
    images = torch.randn(3, 1, 16, 24)
    with torch.inference_mode():
        together, alone = network(images), network(images[1:2])
    for one, other in zip(together[:3], alone[:3], strict=True):
        assert torch.allclose(one[1:2], other, atol=1e-5)


def test_channel_norm_looks_at_one_pixel_only():
    norm = ChannelNorm(6)
    features = torch.randn(2, 6, 5, 4) * 3 + 1
    normed = norm(features)
    assert torch.allclose(normed.mean(dim=1), torch.zeros(2, 5, 4), atol=1e-5)
    assert torch.allclose(normed.var(dim=1, unbiased=False), torch.ones(2, 5, 4), atol=1e-3)
    assert torch.allclose(norm(features[:, :, 2:3, 1:2]), normed[:, :, 2:3, 1:2])


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
