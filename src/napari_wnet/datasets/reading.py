"""A folder of any layout known here, read as one data set: what it is, is told by what lies in it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple

from napari_wnet.datasets import bbbc006, cvppp, dsb2018, plain
from napari_wnet.datasets.annotated import DataSet, Listing, Selection, read_listing, some
from napari_wnet.errors import TrainingError
from napari_wnet.reports import Progress


class Layout(NamedTuple):
    """How a layout is told, listed, and described to those who have another."""

    is_here: Callable[[Path], bool]
    list_steps: Callable[[str | Path], Generator[Progress, None, Listing]]
    looked_for: str


LAYOUTS = {
    # First, so that the converted copy of a set is not taken for the set itself.
    "plain": Layout(plain.is_here, plain.list_steps, plain.LOOKED_FOR),
    "cvppp": Layout(cvppp.is_here, cvppp.list_steps, cvppp.LOOKED_FOR),
    "bbbc006": Layout(bbbc006.is_here, bbbc006.list_steps, bbbc006.LOOKED_FOR),
    "nuclei": Layout(dsb2018.is_here, dsb2018.list_steps, dsb2018.LOOKED_FOR),
}


def layout_of(source: str | Path) -> str:
    """Return which of :data:`LAYOUTS` a folder has.

    Raises
    ------
    TrainingError
        If it has none; the message says what was looked for and what is there.
    """
    source = Path(source)
    for name, layout in LAYOUTS.items():
        if layout.is_here(source):
            return name
    there = sorted(path.name for path in source.iterdir()) if source.is_dir() else []
    looked_for = "; ".join(layout.looked_for for layout in LAYOUTS.values())
    raise TrainingError(
        f"{source} is no data set known here. Looked for: {looked_for}. Found: {some(there) or 'nothing'}."
    )


def list_steps(source: str | Path) -> Generator[Progress, None, Listing]:
    """List the images of a folder of any known layout.

    Raises
    ------
    WNetError
        If it has none, or nothing in it can be used.
    """
    return (yield from LAYOUTS[layout_of(source)].list_steps(source))


def read_steps(source: str | Path, selection: Selection | None = None) -> Generator[Progress, None, DataSet]:
    """Read the images of a selection, by default all that have labels, with a report before each.

    Parameters
    ----------
    source : str or Path
        A folder as published or as ``napari-wnet convert`` writes it; or an HDF5 file of the leaf challenge.
    selection : Selection, optional

    Returns
    -------
    DataSet
        Its `samples` are what training takes, its `subsets` say where each belongs.

    Raises
    ------
    WNetError
        If the layout is none of those known, or no image can be used; the message says what was looked for.
    """
    listing = yield from list_steps(source)
    return (yield from read_listing(listing, selection))
