"""Which files a batch segments, and what their results are called."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from napari_wnet.batch.outputs import own_outputs
from napari_wnet.errors import ImageError
from napari_wnet.io.images import is_image_name
from napari_wnet.io.ngff import is_zarr

EVERYTHING = ("*",)
OUR_LISTS = frozenset({"failed.csv", "report.html"})
LISTS = frozenset({"failed"})
"""Names that a batch needs for itself: an image called so keeps its ending in the names of its results."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One image to segment.

    Attributes
    ----------
    path : Path
    stem : str
        What the names of its results begin with, within the output folder: ``plate1/a`` for ``plate1/a.tif``. Where
        files differ in nothing but their ending, that is kept: ``a.tif`` and ``a.png``.
    """

    path: Path
    stem: str

    @property
    def name(self) -> str:
        """Name of the file, with the folders in which it lies among the images."""
        return (Path(self.stem).parent / self.path.name).as_posix()


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The images that were named, in order and once each, and a line for each file that is none."""

    items: tuple[Item, ...]
    problems: tuple[str, ...]


def find_inputs(
    named: Iterable[str],
    out: Path,
    *,
    recursive: bool = False,
    patterns: Sequence[str] = EVERYTHING,
    foreground: Path | None = None,
) -> Inputs:
    """Return the image files behind names of files, folders and patterns.

    In folders and behind patterns, files that are no images are listed, hidden ones are passed over, and so are the
    results of this program, this run's and earlier ones'.

    Parameters
    ----------
    named : iterable of str
    out : Path
        Where the results go. Within a folder that is looked through, it is left alone.
    recursive : bool
        Look into folders within folders; results then lie in folders of the same names.
    patterns : sequence of str
        In folders, only files whose name, or path within the folder, fits one of these (``*.tif``, ``plate?/*``).
    foreground : Path, optional
        Masks, a file or a folder: within a folder that is looked through, they are no images to segment.

    Raises
    ------
    ImageError
        If a name leads nowhere, or nothing was found.
    """
    files: dict[Path, tuple[Path, str]] = {}
    problems: list[str] = []
    outputs = _Outputs()
    apart = frozenset(path.resolve() for path in (out, foreground) if path is not None)
    for name in named:
        path = Path(name)
        if path.is_file() or is_zarr(path):
            files.setdefault(path.absolute(), (path, path.name))
            continue
        found = _listed(path, apart, problems, recursive=recursive) if path.is_dir() else _matching(name)
        if not found and not path.is_dir():
            raise ImageError(f"'{name}' names no file; check the name, or put a pattern in quotes.")
        for entry, within in found:
            if not any(fnmatch(entry.name, pattern) or fnmatch(within, pattern) for pattern in patterns):
                continue
            if entry.name in outputs.of(entry.parent) or entry.name in OUR_LISTS:
                continue
            if not is_image_name(entry):
                problems.append(f"{entry}: not an image, skipped")
            else:
                files.setdefault(entry.absolute(), (entry, within))
    kept = [(path, within) for path, within in files.values() if path.name not in outputs.of(path.parent)]
    if not kept:
        raise ImageError(
            f"There is no image to segment in {', '.join(map(repr, named))}; name image files, or a folder of them "
            "(--recursive looks into its folders)."
        )
    return Inputs(items=tuple(_named(kept)), problems=tuple(problems))


def _listed(folder: Path, apart: frozenset[Path], problems: list[str], *, recursive: bool) -> list[tuple[Path, str]]:
    """Return the files in a folder, and where they lie in it; hidden ones and what is to be left alone are not."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        files = {entry for entry in entries if entry.is_file() or is_zarr(entry)}
    except OSError as error:
        raise ImageError(f"{folder} cannot be looked into ({error.strerror}); check its permissions.") from error
    found: list[tuple[Path, str]] = []
    for entry in entries:
        if entry in files:
            found += [(entry, entry.name)] if entry.resolve() not in apart else []
        elif recursive and entry.is_dir() and not entry.is_symlink() and entry.resolve() not in apart:
            try:  # not behind a link, which may lead back up
                within = _listed(entry, apart, problems, recursive=True)
            except ImageError as error:  # the others can be segmented all the same
                problems.append(str(error))
                continue
            found += [(path, f"{entry.name}/{name}") for path, name in within]
    return found


def _matching(pattern: str) -> list[tuple[Path, str]]:
    """Return the files that a pattern names; results lie as they do, below what all of them have in common."""
    found = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207 - it may be absolute
    files = [path for path in found if (path.is_file() or is_zarr(path)) and not path.name.startswith(".")]
    if not files:
        return []
    top = os.path.commonpath([path.parent.absolute() for path in files])
    return [(path, path.absolute().relative_to(top).as_posix()) for path in files]


def _named(files: Sequence[tuple[Path, str]]) -> Iterator[Item]:
    """Give each file a stem that no other has, on disks too that do not tell capitals from small letters."""
    stems = [_stem(within) for _, within in files]
    often = Counter(stem.casefold() for stem in stems)
    taken: set[str] = set()
    for (path, within), stem in zip(files, stems, strict=True):
        unlike = often[stem.casefold()] == 1 and stem.casefold() not in LISTS
        chosen = stem if unlike else within
        number = 1
        while chosen.casefold() in taken:
            number += 1
            chosen = f"{within}-{number}"
        taken.add(chosen.casefold())
        yield Item(path=path, stem=chosen)


def _stem(within: str) -> str:
    head, slash, name = within.rpartition("/")
    return head + slash + plain_stem(name)


def plain_stem(name: str) -> str:
    """Return a file's name without its ending, be that a double one as of ``a.ome.tif``."""
    stem = Path(name).stem
    return stem.removesuffix(".ome") or stem


class _Outputs:
    """The names of this program's results in folders, each of which is looked through once."""

    def __init__(self) -> None:
        self._found: dict[Path, frozenset[str]] = {}

    def of(self, folder: Path) -> frozenset[str]:
        if folder not in self._found:
            self._found[folder] = own_outputs(folder)
        return self._found[folder]
