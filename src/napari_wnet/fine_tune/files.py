"""Pairs to fine-tune on from folders, as a command reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_wnet.atomic import write_text
from napari_wnet.datasets.folder import load_pair, pairs
from napari_wnet.errors import ImageError, OutputError, TrainingError
from napari_wnet.fine_tune.data import TrainingPair
from napari_wnet.io.images import is_image_name, read_mask, write_labels
from napari_wnet.io.tiff import write_tiff
from napari_wnet.json_values import read_json
from napari_wnet.reports import Progress


@dataclass(frozen=True, kw_only=True, eq=False)
class FolderTraining:
    """The pairs of folders, and a line for each file that is not used."""

    pairs: tuple[TrainingPair, ...]
    problems: tuple[str, ...]


def read_pairs_steps(
    images: str | Path, labels: str | Path, regions: str | Path | None = None, done: str | Path | None = None
) -> Generator[Progress, None, FolderTraining]:
    """Read images and labels matched by name, and what of them is known.

    Parameters
    ----------
    images, labels : str or Path
        Folders, matched as :func:`napari_wnet.datasets.folder.pairs` does.
    regions : str or Path, optional
        Folder of masks named as the images: what is not 0 is labelled. An image without a mask is labelled wholly.
    done : str or Path, optional
        JSON file: the numbers of the objects that are right, by the name of the image without its ending. An image
        that is not in it is labelled as the rest says.

    Yields
    ------
    Progress

    Raises
    ------
    TrainingError
        If nothing can be read, or a region or a list of objects belongs to no image.
    """
    found = pairs(images, labels)
    names = [pair.name for pair in found.pairs]
    masks, ticked = _masks(regions, names), _done(done, names)
    read, problems = [], list(found.problems)
    for place, pair in enumerate(found.pairs):
        yield Progress(done=place, total=len(names), what=pair.name)
        try:
            image, values = load_pair(pair)
        except ImageError as error:
            problems.append(str(error))
            continue
        one = TrainingPair(image=image, labels=values, name=pair.name, done=ticked.get(pair.name))
        read.append(replace(one, region=read_mask(masks[pair.name])) if pair.name in masks else one)
    if not read:
        raise TrainingError(f"None of the {len(names)} pairs can be used. The first: {problems[len(found.problems)]}")
    return FolderTraining(pairs=tuple(read), problems=tuple(problems))


def save_pairs(folder: str | Path, given: Sequence[TrainingPair]) -> Path:
    """Write pairs into a new folder, as :func:`read_pairs_steps` reads them.

    Parameters
    ----------
    folder : str or Path
        Made here; gets ``images``, ``labels``, ``regions`` and ``done.json`` as far as the pairs have them.
    given : sequence of TrainingPair
        Images as (C, Y, X).

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written to.
    """
    folder = Path(folder)
    if folder.exists():
        raise OutputError(f"{folder} exists already; choose another folder.")
    folder.mkdir(parents=True)
    done: dict[str, list[int]] = {}
    for pair in given:
        name = _file_name(pair.name)
        image = pair.image[0] if pair.image.shape[0] == 1 else pair.image
        for part, array, axes in (("images", image, "CYX"[-image.ndim :]), ("regions", pair.region, "YX")):
            if array is not None:
                (folder / part).mkdir(parents=True, exist_ok=True)
                write_tiff(folder / part / f"{name}.tif", np.asarray(array).astype(_stored(array), copy=False), axes)
        (folder / "labels").mkdir(parents=True, exist_ok=True)
        write_labels(folder / "labels" / f"{name}.tif", np.asarray(pair.labels))
        if pair.done is not None:
            done[name] = sorted(int(number) for number in pair.done)
    if done:
        write_text(folder / "done.json", json.dumps(done))
    return folder


def _file_name(name: str) -> str:
    """Return a name without what would lead out of a folder, or what some systems do not allow in a file's name."""
    return re.sub(r"[^\w #-]+", "_", name).strip() or "image"


def _stored(array: Any) -> Any:
    """Return the type of an array in a file: masks have none of their own in TIFF."""
    return np.uint8 if array.dtype == np.bool_ else array.dtype


def _masks(folder: str | Path | None, names: list[str]) -> dict[str, Path]:
    if folder is None:
        return {}
    try:
        files = [path for path in sorted(Path(folder).iterdir()) if is_image_name(path)]
    except OSError as error:
        raise TrainingError(f"The folder of regions, {folder}, cannot be read ({error.strerror}); check it.") from error
    masks = {path.stem.removesuffix(".ome"): path for path in files}
    _refuse_strangers(masks, names, f"The folder of regions, {folder},")
    return masks


def _done(path: str | Path | None, names: list[str]) -> dict[str, list[int]]:
    if path is None:
        return {}
    remedy = 'it must be JSON such as {"plate1": [3, 7]}: the numbers of the objects that are right, by image'
    try:
        listed = read_json(Path(path))
    except OSError as error:
        raise TrainingError(f"{path} cannot be read ({error.strerror}); check the name given with --done.") from error
    except ValueError as error:
        raise TrainingError(f"{path} cannot be understood; {remedy}.") from error
    if not isinstance(listed, dict) or not all(map(_are_numbers, listed.values())):
        raise TrainingError(f"{path} cannot be understood; {remedy}.")
    _refuse_strangers(listed, names, str(path))
    return listed


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(number) is int for number in value)


def _refuse_strangers(given: Mapping[str, Any], names: list[str], what: str) -> None:
    strangers = sorted(set(given) - set(names))
    if strangers:
        raise TrainingError(
            f"{what} names {', '.join(strangers[:3])}, but there is no such image with labels; there are "
            f"{', '.join(names[:3])}{' and more' if len(names) > 3 else ''}."
        )
