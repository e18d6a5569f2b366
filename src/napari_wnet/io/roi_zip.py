"""ImageJ's regions of interest: a zip file that its ROI Manager opens, with a region for each object."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import atomic_path
from napari_wnet.core.contours import Part, Ring, bounds, outline_parts
from napari_wnet.io.export_context import ExportContext, LabelPlane, label_planes

if TYPE_CHECKING:
    from roifile import ImagejRoi

MOVE_TO, LINE_TO, CLOSE = 0.0, 1.0, 4.0
"""Steps of a path as Java numbers them; ImageJ keeps regions with holes or several parts as such paths."""
MOST_CORNERS = 2**16 - 1
FARTHEST = 60_535
"""Corners and coordinates beyond these do not fit into ImageJ's short numbers; a path's are floating-point."""


def write_rois(path: str | Path, labels: npt.ArrayLike, context: ExportContext | None = None) -> None:
    """Write the objects as regions for ImageJ's ROI Manager.

    A region is named after its label, in a stack after its plane too, and shows on its plane alone. Its outline runs
    along the edges of the pixels, as ImageJ's own wand draws it.

    Parameters
    ----------
    path : str or Path
        Ends in ``.zip``.
    labels : (..., Y, X) integer array
    context : ExportContext, optional

    Raises
    ------
    ImageError
        If these are no labels.
    OutputError
        If the file exists or cannot be written.
    """
    context = context or ExportContext()
    with (
        atomic_path(path, overwrite=context.overwrite) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        n_digits = len(str(np.max(labels, initial=0)))
        for plane in label_planes(labels, context.lead):
            before = "".join(f"{axis}{index + 1:03d}-" for axis, index in plane.place.items())
            for label, parts in outline_parts(plane.labels).items():
                roi = _region(parts)
                roi.name = f"{before}{label:0{n_digits}d}"
                _place(roi, plane)
                # Without a date, so that the same labels always give the same file.
                info = zipfile.ZipInfo(f"{roi.name}.roi")
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, roi.tobytes())


def _region(parts: Sequence[Part]) -> ImagejRoi:
    from roifile import ROI_TYPE, ImagejRoi

    left, top, right, bottom = bounds(parts)
    simple = len(parts) == 1 and not parts[0].holes and len(parts[0].outer) <= MOST_CORNERS
    if simple and max(right, bottom) <= FARTHEST:
        roi = ImagejRoi(roitype=ROI_TYPE.TRACED, n_coordinates=len(parts[0].outer))
        roi.integer_coordinates = parts[0].outer - np.array([left, top], np.int32)
    else:
        steps = np.concatenate([_path(ring) for part in parts for ring in (part.outer, *part.holes)])
        roi = ImagejRoi(roitype=ROI_TYPE.RECT, shape_roi_size=len(steps))
        roi.multi_coordinates = steps
    roi.left, roi.top, roi.right, roi.bottom = left, top, right, bottom
    return roi


def _path(ring: Ring) -> npt.NDArray[np.float32]:
    steps = np.full((len(ring), 3), LINE_TO, np.float32)
    steps[0, 0] = MOVE_TO
    steps[:, 1:] = ring
    return np.append(steps.ravel(), np.float32(CLOSE))


def _place(roi: ImagejRoi, plane: LabelPlane) -> None:
    """Tie a region to its plane, counted from 1."""
    if len(plane.place) == 1:
        # A single number serves stacks whose axis has another name, and images with channels, as well.
        (index,) = plane.place.values()
        roi.position = index + 1
    elif plane.place:
        roi.z_position = plane.place.get("Z", 0) + 1
        roi.t_position = plane.place.get("T", 0) + 1
