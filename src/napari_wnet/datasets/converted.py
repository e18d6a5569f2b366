"""What every converter writes: ``images/NAME.png`` (uint8) and ``labels/NAME.png`` (uint16), and what it reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_wnet.atomic import atomic_path
from napari_wnet.errors import ImageError


@dataclass(frozen=True, kw_only=True)
class Converted:
    """The result of a conversion.

    Attributes
    ----------
    names : tuple of str
        Names written, sorted.
    n_objects : int
        Objects in all of them.
    notes : tuple of str
        A line for each file that was left out, and any other thing to know.
    """

    names: tuple[str, ...]
    n_objects: int
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class PlainPair:
    """One converted image: (Y, X) or (Y, X, 3) uint8 with (Y, X) labels."""

    name: str
    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[Any]


def write_pair(out: Path, pair: PlainPair, *, overwrite: bool) -> int:
    """Write an image and its labels, renumbered 1, 2, 3, ... in their order; return how many objects there are.

    Raises
    ------
    ImageError
        If the labels are not of the image's size, or are too many for uint16.
    OutputError
        If a file exists or cannot be written.
    """
    if pair.image.shape[:2] != pair.labels.shape:
        raise ImageError(
            f"{pair.name}: the image is {pair.image.shape[:2]}, its labels {pair.labels.shape}; download it again."
        )
    values, places = np.unique(np.append(pair.labels.ravel(), 0), return_inverse=True)
    if values.size - 1 > np.iinfo(np.uint16).max:
        raise ImageError(f"{pair.name}: {values.size - 1} objects are too many for uint16; cut the image into parts.")
    labels = places[:-1].reshape(pair.labels.shape).astype(np.uint16)
    for folder, array in (("images", pair.image), ("labels", labels)):
        with atomic_path(out / folder / f"{pair.name}.png", overwrite=overwrite) as partial:
            Image.fromarray(np.ascontiguousarray(array)).save(partial, format="PNG")
    return int(values.size) - 1
