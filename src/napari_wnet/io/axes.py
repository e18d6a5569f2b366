"""Which axis of a file is what: decided in one pure function, from what is known, asked for or safely guessed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.image import to_planes
from napari_wnet.errors import ImageError
from napari_wnet.io.images import ImageFile

Array = npt.NDArray[Any]
UNKNOWN = "QI"
"""Letters of axes that a file has without saying what they are: tifffile's for other and for a run of images."""
SMALLEST_SIDE = 16
"""A trailing axis of 3 or 4 is taken for colour when the axes before it are at least this long."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Planes:
    """An image file as planes with channels.

    Attributes
    ----------
    array : (*lead, C, Y, X) array
        A view where possible.
    lead : str
        One letter for each leading axis, for example ``"TZ"``; empty for one plane.
    rgb : bool
        Whether the channels are red, green, blue (and alpha).
    channels : tuple of int
        Which of the file's channels these are, counted from 0.
    """

    array: Array
    lead: str
    rgb: bool
    channels: tuple[int, ...]


def arrange(file: ImageFile, *, axes: str | None = None, channels: tuple[int, ...] | str | None = None) -> Planes:
    """Bring what a file holds into the order (..., C, Y, X).

    Parameters
    ----------
    file : ImageFile
    axes : str, optional
        The user's word for it, one letter an axis: Y, X, C (channels), S (colour), anything else (T, Z, ...) is a
        leading axis whose planes are independent. Axes of length 1 may be left out.
    channels : tuple of int or str, optional
        Channels to use, in this order, counted from 0; ``"2,0"`` means the same as ``(2, 0)``. Where exactly one axis
        is unknown, asking for channels says that it is them.

    Raises
    ------
    ImageError
        If it is not clear which axis is what, or if what was asked for is not there; the message names ``--axes`` and
        ``--channels`` and the shape.
    """
    wanted = parse_channels(file.path, channels)
    array, letters = _known_axes(file, axes, wanted)
    channel = "S" if "S" in letters else "C"
    lead = "".join(letter for letter in letters if letter not in "YX" + channel)
    order = lead + (channel if channel in letters else "") + "YX"
    array = array.transpose([letters.index(letter) for letter in order])
    planes = to_planes(array, channel_axis=len(lead) if channel in letters else None)
    count = planes.shape[-3]
    chosen = wanted if wanted is not None else tuple(range(count))
    if not all(index < count for index in chosen):
        raise ImageError(
            f"{file.path} has {count} channel(s), shape {file.array.shape}; --channels {','.join(map(str, chosen))} "
            f"asks for more. Count from 0 to {count - 1}."
        )
    if chosen != tuple(range(count)):
        planes = planes[..., list(chosen), :, :]
    rgb = channel == "S" and count in (3, 4) and chosen in ((0, 1, 2), (0, 1, 2, 3))
    return Planes(array=planes, lead=lead, rgb=rgb, channels=chosen)


def parse_channels(path: Path, channels: tuple[int, ...] | str | None) -> tuple[int, ...] | None:
    """Return the channels that a user names, such as ``"2,0"``; None for all.

    Raises
    ------
    ImageError
        If that is no list of channel numbers; `path` is the file of which this is said.
    """
    if channels is None:
        return None
    parts = channels.split(",") if isinstance(channels, str) else channels
    try:
        numbers = tuple(int(part) for part in parts)
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 0:
        raise ImageError(f"{path}: --channels {channels!r} is no list of channel numbers; write for example 2,0.")
    return numbers


def _known_axes(file: ImageFile, given: str | None, wanted: tuple[int, ...] | None) -> tuple[Array, str]:
    """Return the array without axes of length 1 before Y and X, and one letter for each axis left."""
    if given is not None:
        return _given_axes(file, given.strip().upper())
    array, letters = _without_singletons(file.array, file.axes or _guess(file.array))
    unknown = [index for index, letter in enumerate(letters) if letter in UNKNOWN]
    if len(unknown) == 1 and wanted is not None and not set("CS") & set(letters):
        return array, letters[: unknown[0]] + "C" + letters[unknown[0] + 1 :]
    if unknown:
        lead = "ABPTZ"[-len(unknown) :]
        rest = "".join(letter for letter in letters if letter not in UNKNOWN)
        raise ImageError(
            f"{file.path} has shape {file.array.shape} and does not say what its axes are. Say it with --axes, "
            f"for example --axes {lead}{rest} for independent planes or --axes {lead[:-1]}C{rest} for channels"
            f"{', or choose channels with --channels' if len(unknown) == 1 else ''}."
        )
    if set("CS") <= set(letters):
        raise ImageError(
            f"{file.path}, shape {file.array.shape} ({letters}), has channels and colours; save it with one of them."
        )
    return array, letters


def _given_axes(file: ImageFile, letters: str) -> tuple[Array, str]:
    shape = file.array.shape
    problem = ""
    if not letters.isalpha() or len(set(letters)) != len(letters):
        problem = "each axis needs a letter of its own"
    elif not set("YX") <= set(letters):
        problem = "Y and X are needed"
    elif set("CS") <= set(letters):
        problem = "C (channels) and S (colours) exclude each other"
    elif len(letters) == len(shape):
        return _without_singletons(file.array, letters)
    elif len(letters) == len([n for n in shape if n > 1]):
        return file.array.squeeze(), letters
    else:
        problem = f"it has {len(letters)} letters for {len(shape)} axes"
    raise ImageError(f"{file.path} has shape {shape}; --axes {letters} does not fit: {problem}. Write it like TCYX.")


def _guess(array: Array) -> str:
    """Name the axes that can be told from the shape alone; Q for the others."""
    long = [n for n in array.shape if n > 1]
    if array.ndim > 2 and array.shape[-1] in (3, 4) and len(long) == 3 and min(array.shape[-3:-1]) >= SMALLEST_SIDE:
        return "Q" * (array.ndim - 3) + "YXS"
    return "Q" * (array.ndim - 2) + "YX"


def _without_singletons(array: Array, letters: str) -> tuple[Array, str]:
    drop = tuple(i for i, letter in enumerate(letters) if array.shape[i] == 1 and letter not in "YX")
    kept = "".join(letter for i, letter in enumerate(letters) if i not in drop)
    return np.squeeze(array, axis=drop), kept
