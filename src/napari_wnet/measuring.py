"""Measuring as a use case: labels files in, tables of objects, images and frames out."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_wnet.core.columns import ALL
from napari_wnet.core.measure import PixelSize
from napari_wnet.core.tables import FRAME, growth, measure, traits
from napari_wnet.datasets.naming import image_of
from napari_wnet.errors import ImageError, WNetError
from napari_wnet.io.axes import UNKNOWN, arrange
from napari_wnet.io.images import ImageFile, labels_of, read_image
from napari_wnet.io.ngff import is_zarr
from napari_wnet.reports import Progress

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class MeasureJob:
    """How files of labels are measured.

    Attributes
    ----------
    image : Path or None
        The image that was labelled, or a folder with an image of the same name for each labels file.
    channels : str or None
        Of the images; see :func:`napari_wnet.io.axes.arrange`.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres; None: what the labels file says, or else the image.
    axes : str or None
        One letter an axis of the labels; None: what the file says.
    properties : tuple of str
    with_growth : bool
        Whether the files are time series.
    interval, time_unit
        From frame to frame; see :func:`napari_wnet.core.tables.growth`.
    """

    image: Path | None = None
    channels: str | None = None
    pixel_size: PixelSize | None = None
    axes: str | None = None
    properties: tuple[str, ...] = ALL
    with_growth: bool = False
    interval: float = 1.0
    time_unit: str = FRAME


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """The tables of all files, their first column being the file; and a line for each file that has none."""

    objects: DataFrame
    traits: DataFrame
    growth: DataFrame
    counts: dict[Path, int]
    problems: tuple[str, ...]


def measure_files_steps(job: MeasureJob, files: Sequence[Path]) -> Generator[Progress, None, Measured]:
    """Measure files one by one; one that fails is named among the problems, and the others go on.

    Yields
    ------
    Progress
        Before each file.
    """
    tables: dict[str, list[DataFrame]] = {"objects": [], "traits": [], "growth": []}
    counts: dict[Path, int] = {}
    problems: list[str] = []
    unique = len({path.name for path in files}) == len(files)
    for done, path in enumerate(files):
        yield Progress(done=done, total=len(files), what=path.name)
        try:
            found = _tables(job, path)
        except WNetError as error:
            problems.append(str(error) if str(path) in str(error) else f"{path}: {error}")
            continue
        counts[path] = len(found["objects"])
        for kind, table in found.items():
            # Tables hold Unicode only; names from older systems may be something else.
            shown = (path.name if unique else str(path)).encode(errors="backslashreplace").decode()
            table.insert(0, "file", shown)
            tables[kind].append(table)
    joined = {kind: _joined(parts) for kind, parts in tables.items()}
    return Measured(**joined, counts=counts, problems=tuple(problems))


def _tables(job: MeasureJob, path: Path) -> dict[str, DataFrame]:
    file = read_image(path, indices=True)
    labels = labels_of(file)
    axes = job.axes or _axes(file, labels.ndim)
    image, image_file = None, None
    if job.image is not None:
        image_file = read_image(image_of(path, job.image) if _is_folder(job.image) else job.image)
        image = _fitting(image_file, labels.shape, job.channels)
    size = job.pixel_size or file.pixel_size or (None if image_file is None else image_file.pixel_size)
    tables = {
        "objects": measure(labels, image, size, axes=axes, properties=job.properties),
        "traits": traits(labels, size, axes=axes),
    }
    if job.with_growth:
        if axes is not None and axes[:-2].upper() not in ("", "T"):
            raise ImageError(f"{path} has the axes {axes}, no time series; if it is one, say so with --axes TYX.")
        tables["growth"] = growth(labels, size, interval=job.interval, time_unit=job.time_unit)
    return tables


def _axes(file: ImageFile, ndim: int) -> str | None:
    """Return the letters of the labels' axes, None where the file does not say."""
    letters = None if file.axes is None else file.axes[-ndim:]
    return None if letters is None or set(letters) & set(UNKNOWN) else letters


def _fitting(file: ImageFile, shape: tuple[int, ...], channels: str | None) -> npt.NDArray[Any]:
    """Return an image as (..., C, Y, X), or just as the labels where it has their shape."""
    if file.array.shape == shape and channels is None:
        return file.array
    planes = arrange(file, channels=channels)
    array = planes.array[..., :3, :, :] if planes.rgb else planes.array
    if array.shape[:-3] + array.shape[-2:] != shape:
        raise ImageError(
            f"{file.path} has shape {file.array.shape}, its labels {shape}; give the image of these labels."
        )
    return array


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not is_zarr(path)


def _joined(parts: list[DataFrame]) -> DataFrame:
    import pandas

    filled = [part for part in parts if len(part)] or parts[:1]
    return pandas.concat(filled, ignore_index=True) if filled else pandas.DataFrame()
