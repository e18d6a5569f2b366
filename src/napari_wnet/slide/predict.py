"""Blocks of a slide through the network: the maps that it has of the whole plane."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_wnet.core.clustering import foreground_mask, ground_sums
from napari_wnet.core.image import apply_range
from napari_wnet.core.intensities import block_intensities
from napari_wnet.core.maps import Maps
from napari_wnet.core.resampling import Resampling
from napari_wnet.core.tiling import Window
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.device import choose_device
from napari_wnet.network.inference import Network, Part, fused, predict_tiles
from napari_wnet.network.rescaling import network_shape, rescaling
from napari_wnet.network.wnet import WNetOutput
from napari_wnet.params import WNetConfig
from napari_wnet.reports import drain
from napari_wnet.slide.foreground import Mask
from napari_wnet.slide.grid import within
from napari_wnet.slide.job import BlockItem, SlideJob

FloatImage = npt.NDArray[np.float32]


def look(item: BlockItem) -> int:
    """Note what a block has to say of the intensities of the slide."""
    job = item.job
    window = job.grid.window(item.index)
    found = block_intensities(job.source.read(window), job.grid.place(window), job.params.normalize)
    digest = found.digest
    if job.foreground is not None:  # kept from here on: it may be painted on while the run goes on
        given = job.foreground.read(window)
        job.work.write("given", window, given.view(np.uint8))
        digest = hashlib.sha256(digest + given.tobytes()).digest()
    job.work.save("intensities", item.name, {**vars(found), "digest": np.frombuffer(digest, np.uint8)})
    return item.index


def predict(item: BlockItem) -> int:
    """Compute the maps of a block and write what clustering needs of them."""
    job = item.job
    model = job.load_model()
    window = job.grid.window(item.index)
    maps = _maps(job, model, window)
    # Without a foreground head, only all blocks together know what the background looks like.
    count, sums = ground_sums(maps) if maps.foreground is None else (0, np.zeros(0))
    mask = _possible(job, maps, window)
    embedding = np.moveaxis(maps.embedding, 0, -1)
    embedding *= mask[..., np.newaxis]  # embeddings of the background are never asked for, and zeros take no room
    job.work.write("distance", window, maps.distance)
    job.work.write("embedding", window, embedding)
    job.work.write("mask", window, mask.view(np.uint8))
    job.work.save("maps", item.name, {"n_ground": count, "ground": sums, "empty": not mask.any()})
    return item.index


def _possible(job: SlideJob, maps: Maps, window: Window) -> Mask:
    """Return where objects may be, as far as a block knows."""
    given = job.given(window)
    if maps.foreground is not None:
        return foreground_mask(maps, job.params.clustering, given)
    return np.ones(maps.shape, bool) if given is None else given


def network_scale(job: SlideJob, model: Model) -> tuple[float, tuple[int, int]]:
    """Return by how much the slide is rescaled for the network, and its size then."""
    shape = job.grid.shape
    known, params = model.header.diameter, job.params.normalize
    return rescaling(known, params), network_shape(shape, known, params)


def _maps(job: SlideJob, model: Model, window: Window) -> Maps:
    shape = job.grid.shape
    scale, target = network_scale(job, model)
    if scale == 1:
        return _predicted(job, model, Part(plane=shape, window=window))
    back = Resampling(source=target, target=shape)
    needed = back.needed(window)
    factor = model.header.config.pooling_factor
    rows, columns = (slice(side.start // factor * factor, side.stop) for side in needed)
    maps = _predicted(job, model, Part(plane=target, window=(rows, columns)))
    inner = within(needed, (rows, columns))
    foreground = maps.foreground
    return Maps.from_floats(
        back.window(maps.distance[np.newaxis][:, *inner], window)[0],
        back.window(maps.embedding[:, *inner], window),
        None if foreground is None else back.window(foreground[np.newaxis][:, *inner], window)[0],
    )


def _predicted(job: SlideJob, model: Model, part: Part) -> Maps:
    tiles = job.params.tiles.replace(size=job.grid.tile)
    device = choose_device(job.device)
    image = _normalized(job, part, part.read(model.header.config, tiles))
    return drain(predict_tiles(_ready(job, str(device)), image, tiles, device=device, part=part))


def _normalized(job: SlideJob, part: Part, window: Window) -> FloatImage:
    """Read a window of what the network sees: normalised, and rescaled if it is to be."""
    ranges = job.work.load("range", "all")

    def read(window: Window) -> FloatImage:
        return apply_range(job.source.read(window), (ranges["offset"], ranges["divisor"]), job.params.normalize)

    if part.plane == job.grid.shape:
        return read(window)
    how = Resampling(source=job.grid.shape, target=part.plane)
    return how.window(read(how.needed(window)), window)


class Remembering:
    """A network that computes tiles of one colour once: slides are empty for the most part."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: dict[tuple[object, ...], WNetOutput] = {}

    @property
    def config(self) -> WNetConfig:
        """The network's shape."""
        return self._network.config

    def __call__(self, image: Tensor) -> WNetOutput:
        """Compute the outputs of (1, C, Y, X), or find them."""
        low, high = image.amin(dim=(0, 2, 3)), image.amax(dim=(0, 2, 3))
        if not torch.equal(low, high):
            return self._network(image)
        key = (tuple(image.shape), *low.tolist())
        if key not in self._known:
            self._known = {key: self._network(image)}
        return self._known[key]


@lru_cache(maxsize=1)
def _ready_for(model: Model, device: str) -> Network:
    return Remembering(fused(model.network).to(torch.device(device)))


def _ready(job: SlideJob, device: str) -> Network:
    return _ready_for(job.load_model(), device)
