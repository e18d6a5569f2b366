"""OME-Zarr images as ome-zarr itself writes them, for the tests of what reads them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import zarr

VERSIONS = ["0.4", "0.5"]
SCALE = {"t": 7.0, "c": 1.0, "z": 3.0, "y": 500.0, "x": 250.0}
"""With Y and X in nanometres."""


def make_image(path: Path, version: str, array: np.ndarray, axes: str, *, units: bool = True) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the writer calls what it has itself declared old
        from ome_zarr.format import format_from_version
        from ome_zarr.writer import write_image

    form = format_from_version(version)
    group = zarr.open_group(str(path), mode="w", zarr_format=form.zarr_format)
    scale = {axis: SCALE[axis] for axis in axes}
    named = {"axes_units": {"y": "nanometer", "x": "nanometer"}} if units else {}
    write_image(array, group, fmt=form, axes=axes, scale=scale, scale_factors=(2,), **named)


def random_image(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)
