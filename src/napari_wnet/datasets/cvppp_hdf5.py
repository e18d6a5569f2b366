"""The HDF5 files of the leaf segmentation challenge: reading plants, and writing what is handed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import atomic_path
from napari_wnet.core.labels import check_labels
from napari_wnet.core.leaf_challenge import plant_of
from napari_wnet.errors import ImageError
from napari_wnet.io.memory import check_room

ENDINGS = (".h5", ".hdf5")
KINDS = ("rgb", "label", "fg")
Place: TypeAlias = Path | tuple[Path, str]
"""A picture, or a file with the name of a dataset in it."""
Plants: TypeAlias = dict[tuple[str, str], dict[str, Place]]
"""Where the parts of a plant lie, by its subset and name."""


def files(source: Path) -> list[Path]:
    """Return the HDF5 files of a folder, sorted, or the one named."""
    if source.is_file():
        return [source] if source.suffix.lower() in ENDINGS else []
    entries = sorted(source.iterdir()) if source.is_dir() else []
    return [path for path in entries if path.suffix.lower() in ENDINGS and path.is_file()]


def add_plants(plants: Plants, path: Path) -> None:
    """Add what a file holds to what is known of plants; what is known stays.

    Raises
    ------
    ImageError
        If the file cannot be read or leads to another one, or h5py is not installed.
    """
    with _reading(path) as file:
        for subset, group in _inner(file, path):
            for plant, parts in _inner(group, path):
                for kind, _ in _inner(parts, path, KINDS):
                    plants.setdefault((subset, plant), {}).setdefault(kind, (path, f"{subset}/{plant}/{kind}"))


def read_part(kind: str, place: tuple[Path, str]) -> npt.NDArray[Any]:
    """Read one of :data:`KINDS`: (3, Y, X) colours, (Y, X) int32 labels or a (Y, X) boolean mask.

    Raises
    ------
    ImageError
        If it cannot be read or is not what it should be.
    """
    path, key = place
    what = f"{path}, {key}"
    with _reading(path) as file:
        dataset = file[key]
        if dataset.external or dataset.is_virtual:
            raise _leads_out(what)
        check_room(path, dataset.shape, dataset.nbytes)
        array = np.asarray(dataset[()])
    if kind == "rgb":
        return colours_first(array, what)
    if array.ndim != 2:
        raise ImageError(f"{what} has shape {array.shape} where one number a pixel was expected; download it again.")
    return check_labels(array, what).astype(np.int32) if kind == "label" else array != 0


def colours_first(array: npt.NDArray[Any], what: str) -> npt.NDArray[np.uint8]:
    """Return (Y, X, 3 or 4) colours as (3, Y, X).

    Raises
    ------
    ImageError
        If they are no such colours.
    """
    if array.ndim != 3 or array.shape[-1] not in (3, 4) or array.dtype != np.uint8:
        raise ImageError(
            f"{what} is {array.shape} {array.dtype} where a colour picture of 8 bits was expected; download it again."
        )
    return np.ascontiguousarray(np.moveaxis(array[..., :3], -1, 0))


def write_submission(path: str | Path, plants: Iterable[tuple[str, npt.ArrayLike]], *, overwrite: bool = False) -> int:
    """Write labels as the challenge takes them: a dataset ``A1/plant001/label`` for each plant.

    Parameters
    ----------
    path : str or Path
        File to write (.h5).
    plants : iterable of (str, (Y, X) integer array)
        Names such as ``A1_plant001`` and labels, 0 for background; taken one by one.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    int
        How many plants were written.

    Raises
    ------
    ImageError
        If there are no plants, a name is none's or comes twice, an array holds no labels, or h5py is not installed.
    OutputError
        If the file exists or cannot be written.
    """
    written: set[str] = set()
    with atomic_path(path, overwrite=overwrite) as partial, _opened(partial, "w") as file:
        for name, array in plants:
            subset, plant = plant_of(name)
            if name in written:
                raise ImageError(f"{name} comes twice; give the labels of each plant once.")
            written.add(name)
            file.create_dataset(f"{subset}/{plant}/label", data=_smallest(name, array), compression="gzip")
        if not written:
            raise ImageError("There are no labels to hand in; segment the plants first.")
    return len(written)


def _smallest(name: str, array: npt.ArrayLike) -> npt.NDArray[np.uint8 | np.uint16]:
    """Return one plane of labels in 8 bits, as the challenge's own are, or in 16 where that is too few."""
    labels = check_labels(array, name)
    highest = labels.max(initial=0)
    if labels.ndim != 2 or highest > np.iinfo(np.uint16).max:
        raise ImageError(f"{name}: labels are one plane of numbers up to 65535; renumber or cut them.")
    return labels.astype(np.uint8 if highest <= np.iinfo(np.uint8).max else np.uint16)


def _inner(group: Any, path: Path, names: Iterable[str] | None = None) -> Iterator[tuple[str, Any]]:
    """Yield what a group holds, by name, of `names` what is there; nothing for what is no group.

    A link to another file would read what the user never meant to open.
    """
    import h5py

    if not isinstance(group, h5py.Group):
        return
    for name in group if names is None else [name for name in names if name in group.keys()]:  # noqa: SIM118
        if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            raise _leads_out(f"{path}, {name}")
        yield name, group[name]


def _leads_out(what: str) -> ImageError:
    return ImageError(f"{what} leads to another file; do not trust it, and download it again where it was published.")


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    try:
        with _opened(path, "r") as file:
            yield file
    except ImageError:
        raise
    except Exception as error:
        # Of a damaged file h5py raises anything, from KeyError to RuntimeError; it all means the same.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageError(f"{path} is damaged or no HDF5 file ({reason}); download it again.") from error


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as error:
        raise ImageError(
            f'{path} is HDF5, which needs h5py: install it with pip install "napari-wnet[hdf5]".'
        ) from error
    with h5py.File(path, mode) as file:
        yield file
