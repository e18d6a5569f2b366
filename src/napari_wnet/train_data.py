"""What a training learns from and what it is judged by: annotated images, told apart, none of them in both parts."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from napari_wnet.core.image import is_informative, nearest_plane, resize_plane, scaled_shape
from napari_wnet.datasets.folder import FolderPairs, Pair, load_image, load_steps, pairs
from napari_wnet.datasets.split import split
from napari_wnet.errors import ImageError, ParamsError, TrainingError
from napari_wnet.fields import Params
from napari_wnet.network.dataset import Sample
from napari_wnet.reports import Progress

HASHED_ROWS = 1024
NAMED = 3
"""So many files are named in a message; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class DataParams(Params):
    """Which annotated images a training reads, and which of them validate."""

    images: Annotated[str, {"tooltip": "Folder of images."}] = ""
    labels: Annotated[str, {"tooltip": "Folder of labels, matched by name."}] = ""
    validation_images: Annotated[
        str, {"tooltip": "Folder of images that validate, in place of a part of the others."}
    ] = ""
    validation_labels: Annotated[str, {"tooltip": "Folder of their labels; empty: the same folder."}] = ""
    split: Annotated[
        Literal["tenths", "validation", "none"],
        {
            "tooltip": "tenths: of the sorted names, every tenth is left out for testing and every tenth validates; "
            "validation: every tenth validates; none: the last weights are kept."
        },
    ] = "validation"
    validate_on: Annotated[
        int,
        {
            "min": 0,
            "max": 1_000_000,
            "tooltip": "At most so many of the validation images are looked at, evenly spread over them; 0: all.",
        },
    ] = 0
    enlarge: Annotated[
        float,
        {
            "min": 0.25,
            "max": 8.0,
            "tooltip": "The network sees images so many times larger than they are, now and whenever it is used: it "
            "finds smaller objects, and takes the square of that as long.",
        },
    ] = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """Annotated images by use, and what could not be read."""

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test_names: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def n_without_objects(self) -> int:
        """How many of the training images have no object."""
        return sum(sample.n_objects == 0 for sample in self.train)


def enlarged(sample: Sample, factor: float) -> Sample:
    """Return a sample so many times as large: the image interpolated, in its own numeric type, and its labels."""
    if factor == 1:
        return sample
    kind = sample.image.dtype
    height, width = sample.labels.shape
    shape = scaled_shape((height, width), factor)
    image = resize_plane(sample.image, shape)
    whole = np.issubdtype(kind, np.integer)
    return Sample.checked(
        sample.name, (np.rint(image) if whole else image).astype(kind), nearest_plane(sample.labels, shape)
    )


Parts = Mapping[str, tuple[Pair, ...]]
"""Pairs by use: train, validation, test."""


def load_data_steps(job: DataParams) -> Generator[Progress, None, TrainingData]:
    """Read the pairs that train and those that validate, and make sure that no image is in two parts.

    Of images that are left out for testing only a hash of the pixels is taken.

    Yields
    ------
    Progress
        For each pair.

    Raises
    ------
    TrainingError
        If nothing is left to train on, nothing to validate with although there should be, or an image is in two parts;
        the message names the files.
    ParamsError
        If validation images are given in two ways.
    """
    parts, problems = _parted(job)
    _refuse_same_names(parts)
    hashes: dict[str, tuple[str, Pair]] = {}
    samples: dict[str, tuple[Sample, ...]] = {"validation": ()}
    for use in ("train", "validation"):
        if parts[use]:
            loaded = yield from load_steps(FolderPairs(pairs=parts[use], problems=()))
            problems = (*problems, *loaded.problems)
            paths = {pair.name: pair for pair in parts[use]}
            _note_hashes(hashes, use, ((paths[sample.name], sample.image) for sample in loaded.samples))
            samples[use] = tuple(enlarged(sample, job.enlarge) for sample in loaded.samples)
    yield from _compare_test_images(hashes, parts["test"])
    _check_validation(samples["validation"], wanted=job.split != "none" or bool(parts["validation"]))
    return TrainingData(
        train=samples["train"],
        validation=samples["validation"],
        test_names=tuple(pair.name for pair in parts["test"]),
        problems=problems,
    )


def _parted(job: DataParams) -> tuple[Parts, tuple[str, ...]]:
    """Return the pairs by use, and what lies in the folders and belongs to none."""
    found = pairs(job.images, job.labels)
    if job.validation_labels and not job.validation_images:
        raise ParamsError("There are --validation-labels but no --validation-images; give both, or neither.")
    if job.validation_images:
        if job.split == "tenths":
            raise ParamsError("Validation images come from --validation-images or from --split tenths; give one.")
        own = pairs(job.validation_images, job.validation_labels or job.validation_images)
        chosen = set(spread([pair.name for pair in own.pairs], job.validate_on))
        validation = tuple(pair for pair in own.pairs if pair.name in chosen)
        return {"train": found.pairs, "validation": validation, "test": ()}, (*found.problems, *own.problems)
    names = split_names([pair.name for pair in found.pairs], job.split)
    _check_split(names, job.split, job.images)
    names["validation"] = spread(names["validation"], job.validate_on)
    uses = {name: use for use, part in names.items() for name in part}
    parts = {use: tuple(pair for pair in found.pairs if uses.get(pair.name) == use) for use in names}
    return parts, found.problems


