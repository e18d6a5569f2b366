"""What of a project.json is believed: it may be damaged, of another version, or written by somebody else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from napari_wnet.errors import ProjectError
from napari_wnet.json_values import parse_json, value_of
from napari_wnet.project.arrays import DTYPES, FILE_NAME, MOST_AXES, ArrayRecord
from napari_wnet.project.record import FORMAT, FORMAT_VERSION, ImageRecord, LabelsRecord, Record
from napari_wnet.project.state import Plane

Item = TypeVar("Item")
LARGEST_INTEGER = 2**31 - 1


def parse_record(text: bytes, path: Path) -> Record:
    """Read the text of project.json.

    Raises
    ------
    ProjectError
        If it is not JSON, another program's, or a newer version's. What is wrong within is left out and listed.
    """
    try:
        info = parse_json(text)
    except ValueError as error:
        raise damaged(path, "it is not valid JSON") from error
    version = info.get("format_version") if isinstance(info, dict) and info.get("format") == FORMAT else None
    if not isinstance(version, int):
        raise damaged(path, "it is no project of this program")
    if version > FORMAT_VERSION:
        raise ProjectError(
            f"{path} was made by a newer napari-wnet (format {version}, this one reads up to {FORMAT_VERSION}); "
            "run 'pip install --upgrade napari-wnet', or choose another folder."
        )
    problems: list[str] = []
    try:
        project = value_of(info, "project", str)
        if len(project) != 8 or set(project) - set("0123456789abcdef"):
            raise ValueError("project")
        settings, images = value_of(info, "settings", dict), value_of(info, "images", list)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"{error} is missing or wrong") from error
    return Record(
        project=project,
        settings=settings,
        images=_believed(images, _image, problems),
        problems=tuple(problems),
    )


def damaged(path: Path, why: str) -> ProjectError:
    """Return the error for a project.json that cannot be used; nothing in such a folder is ever changed."""
    return ProjectError(f"{path} is damaged: {why}. Put it back from a copy, move it away, or choose another folder.")


def _believed(items: Sequence[Any], parse: Callable[[Any, list[str]], Item], problems: list[str]) -> tuple[Item, ...]:
    """Return what can be made of the items; what cannot is listed among the problems."""
    found = []
    for number, item in enumerate(items):
        try:
            found.append(parse(item, problems))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            what = f"{parse.__name__.strip('_')} {number + 1}"
            problems.append(f"project.json is damaged at {what} ({error} is missing or wrong); it is left out.")
    return tuple(found)


def _image(info: Any, problems: list[str]) -> ImageRecord:
    return ImageRecord(
        name=value_of(info, "name", str),
        path=value_of(info, "path", str),
        shape=_integers(info["shape"]),
        sha256=value_of(info, "sha256", str),
        settings=value_of(info, "settings", dict),
        labels=_believed(value_of(info, "labels", list), _labels, problems),
    )


def _labels(info: Any, _: list[str]) -> LabelsRecord:
    labels = _array(info["labels"])
    cleared = None if info["cleared"] is None else _array(info["cleared"])
    if cleared is not None and (cleared.shape != labels.shape or cleared.dtype != "uint8"):
        raise ValueError("cleared")
    return LabelsRecord(
        name=value_of(info, "name", str),
        labels=labels,
        cleared=cleared,
        done=_ticks(info["done"], labels.shape),
        locked=_ticks(info["locked"], labels.shape),
        seeds=None if info["seeds"] is None else tuple(_point(point, len(labels.shape)) for point in info["seeds"]),
        corner=_corner(info.get("corner")),  # earlier versions noted none
    )


def _array(info: Any) -> ArrayRecord:
    record = ArrayRecord(
        file=value_of(info, "file", str),
        sha256=value_of(info, "sha256", str),
        shape=_integers(info["shape"]),
        dtype=value_of(info, "dtype", str),
        size=value_of(info, "size", int),
    )
    if FILE_NAME.fullmatch(record.file) is None:
        raise ValueError(f"the file name {record.file[:80]!r}")
    if not 2 <= len(record.shape) <= MOST_AXES or min(record.shape) < 1:
        raise ValueError("shape")
    if record.dtype not in DTYPES:
        raise ValueError("dtype")
    return record


def _ticks(info: Any, shape: tuple[int, ...]) -> dict[Plane, frozenset[int]]:
    ticks = {_integers(plane): frozenset(_integers(labels)) for plane, labels in info}
    lead = shape[:-2]
    if any(len(plane) != len(lead) or any(i >= n for i, n in zip(plane, lead, strict=True)) for plane in ticks):
        raise ValueError("plane")
    return ticks


def _point(info: Any, n_axes: int) -> tuple[float, ...]:
    if not isinstance(info, list) or len(info) != n_axes or not all(isinstance(x, int | float) for x in info):
        raise ValueError("seeds")
    point = tuple(float(x) for x in info)
    if not all(math.isfinite(x) for x in point):
        raise ValueError("seeds")
    return point


def _corner(info: Any) -> tuple[int, int] | None:
    if info is None:
        return None
    row, column = _integers(info)  # a list of another length is a ValueError as well
    return row, column


def _integers(info: Any) -> tuple[int, ...]:
    """Return whole numbers that are not negative."""
    if not isinstance(info, list) or not all(type(i) is int and 0 <= i <= LARGEST_INTEGER for i in info):
        raise ValueError("a list of whole numbers")
    return tuple(info)
