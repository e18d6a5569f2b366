"""How a set of images is segmented, and what is said of each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_wnet.params import SegmentParams
from napari_wnet.reports import Progress

if TYPE_CHECKING:  # it brings torch: docks and the command line know the kinds before they need that
    from napari_wnet.network.checkpoint import Model

State = Literal["done", "skipped", "failed"]
CORRECTED = "Corrected by hand."
"""Noted of results whose labels a person has changed since they were made."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchJob:
    """How a set of files is segmented.

    Attributes
    ----------
    model : Model
    params : SegmentParams
    out : Path
        Folder of the results.
    save : tuple of str
        Of :data:`napari_wnet.batch.kinds.KINDS`; labels, table and sidecar are always written.
    device : str
    foreground : Path or None
        A mask file, or a folder with a mask of the same name for each image.
    axes : str or None
    channels : str or None
        See :func:`napari_wnet.io.axes.arrange`.
    overwrite : bool
        Replace earlier results. Otherwise those that are finished and were made the same way are left alone, and
        others are not replaced.
    report : bool
        Write a page on the whole batch, if that is more than one image.
    blocks : int or None
        Side of the blocks in which all images are worked on, in pixels; None: large OME-Zarr only, in usual blocks.
    plane : str or None
        Which plane is worked on in blocks, such as ``T=0,Z=3``, where there are several.
    """

    model: Model
    params: SegmentParams
    out: Path
    save: tuple[str, ...] = ("labels",)
    device: str = "auto"
    foreground: Path | None = None
    axes: str | None = None
    channels: str | None = None
    overwrite: bool = False
    report: bool = False
    blocks: int | None = None
    plane: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileStarted:
    """The network has begun to look at a file."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """What became of one file.

    Attributes
    ----------
    path : Path
    state : str
        ``done``, ``skipped`` (was finished before) or ``failed``.
    n_objects : int
    seconds : float
        From the time that the network began to look at it until all was written.
    error : str
        Why it failed.
    notes : tuple of str
        What the user should know.
    outputs : dict of str to Path
        What was written, by kind.
    """

    path: Path
    state: State = "done"
    n_objects: int = 0
    seconds: float = 0.0
    error: str = ""
    notes: tuple[str, ...] = ()
    outputs: dict[str, Path] = field(default_factory=dict)


Report = Progress | FileStarted | FileResult | None
"""None: there is nothing to tell; only the chance to end the batch."""
