"""The makers' own formats of microscopes, CZI, ND2, LIF and others, through the plug-ins of bioio where installed."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.errors import ImageError
from napari_wnet.io.tiff import MICROMETRES, PixelSize

Array = npt.NDArray[Any]
PLUGINS = MappingProxyType(
    {
        ".czi": "bioio-czi",
        ".nd2": "bioio-nd2",
        ".lif": "bioio-lif",
        ".dv": "bioio-dv",
        ".sldy": "bioio-sldy",
        ".ims": "bioio-bioformats",
        ".lsm": "bioio-bioformats",
        ".oib": "bioio-bioformats",
        ".oir": "bioio-bioformats",
        ".vsi": "bioio-bioformats",
    }
)
"""Which package reads an ending. Other endings that installed plug-ins read are accepted for files named one by one."""


def bioio_reads(path: Path) -> bool:
    """Tell whether an installed plug-in of bioio reads files of this ending."""
    if importlib.util.find_spec("bioio") is None:
        return False
    from bioio.plugins import get_plugins

    return any(path.name.lower().endswith(ending) for ending in get_plugins(use_cache=True))


def read_foreign(path: Path) -> tuple[Array, str, PixelSize | None, tuple[str, ...]]:
    """Read the first scene of a file through bioio.

    Parameters
    ----------
    path : Path

    Returns
    -------
    array : ndarray
    axes : str
        One letter an axis, such as ``"TCZYX"``.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres.
    notes : tuple of str

    Raises
    ------
    ImageError
        If bioio or its plug-in for this format is not installed, which the message then names, or the plug-in can make
        nothing of the file.
    Exception
        Whatever the plug-in raises for a damaged file.
    """
    plugin = PLUGINS.get(path.suffix.lower())
    if not bioio_reads(path):
        remedy = f"run 'pip install bioio {plugin}'" if plugin else "install the plug-in of bioio for it"
        raise ImageError(f"{path} needs another package to be read: {remedy}, or save it as OME-TIFF.")
    from bioio import BioImage

    with _quietly():
        try:
            image = BioImage(path)
        except Exception as error:
            # Its message asks for a plug-in, even where the one that is there could make nothing of the file.
            raise ImageError(f"{path} is damaged or not what its name says; copy or export it again.") from error
        array, axes = np.asarray(image.data), str(image.dims.order)
    notes: tuple[str, ...] = ()
    if len(image.scenes) > 1:
        first = image.scenes[0]
        notes = (f"{path.name} holds {len(image.scenes)} images; the first, {first}, is used. Export the others.",)
    return array, axes, _pixel_size(image), notes


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep from the terminal what bioio says of a file; what matters of it comes again, in our words."""
    logger, silent = logging.getLogger("bioio"), logging.NullHandler()
    before, logger.propagate = logger.propagate, False
    logger.addHandler(silent)
    try:
        yield
    finally:
        logger.propagate = before
        logger.removeHandler(silent)


def _pixel_size(image: Any) -> PixelSize | None:
    sizes = []
    for axis in "YX":
        size = getattr(image.physical_pixel_sizes, axis)
        unit = getattr(getattr(image.dimension_properties, axis, None), "unit", None)
        # Most plug-ins give micrometres without saying so.
        factor = 1.0 if unit is None else MICROMETRES.get(str(unit).lower(), math.nan)
        sizes.append(math.nan if size is None else float(size) * factor)
    return (sizes[0], sizes[1]) if all(math.isfinite(size) and size > 0 for size in sizes) else None
