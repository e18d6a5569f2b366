"""What every converter writes, and what it reports.

``images/NAME.png``, ``labels/NAME.png`` (uint16) and, where the data set gives masks, ``foreground/NAME.png``; images
without labels go to a folder ``unlabelled`` of the same kind. All of it can be read again as a data set.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_wnet.atomic import atomic_path
from napari_wnet.datasets.annotated import AnnotatedImage, Listing
from napari_wnet.errors import ImageError
from napari_wnet.reports import Progress

UNLABELLED = "unlabelled"
IMAGE_TYPES = (np.uint8, np.uint16)


@dataclass(frozen=True, kw_only=True)
class Converted:
    """The result of a conversion.

    Attributes
    ----------
    names : tuple of str
        Names written with labels, sorted.
    n_objects : int
        Objects in all of them.
    notes : tuple of str
        A line for each file that was left out, and any other thing to know.
    unlabelled : tuple of str
        Names written without labels, sorted.
    """

    names: tuple[str, ...]
    n_objects: int
    notes: tuple[str, ...]
    unlabelled: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class PlainPair:
    """One converted image: (Y, X) uint8 or uint16, or (Y, X, 3) uint8, with (Y, X) labels and perhaps a mask."""

    name: str
    image: npt.NDArray[np.uint8 | np.uint16]
    labels: npt.NDArray[Any] | None
    foreground: npt.NDArray[np.bool_] | None = None


def write_pair(out: Path, pair: PlainPair, *, overwrite: bool) -> int:
    """Write an image and its labels, renumbered 1, 2, 3, ... in their order; return how many objects there are.

    Raises
    ------
    ImageError
        If the labels are not of the image's size, or are too many for uint16.
    OutputError
        If a file exists or cannot be written.
    """
    files: dict[str, npt.NDArray[Any]] = {"images": pair.image}
    n_objects = 0
    if pair.labels is not None:
        files["labels"], n_objects = _renumbered(pair)
    if pair.foreground is not None:
        files["foreground"] = pair.foreground.astype(np.uint8) * 255
    for folder, array in files.items():
        with atomic_path(out / folder / f"{pair.name}.png", overwrite=overwrite) as partial_path:
            Image.fromarray(np.ascontiguousarray(array)).save(partial_path, format="PNG")
    return n_objects


def _renumbered(pair: PlainPair) -> tuple[npt.NDArray[np.uint16], int]:
    labels = np.asarray(pair.labels)
    if pair.image.shape[:2] != labels.shape:
        raise ImageError(
            f"{pair.name}: the image is {pair.image.shape[:2]}, its labels {labels.shape}; download it again."
        )
    values, places = np.unique(np.append(labels.ravel(), 0), return_inverse=True)
    if values.size - 1 > np.iinfo(np.uint16).max:
        raise ImageError(f"{pair.name}: {values.size - 1} objects are too many for uint16; cut the image into parts.")
    return places[:-1].reshape(labels.shape).astype(np.uint16), int(values.size) - 1


def write_steps(listing: Listing, out: Path, *, overwrite: bool) -> Generator[Progress, None, Converted]:
    """Write all images of a listing, with a report before each; those that cannot be used become notes."""
    names: dict[bool, list[str]] = {True: [], False: []}
    notes, n_objects = list(listing.problems), 0
    for done, entry in enumerate(listing.entries):
        yield Progress(done=done, total=len(listing.entries), what=entry.name)
        try:
            pair = _plain(entry.read())
            n_objects += write_pair(out if entry.labelled else out / UNLABELLED, pair, overwrite=overwrite)
            names[entry.labelled].append(pair.name)
        except ImageError as error:
            notes.append(str(error))
    return Converted(
        names=tuple(sorted(names[True])),
        n_objects=n_objects,
        notes=tuple(notes),
        unlabelled=tuple(sorted(names[False])),
    )


def _plain(image: AnnotatedImage) -> PlainPair:
    if image.image.dtype not in IMAGE_TYPES:
        raise ImageError(f"{image.name} has {image.image.dtype} pixels where whole numbers were expected; left out.")
    plane = image.image[0] if len(image.image) == 1 else np.moveaxis(image.image, 0, -1)
    return PlainPair(name=image.name, image=plane, labels=image.labels, foreground=image.foreground)
