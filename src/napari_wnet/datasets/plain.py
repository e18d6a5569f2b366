"""A folder with ``images``, ``labels`` and perhaps ``foreground``, as converters write it and as anyone can make it."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path

from napari_wnet.core.leaf_challenge import subset_of
from napari_wnet.datasets.annotated import AnnotatedImage, Entry, Listing
from napari_wnet.datasets.converted import UNLABELLED
from napari_wnet.datasets.folder import Pair, load_image, load_pair, pairs
from napari_wnet.io.images import is_image_name, read_mask
from napari_wnet.reports import Progress

LOOKED_FOR = "images/NAME.* with labels/NAME.*"


def is_here(source: Path) -> bool:
    """Tell whether a folder has this layout."""
    return (source / "images").is_dir() and (source / "labels").is_dir()


def list_steps(source: str | Path) -> Generator[Progress, None, Listing]:
    """List what a converter wrote, or any folder of this layout; see :func:`napari_wnet.datasets.folder.pairs`.

    Names such as ``A1_plant001`` say to which subset of the leaf challenge an image belongs.

    Raises
    ------
    TrainingError
        If no image has labels; the message says what was looked for and what is there.
    """
    source = Path(source)
    yield Progress(done=0, total=1, what=source.name)
    found = pairs(source / "images", source / "labels")
    masks = _by_name(source / "foreground")
    entries = [
        Entry(name=pair.name, subset=subset_of(pair.name), read=partial(_read, pair, masks.get(pair.image_path.stem)))
        for pair in found.pairs
    ]
    masks = _by_name(source / UNLABELLED / "foreground")
    entries += [
        Entry(name=name, subset=subset_of(name), labelled=False, read=partial(_read_image, name, path, masks.get(name)))
        for name, path in _by_name(source / UNLABELLED / "images").items()
    ]
    return Listing(
        entries=tuple(sorted(entries, key=lambda entry: (entry.subset, entry.name))), problems=found.problems
    )


def _by_name(folder: Path) -> dict[str, Path]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.stem: path for path in files if path.is_file() and is_image_name(path)}


def _read(pair: Pair, mask: Path | None) -> AnnotatedImage:
    image, labels = load_pair(pair)
    foreground = None if mask is None else read_mask(mask)
    return AnnotatedImage(
        name=pair.name, subset=subset_of(pair.name), image=image, labels=labels, foreground=foreground
    )


def _read_image(name: str, path: Path, mask: Path | None) -> AnnotatedImage:
    foreground = None if mask is None else read_mask(mask)
    return AnnotatedImage(name=name, subset=subset_of(name), image=load_image(path), foreground=foreground)
