"""The first stage of a file: is there anything to do, and what is in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import CORRECTED, BatchJob, FileResult
from napari_wnet.batch.masks import mask_path
from napari_wnet.batch.outputs import output_paths, refuse_results
from napari_wnet.core.image import match_channels
from napari_wnet.errors import ImageError, OutputError, ParamsError
from napari_wnet.io.axes import Planes, arrange, parse_channels
from napari_wnet.io.images import ImageFile, read_image, read_mask
from napari_wnet.io.sidecar import file_names, file_sha256, read_sidecar, same_params
from napari_wnet.json_values import value_of
from napari_wnet.params import AUTO, SegmentParams

Array = npt.NDArray[Any]
Info = dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """An image, ready for the network.

    Attributes
    ----------
    item : Item
    file : ImageFile
    sha256 : str
        Of the file.
    planes : Planes
    images : list of (C, Y, X) arrays
        The planes, with as many channels as the model reads.
    mask : (N, Y, X) bool array or None
        Foreground of each plane.
    mask_path : Path or None
    notes : tuple of str
    estimated : bool
        Whether the diameter of the objects was estimated from the image.
    """

    item: Item
    file: ImageFile
    sha256: str
    planes: Planes
    images: list[Array]
    mask: npt.NDArray[np.bool_] | None
    mask_path: Path | None
    notes: tuple[str, ...]
    estimated: bool = False


def load(job: BatchJob, item: Item) -> Loaded | FileResult:
    """Read an image, or tell that its results are there already.

    Raises
    ------
    WNetError
        If it cannot be used, changes while it is read, or results of another kind are in the way.
    """
    return finished(job, item) or read(job, item)


def read(job: BatchJob, item: Item) -> Loaded:
    """Read an image.

    Raises
    ------
    WNetError
        If it cannot be used, or changes while it is read.
    """
    mask_file = mask_path(job.foreground, item)
    before = _stamp(item.path)
    file = read_image(item.path)
    sha256 = file_sha256(item.path)
    if _stamp(item.path) != before:
        raise ImageError(f"{item.path} changed while it was read; segment it when it is complete.")
    planes = arrange(file, axes=job.axes, channels=job.channels)
    stack = planes.array.reshape(-1, *planes.array.shape[-3:])
    matched = [match_channels(plane, job.model.header.config.in_channels, rgb=planes.rgb) for plane in stack]
    return Loaded(
        item=item,
        file=file,
        sha256=sha256,
        planes=planes,
        images=[image for image, _ in matched],
        mask=None if mask_file is None else _matching(read_mask(mask_file), planes, mask_file),
        mask_path=mask_file,
        notes=tuple(dict.fromkeys((*file.notes, *(note for _, note in matched if note is not None)))),
    )


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - a path that is given as text elsewhere
    except OSError:
        return 0, 0  # reading it says what is wrong
    return found.st_mtime_ns, found.st_size


def finished(job: BatchJob, item: Item) -> FileResult | None:
    """Return what an earlier run has made of an image, if that is whole, alike and not to be replaced.

    Raises
    ------
    WNetError
        If results of another kind are in the way, or files that are no results.
    """
    targets = output_paths(job.out, item.stem, job.save)
    sidecar = targets["sidecar"]
    if job.overwrite or not sidecar.exists():
        refuse_results(targets, overwrite=job.overwrite)  # before the network looks at it for minutes
        return None
    mask_file = mask_path(job.foreground, item)
    try:
        info = read_sidecar(sidecar)
    except ParamsError:  # somebody else's
        refuse_results({"sidecar": sidecar}, overwrite=False)
        raise
    try:
        differs = _difference(job, item, mask_file, info)
        names = file_names(value_of(info["result"], "files", dict))
        n_objects = int(info["result"]["objects"])
    except (KeyError, TypeError, AttributeError, ValueError):
        differs = "settings that cannot be read"
    else:
        there = {kind: sidecar.with_name(name) for kind, name in names.items()}
        if not differs and all(path.exists() for path in there.values()) and set(targets) - {"sidecar"} <= set(there):
            outputs = {**there, "sidecar": sidecar}
            notes = (CORRECTED,) if info["result"].get("edited") else ()
            return FileResult(path=item.path, state="skipped", n_objects=n_objects, notes=notes, outputs=outputs)
        differs = differs or "other outputs"
    raise OutputError(
        f"{sidecar.parent} holds results of {item.path.name} with {differs}; choose another folder (--out) or have "
        "them replaced (--overwrite)."
    )


def _difference(job: BatchJob, item: Item, mask_file: Path | None, info: Info) -> str:
    """Return in what an earlier result was made differently; empty: in nothing."""
    source, foreground = info["input"], info["foreground"]
    channels = parse_channels(item.path, job.channels)
    asked = None if channels is None else list(channels)
    mask = None if mask_file is None else file_sha256(mask_file)
    reasons = {
        "another model": info["model"]["sha256"] != job.model.sha256,
        "other parameters": not same_params(info["params"], _as_decided(job, info)),
        "other axes or channels": (source["axes"], source["channels"], source["plane"]) != (job.axes, asked, None),
        "another foreground": (None if foreground is None else foreground["sha256"]) != mask,
        "another image of this name": source["sha256"] != file_sha256(item.path),
    }
    return next((reason for reason, is_so in reasons.items() if is_so), "")


def _as_decided(job: BatchJob, info: Info) -> SegmentParams:
    """Return the parameters of a job; a diameter that was estimated then would be estimated the same now."""
    if job.params.normalize.diameter != AUTO or not info["run"].get("diameter_estimated"):
        return job.params
    from napari_wnet.sizing import resized  # torch: seconds, and only where it is needed

    found = SegmentParams.from_dict(info["params"])
    return resized(job.params, job.model, found.normalize.diameter)


def _matching(mask: npt.NDArray[np.bool_], planes: Planes, path: Path) -> npt.NDArray[np.bool_]:
    """Return the mask as one plane for each of the image's, (N, Y, X)."""
    lead, plane = planes.array.shape[:-3], planes.array.shape[-2:]
    if mask.shape == plane:
        return np.broadcast_to(mask, (int(np.prod(lead, dtype=int)), *plane))
    if mask.shape != (*lead, *plane):
        raise ImageError(
            f"{path}: the foreground mask has shape {mask.shape}, the image {(*lead, *plane)}; they must agree."
        )
    return mask.reshape(-1, *plane)
