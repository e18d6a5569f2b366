"""What every reader of a data set gives: images with labels, the subset each belongs to, and a mask where there is one.

A reader lists a data set without opening its images, so that a part of it can be chosen, and read one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.image import resize_plane
from napari_wnet.errors import ImageError, TrainingError
from napari_wnet.network.dataset import Sample
from napari_wnet.reports import Progress

SHOWN = 3
"""So many of many names are told."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnotatedImage:
    """One image of a data set.

    Attributes
    ----------
    name : str
        Of its own in the data set; also the name of the files that a converter writes.
    subset : str
        What part of the data set it belongs to, such as ``A1``; empty where the set has no parts.
    image : (C, Y, X) array
        As stored.
    labels : (Y, X) int32 array or None
        None where the data set keeps them to itself, as for test images.
    foreground : (Y, X) bool array or None
        The mask that the data set gives for use at inference.

    Raises
    ------
    ImageError
        If their sizes differ.
    """

    name: str
    subset: str = ""
    image: npt.NDArray[Any]
    labels: npt.NDArray[np.int32] | None = None
    foreground: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        for what, array in (("labels are", self.labels), ("foreground mask is", self.foreground)):
            if array is not None and array.shape != self.image.shape[1:]:
                raise ImageError(
                    f"{self.name}: the image is {self.image.shape[1:]}, its {what} {array.shape}; download it again."
                )

    def sample(self) -> Sample:
        """Return the image as training takes it.

        Raises
        ------
        ImageError
            If it has no labels, or cannot be trained on.
        """
        if self.labels is None:
            raise ImageError(f"{self.name} has no labels: leave it out of what is trained on.")
        return Sample.checked(self.name, self.image, self.labels)

    def shrunk(self, longest_px: int) -> AnnotatedImage:
        """Return the image no longer than a number of pixels, its proportions kept; labels take the nearest pixel."""
        shape = self.image.shape[1:]
        factor = longest_px / max(shape)
        if factor >= 1:
            return self
        height, width = (max(1, round(side * factor)) for side in shape)
        rows, columns = (
            ((np.arange(n) + 0.5) * side / n).astype(np.intp) for n, side in zip((height, width), shape, strict=True)
        )
        image = resize_plane(self.image, (height, width))
        if self.image.dtype.kind in "iu":
            image = np.rint(image)
        return replace(
            self,
            image=image.astype(self.image.dtype),
            labels=None if self.labels is None else self.labels[np.ix_(rows, columns)],
            foreground=None if self.foreground is None else self.foreground[np.ix_(rows, columns)],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """An image that was found but not read yet; `read` may raise ImageError."""

    name: str
    read: Callable[[], AnnotatedImage]
    subset: str = ""
    labelled: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """The images of a data set, sorted by subset and name, and a line for each thing to know."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which images of a data set are wanted, and how large.

    Attributes
    ----------
    subsets : tuple of str
        Empty: all.
    labelled : bool or None
        Only those with labels, or only those without; None: both.
    longest_px : int
        Images with a longer side are shrunk to it as they are read, one at a time; 0: never.
    """

    subsets: tuple[str, ...] = ()
    labelled: bool | None = True
    longest_px: int = 0

    def of(self, listing: Listing) -> tuple[Entry, ...]:
        """Return what is wanted of a listing.

        Raises
        ------
        TrainingError
            If there is no such subset, or nothing is left.
        """
        there = tuple(dict.fromkeys(entry.subset for entry in listing.entries))
        lacking = [subset for subset in self.subsets if subset not in there]
        if lacking:
            raise TrainingError(
                f"The data has no subset {', '.join(lacking)}; choose among {', '.join(filter(None, there)) or 'none'}."
            )
        wanted = tuple(
            entry
            for entry in listing.entries
            if (not self.subsets or entry.subset in self.subsets) and self.labelled in (None, entry.labelled)
        )
        if not wanted:
            kind = "" if self.labelled is None else " with labels" if self.labelled else " without labels"
            raise TrainingError(f"None of the {len(listing.entries)} images is one{kind}; choose others.")
        return wanted


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSet:
    """What could be read, and a line for each image that was left out and any other thing to know."""

    images: tuple[AnnotatedImage, ...]
    problems: tuple[str, ...] = field(default=())

    @property
    def subsets(self) -> dict[str, str]:
        """The subset of each image, by its name."""
        return {image.name: image.subset for image in self.images}

    def samples(self) -> tuple[Sample, ...]:
        """Return the images that have labels, as training takes them."""
        return tuple(image.sample() for image in self.images if image.labels is not None)


def read_listing(listing: Listing, selection: Selection | None = None) -> Generator[Progress, None, DataSet]:
    """Read what is wanted of a listing, one report each; images that cannot be used become lines among the problems.

    Raises
    ------
    TrainingError
        If none is left.
    """
    selection = selection or Selection()
    wanted = selection.of(listing)
    images, problems = [], list(listing.problems)
    for done, entry in enumerate(wanted):
        yield Progress(done=done, total=len(wanted), what=entry.name)
        try:
            image = entry.read()
        except ImageError as error:
            problems.append(str(error))
            continue
        images.append(image.shrunk(selection.longest_px) if selection.longest_px else image)
    if not images:
        raise TrainingError(f"None of the {len(wanted)} images can be used. The first: {problems[-len(wanted)]}")
    return DataSet(images=tuple(images), problems=tuple(problems))


def some(names: list[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
