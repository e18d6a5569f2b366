"""The picture that goes with a package: what the network reads, what it must give, and how that looks."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.clustering import cluster
from napari_wnet.core.embedding_view import embedding_rgb
from napari_wnet.core.image import as_image, normalize
from napari_wnet.core.maps import Maps
from napari_wnet.core.render import overlay
from napari_wnet.errors import ImageError
from napari_wnet.io.images import read_image
from napari_wnet.model_export.normalisation import declared
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.onnx_file import INPUT, Arrays, difference, run_network, run_onnx
from napari_wnet.sample_data import sample_path

Array = npt.NDArray[Any]
FloatImage = npt.NDArray[np.float32]

SIDE = 256
"""Longest side of the picture: enough to see objects, small enough to be looked at on a web page."""
FOR_MODELS = {"nuclei": "nuclei", "nuclei-fast": "nuclei", "cells": "cells", "leaf": "rosette"}
FOR_CHANNELS = {1: "nuclei", 3: "rosette"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """A picture and what becomes of it.

    Attributes
    ----------
    image : (C, Y, X) array
        Raw values, of a size that the network reads.
    maps : dict of str to (1, channels, Y, X) float32 arrays
        What the package gives for it.
    labels : (Y, X) int32 array
        What they become.
    deviation : float
        Largest difference between these maps and what napari-wnet's own normalisation and network make of the picture.
    sample : str
        Name of the bundled image; empty: the user's own.
    """

    image: Array
    maps: Arrays
    labels: npt.NDArray[np.int32]
    deviation: float
    sample: str = ""

    @property
    def batch(self) -> FloatImage:
        """The picture as what the package reads: (1, C, Y, X)."""
        return self.image[np.newaxis].astype(np.float32)

    def cover(self) -> bytes:
        """Return a PNG of the picture, and beside it the picture with the objects' outlines."""
        plain = overlay(self.image, np.zeros_like(self.labels))
        return _png(np.hstack([plain, overlay(self.image, self.labels)]))

    def samples(self) -> dict[str, bytes]:
        """Return files to look at, by the names of the input and the outputs: the picture as TIFF, its maps as PNG."""
        files = {INPUT: _tiff(self.image)}
        foreground = self.maps.get("foreground")
        for name, array in self.maps.items():
            if name == "embedding":
                files[name] = _png(embedding_rgb(array[0], None if foreground is None else foreground[0, 0]))
            else:
                files[name] = _png(np.rint(255 * array[0, 0]).astype(np.uint8))
        return files


def make_example(model: Model, onnx: bytes, image: Path | None) -> Example:
    """Run a model's ONNX file on a picture.

    Parameters
    ----------
    model : Model
    onnx : bytes
        See :func:`napari_wnet.network.onnx_file.to_onnx`.
    image : Path or None
        None: a bundled picture.

    Raises
    ------
    ImageError
        If the picture cannot be read or is too small, or there is no bundled one with so many channels.
    """
    sample = "" if image is not None else _sample(model)
    array, _ = as_image(read_image(image or sample_path(sample)).array, model.header.config.in_channels)
    picture = _middle(array, model.header.config.pooling_factor)
    params = model.header.params
    maps = run_onnx(onnx, declared(picture, params.normalize)[np.newaxis])
    own = run_network(model.network, normalize(picture, params.normalize)[np.newaxis])
    return Example(
        image=picture,
        maps=maps,
        labels=cluster(as_maps(maps), params.clustering),
        deviation=difference(maps, own),
        sample=sample,
    )


def as_maps(maps: Arrays) -> Maps:
    """Return the maps of one image as what clustering reads."""
    foreground = maps.get("foreground")
    return Maps.from_floats(
        maps["distance"][0, 0], maps["embedding"][0], None if foreground is None else foreground[0, 0]
    )


def _sample(model: Model) -> str:
    name = FOR_MODELS.get(model.name) or FOR_CHANNELS.get(model.header.config.in_channels)
    if name is None:
        raise ImageError(
            f"{model.name} reads {model.header.config.in_channels} channels, and no bundled picture has so many; "
            "give one of your own that may be published (--image)."
        )
    return name


def _middle(image: Array, factor: int) -> Array:
    """Return the middle of a picture, as large as it may be and the network reads."""
    sides = [min(length, max(SIDE, factor)) // factor * factor for length in image.shape[1:]]
    if min(sides) == 0:
        raise ImageError(f"The picture is too small for this network: at least {factor} x {factor} px (--image).")
    rows, columns = (
        slice((length - side) // 2, (length - side) // 2 + side)
        for length, side in zip(image.shape[1:], sides, strict=True)
    )
    return np.ascontiguousarray(image[:, rows, columns])


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _tiff(image: Array) -> bytes:
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, photometric="minisblack", software="napari-wnet")
    return buffer.getvalue()
