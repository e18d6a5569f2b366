"""The text of project.json: what it says, and what of a hostile or damaged one is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_wnet.errors import OutputError
from napari_wnet.project.arrays import ArrayRecord
from napari_wnet.project.state import LabelsState, Ticks

FORMAT = "napari-wnet project"
FORMAT_VERSION = 1
"""Grows when an older program would misread the folder; additions alone do not change it."""
MAX_BYTES = 64 * 2**20
"""More than this is neither written nor read."""


@dataclass(frozen=True, kw_only=True)
class LabelsRecord:
    """A labels layer as noted: its arrays are files, the rest is here."""

    name: str
    labels: ArrayRecord
    cleared: ArrayRecord | None = None
    done: Ticks = field(default_factory=dict)
    locked: Ticks = field(default_factory=dict)
    seeds: tuple[tuple[float, ...], ...] | None = None
    corner: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class ImageRecord:
    """A source image as noted."""

    name: str
    path: str
    shape: tuple[int, ...]
    sha256: str
    settings: Mapping[str, Any]
    labels: tuple[LabelsRecord, ...]


@dataclass(frozen=True, kw_only=True)
class Record:
    """The whole of project.json.

    Attributes
    ----------
    project : str
        Eight hexadecimal digits in the name of each of its files, which tell them from another project's.
    images : tuple of ImageRecord
    settings : mapping
    problems : tuple of str
        What in it could not be believed, and was left out.
    """

    project: str
    images: tuple[ImageRecord, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def files(self) -> dict[str, ArrayRecord]:
        """The arrays' files by name."""
        labels = [labels for image in self.images for labels in image.labels]
        arrays = [array for item in labels for array in (item.labels, item.cleared) if array is not None]
        return {array.file: array for array in arrays}


def labels_record(state: LabelsState, labels: ArrayRecord, cleared: ArrayRecord | None) -> LabelsRecord:
    """Return what is noted of a labels layer whose arrays have been written."""
    seeds = None if state.seeds is None else tuple(tuple(point) for point in state.seeds.tolist())
    return LabelsRecord(
        name=state.name,
        labels=labels,
        cleared=cleared,
        done=state.done,
        locked=state.locked,
        seeds=seeds,
        corner=state.corner,
    )


def format_record(record: Record) -> str:
    """Return the text of project.json.

    Raises
    ------
    OutputError
        If settings hold what JSON cannot, or the text is longer than would be read again.
    """
    images = [{**vars(image), "labels": [_labels_info(labels) for labels in image.labels]} for image in record.images]
    info = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "project": record.project,
        "settings": record.settings,
        "images": images,
    }
    try:
        text = json.dumps(info, indent=1, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise OutputError(f"The settings cannot be kept ({error}); use numbers, texts and lists of them.") from error
    if len(text) > MAX_BYTES:
        raise OutputError("The project has too many images, ticks or seeds for one folder; use another one for some.")
    return text


def _ticks_info(ticks: Ticks) -> list[Any]:
    """Return ticks as lists, ``[[plane, labels], ...]``: JSON has no other keys than texts."""
    return [[[int(i) for i in plane], sorted(int(label) for label in labels)] for plane, labels in ticks.items()]


def _labels_info(record: LabelsRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "labels": vars(record.labels),
        "cleared": None if record.cleared is None else vars(record.cleared),
        "done": _ticks_info(record.done),
        "locked": _ticks_info(record.locked),
        "seeds": record.seeds,
        "corner": record.corner,
    }
