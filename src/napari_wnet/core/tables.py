"""Tables of measurements: one row an object, an image or a frame, of single planes and of stacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.columns import ALL
from napari_wnet.core.labels import LabelArray, check_labels
from napari_wnet.core.measure import PixelSize, measure_plane
from napari_wnet.core.traits import plane_traits
from napari_wnet.errors import ImageError, ParamsError

if TYPE_CHECKING:
    from pandas import DataFrame

Index = tuple[int, ...]
FRAME = "frame"
"""Unit of time where nothing is known of it."""


def measure(
    labels: npt.ArrayLike,
    image: npt.ArrayLike | None = None,
    pixel_size: PixelSize | None = None,
    *,
    axes: str | None = None,
    properties: Iterable[str] = ALL,
) -> DataFrame:
    """Measure each object of a labels image or a stack of them.

    Parameters
    ----------
    labels : (..., Y, X) integer array
        0 is background. The planes of a stack are measured one by one.
    image : array, optional
        Where the intensities are read: of the shape of the labels, or with channels before Y and X, (..., C, Y, X), or
        with colours at the end, (..., Y, X, 3 or 4).
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres: lengths and areas are then in micrometres, else in pixels.
    axes : str, optional
        One letter an axis of the labels, such as ``"TYX"``: names the columns that say where an object is.
    properties : iterable of str
        Which columns, by their names without units; by default all: see :data:`napari_wnet.core.columns.COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        One row an object: in a stack first the position of its plane (``t``, ``z``; ``plane`` without `axes`), then
        ``label`` and the measurements, with units in the columns' names.

    Raises
    ------
    ImageError
        If the labels are no labels, or the image or the axes do not fit them.
    ParamsError
        If the pixel size is not two positive numbers, or a property is unknown.
    """
    array = _stack(labels)
    names, channels, wanted = lead_names(array.ndim, axes), _channels(image, array), tuple(properties)
    tables = {
        index: measure_plane(array[index], None if channels is None else channels[index], pixel_size, properties=wanted)
        for index in np.ndindex(*array.shape[:-2])
    }
    return object_table(tables, names)


def traits(labels: npt.ArrayLike, pixel_size: PixelSize | None = None, *, axes: str | None = None) -> DataFrame:
    """Describe a labels image, or each plane of a stack, as a whole: count, areas, diameter, compactness.

    Parameters
    ----------
    labels, pixel_size, axes
        As for :func:`measure`.

    Returns
    -------
    pandas.DataFrame
        One row an image: see :data:`napari_wnet.core.traits.TRAITS`.

    Raises
    ------
    ImageError, ParamsError
        As :func:`measure`.
    """
    array = _stack(labels)
    names = lead_names(array.ndim, axes)
    rows = {index: plane_traits(array[index], pixel_size) for index in np.ndindex(*array.shape[:-2])}
    return trait_table(rows, names)


def growth(
    labels: npt.ArrayLike, pixel_size: PixelSize | None = None, *, interval: float = 1.0, time_unit: str = FRAME
) -> DataFrame:
    """Describe each frame of a time series, and how fast the area of all objects grows from frame to frame.

    Parameters
    ----------
    labels : (T, Y, X) integer array
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.
    interval : float
        Time from frame to frame.
    time_unit : str
        Of the interval, such as ``"h"``; it becomes part of the columns' names.

    Returns
    -------
    pandas.DataFrame
        One row a frame: ``t``, the traits of :func:`traits`, and the growth of :func:`with_growth`.

    Raises
    ------
    ImageError
        If the labels are not three-dimensional.
    ParamsError
        If the pixel size or the interval is not positive.
    """
    array = _stack(labels)
    if array.ndim != 3:
        raise ImageError(f"A time series of labels is (T, Y, X); these have shape {array.shape}. Choose such a part.")
    return with_growth(traits(array, pixel_size, axes="TYX"), interval=interval, time_unit=time_unit)


def with_growth(table: DataFrame, *, interval: float = 1.0, time_unit: str = FRAME) -> DataFrame:
    """Add the relative growth rate to a table with a column ``t``: one of frames, or one of objects.

    It is the difference of the logarithms of the area, now and before, divided by the time between. In a table of
    objects each is compared with the last earlier frame that has its label, so that labels must be the same over time.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`measure` or :func:`traits`.
    interval, time_unit
        As for :func:`growth`.

    Returns
    -------
    pandas.DataFrame
        A new table, ordered by label, if there are any, and time. Its last column is ``relative_growth_rate_per_`` and
        the unit of time: empty for what has nothing before it; ``time_`` and the unit is added, unless it is frames.

    Raises
    ------
    ParamsError
        If there is no column of time or area, several rows are of the same time, or the interval is not above 0.
    """
    areas = [name for name in table.columns if name.startswith(("area_", "total_area_"))]
    if "t" not in table.columns or not areas:
        raise ParamsError("Growth needs the columns t and area; measure a time series with axes='TYX'.")
    if not (np.isfinite(interval) and interval > 0):
        raise ParamsError(f"{interval} cannot be the time between frames; give a number above 0.")
    by = [name for name in ("label",) if name in table.columns]
    if table.duplicated([*by, "t"]).any():
        raise ParamsError("Growth needs one row a frame, or one for each label in it; choose one plane and one file.")
    result = table.sort_values([*by, "t"], kind="stable", ignore_index=True)
    if time_unit != FRAME:
        result.insert(result.columns.get_loc("t") + 1, f"time_{time_unit}", result["t"] * interval)
    values = result[areas[0]].astype(float)
    both = result[[*by]].assign(area=np.log(values.where(values > 0)), time=result["t"] * interval)
    steps = both.groupby("label").diff() if by else both.diff()
    result[f"relative_growth_rate_per_{time_unit}"] = steps["area"] / steps["time"]
    return result


def object_table(tables: Mapping[Index, Mapping[str, Any]], names: Iterable[str]) -> DataFrame:
    """Put the measurements of planes one below the other, with a column for each leading axis."""
    import pandas

    parts = [
        pandas.DataFrame({**dict(zip(names, index, strict=True)), **columns}, index=range(len(columns["label"])))
        for index, columns in tables.items()
    ]
    # An empty part would make whole numbers of the others into floats.
    filled = [part for part in parts if len(part)] or parts[:1]
    return pandas.concat(filled, ignore_index=True) if filled else pandas.DataFrame()


def trait_table(rows: Mapping[Index, Mapping[str, Any]], names: Iterable[str]) -> DataFrame:
    """Put the traits of planes one below the other, with a column for each leading axis."""
    import pandas

    return pandas.DataFrame([{**dict(zip(names, index, strict=True)), **row} for index, row in rows.items()])


def lead_names(ndim: int, axes: str | None = None) -> tuple[str, ...]:
    """Return the names of the columns for the axes before Y and X.

    Raises
    ------
    ImageError
        If `axes` does not have one letter for each of `ndim` axes, Y and X last.
    """
    n_lead = ndim - 2
    if axes is None:
        return ("plane",) if n_lead == 1 else tuple(f"plane_{axis}" for axis in range(n_lead))
    if len(axes) != ndim or len(set(axes.upper())) != ndim or not axes.upper().endswith("YX"):
        raise ImageError(f"The axes '{axes}' do not fit {ndim} axes; write one letter for each, such as TYX.")
    return tuple(letter.lower() for letter in axes[:-2])


def _stack(labels: npt.ArrayLike) -> LabelArray:
    array = check_labels(labels)
    if array.ndim < 2:
        raise ImageError(f"Labels need two axes or more, (..., Y, X); these have shape {array.shape}.")
    return array


def _channels(image: npt.ArrayLike | None, labels: LabelArray) -> npt.NDArray[Any] | None:
    """Return an image as (..., C, Y, X)."""
    if image is None:
        return None
    array = np.asarray(image)
    if array.shape == labels.shape:
        return array[..., np.newaxis, :, :]
    if array.ndim == labels.ndim + 1 and array.shape[:-3] + array.shape[-2:] == labels.shape:
        return array
    if array.shape[:-1] == labels.shape and array.shape[-1] in (3, 4):
        return np.moveaxis(array, -1, -3)
    raise ImageError(
        f"The image has shape {array.shape}, the labels {labels.shape}: they do not go together. Give the image that "
        "was labelled, its channels before Y and X."
    )
