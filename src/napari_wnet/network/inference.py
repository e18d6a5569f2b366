"""The network over one plane: tiles in, maps out."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.tiling import Tile, Window, padded_shape, plan_tiles
from napari_wnet.errors import DeviceError
from napari_wnet.network.allocator import reusing_memory
from napari_wnet.network.device import fast_dtype, is_out_of_memory
from napari_wnet.network.wnet import DISTANCE_SCALE, WNet, WNetOutput, coordinates, receptive_radius, unit_length
from napari_wnet.params import TileParams, WNetConfig
from napari_wnet.reports import Progress

SMALLEST_TILE = 64
Net = TypeVar("Net", bound=nn.Module)


class Network(Protocol):
    """What computes the maps of a tile: a :class:`WNet`, or what stands before one."""

    @property
    def config(self) -> WNetConfig:
        """The network's shape."""
        ...

    def __call__(self, image: Tensor) -> WNetOutput:
        """Compute the outputs of (N, C, Y, X)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Part:
    """A window of a plane of which only the surroundings are at hand.

    Attributes
    ----------
    plane : (int, int)
        Height and width of the plane.
    window : (slice, slice)
        What is to be computed, starting on the pooling grid.
    """

    plane: tuple[int, int]
    window: Window

    def read(self, config: WNetConfig, params: TileParams) -> Window:
        """Return the window of the plane that the network reads for it, cut where the plane ends."""
        tiles = self.tiles(config, params)
        rows, columns = (
            slice(tiles[0].read[axis].start, min(tiles[-1].read[axis].stop, self.plane[axis])) for axis in (0, 1)
        )
        return rows, columns

    def tiles(self, config: WNetConfig, params: TileParams) -> list[Tile]:
        """Return the tiles of the window."""
        radius = receptive_radius(config)
        return plan_tiles(self.plane, params, factor=config.pooling_factor, radius=radius, window=self.window)


def fused(network: Net) -> Net:
    """Return a copy for inference, its batch normalisations folded into the convolutions before them."""
    network = copy.deepcopy(network).eval()
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            layers = list(module)
            for i, (first, second) in enumerate(pairwise(layers)):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    module[i], module[i + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


@lru_cache(maxsize=2)
def ready(network: WNet, device: torch.device) -> WNet:
    """Return a network prepared for inference on a device; the last two stay there."""
    return fused(network).to(device)


def predict_tiles(
    network: Network,
    image: npt.NDArray[np.float32],
    params: TileParams,
    *,
    device: torch.device,
    part: Part | None = None,
) -> Generator[Progress, None, Maps]:
    """Compute the maps of a plane or of a part of it, tile by tile: :func:`predict_group` of one."""
    return (yield from predict_group(network, [image], params, device=device, part=part))[0]


def predict_group(
    network: Network,
    images: Sequence[npt.NDArray[np.float32]],
    params: TileParams,
    *,
    device: torch.device,
    part: Part | None = None,
) -> Generator[Progress, None, list[Maps]]:
    """Compute the maps of planes of one size, tile by tile, all of them at once.

    Parameters
    ----------
    network : WNet
        In evaluation mode, on `device`; see :func:`fused`.
    images : sequence of (C, Y, X) float32 arrays
        Normalised; one or more: planes, or what :meth:`Part.read` names of them. On a processor, more than one at once
        is no faster.
    params : TileParams
        Where the device has too little memory for a tile of all planes, they are taken one by one, and then the tile's
        size is halved, again and again.
    device : torch.device
    part : Part, optional

    Yields
    ------
    Progress
        Before the first tile and after each.

    Returns
    -------
    list of Maps
        Of the planes or the part; equal to the untiled ones when the overlap is the receptive radius.

    Raises
    ------
    DeviceError
        If even the smallest tile does not fit into memory.
    """
    config = network.config
    shape = (images[0].shape[1], images[0].shape[2])
    part = part or Part(plane=shape, window=(slice(0, shape[0]), slice(0, shape[1])))
    rows, columns = part.window
    size = (rows.stop - rows.start, columns.stop - columns.start)
    planes = images if config.concat != "coordinates" else _with_coordinates(images, part, part.read(config, params))
    maps = [Maps.empty(size, config.embedding_dim, foreground=config.foreground_head) for _ in images]
    while True:
        tiles = _at_hand(part, config, params)
        try:
            yield from _predict_tiles(network, planes, tiles, (maps, device))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if device.type == "cuda":
                torch.cuda.empty_cache()
            if len(images) > 1:
                break
            smaller = _smaller(params, part, config)
            if smaller is None:
                raise DeviceError(
                    f"Not enough memory on {device} even for tiles of {params.size} px; "
                    "close other programs or choose the device 'cpu'."
                ) from error
            params = smaller
        else:
            return maps
    for number, image in enumerate(images):
        maps[number] = yield from predict_tiles(network, image, params, device=device, part=part)
    return maps


def _predict_tiles(
    network: Network,
    planes: Sequence[npt.NDArray[np.float32]],
    tiles: Sequence[Tile],
    into: tuple[list[Maps], torch.device],
) -> Generator[Progress, None, None]:
    """Compute the maps of all planes, tile by tile."""
    yield Progress(done=0, total=len(tiles), what="tiles")
    with reusing_memory() if into[1].type == "cpu" else nullcontext():
        for done, tile in enumerate(tiles, start=1):
            read = np.stack([_read(image, tile, network.config.pooling_factor) for image in planes])
            _predict_tile(network, read, tile, into)
            yield Progress(done=done, total=len(tiles), what="tiles")


def _with_coordinates(
    images: Sequence[npt.NDArray[np.float32]], part: Part, read: Window
) -> list[npt.NDArray[np.float32]]:
    """Return what is at hand of planes with the place of each pixel in the whole plane behind their channels."""
    place = coordinates(part.plane)[:, read[0], read[1]].numpy()
    return [np.concatenate([image, place]) for image in images]


def _at_hand(part: Part, config: WNetConfig, params: TileParams) -> list[Tile]:
    """Return the tiles of a part, read from what is at hand of the plane, written into what is computed of it."""
    read, write = part.read(config, params), part.window

    def moved(window: Window, by: Window) -> Window:
        rows, columns = (
            slice(side.start - origin.start, side.stop - origin.start) for side, origin in zip(window, by, strict=True)
        )
        return rows, columns

    return [
        Tile(read=moved(tile.read, read), crop=tile.crop, write=moved(tile.write, write))
        for tile in part.tiles(config, params)
    ]


def _smaller(params: TileParams, part: Part, config: WNetConfig) -> TileParams | None:
    """Return the next halved tiles that give the network less to compute at once, None where there are none.

    With the margins around them, and in a small image, smaller tiles need not be less.
    """

    def largest(params: TileParams) -> int:
        windows = (tile.read for tile in part.tiles(config, params))
        return max(int((rows.stop - rows.start) * (columns.stop - columns.start)) for rows, columns in windows)

    before = largest(params)
    while params.size // 2 >= SMALLEST_TILE:
        params = params.replace(size=params.size // 2)
        if largest(params) < before:
            return params
    return None


def _read(image: npt.NDArray[np.float32], tile: Tile, factor: int) -> npt.NDArray[np.float32]:
    """Return a tile's window; beyond the image, up to the pooling grid, its last row and column are repeated."""
    part = image[:, tile.read[0], tile.read[1]]
    height, width = padded_shape((part.shape[1], part.shape[2]), factor)
    if (height, width) != part.shape[1:]:
        part = np.pad(part, ((0, 0), (0, height - part.shape[1]), (0, width - part.shape[2])), mode="edge")
    return part


