"""Human U2OS cells, Hoechst-stained nuclei, from a copy of BBBC006.

Source, CC0: https://bbbc.broadinstitute.org/BBBC006 (Ljosa et al. 2012, https://doi.org/10.1038/nmeth.2083):
``BBBC006_v1_images_z_16.zip``, the plane in focus, and ``BBBC006_v1_labels.zip``, unpacked side by side. Images are
``mcf-z-stacks-PLATE_WELL_SITE_w1ID.tif`` (16 bit; w2, the actin, is not used), 520 x 696 pixels, two sites in each of
384 wells; labels are ``mcf-z-stacks-PLATE_WELL_SITE.png``.

Images with fewer than two nuclei of 25 pixels or more are left out, as in the W-Net paper, whose authors were left with
754 and split them at random into two halves to train on and to test on.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_wnet.datasets.annotated import AnnotatedImage, DataSet, Entry, Listing, Selection, read_listing, some
from napari_wnet.datasets.converted import Converted, write_steps
from napari_wnet.datasets.split import halves
from napari_wnet.errors import ImageError
from napari_wnet.io.images import read_image, read_labels
from napari_wnet.reports import Progress, drain

PREFIX = "mcf-z-stacks-"
IMAGE = re.compile(rf"({PREFIX}.+?)_w1.*\.tiff?", re.IGNORECASE)
PLANE = re.compile(r"_z_(\d+)$")
IN_FOCUS = "16"
FEWEST_NUCLEI, SMALLEST_PX = 2, 25
USED_IMAGES = 754
TRAIN, TEST = "train", "test"
LOOKED_FOR = f"BBBC006_v1_images_z_{IN_FOCUS}/{PREFIX}*_w1*.tif with BBBC006_v1_labels/{PREFIX}*.png"


def convert(source: str | Path, out: str | Path, *, overwrite: bool = False) -> Converted:
    """Convert the set to ``out/images/PLATE_WELL_SITE.png`` (uint16) and ``out/labels`` (uint16).

    Parameters
    ----------
    source : str or Path
        A folder that holds the images and the labels, at any depth.
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
    """Convert as :func:`convert` does, with a report before each image."""
    listing = yield from list_steps(source)
    return (yield from write_steps(listing, Path(out), overwrite=overwrite))


def read_steps(
    source: str | Path, selection: Selection | None = None, *, seed: int = 0
) -> Generator[Progress, None, DataSet]:
    """Read the images of a selection, by default of both halves, with a report before each.

    Raises
    ------
    ImageError
        If `source` has not that layout.
    TrainingError
        If none of the images can be used.
    """
    listing = yield from list_steps(source, seed=seed)
    return (yield from read_listing(listing, selection))


def is_here(source: Path) -> bool:
    """Tell whether a folder has this layout."""
    return source.is_dir() and any(IMAGE.fullmatch(path.name) for path in source.rglob(f"{PREFIX}*"))


def list_steps(source: str | Path, *, seed: int = 0) -> Generator[Progress, None, Listing]:
    """List the images as subsets ``train`` and ``test``: the halves are a function of the seed and the names.

    The labels are looked into, since images with too few nuclei belong to neither half.

    Raises
    ------
    ImageError
        If `source` has not that layout; the message says what was looked for and what is there.
    """
    source = Path(source)
    images, labels = _images(source), {path.stem: path for path in sorted(source.rglob(f"{PREFIX}*.png"))}
    if not images or not labels:
        raise ImageError(
            f"{source} is no copy of BBBC006: looked for {LOOKED_FOR}; found {len(images)} such images and "
            f"{len(labels)} labels. Unpack both archives of https://bbbc.broadinstitute.org/BBBC006 there."
        )
    problems, usable = [], []
    for done, stem in enumerate(sorted(images)):
        yield Progress(done=done, total=len(images), what=_name(stem))
        try:
            _check(stem, labels)
            usable.append(stem)
        except ImageError as error:
            problems.append(str(error))
    if len(usable) != USED_IMAGES:
        problems.append(
            f"{len(usable)} images are used, not {USED_IMAGES}: the halves are others than of the whole set."
        )
    train = set(halves(usable, seed)[0])
    entries = [
        Entry(name=_name(stem), subset=subset, read=partial(_read, _name(stem), subset, images[stem], labels[stem]))
        for stem in usable
        for subset in (TRAIN if stem in train else TEST,)
    ]
    ordered = sorted(entries, key=lambda entry: (entry.subset != TRAIN, entry.name))
    return Listing(entries=tuple(ordered), problems=tuple(problems))


def _name(stem: str) -> str:
    return stem.removeprefix(PREFIX)


def _images(source: Path) -> dict[str, Path]:
    """Return the image in focus of each site, by the name of its labels.

    Raises
    ------
    ImageError
        If there are other planes only, or two images of a site.
    """
    found = [(match[1], path) for path in sorted(source.rglob(f"{PREFIX}*")) if (match := IMAGE.fullmatch(path.name))]
    planes = {
        path: next((m[1] for parent in path.parents if (m := PLANE.search(parent.name))), "") for _, path in found
    }
    there = sorted(set(planes.values()))
    chosen = [(stem, path) for stem, path in found if planes[path] in ("", IN_FOCUS)]
    if found and not chosen:
        raise ImageError(
            f"{source} has the planes {some(there)} of BBBC006, all out of focus: unpack BBBC006_v1_images_z_"
            f"{IN_FOCUS}.zip there."
        )
    images = dict(chosen)
    if len(images) < len(chosen):
        raise ImageError(f"{source} has {len(chosen)} images of {len(images)} sites; name a folder with one copy only.")
    return images


def _check(stem: str, labels: dict[str, Path]) -> None:
    if stem not in labels:
        raise ImageError(f"{_name(stem)}: left out, since it has no labels.")
    areas = np.unique(read_labels(labels[stem]), return_counts=True)
    count = np.count_nonzero((areas[0] > 0) & (areas[1] >= SMALLEST_PX))
    if count < FEWEST_NUCLEI:
        raise ImageError(
            f"{_name(stem)}: left out, since it has {count} nuclei of {SMALLEST_PX} pixels or more, where "
            f"{FEWEST_NUCLEI} are needed."
        )


def _read(name: str, subset: str, image_path: Path, labels_path: Path) -> AnnotatedImage:
    return AnnotatedImage(name=name, subset=subset, image=_read_plane(image_path), labels=read_labels(labels_path))


def _read_plane(path: Path) -> npt.NDArray[np.uint16]:
    array = read_image(path).array.squeeze()
    if array.ndim != 2 or array.dtype != np.uint16:
        raise ImageError(
            f"{path} is {array.shape} {array.dtype}, where one uint16 plane was expected; download it again."
        )
    return array[np.newaxis]
