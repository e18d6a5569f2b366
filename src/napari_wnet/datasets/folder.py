"""A folder of images and a folder of labels as training data; what does not fit is listed and left out."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.measure import label

from napari_wnet.datasets.naming import IMAGE_SUFFIX, LABELS_SUFFIX, stem
from napari_wnet.errors import ImageError, TrainingError
from napari_wnet.io.axes import arrange
from napari_wnet.io.images import is_image_name, read_image, read_labels
from napari_wnet.network.dataset import Sample
from napari_wnet.reports import Progress

Labels = npt.NDArray[np.int32]
DESKTOP_FILES = frozenset({"thumbs.db", "desktop.ini"})
SUSPECT_REGIONS = 3
"""Labels with one number for so many separate regions are a mask whose objects nobody numbered."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An image file and the labels file that belongs to it."""

    name: str
    image_path: Path
    labels_path: Path


@dataclass(frozen=True, kw_only=True)
class FolderPairs:
    """The pairs of two folders, sorted by name, and a line for each file that is in none."""

    pairs: tuple[Pair, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class FolderSamples:
    """What could be read of the pairs, and a line for each file that is not used."""

    samples: tuple[Sample, ...]
    problems: tuple[str, ...]


def pairs(images_dir: str | Path, labels_dir: str | Path, *, results: bool = False) -> FolderPairs:
    """Find which image goes with which labels, by name.

    The names are equal but for the ending, or else but for a last word such as ``_img``, ``_image``, ``_rgb`` and
    ``_mask``, ``_masks``, ``_label``, ``_labels``. Both may lie in one folder; labels then need such a last word.

    Parameters
    ----------
    images_dir, labels_dir : str or Path
    results : bool
        Whether the first folder holds results to be compared with labels, as a batch writes them: where it has files
        such as ``a_labels.tif``, only these are taken, and what lies beside them is no problem.

    Raises
    ------
    TrainingError
        If a folder is missing or no pair is found; the message says what was looked for and what is there.
    """
    images_dir, labels_dir = Path(images_dir), Path(labels_dir)
    image_files, problems = _list(images_dir, "images")
    found_labels = [path for path in image_files if LABELS_SUFFIX.search(stem(path))] if results else []
    if found_labels:
        image_files, problems = found_labels, []
    if images_dir.resolve() == labels_dir.resolve():
        label_files = [path for path in image_files if LABELS_SUFFIX.search(stem(path))]
        image_files = [path for path in image_files if path not in label_files]
    else:
        label_files, more = _list(labels_dir, "labels")
        problems += more
    found: list[Pair] = []
    left = (image_files, label_files)
    last_words = (LABELS_SUFFIX if found_labels else IMAGE_SUFFIX, LABELS_SUFFIX)
    for suffixes in (None, last_words):
        matched, left, ambiguous = _match(*left, suffixes)
        found += matched
        problems += ambiguous
    problems += [f"{path}: no labels of that name in {labels_dir}" for path in left[0]]
    problems += [f"{path}: no image of that name in {images_dir}" for path in left[1]]
    if not found:
        raise TrainingError(_nothing(images_dir, labels_dir, image_files, label_files))
    return FolderPairs(pairs=tuple(sorted(found, key=lambda pair: pair.name)), problems=tuple(problems))


def _list(folder: Path, what: str) -> tuple[list[Path], list[str]]:
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise TrainingError(f"The folder of {what}, {folder}, cannot be read ({error.strerror}); check it.") from error
    files = [path for path in entries if path.is_file() and is_image_name(path)]
    stray = [path for path in entries if path not in files and path.name.lower() not in DESKTOP_FILES]
    return files, [f"{path}: {'a folder, not looked into' if path.is_dir() else 'not an image file'}" for path in stray]


Match = tuple[list[Pair], tuple[list[Path], list[Path]], list[str]]


def _match(images: list[Path], labels: list[Path], last_words: tuple[re.Pattern[str], re.Pattern[str]] | None) -> Match:
    """Pair files of equal names, without these last words; return the rest and what is unclear too."""
    by_name: dict[str, tuple[list[Path], list[Path]]] = {}
    for place, paths in enumerate((images, labels)):
        for path in paths:
            name = stem(path) if last_words is None else last_words[place].sub("", stem(path))
            by_name.setdefault(name, ([], []))[place].append(path)
    found, unclear = [], []
    for name, (own_images, own_labels) in by_name.items():
        if len(own_images) == len(own_labels) == 1:
            found.append(Pair(name=name, image_path=own_images[0], labels_path=own_labels[0]))
        elif own_images and own_labels:
            files = ", ".join(map(str, own_images + own_labels))
            unclear.append(f"{name}: several files of that name, {files}; none of them is used")
        else:
            continue
        images = [path for path in images if path not in own_images]
        labels = [path for path in labels if path not in own_labels]
    return found, (images, labels), unclear


def _nothing(images_dir: Path, labels_dir: Path, images: list[Path], labels: list[Path]) -> str:
    def listed(files: list[Path]) -> str:
        return f"{len(files)} file(s)" + (f" ({', '.join(path.name for path in files[:3])}, ...)" if files else "")

    return (
        f"No image with labels was found: {listed(images)} in {images_dir}, {listed(labels)} in {labels_dir}. "
        "An image and its labels need the same name, for example a.tif and a.tif, or a.tif and a_labels.tif."
    )


def load_pair(pair: Pair) -> tuple[npt.NDArray[Any], Labels]:
    """Read an image and its labels.

    Returns
    -------
    image : (C, Y, X) array
        As stored; the transparency of colour pictures is dropped.
    labels : (Y, X) int32 array

    Raises
    ------
    ImageError
        If either cannot be read, is a stack, they differ in size, or the labels are a mask without numbers.
    """
    image, labels = load_image(pair.image_path), read_labels(pair.labels_path)
    if labels.ndim != 2:
        raise ImageError(
            f"{pair.name}: training reads single planes, but the labels are {labels.shape}; save each plane as a file "
            "of its own."
        )
    if image.shape[1:] != labels.shape:
        raise ImageError(
            f"{pair.name}: the image has {image.shape[1]} x {image.shape[2]} pixels, its labels {labels.shape[0]} x "
            f"{labels.shape[1]}; export both at the same size."
        )
    if labels.any() and (labels[labels > 0] == labels.max()).all():
        _, count = label(labels > 0, connectivity=2, return_num=True)
        if count >= SUSPECT_REGIONS:
            raise ImageError(
                f"{pair.labels_path}: all its {count} regions have the number {labels.max()}, so it is a mask, not "
                "labels; number its objects, for example with skimage.measure.label."
            )
    return image, labels


def load_image(path: Path) -> npt.NDArray[Any]:
    """Read an image of one plane, (C, Y, X), as stored; the transparency of colour pictures is dropped.

    Raises
    ------
    ImageError
        If it cannot be read, or is a stack.
    """
    planes = arrange(read_image(path))
    image = planes.array[..., :3, :, :] if planes.rgb else planes.array
    if image.ndim != 3:
        raise ImageError(
            f"{path}: training reads single planes, but the image is {image.shape} ({planes.lead}CYX); save each plane "
            "as a file of its own."
        )
    return image


def load_steps(folder: FolderPairs) -> Generator[Progress, None, FolderSamples]:
    """Read all pairs, one report each; pairs that cannot be used become lines among the problems.

    Raises
    ------
    TrainingError
        If none can be used.
    """
    samples, problems = [], list(folder.problems)
    for done, pair in enumerate(folder.pairs):
        yield Progress(done=done, total=len(folder.pairs), what=pair.name)
        try:
            samples.append(Sample.checked(pair.name, *load_pair(pair)))
        except ImageError as error:
            problems.append(str(error))
    if not samples:
        first = problems[len(folder.problems)]
        raise TrainingError(f"None of the {len(folder.pairs)} pairs can be used. The first: {first}")
    return FolderSamples(samples=tuple(samples), problems=tuple(problems))
