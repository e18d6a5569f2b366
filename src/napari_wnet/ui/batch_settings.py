"""Everything the Batch dock is set to, and what a press of Start means with it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_wnet.batch.kinds import KINDS
from napari_wnet.errors import OutputError, ParamsError, WNetError
from napari_wnet.fields import Params
from napari_wnet.io.sidecar import read_sidecar
from napari_wnet.params import AUTO, DEFAULT_MODEL, SegmentParams
from napari_wnet.scheduler import THREADS, check_scheduler
from napari_wnet.ui.resized import with_diameter

ENDING = "-wnet"
MOST_LOOKED_AT = 20
WORDS = {
    "choose threads, processes, or an address": "choose this window, processes on this computer, or type an address",
    "else choose threads.": "else choose to run in this window.",
    " (--out)": "",
    " (--overwrite)": " (tick 'replace earlier results')",
    "--recursive looks into its folders": "'look into its folders' finds those within it",
    "--axes ": "axes ",
    "with --axes": "under 'axes' (unfold 'What to save...')",
    "--channels ": "channels ",
    "with --channels": "under 'channels'",
    "of its channels, or": "of its channels under 'channels' (unfold 'What to save...'), or",
}
"""What messages for the command line say, and what the dock calls it."""


@dataclass(frozen=True, kw_only=True)
class BatchSettings(Params):
    """The state of the Batch dock.

    Attributes
    ----------
    folder, out : str
        Of the images, and of the results; empty: not chosen yet.
    recursive : bool
        Look into the folders of the folder.
    pattern : str
        Only files like these, several with commas between them: ``*.tif, *.png``.
    model : str
        A name, or the path of a file.
    follows : bool
        Use the model and the parameters of the Segment dock, not those that the model recommends.
    save : tuple of str
        What is saved, of :data:`napari_wnet.batch.kinds.KINDS`.
    scheduler : str
        See :mod:`napari_wnet.scheduler`.
    device : str
    foreground : str
        A folder of masks, or a mask file; empty: none.
    foreground_use : {"objects", "region"}
        What the masks say, where there are any: see :class:`napari_wnet.params.ClusteringParams`.
    axes, channels : str
        See :func:`napari_wnet.io.axes.arrange`; empty: as the files say, and all.
    sized : bool
        Estimate the diameter of the objects in each image, and rescale where that helps.
    overwrite : bool
        Replace earlier results.
    """

    folder: str = ""
    recursive: bool = False
    pattern: str = "*"
    out: str = ""
    model: str = DEFAULT_MODEL
    follows: bool = False
    save: tuple[str, ...] = ("labels",)
    scheduler: str = THREADS
    device: str = "auto"
    foreground: str = ""
    foreground_use: Literal["objects", "region"] = "objects"
    axes: str = ""
    channels: str = ""
    sized: bool = False
    overwrite: bool = False

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns one by one."""
        return tuple(part.strip() for part in self.pattern.split(",") if part.strip()) or ("*",)


@dataclass(frozen=True, kw_only=True)
class Order:
    """A press of Start, complete.

    Attributes
    ----------
    settings : BatchSettings
    params : SegmentParams or None
        None: those that the model recommends.
    recommended : SegmentParams or None
        What the model recommends, where that is known.
    known : float
        Diameter in pixels that the model was trained on; 0: not known.
    """

    settings: BatchSettings
    params: SegmentParams | None = None
    recommended: SegmentParams | None = None
    known: float = 0.0

    def used(self, recommended: SegmentParams) -> SegmentParams:
        """Return the parameters, given those that the model recommends, with what is said in the Batch dock alone."""
        params = self.params or recommended
        if self.settings.sized and params.normalize.diameter:  # the smallest object counts from the model's size
            params = with_diameter(params, recommended, recommended.normalize.diameter, self.known)
        return params.replace(**self.own_changes())

    def own_changes(self) -> dict[str, str | float]:
        """Return what this dock changes in the parameters, as :meth:`SegmentParams.replace` takes it."""
        settings = self.settings
        changes: dict[str, str | float] = {"normalize__diameter": AUTO} if settings.sized else {}
        if settings.foreground:
            changes["clustering__foreground_use"] = settings.foreground_use
        return changes

    def check(self) -> None:
        """Refuse what cannot be begun.

        Raises
        ------
        WNetError
        """
        settings = self.settings
        if not settings.folder:
            raise ParamsError("Choose a folder of images first.")
        if not settings.out:
            raise OutputError("Choose a folder for the results.")
        if not settings.model:
            raise ParamsError("Choose a model first.")
        check_scheduler(settings.scheduler)
        unknown = [kind for kind in settings.save if kind not in KINDS]
        if unknown:
            raise ParamsError(f"There is nothing called {', '.join(unknown)} to save.")


def proposed_out(folder: Path) -> Path:
    """Return where the results of a folder's images go: beside it, and never among earlier results."""
    while folder.name and _holds_results(folder.parent):
        folder = folder.parent
    return folder.with_name(folder.name + ENDING) if folder.name else folder / ENDING.strip("-")


def _holds_results(folder: Path) -> bool:
    try:
        for path in itertools.islice(folder.glob("*.json"), MOST_LOOKED_AT):
            try:
                read_sidecar(path)
            except WNetError:  # some other JSON
                continue
            return True
    except OSError:  # it may be entered, not listed
        pass
    return False


def in_the_dock(text: str) -> str:
    """Return a message with the flags of the command line called what the dock calls them."""
    for flag, name in WORDS.items():
        text = text.replace(flag, name)
    return text