def _predict_tile(
    network: Network, parts: npt.NDArray[np.float32], tile: Tile, into: tuple[list[Maps], torch.device]
) -> None:
    maps, device = into
    with inference(device):
        images = torch.from_numpy(parts).to(device, memory_format=torch.channels_last)
        output = network(images)
        distance, embedding, foreground = _finished(output)
    rows, columns = tile.crop
    for index, own in enumerate(maps):
        own.distance[tile.write] = distance[index, 0, rows, columns].cpu().numpy()
        own.embedding[:, tile.write[0], tile.write[1]] = embedding[index, :, rows, columns].cpu().numpy()
        if own.foreground is not None and foreground is not None:
            own.foreground[tile.write] = foreground[index, 0, rows, columns].cpu().numpy()


def _finished(output: WNetOutput) -> tuple[Tensor, Tensor, Tensor | None]:
    """Turn raw outputs into what :class:`Maps` holds: distance 0..1, fixed-point embedding, probabilities."""
    distance = (output.distance.float() / DISTANCE_SCALE).clamp(max=1).half()
    embedding = output.embedding
    if embedding.dtype != torch.float32:  # in half precision, autocast's, lengths are rounded
        embedding = unit_length(embedding.float())
    embedding = (embedding * UNIT).round_().to(torch.int16)
    foreground = None if output.foreground is None else output.foreground.float().sigmoid().half()
    return distance, embedding, foreground


@contextmanager
def inference(device: torch.device) -> Iterator[None]:
    """Run without gradients, in the fastest number format of the device."""
    dtype = fast_dtype(device)
    with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        yield
