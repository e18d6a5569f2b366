"""The W-Net: one U-Net regresses distance, its features and the image enter a second that gives the embedding.

Source: Wu, Chen, Merhof 2020 (arXiv 2007.06660), figure 2 and section 2.1.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_wnet.params import WNetConfig

DISTANCE_SCALE = 10.0
"""The network works on ten times the distance map, so that its squared error weighs as much as the embedding's."""
NORMALIZE_EPS = 1e-12


class WNetOutput(NamedTuple):
    """What the network returns for a batch; ``foreground`` and ``first_embedding`` are None without that head.

    Shapes: distance (B, 1, Y, X), ten times the distance map; embedding and first_embedding, that of the first U-Net,
    (B, E, Y, X), unit length; foreground (B, 1, Y, X), a logit.
    """

    distance: Tensor
    embedding: Tensor
    foreground: Tensor | None
    first_embedding: Tensor | None = None


class ChannelNorm(nn.Module):
    """Normalise each pixel's channels by themselves, so that a result cannot depend on the tile around it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Normalise (B, C, Y, X) over C."""
        normed: Tensor = self.norm(features.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


def _conv(n_in: int, n_out: int, config: WNetConfig, kernel: int = 3) -> nn.Sequential:
    """Return convolution, normalisation, ReLU; an even kernel is padded at the bottom and right only."""
    layers: list[nn.Module] = []
    if kernel % 2 == 0:
        layers.append(nn.ZeroPad2d((0, kernel - 1, 0, kernel - 1)))
    batch_norm = config.norm == "batch"  # its shift makes the bias superfluous
    layers.append(nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2 if kernel % 2 else 0, bias=not batch_norm))
    if batch_norm:
        layers.append(nn.BatchNorm2d(n_out))
    elif config.norm == "channel":
        layers.append(ChannelNorm(n_out))
    layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _stage(n_in: int, n_out: int, config: WNetConfig, n_convs: int = 2) -> nn.Sequential:
    return nn.Sequential(*(_conv(n_in if i == 0 else n_out, n_out, config) for i in range(n_convs)))


