"""Slides that are read window by window: OME-Zarr, tiled TIFF, NPY, and any array that can be sliced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.image import match_channels
from napari_wnet.core.tiling import Window
from napari_wnet.errors import ImageError, first_of
from napari_wnet.io.ngff import is_zarr, open_ngff
from napari_wnet.io.tiff import LazyTiff, PixelSize

Array = npt.NDArray[Any]
TIFF_ENDINGS = (".tif", ".tiff")


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """What is behind a path."""

    array: Any
    axes: str | None
    pixel_size: PixelSize | None = None
    rgb: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class SlideSource:
    """One plane with channels that is read window by window.

    Attributes
    ----------
    path : Path or None
        Where it is read from; then it can be sent to another process, which opens it anew.
    array : array-like
        Anything with `shape`, `dtype` and slices.
    axes : str
        One letter an axis of the array; Y, X and C or S are used, of all others one place.
    channels : tuple of int
        Channels to use, in order; empty: all.
    in_channels : int
        Channels the model reads.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres.
    rgb : bool
        Whether the channels are colours.
    plane : mapping of str to int
        Which place along each of the other axes.
    notes : tuple of str
        What the user should know.
    """

    path: Path | None
    array: Any = field(repr=False)
    axes: str
    channels: tuple[int, ...] = ()
    in_channels: int = 1
    pixel_size: PixelSize | None = None
    rgb: bool = False
    plane: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind where a path leads to it again."""
        return {**vars(self), "array": self.array if self.path is None else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["path"] is not None:
            state = {**state, "array": open_path(state["path"]).array}
        self.__dict__.update(state)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.array.shape[self.axes.index("Y")], self.array.shape[self.axes.index("X")]

    @property
    def channel_axis(self) -> str:
        """C, S or nothing."""
        return next((letter for letter in "CS" if letter in self.axes), "")

    def read(self, window: Window) -> Array:
        """Read the channels that the model is to see in a window, (in_channels, y, x)."""
        return match_channels(self.read_raw(window), self.in_channels, rgb=self.rgb)[0]

    def read_raw(self, window: Window) -> Array:
        """Read the chosen channels of a window as they are stored, (C, y, x).

        Raises
        ------
        ImageError
            If it cannot be read.
        """
        places: dict[str, Any] = {"Y": window[0], "X": window[1], self.channel_axis: slice(None)}
        try:
            where = {**self.plane, **places}
            part = np.asarray(self.array[tuple(where.get(letter, 0) for letter in self.axes)])
            part = part.astype(part.dtype.newbyteorder("="), copy=False)
        except Exception as error:
            first = first_of(error)
            reason = " ".join(str(first).split())[:200] or type(first).__name__
            raise ImageError(
                f"{self.path or 'The slide'} cannot be read at rows {window[0].start} to {window[0].stop}, columns "
                f"{window[1].start} to {window[1].stop} ({reason}). Copy or export it again."
            ) from error
        letters = [letter for letter in self.axes if letter in places]
        part = part.transpose([letters.index(letter) for letter in (self.channel_axis + "YX")])
        part = part if self.channel_axis else part[np.newaxis]
        return part[list(self.channels)] if self.channels else part

    def facts(self) -> dict[str, Any]:
        """Return what tells this slide from another one, without reading its pixels: JSON values."""
        found: dict[str, Any] = {
            "shape": list(self.array.shape),
            "dtype": str(self.array.dtype),
            "axes": self.axes,
            "channels": list(self.channels),
            "plane": dict(self.plane),
        }
        if self.path is not None:
            found["path"] = str(self.path.resolve())
            found["modified"] = _modified(self.path)
        return found


def _modified(path: Path) -> list[int]:
    """Return number, size and time of last change of the files of an image."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    states = [file.stat() for file in files]
    return [len(files), sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)]


def open_slide(
    source: Any,
    in_channels: int,
    *,
    axes: str | None = None,
    channels: str | None = None,
    plane: str | None = None,
) -> SlideSource:
    """Open a slide.

    Parameters
    ----------
    source : str, Path or array-like
        An OME-Zarr folder, a TIFF or NPY file, or an array with `shape`, `dtype` and slices: of zarr, dask, NumPy.
    in_channels : int
        Channels the model reads.
    axes : str, optional
        One letter an axis, where the source does not say: Y, X, C (channels) or S (colour); others of length 1.
    channels : str, optional
        Channels to use, in order, counted from 0, such as ``2,0``.
    plane : str, optional
        Of several planes the one to use, counted from 0, such as ``T=0,Z=3``.

    Raises
    ------
    ImageError
        If it cannot be opened, is no single plane, or has not the channels that the model reads.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    opened = Opened(array=source, axes=None) if path is None else open_path(path)
    for needed in ("shape", "dtype"):
        if not hasattr(opened.array, needed):
            raise ImageError(f"A {type(source).__name__} is no slide; give a path or an array.")
    name = "The slide" if path is None else str(path)
    letters = letters_of(opened, axes, name)
    chosen = _plane(plane, name)
    _check_single(letters, opened.array.shape, chosen, name)
    slide = SlideSource(
        path=path,
        array=opened.array,
        axes=letters,
        channels=_channels(channels, name),
        in_channels=in_channels,
        pixel_size=opened.pixel_size,
        rgb=opened.rgb or "S" in letters,
        plane=chosen,
        notes=opened.notes,
    )
    return _checked(slide, name)


def open_path(path: Path) -> Opened:
    """Open what is behind a path, without reading its pixels.

    Raises
    ------
    ImageError
        If it is missing, damaged or of a kind that cannot be read window by window.
    """
    if is_zarr(path):
        image = open_ngff(path)
        return Opened(
            array=image.levels[0], axes=image.axes, pixel_size=image.pixel_size, rgb=image.rgb, notes=image.notes
        )
    if not path.is_file():
        raise ImageError(f"{path} does not exist or is no image; check the name.")
    try:
        if path.suffix.lower() in TIFF_ENDINGS:
            tiff = LazyTiff.of(path)
            return Opened(array=tiff, axes=tiff.axes, pixel_size=tiff.pixel_size)
        if path.suffix.lower() == ".npy":
            return Opened(array=np.load(path, mmap_mode="r", allow_pickle=False), axes=None)
    except ImageError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageError(f"{path} is damaged or not what its name says ({reason}). Copy or export it again.") from error
    raise ImageError(f"{path} cannot be read block by block; convert it to OME-Zarr or TIFF, or leave out --blocks.")


def letters_of(opened: Opened, axes: str | None, name: str) -> str:
    """Return one letter for each axis of what was opened.

    Raises
    ------
    ImageError
        If it is not clear, or there are channels and colours.
    """
    shape = opened.array.shape
    given = axes.strip().upper() if axes else opened.axes
    if given is None:
        rgb = len(shape) == 3 and shape[-1] in (3, 4)
        given = "YX" if len(shape) == 2 else "YXS" if rgb else "CYX" if len(shape) == 3 else ""
    singles = [index for index, length in enumerate(shape) if length == 1]
    if axes and len(given) == len(shape) - len(singles):  # axes of length 1 may be left out
        rest = iter(given)
        given = "".join("Q" if index in singles else next(rest) for index in range(len(shape)))
    known = len(given) == len(shape) and {"Y", "X"} <= set(given) and not {"C", "S"} <= set(given)
    if not known:
        raise ImageError(
            f"{name} has shape {tuple(shape)} and it is not clear what its axes are; say it with --axes, for example "
            "--axes CYX."
        )
    return given


def _plane(plane: str | None, name: str) -> dict[str, int]:
    chosen: dict[str, int] = {}
    for part in plane.split(",") if plane else ():
        letter, _, number = part.partition("=")
        letter = letter.strip().upper()
        if len(letter) != 1 or letter in "YXCS" or not number.strip().isdecimal():
            raise ImageError(f"{name}: --plane {plane!r} is no plane; write for example T=0,Z=3.")
        chosen[letter] = int(number)
    return chosen


def _check_single(letters: str, shape: tuple[int, ...], plane: Mapping[str, int], name: str) -> None:
    """Refuse several planes of which none is chosen, and one that is not there."""
    lengths = {letter: length for letter, length in zip(letters, shape, strict=True) if letter not in "YXCS"}
    for letter, number in plane.items():
        if number >= lengths.get(letter, 0):
            there = f"{lengths[letter]} along {letter}, counted from 0" if letter in lengths else f"no axis {letter}"
            raise ImageError(f"{name} has {there}; --plane {letter}={number} is not in it.")
    many = [letter for letter, length in lengths.items() if length > 1 and letter not in plane]
    if many:
        example = ",".join(f"{letter}={lengths[letter] // 2}" for letter in many)
        raise ImageError(
            f"{name} has shape {tuple(shape)} along the axes {letters}: several planes, and blocks are of one. Choose "
            f"one, such as --plane {example} (in Python plane='{example}')."
        )


def _channels(channels: str | None, name: str) -> tuple[int, ...]:
    if channels is None:
        return ()
    try:
        numbers = tuple(int(part) for part in channels.split(","))
    except ValueError:
        numbers = (-1,)
    if min(numbers) < 0:
        raise ImageError(f"{name}: --channels {channels!r} is no list of channel numbers; write for example 2,0.")
    return numbers


def _checked(slide: SlideSource, name: str) -> SlideSource:
    """Refuse what no network can segment, before anything is computed; note what is done to the channels."""
    kind = np.dtype(slide.array.dtype).kind
    if kind not in "biuf":
        raise ImageError(f"{name} holds {slide.array.dtype} values; convert it to real numbers first.")
    if min(slide.array.shape, default=0) < 1 or min(slide.shape) < 2:
        raise ImageError(f"{name} has shape {tuple(slide.array.shape)}; at least 2 x 2 pixels are needed.")
    there = slide.array.shape[slide.axes.index(slide.channel_axis)] if slide.channel_axis else 1
    if slide.channels and max(slide.channels) >= there:
        raise ImageError(f"{name} has {there} channel(s); count those of --channels from 0 to {there - 1}.")
    if slide.channels and slide.channels not in ((0, 1, 2), (0, 1, 2, 3)):
        slide = replace(slide, rgb=False)
    empty = np.zeros((len(slide.channels) or there, 1, 1), slide.array.dtype)
    note = match_channels(empty, slide.in_channels, rgb=slide.rgb)[1]
    return slide if note is None else replace(slide, notes=(*slide.notes, note))
