"""On which images each bundled model is measured, and what is known to go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.datasets.folder import load_steps, pairs
from napari_wnet.datasets.rosettes.draw import rosette
from napari_wnet.datasets.rosettes.params import RosetteParams
from napari_wnet.datasets.split import split
from napari_wnet.reports import drain

LEAVES = Path(__file__).parents[2] / "tests" / "data" / "leaves"
FRESH_SEED = 99
"""No model was trained on plants of this seed."""
NEVER = "never looked at in training"
CHOSE = "chose the weights and the clustering"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An image with its true labels."""

    name: str
    image: npt.NDArray[Any]
    labels: npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Images that a model is measured on.

    `scenes` is given the folder of all data; `outlined` are sets of which examples are drawn.
    """

    title: str
    seen: str
    scenes: Callable[[Path], Iterator[Scene]]
    true_foreground: bool = False
    outlined: bool = False


@dataclass(frozen=True, kw_only=True)
class Source:
    """A bundled model: what it is measured on, and its known failures."""

    name: str
    sets: tuple[ImageSet, ...]
    limits: tuple[str, ...]
    window: int
    """Side in px of the part of an image that an example shows."""


def part(folder: str, which: str) -> Callable[[Path], Iterator[Scene]]:
    """Return a reader of one part of a folder's fixed split."""

    def scenes(root: Path) -> Iterator[Scene]:
        found = pairs(root / folder / "images", root / folder / "labels")
        names = set(getattr(split([pair.name for pair in found.pairs]), which))
        yield from _read(replace(found, pairs=tuple(pair for pair in found.pairs if pair.name in names)))

    return scenes


def plants(root: Path) -> Iterator[Scene]:
    """Draw 50 plants."""
    for index in range(50):
        image, labels = rosette(FRESH_SEED, index, RosetteParams(size=(448, 448)))
        yield Scene(name=str(index), image=image, labels=labels)


def pots(root: Path) -> Iterator[Scene]:
    """Read the real plants whose leaves were outlined by hand."""
    yield from _read(pairs(LEAVES / "images", LEAVES / "labels"))


def _read(found: Any) -> Iterator[Scene]:
    for sample in drain(load_steps(found)).samples:
        yield Scene(name=sample.name, image=sample.image, labels=sample.labels)


NUCLEI = (
    ImageSet(title="54 validation images", seen=CHOSE, scenes=part("nuclei", "validation")),
    ImageSet(title="55 test images", seen=NEVER, scenes=part("nuclei", "test"), outlined=True),
)

SOURCES = (
    Source(
        name="nuclei",
        window=192,
        sets=NUCLEI,
        limits=(
            "Nuclei in stained tissue (histology), in bright field or dark on light: it was trained on fluorescence "
            "only. For dark objects on a light ground switch on 'invert'.",
            "Of nuclei below 8 px only a third is found. Give the diameter of yours, and the image is scaled to what "
            "the model knows.",
            "Nuclei that lie upon one another are cut along the overlap: a pixel has one label.",
            "Very dim nuclei beside bright ones are missed; more contrast or a lower foreground threshold helps.",
        ),
    ),
    Source(
        name="nuclei-fast",
        window=192,
        sets=NUCLEI,
        limits=("What is said of nuclei holds for this one too; of nuclei below 8 px a quarter is found.",),
    ),
    Source(
        name="cells",
        window=384,
        sets=(
            ImageSet(title="4 validation images", seen=CHOSE, scenes=part("cells", "validation")),
            ImageSet(title="5 test images", seen=NEVER, scenes=part("cells", "test"), outlined=True),
        ),
        limits=(
            "One cell line (T98G), one microscope, one magnification: other cells in phase contrast need fine-tuning.",
            "Long thin processes are cut off; the outline is of the cell's body.",
            "Round cells that divide, with a bright halo, are missed or joined with a neighbour.",
            "4 and 5 images are few: the scores are good to a few hundredths.",
        ),
    ),
    Source(
        name="leaf",
        window=448,
        sets=(
            ImageSet(title="50 synthetic plants", seen="drawn with another seed", scenes=plants),
            ImageSet(
                title="50 synthetic plants, true foreground",
                seen="drawn with another seed",
                scenes=plants,
                true_foreground=True,
            ),
            ImageSet(title="10 real plants", seen=NEVER, scenes=pots, outlined=True),
        ),
        limits=(
            "It has never seen a real leaf in training: synthetic plants only. Correct a few plants and fine-tune.",
            "The youngest leaves in the middle of a rosette are joined or left out, so that counts are too low there.",
            "Leaves of which only a rim shows under others are missed.",
            "Rosettes from above only: not grasses, not side views, not field canopies.",
            "Moss and algae as green as the plant can be taken for it; give a foreground mask, if you have one.",
        ),
    ),
)
