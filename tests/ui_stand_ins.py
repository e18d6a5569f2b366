"""A model that knows the answer: tests of the docks choose what the network says and how long it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from napari_wnet.core.maps import Maps
from napari_wnet.reports import Progress

EMBEDDING_DIM = 8


def blobs(n: int = 4, shape: tuple[int, int] = (64, 96)) -> np.ndarray:
    """Return an image of `n` bright discs of growing size on a dark ground."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape, np.uint8)
    for number in range(n):
        centre = (shape[0] // 4 + (number % 2) * shape[0] // 2, 12 + number * (shape[1] - 16) // max(n, 1))
        image[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= (5 + number) ** 2] = 100 + 10 * number
    return image


def maps_of(image: np.ndarray) -> Maps:
    """Return perfect maps of bright objects on a dark ground."""
    objects, count = ndimage.label(image > image.mean() + image.std())
    distance = ndimage.distance_transform_edt(objects > 0)
    largest = np.concatenate([[1.0], np.atleast_1d(ndimage.maximum(distance, objects, range(1, count + 1)))])
    embedding = np.moveaxis(np.eye(EMBEDDING_DIM, dtype=np.float32)[objects % EMBEDDING_DIM], -1, 0)
    return Maps.from_floats(distance / largest[objects], embedding, objects > 0)


@dataclass
class Oracle:
    """Stands in for the network."""

    n_tiles: int = 3
    seconds: float = 0.0
    error: Exception | None = None
    gate: threading.Event | None = None
    calls: list[tuple[int, ...]] = field(default_factory=list)
    closed: int = 0

    def predict_steps(
        self, image: np.ndarray, model: Any, params: Any, *, device: str = "auto"
    ) -> Generator[Progress, None, Maps]:
        self.calls.append(image.shape)
        try:
            for tile in range(self.n_tiles):
                yield Progress(done=tile, total=self.n_tiles, what="tiles")
                if self.gate is not None:
                    self.gate.wait(10)
                time.sleep(self.seconds)
                if self.error is not None:
                    raise self.error
            return maps_of(image[0])
        except GeneratorExit:
            self.closed += 1
            raise


def save_random_model(path: Path, **config: Any) -> Path:
    """Write a small model with random weights."""
    import torch

    from napari_wnet.network.checkpoint import ModelHeader, save_model
    from napari_wnet.network.wnet import WNet
    from napari_wnet.params import ClusteringParams, SegmentParams, WNetConfig

    torch.manual_seed(0)
    network = WNet(WNetConfig(**{"widths": (4, 8), "concat_channels": 4, **config}))
    header = ModelHeader(
        name=path.stem,
        config=network.config,
        params=SegmentParams(clustering=ClusteringParams(angle=40.0, min_area=10)),
    )
    save_model(path, network.eval(), header)
    return path
