"""All models that can be chosen with what their files say of them, as a list for people."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_wnet.errors import ModelError
from napari_wnet.network.catalog import ModelEntry, Places, list_models, package_entries
from napari_wnet.network.checkpoint import read_header
from napari_wnet.network.header import ModelHeader
from napari_wnet.network.measured import MeasuredCard, bundled_card
from napari_wnet.network.names import SUFFIX
from napari_wnet.network.registry import fetch_entry_steps
from napari_wnet.reports import Progress

PARTS = ("test", "validation")
"""Which scores count: on images that nobody looked at, or else on those that chose the model."""


@dataclass(frozen=True, kw_only=True)
class ShelvedModel:
    """A model and what its file says of it.

    Attributes
    ----------
    entry : ModelEntry
    path : Path
        Its file: the checked copy in the cache once there is one, or that in the package.
    hidden : Path or None
        A file of the user's own that is called the same, and so cannot be chosen.
    header : ModelHeader or None
        None where the file is damaged, or not on this machine yet.
    measured : MeasuredCard or None
        What was measured of it after its training.
    """

    entry: ModelEntry
    path: Path
    header: ModelHeader | None = None
    measured: MeasuredCard | None = None
    hidden: Path | None = None

    @property
    def own(self) -> Path | None:
        """The file of the user's own that goes by this name, and can be renamed or removed."""
        return self.path if self.entry.source == "user" else self.hidden

    @property
    def diameter(self) -> float:
        """Typical diameter of an object in px; 0: unknown."""
        return 0.0 if self.header is None else self.header.diameter

    def score(self, name: str) -> tuple[float, str] | None:
        """Return a score and of which images it is; None where neither card nor file has one."""
        if self.measured is not None and self.measured.sets and name in self.measured.sets[-1].scores:
            return self.measured.sets[-1].scores[name], self.measured.sets[-1].title
        scores = {} if self.header is None else self.header.scores
        for part in (*PARTS, *scores):
            told: Any = scores.get(part)
            if isinstance(told, Mapping) and isinstance(told.get(name), (int, float)):
                return float(told[name]), f"{part} images"
        return None


def shelf_steps(places: Places | None = None) -> Generator[Progress, None, tuple[ShelvedModel, ...]]:
    """Return all models that can be chosen, the package's first; yields progress in models.

    Raises
    ------
    ModelError
        If the package's list is damaged; a damaged file of the user's own is listed as such.
    """
    places = places or Places.from_environment()
    yield Progress(done=0, total=0, what="looking for models")
    entries, shelved = list_models(places), []
    for number, entry in enumerate(entries):
        path, header = _file(entry, places), None
        with suppress(ModelError):
            header = read_header(path)
        measured = bundled_card(entry.sha256, places) if entry.source == "package" else None
        hidden = places.user / f"{entry.name}{SUFFIX}" if entry.hides else None
        shelved.append(ShelvedModel(entry=entry, path=path, header=header, measured=measured, hidden=hidden))
        yield Progress(done=number + 1, total=len(entries), what="looking for models")
    return tuple(shelved)


def fetch_all_steps(places: Places | None = None) -> Generator[Progress, None, tuple[Path, ...]]:
    """Bring every model of the package into the cache, checked, to be used offline; yields progress in bytes.

    The network that outlines what a person points at comes along; the user's own models are here already, unchecked.

    Raises
    ------
    ModelError
        If one can be had from nowhere.
    """
    places = places or Places.from_environment()
    paths = []
    for entry in package_entries(places.package):
        paths.append((yield from fetch_entry_steps(entry, places)))
    return tuple(paths)


def _file(entry: ModelEntry, places: Places) -> Path:
    if entry.source == "user":
        return places.user / entry.file
    cached, bundled = places.cache / entry.file, places.package / entry.file
    return cached if cached.is_file() or not bundled.is_file() else bundled
