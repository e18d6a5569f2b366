"""What a study trains and tests on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_wnet.datasets.annotated import AnnotatedImage, DataSet, Selection
from napari_wnet.datasets.reading import read_steps
from napari_wnet.datasets.rosettes.params import RosetteParams
from napari_wnet.datasets.rosettes.write import RECORD, Series, synthesize_steps
from napari_wnet.datasets.split import split
from napari_wnet.errors import TrainingError
from napari_wnet.reports import Progress
from napari_wnet.reproduce.job import SYNTHETIC, SYNTHETIC_SIDE, ReproduceJob

TESTED_PART = 5
"""One synthetic plant is tested on for so many to train on."""
SYNTHETIC_SEED = 7
# Young plants, small in view: so that in a small budget even a single U-Net learns to part their leaves.
SYNTHETIC_PLANTS = RosetteParams(size=(SYNTHETIC_SIDE, SYNTHETIC_SIDE), max_leaves=10, groups=0.0)
SHORTEST = 2048
"""Images are shrunk to this side at most, as A3's would fill a small machine."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyData:
    """Images by use.

    Attributes
    ----------
    train, test : tuple of AnnotatedImage
        Disjoint.
    unlabelled : tuple of AnnotatedImage
        What labels are predicted for, to be handed in.
    problems : tuple of str
        What could not be used.
    """

    train: tuple[AnnotatedImage, ...]
    test: tuple[AnnotatedImage, ...]
    unlabelled: tuple[AnnotatedImage, ...] = ()
    problems: tuple[str, ...] = ()

    def of(self, subsets: Sequence[str]) -> StudyData:
        """Return what belongs to some subsets, all where none is named.

        Raises
        ------
        TrainingError
            If nothing of it is left to train or to test on.
        """
        if not subsets:
            return self

        def kept(images: Sequence[AnnotatedImage]) -> tuple[AnnotatedImage, ...]:
            return tuple(image for image in images if image.subset in subsets)

        there = sorted({image.subset for image in (*self.train, *self.test)})
        chosen = StudyData(train=kept(self.train), test=kept(self.test), unlabelled=kept(self.unlabelled))
        if not chosen.train or not chosen.test:
            raise TrainingError(
                f"The data has no labelled images of {', '.join(subsets)} to train and to test on; it has "
                f"{', '.join(filter(None, there)) or 'no subsets'}."
            )
        return chosen


def data_steps(job: ReproduceJob) -> Generator[Progress, None, StudyData]:
    """Read the data of a job, drawing it first where it is synthetic.

    Images are split by the subsets ``train`` and ``test``, where those are what the data set says; else every tenth of
    the sorted names of each subset is tested on.

    Raises
    ------
    WNetError
        If it cannot be read, or nothing is left to train or to test on.
    """
    if job.data == SYNTHETIC:
        return (yield from _synthetic_steps(job))
    found = yield from read_steps(job.data, Selection(labelled=None, longest_px=SHORTEST))
    return _divided(found)


def _divided(found: DataSet) -> StudyData:
    labelled = tuple(image for image in found.images if image.labels is not None)
    unlabelled = tuple(image for image in found.images if image.labels is None)
    if {image.subset for image in labelled} >= {"train", "test"}:
        test = {image.name for image in labelled if image.subset == "test"}
        train = {image.name for image in labelled if image.subset == "train"}
    else:
        subsets = {image.subset for image in labelled}
        parts = [split(image.name for image in labelled if image.subset == subset) for subset in sorted(subsets)]
        test = {name for part in parts for name in part.test}
        # Nothing is chosen here, so nothing is kept for choosing.
        train = {name for part in parts for name in (*part.train, *part.validation)}
    if not train or not test:
        raise TrainingError(f"{len(labelled)} labelled images are too few to train and to test on; give 2 or more.")
    return StudyData(
        train=tuple(image for image in labelled if image.name in train),
        test=tuple(image for image in labelled if image.name in test),
        unlabelled=unlabelled,
        problems=found.problems,
    )


def _synthetic_steps(job: ReproduceJob) -> Generator[Progress, None, StudyData]:
    count = job.budget.n_images
    series = Series(
        n_images=count + max(1, count // TESTED_PART),
        seed=SYNTHETIC_SEED,
        params=SYNTHETIC_PLANTS,
    )
    folder = job.out / f"rosettes-{series.n_images}"
    if not (folder / RECORD).exists():
        yield from synthesize_steps(folder, series, overwrite=True)
    found = yield from read_steps(folder)
    images = sorted(found.images, key=lambda image: image.name)
    return StudyData(train=tuple(images[:count]), test=tuple(images[count:]), problems=found.problems)


def true_foreground(image: AnnotatedImage) -> np.ndarray | None:
    """Return where objects are, for use at inference, as in the paper: the set's own mask, else that of the labels."""
    if image.foreground is not None:
        return image.foreground
    return None if image.labels is None else image.labels > 0
