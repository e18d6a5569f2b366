"""The real images that come with the package, for ``File > Open Sample``, the demo and the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_wnet.errors import ImageError

if TYPE_CHECKING:
    import numpy as np

    LayerData = tuple[np.ndarray[Any, Any], dict[str, Any], str]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One bundled image.

    Attributes
    ----------
    file : str
        File name in the folder of samples.
    title : str
        Name of the layer.
    scale : tuple of float
        Size of a pixel along each spatial axis; empty where the source does not say.
    unit : str
        Unit of `scale`.
    white : int
        Value shown as white, where the camera used a small part of its range; 0: as napari chooses.
    """

    file: str
    title: str
    scale: tuple[float, ...] = ()
    unit: str = "pixel"
    white: int = 0


SAMPLES = MappingProxyType(
    {
        "nuclei": Sample(file="nuclei.png", title="nuclei", white=70),
        "cells": Sample(file="cells.png", title="phase-contrast cells"),
        "rosette": Sample(file="rosette.png", title="Arabidopsis rosette"),
        "cell_walls": Sample(file="cell_walls.tif", title="plant cell walls", scale=(0.235, 0.15, 0.15), unit="um"),
    }
)


def sample_path(name: str) -> Path:
    """Return where a bundled image lies.

    Parameters
    ----------
    name : str
        ``"nuclei"``, ``"cells"``, ``"rosette"`` or ``"cell_walls"``.

    Raises
    ------
    ImageError
        If there is no such sample; the message lists the choices.
    """
    if name not in SAMPLES:
        raise ImageError(f"There is no sample '{name}'; choose one of {', '.join(SAMPLES)}.")
    return Path(__file__).parent / "samples" / SAMPLES[name].file


def nuclei() -> list[LayerData]:
    """Return fluorescent nuclei, ``(520, 696)`` uint8, as an image layer."""
    return _layer("nuclei")


def cells() -> list[LayerData]:
    """Return spiky cells in phase contrast, ``(512, 512)`` uint8, as an image layer."""
    return _layer("cells")


def rosette() -> list[LayerData]:
    """Return an Arabidopsis plant from above, ``(432, 432, 3)`` uint8, as an RGB layer."""
    return _layer("rosette")


def cell_walls() -> list[LayerData]:
    """Return stained plant cell walls, ``(16, 128, 128)`` uint8 planes of a volume, as an image layer."""
    return _layer("cell_walls")


def _layer(name: str) -> list[LayerData]:
    # Reading needs numpy; asking for the path of a sample must not load it.
    from napari_wnet.io.images import read_image

    sample, file = SAMPLES[name], read_image(sample_path(name))
    options: dict[str, Any] = {"name": sample.title, "rgb": file.rgb}
    if sample.scale:
        options |= {"scale": sample.scale, "units": (sample.unit,) * len(sample.scale)}
    if sample.white:
        options["contrast_limits"] = (0, sample.white)
    return [(file.array, options, "image")]