def _check_split(names: Mapping[str, Sequence[str]], how: str, folder: str) -> None:
    """Refuse a split that leaves nothing to train on, or nothing to validate with."""
    count = sum(len(part) for part in names.values())
    if how != "none" and not (names["train"] and names["validation"]):
        raise TrainingError(
            f"The {count} image(s) with labels in {folder} are too few for --split {how}; add images, name others with "
            "--validation-images, or train without validation (--split none)."
        )


def spread(names: Sequence[str], count: int) -> tuple[str, ...]:
    """Return so many of the names, evenly spread over them; 0: all."""
    if not 0 < count < len(names):
        return tuple(names)
    return tuple(names[place * len(names) // count] for place in range(count))


def split_names(names: Sequence[str], how: str) -> dict[str, tuple[str, ...]]:
    """Return the names to train on, validate on and leave out for testing, each sorted."""
    parts = split(names)
    if how == "tenths":
        return {"train": parts.train, "validation": parts.validation, "test": parts.test}
    ordered = tuple(sorted(names))
    if how == "none" or len(ordered) < 2:
        return {"train": ordered, "validation": (), "test": ()}
    validation = parts.validation or ordered[-1:]  # a small set gives its last image
    train = tuple(name for name in ordered if name not in validation)
    return {"train": train, "validation": validation, "test": ()}


def _check_validation(validation: Sequence[Sample], *, wanted: bool) -> None:
    """Refuse validation images by which nothing can be chosen."""
    if wanted and not any(sample.n_objects for sample in validation):
        what = "has an object" if validation else "can be used"
        raise TrainingError(
            f"None of the validation images {what}, so the best weights cannot be told; check their labels, name "
            "others with --validation-images, or train without validation (--split none)."
        )


def _refuse_same_names(parts: Parts) -> None:
    """Refuse images of one name in two folders: in all likelihood they are one image, however they were saved."""
    training = {pair.name: pair for pair in parts["train"]}
    both = [(training[pair.name], pair) for pair in parts["validation"] if pair.name in training]
    if both:
        raise TrainingError(
            _leak([(f"{one.image_path} (train)", f"{other.image_path} (validation)") for one, other in both])
            + " have the same names. Take them out of one of the folders; if they are not the same, rename them."
        )


def _note_hashes(
    hashes: dict[str, tuple[str, Pair]], use: str, images: Iterable[tuple[Pair, npt.NDArray[Any]]]
) -> None:
    """Note images by their pixels, and refuse those that are in another part already."""
    both = []
    for pair, image in images:
        if not is_informative(image):  # two empty images are not the same image
            continue
        known, first = hashes.setdefault(pixels_sha256(image), (use, pair))
        if known != use:
            both.append((f"{first.image_path} ({known})", f"{pair.image_path} ({use})"))
    if both:
        raise TrainingError(
            _leak(both)
            + " have the same pixels, whatever their brightness, so the scores would be too good. Delete one of each, "
            "or put all images that validate into a folder of their own (--validation-images)."
        )


def _leak(both: Sequence[tuple[str, str]]) -> str:
    named = "; ".join(" and ".join(two) for two in both[:NAMED])
    return named + (f" and {len(both) - NAMED} more" if len(both) > NAMED else "")


def _compare_test_images(hashes: dict[str, tuple[str, Pair]], test: Sequence[Pair]) -> Generator[Progress, None, None]:
    """Refuse test images that train or validate; nothing else is learnt of them, and damaged ones do not matter."""
    for done, pair in enumerate(test):
        yield Progress(done=done, total=len(test), what=pair.name)
        try:
            image = load_image(pair.image_path)
        except ImageError:
            continue
        _note_hashes(hashes, "test", [(pair, image)])


def pixels_sha256(image: npt.NDArray[Any]) -> str:
    """Return a hash of an image, (C, Y, X): the same in every numeric type, and however its brightness is scaled.

    Of each pixel counts which of the image's values it has, from the lowest to the highest, not how high that is: so
    16 bit x 257 or floats up to 1 are the same as 8 bit, and no noise is rounded off beside a single bright pixel.
    """
    digest, values = hashlib.sha256(str(image.shape).encode()), np.unique(image)
    for channel in image:
        for top in range(0, channel.shape[0], HASHED_ROWS):  # in pieces: places take up to eight times the room
            digest.update(np.searchsorted(values, channel[top : top + HASHED_ROWS]).astype("<u4").tobytes())
    return digest.hexdigest()
