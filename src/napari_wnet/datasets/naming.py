"""Which files hold labels, and which image belongs to them: told by their names."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from pathlib import Path

from napari_wnet.errors import ImageError
from napari_wnet.io.images import is_image_name
from napari_wnet.io.ngff import is_zarr

IMAGE_SUFFIX = re.compile(r"[-_. ](image|img|raw|rgb)s?$", re.IGNORECASE)
LABELS_SUFFIX = re.compile(r"[-_. ](cp[-_])?(label|mask)s?$", re.IGNORECASE)


def stem(path: Path) -> str:
    """Return the name without what says of which kind the file is."""
    return path.stem.removesuffix(".ome")


def find_labels(named: Iterable[str]) -> tuple[Path, ...]:
    """Return the labels files behind names of files, folders and patterns, in order and once each.

    Where names such as ``a_labels.tif`` or ``b_mask.png`` in a folder, or behind a pattern, say which files are labels,
    only these are taken; else all images.

    Raises
    ------
    ImageError
        If a name leads nowhere.
    """
    found: dict[Path, Path] = {}
    for name in named:
        path = Path(name)
        if path.is_file() or is_zarr(path):
            found.setdefault(path.resolve(), path)
            continue
        entries = sorted(path.iterdir()) if path.is_dir() else sorted(map(Path, glob.glob(name, recursive=True)))  # noqa: PTH207 - a pattern may be absolute
        images = [entry for entry in entries if _is_image(entry)]
        chosen = [entry for entry in images if LABELS_SUFFIX.search(stem(entry))] or images
        if not chosen:
            raise ImageError(f"'{name}' names no labels file; check the name, or put a pattern in quotes.")
        for entry in chosen:
            found.setdefault(entry.resolve(), entry)
    return tuple(found.values())


def image_of(labels: Path, folder: Path) -> Path:
    """Return the image in a folder that labels belong to: of the same name, but for its last word.

    Raises
    ------
    ImageError
        If there is none, or more than one.
    """
    names = {stem(labels), LABELS_SUFFIX.sub("", stem(labels))}
    found = [
        entry
        for entry in sorted(folder.iterdir())
        if _is_image(entry)
        and entry.resolve() != labels.resolve()
        and names & {stem(entry), IMAGE_SUFFIX.sub("", stem(entry))}
    ]
    if len(found) != 1:
        what = "There is no image" if not found else f"There are several images ({', '.join(map(str, found))})"
        raise ImageError(f"{what} for {labels} in {folder}; an image and its labels need the same name.")
    return found[0]


def _is_image(path: Path) -> bool:
    return is_image_name(path) and (path.is_file() or is_zarr(path))
