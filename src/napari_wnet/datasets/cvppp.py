"""The leaf segmentation challenge (CVPPP): plants from above with every leaf labelled, as folders or as HDF5.

Source: https://www.plant-phenotyping.org/datasets (Minervini et al. 2016, https://doi.org/10.1016/j.patrec.2015.10.013;
Bell and Dee 2016, https://doi.org/10.5281/zenodo.168158, for A4), for academic use after registration. It must not be
passed on: nothing of it is in this project.

Folders ``A1`` to ``A5``, at any depth, hold ``plant001_rgb.png``, ``plant001_label.png`` (a palette picture: its
indices are the labels) and ``plant001_fg.png`` (a mask); plants of the test set have no labels. The HDF5 files hold the
same under ``A1/plant001/rgb``, ``label`` and ``fg``; images and labels may lie in different files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.datasets import cvppp_hdf5
from napari_wnet.datasets.annotated import AnnotatedImage, DataSet, Entry, Listing, Selection, read_listing, some
from napari_wnet.datasets.converted import Converted, write_steps
from napari_wnet.datasets.cvppp_hdf5 import KINDS, Place, Plants, colours_first
from napari_wnet.errors import ImageError
from napari_wnet.io.images import read_image, read_labels, read_mask
from napari_wnet.reports import Progress, drain

SUBSET = re.compile(r"A[1-5]")
LOOKED_FOR = "A1/plant001_rgb.png with A1/plant001_label.png (A1 to A5, at any depth), or *.h5 with A1/plant001/rgb"


def convert(source: str | Path, out: str | Path, *, overwrite: bool = False) -> Converted:
    """Convert the plants to ``out/images/A1_plant001.png`` (RGB), ``out/labels`` (uint16) and ``out/foreground``.

    Plants without labels go to ``out/unlabelled``.

    Parameters
    ----------
    source : str or Path
        A folder that holds the subsets' folders or HDF5 files, or such a file.
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
    """Convert as :func:`convert` does, with a report before each plant."""
    listing = yield from list_steps(source)
    return (yield from write_steps(listing, Path(out), overwrite=overwrite))


def read_steps(source: str | Path, selection: Selection | None = None) -> Generator[Progress, None, DataSet]:
    """Read the plants of a selection, by default all that have labels, with a report before each.

    Raises
    ------
    ImageError
        If `source` has not that layout.
    TrainingError
        If none of the plants can be used.
    """
    listing = yield from list_steps(source)
    return (yield from read_listing(listing, selection))


def is_here(source: Path) -> bool:
    """Tell whether a folder or a file has this layout."""
    return bool(_folders(source) or cvppp_hdf5.files(source))


def list_steps(source: str | Path) -> Generator[Progress, None, Listing]:
    """List the plants, with and without labels.

    Raises
    ------
    ImageError
        If `source` has not that layout; the message says what was looked for and what is there.
    """
    source = Path(source)
    yield Progress(done=0, total=1, what=source.name)
    plants: Plants = {}
    problems = [problem for folder in _folders(source) for problem in _add_folder(plants, folder)]
    for path in cvppp_hdf5.files(source):
        cvppp_hdf5.add_plants(plants, path)
    plants = {plant: places for plant, places in sorted(plants.items()) if "rgb" in places}
    if not plants:
        raise ImageError(f"{source} has no plants: looked for {LOOKED_FOR}; found {_found(source)}.")
    entries = [
        Entry(
            name="_".join(plant),
            subset=plant[0],
            labelled="label" in places,
            read=partial(_read, *plant, places),
        )
        for plant, places in plants.items()
    ]
    return Listing(entries=tuple(entries), problems=(*problems, *_without_labels(plants)))


def _folders(source: Path) -> list[Path]:
    """Return the folders of subsets that hold plants, in the order of their names."""
    if source.is_file() or not source.is_dir():
        return []
    found = [source, *sorted(path for path in source.rglob("A[1-5]") if path.is_dir())]
    return [folder for folder in found if SUBSET.fullmatch(folder.name) and _pictures(folder)]


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*_rgb.png") if not path.name.startswith("."))


def _add_folder(plants: Plants, folder: Path) -> list[str]:
    """Add the plants of a subset's folder; of two of the same name, that with labels is used, which is told."""
    problems = []
    for path in _pictures(folder):
        name = path.name.removesuffix("_rgb.png")
        files = {kind: path.with_name(f"{name}_{kind}.png") for kind in KINDS}
        places: dict[str, Place] = {kind: file for kind, file in files.items() if file.is_file()}
        there = plants.get((folder.name, name))
        if there is not None:
            keep = there if "label" in there or "label" not in places else places
            left = places if keep is there else there
            problems.append(f"{left['rgb']}: another {folder.name}/{name} is used, {keep['rgb']}.")
            places = keep
        plants[folder.name, name] = places
    return problems


def _without_labels(plants: Plants) -> list[str]:
    """Say which plants have no labels though others of their folder have: a whole folder without is of the test set."""
    folders: dict[tuple[Path, str], list[tuple[str, str]]] = {}
    for plant, places in plants.items():
        place = places["rgb"]
        folder = place[0] if isinstance(place, tuple) else place.parent
        folders.setdefault((folder, plant[0]), []).append(plant)
    problems = []
    for (folder, subset), own in folders.items():
        lacking = ["_".join(plant) for plant in own if "label" not in plants[plant]]
        if 0 < len(lacking) < len(own):
            problems.append(
                f"{folder}: {len(lacking)} of {len(own)} plants of {subset} have no labels ({some(lacking)})."
            )
    return problems


def _found(source: Path) -> str:
    if not source.is_dir():
        return "a file that is not HDF5" if source.exists() else "nothing of that name"
    names = sorted(path.name for path in source.iterdir())
    return some(names) if names else "an empty folder"


def _read(subset: str, plant: str, places: dict[str, Place]) -> AnnotatedImage:
    """Read a plant from where its parts lie."""
    parts = {kind: _read_part(kind, place) for kind, place in places.items()}
    return AnnotatedImage(
        name=f"{subset}_{plant}",
        subset=subset,
        image=parts["rgb"],
        labels=parts.get("label"),
        foreground=parts.get("fg"),
    )


def _read_part(kind: str, place: Place) -> npt.NDArray[Any]:
    if isinstance(place, tuple):
        return cvppp_hdf5.read_part(kind, place)
    read: dict[str, Callable[[Path], npt.NDArray[Any]]] = {"rgb": _read_colours, "label": read_labels, "fg": read_mask}
    return read[kind](place)


def _read_colours(path: Path) -> npt.NDArray[np.uint8]:
    file = read_image(path)
    return colours_first(file.array, str(path))