class _Up(nn.Module):
    """One decoder stage: enlarge the coarse features, join the skip connection, convolve."""

    def __init__(self, n_in: int, n_out: int, config: WNetConfig) -> None:
        super().__init__()
        # A 1x1 convolution commutes with nearest-neighbour enlargement, and costs a sixteenth of the 2x2 after it.
        self.before = config.upsample == "conv1x1"
        self.up = _conv(n_in, n_out, config, kernel=1 if self.before else 2)
        self.merge = _stage(2 * n_out, n_out, config, config.decoder_convs)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        if self.before:
            fine = F.interpolate(self.up(coarse), scale_factor=2.0, mode="nearest")
        else:
            fine = self.up(F.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        return _convolve_joined(self.merge, fine, skip)


def _convolve_joined(stage: nn.Sequential, *parts: Tensor) -> Tensor:
    """Return what a stage makes of its inputs joined along the channels, without the memory that joining needs."""
    convolution, *others = cast("nn.Sequential", stage[0])
    weight, padding = cast("Tensor", convolution.weight), cast("tuple[int, int]", convolution.padding)
    begin = parts[0].shape[1]
    features = F.conv2d(parts[0], weight[:, :begin], cast("Tensor | None", convolution.bias), padding=padding)
    for part in parts[1:]:
        end = begin + part.shape[1]
        features.add_(F.conv2d(part, weight[:, begin:end], padding=padding))
        begin = end
    for module in (*others, *list(stage)[1:]):
        features = module(features)
    return features


class UNet(nn.Module):
    """A U-Net without its output layer: (B, in_channels, Y, X), in one part or several, to (B, widths[0], Y, X)."""

    def __init__(self, in_channels: int, config: WNetConfig) -> None:
        super().__init__()
        widths = config.widths
        self.encoder = nn.ModuleList(
            _stage(n_in, n_out, config) for n_in, n_out in zip((in_channels, *widths[:-1]), widths, strict=True)
        )
        self.decoder = nn.ModuleList(
            _Up(n_in, n_out, config) for n_in, n_out in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )

    def forward(self, *parts: Tensor) -> Tensor:
        """Return features at the input's resolution."""
        features = _convolve_joined(cast("nn.Sequential", self.encoder[0]), *parts)
        skips: list[Tensor] = []
        for stage in self.encoder[1:]:
            skips.append(features)
            features = stage(F.max_pool2d(features, 2))
        for up in self.decoder:
            features = up(features, skips.pop())
        return features


class WNet(nn.Module):
    """Two cascaded U-Nets for distance and embedding, or one with both heads.

    Parameters
    ----------
    config : WNetConfig
        Its ``stem`` s > 1 folds s x s pixels into channels before the first U-Net and unfolds them after the heads,
        so that the costly layers run on a grid s times coarser. ``concat`` chooses what joins the image in the second
        U-Net: the variants of table 1 of the paper.

    Notes
    -----
    ``forward`` takes (B, in_channels, Y, X) with Y and X multiples of ``config.pooling_factor``. Where coordinates are
    read, they may follow the channels (:func:`coordinates`), if the tensor is a part of something larger.
    """

    def __init__(self, config: WNetConfig) -> None:
        super().__init__()
        self.config = config
        cell, width = config.stem**2, config.widths[0]
        seen = config.in_channels * cell
        self.unet1 = UNet(seen + (2 * cell if config.concat == "coordinates" else 0), config)
        self.distance = nn.Conv2d(width, cell, 3, padding=1)
        learned = config.cascaded and config.concat != "distmap"
        self.concat = nn.Conv2d(width, config.concat_channels, 3, padding=1) if learned else None
        self.foreground = nn.Conv2d(width, cell, 3, padding=1) if config.foreground_head else None
        self.unet2 = UNet(seen + (config.concat_channels if learned else cell), config) if config.cascaded else None
        self.embedding = nn.Conv2d(width, config.embedding_dim * cell, 3, padding=1)
        own = config.concat in ("efeat", "dfeat+efeat")
        self.first_embedding = nn.Conv2d(width, config.embedding_dim * cell, 3, padding=1) if own else None
        initialize(self)

    def forward(self, image: Tensor) -> WNetOutput:
        """Return distance, embedding and foreground for a batch of images."""
        config = self.config
        folded = F.pixel_unshuffle(self._with_place(image), config.stem) if config.stem > 1 else self._with_place(image)
        first = self.unet1(folded)
        foreground = None if self.foreground is None else self.foreground(first)
        # Features of an embedding know nothing of distance: the map then comes from the second U-Net.
        distance = None if config.concat == "efeat" else F.relu(self.distance(first))
        last = first if self.unet2 is None else self.unet2(folded, self._joined(first, distance))
        if distance is None:
            distance = F.relu(self.distance(last))
        own = None if self.first_embedding is None else unit_length(self._unfolded(self.first_embedding(first)))
        return WNetOutput(
            self._unfolded(distance),
            unit_length(self._unfolded(self.embedding(last))),
            None if foreground is None else self._unfolded(foreground),
            own,
        )

    def _joined(self, features: Tensor, distance: Tensor | None) -> Tensor:
        """Return what the second U-Net reads beside the image."""
        if self.concat is None:
            assert distance is not None
            return distance.detach() if self.config.detach_features else distance
        joined: Tensor = self.concat(features.detach() if self.config.detach_features else features)
        if not self.config.normalize_features:
            return joined
        if self.config.concat == "dfeat+efeat":  # each half by itself
            return torch.cat([unit_length(half) for half in joined.chunk(2, dim=1)], dim=1)
        return unit_length(joined)

    def _with_place(self, image: Tensor) -> Tensor:
        if self.config.concat != "coordinates" or image.shape[1] > self.config.in_channels:
            return image
        height, width = image.shape[2:]
        place = coordinates((height, width)).to(image)
        return torch.cat([image, place.expand(len(image), 2, height, width)], dim=1)

    def _unfolded(self, features: Tensor) -> Tensor:
        return F.pixel_shuffle(features, self.config.stem) if self.config.stem > 1 else features


def coordinates(shape: tuple[int, int]) -> Tensor:
    """Return the place of each pixel of a plane, (2, Y, X): rows and columns from -1 to 1 at the frame's edges."""
    axes = [2 * (torch.arange(length) + 0.5) / length - 1 for length in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


def initialize(network: nn.Module) -> None:
    """Draw convolution weights as He et al. 2015 (arXiv 1502.01852); biases begin at zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def unit_length(vectors: Tensor) -> Tensor:
    """Scale (B, C, ...) to unit length over C; as :func:`torch.nn.functional.normalize`, in half the time on a CPU."""
    unit: Tensor = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True).clamp_min(NORMALIZE_EPS)
    return unit


def receptive_radius(config: WNetConfig) -> int:
    """Return how far, in pixels, the network sees beyond a tile that lies on the pooling grid.

    With that much read around them, tiles' results equal the whole image's. A multiple of the pooling factor.

    Notes
    -----
    The window that a tile depends on is followed back from the output, layer by layer, in cells of the folded grid.
    """
    factor = config.pooling_factor
    cells = factor // config.stem
    low, high = _unet_reads((-1, cells + 1), config)  # before the heads' own 3x3 convolution
    if config.cascaded:
        low, high = _unet_reads((low - 1, high + 1), config)
    beyond = config.stem * max(-low, high - cells)
    return -(-beyond // factor) * factor


def _unet_reads(window: tuple[int, int], config: WNetConfig) -> tuple[int, int]:
    """Return the half-open range of a U-Net's input that a range of its output depends on, along one axis."""
    low, high = window
    skips = []
    for _ in config.widths[1:]:
        low, high = low - config.decoder_convs, high + config.decoder_convs
        skips.append((low, high))
        if config.upsample == "conv2x2":
            high += 1
        low, high = low // 2, -(-high // 2)
    low, high = low - 2, high + 2
    for skip_low, skip_high in reversed(skips):
        low, high = min(2 * low, skip_low) - 2, max(2 * high, skip_high) + 2
    return low, high


def n_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())
