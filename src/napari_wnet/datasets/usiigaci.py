"""T98G cells in phase contrast, from a clone of Usiigaci.

Source, MIT licence: https://github.com/oist/Usiigaci (Tsai et al. 2019, SoftwareX,
https://doi.org/10.1016/j.softx.2019.02.007). Its training sets lie in folders ``set1`` to ``set45`` (46 to 50 are its
authors' validation sets), in ``Mask R-CNN/train``, ``Mask-RCNN/train`` or ``TrainingData`` according to the version:
``raw.tif`` is the image (16 bit), and the labels are ``instances_ids.png`` (grey, a number a cell) or, where that is
missing, ``labeled.png`` (a colour a cell).

Intensities are divided by 257, rounding down, so that 65535 becomes 255.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.datasets.converted import Converted, PlainPair, write_pair
from napari_wnet.errors import ImageError
from napari_wnet.io.images import read_image
from napari_wnet.reports import Progress, drain

SET_FOLDER = re.compile(r"set([1-9]\d*)")
TRAINING_SETS = 45
LABEL_FILES = ("instances_ids.png", "instance_ids.png", "labeled.png")
"""In the order of preference; the second spelling is the one in the authors' manual."""
WIDE_STEP = 257
"""65535 / 255."""


def convert(source: str | Path, out: str | Path, *, overwrite: bool = False) -> Converted:
    """Convert the training sets to ``out/images/setN.png`` (uint8) and ``out/labels/setN.png`` (uint16).

    Parameters
    ----------
    source : str or Path
        The clone, or any folder in it that holds the training sets.
    out : str or Path
    overwrite : bool
        Whether files that are there may be replaced.

    Raises
    ------
    ImageError
        If `source` holds no training set.
    OutputError
        If a file exists or cannot be written.
    """
    return drain(convert_steps(source, out, overwrite=overwrite))


def convert_steps(
    source: str | Path, out: str | Path, *, overwrite: bool = False
) -> Generator[Progress, None, Converted]:
    """Convert as :func:`convert` does, with a report before each image."""
    folders = _set_folders(Path(source))
    names, notes, n_objects = [], [], 0
    for done, (name, folder) in enumerate(folders.items()):
        yield Progress(done=done, total=len(folders), what=name)
        try:
            pair = PlainPair(name=name, image=_read_raw(folder / "raw.tif"), labels=_read_cells(folder))
            n_objects += write_pair(Path(out), pair, overwrite=overwrite)
            names.append(name)
        except ImageError as error:
            notes.append(str(error))
    if len(names) != TRAINING_SETS:
        notes.append(f"{len(names)} sets were converted, not {TRAINING_SETS}: a split of them is another split.")
    return Converted(names=tuple(sorted(names)), n_objects=n_objects, notes=tuple(notes))


def _set_folders(source: Path) -> dict[str, Path]:
    """Return the folder of each training set; of several copies, the first that has labels."""
    found: dict[str, list[Path]] = {}
    for folder in sorted(path.parent for path in source.rglob("raw.tif")):
        number = SET_FOLDER.fullmatch(folder.name)
        if number and int(number[1]) <= TRAINING_SETS:
            found.setdefault(folder.name, []).append(folder)
    if not found:
        raise ImageError(
            f"{source} has no training set (folders set1, set2, ... with raw.tif): "
            "clone https://github.com/oist/Usiigaci and name that folder."
        )
    return {name: next(filter(_label_file, copies), copies[0]) for name, copies in found.items()}


def _label_file(folder: Path) -> Path | None:
    return next((folder / name for name in LABEL_FILES if (folder / name).is_file()), None)


def _read_raw(path: Path) -> npt.NDArray[np.uint8]:
    array = read_image(path).array.squeeze()
    if array.ndim != 2 or array.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"{path} is {array.shape} {array.dtype}, where one uint16 plane was expected; clone it again.")
    return array if array.dtype == np.uint8 else (array // WIDE_STEP).astype(np.uint8)


def _read_cells(folder: Path) -> npt.NDArray[Any]:
    path = _label_file(folder)
    if path is None:
        raise ImageError(f"{folder} has none of {', '.join(LABEL_FILES)}; left out.")
    file = read_image(path, indices=True)
    if not file.rgb:
        return file.array
    # One number a colour, ordered by blue, green, red; black stays background.
    weights = np.array([1, 1 << 8, 1 << 16], np.int64)
    return np.asarray(file.array[..., :3].astype(np.int64) @ weights)
