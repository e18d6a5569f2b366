"""Pairs to fine-tune on from folders, as a command reads them."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_wnet.datasets.folder import load_pair, pairs
from napari_wnet.errors import ImageError, TrainingError
from napari_wnet.fine_tune.data import TrainingPair
from napari_wnet.io.images import is_image_name, read_mask
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
        listed = json.loads(Path(path).read_text(encoding="utf-8"))
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
