"""What goes out besides labels as TIFF: maps, pictures, and labels as other programs want them.

Each file is complete or not there at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_wnet.atomic import atomic_path
from napari_wnet.core.labels import check_labels
from napari_wnet.core.render import outlines
from napari_wnet.errors import OutputError
from napari_wnet.io.coco import write_coco
from napari_wnet.io.export_context import ExportContext
from napari_wnet.io.geojson import write_geojson
from napari_wnet.io.ngff_labels import write_ngff_labels
from napari_wnet.io.roi_zip import write_rois
from napari_wnet.io.tiff import PixelSize, write_tiff

Array = npt.NDArray[Any]


def write_distance(
    path: str | Path,
    distance: Array,
    pixel_size: PixelSize | None = None,
    *,
    axes: str = "YX",
    overwrite: bool = False,
) -> None:
    """Write distance maps as a float32 TIFF that ImageJ reads.

    Parameters
    ----------
    path : str or Path
    distance : (..., Y, X) float array
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.
    axes : str
        One letter an axis, for example ``TYX``.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    with atomic_path(path, overwrite=overwrite) as partial:
        write_tiff(partial, distance.astype(np.float32), axes, pixel_size)


def write_embedding(
    path: str | Path,
    embedding: Array,
    pixel_size: PixelSize | None = None,
    *,
    axes: str = "CYX",
    overwrite: bool = False,
) -> None:
    """Write embeddings as a float32 TIFF, one channel for each of their dimensions.

    float32: ImageJ reads it, no value changes, and compressed the file is hardly
    larger.

    Parameters
    ----------
    path : str or Path
    embedding : (..., E, Y, X) float array
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.
    axes : str
        One letter an axis, C for the embedding's, for example ``TCYX``.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    with atomic_path(path, overwrite=overwrite) as partial:
        write_tiff(partial, embedding.astype(np.float32), axes, pixel_size)


def write_picture(path: str | Path, rgb: npt.NDArray[np.uint8], *, overwrite: bool = False) -> None:
    """Write a (Y, X, 3) uint8 picture, such as the embedding's principal components or an overlay, as PNG.

    Raises
    ------
    OutputError
        If the file exists, cannot be written, or the array is not such a picture.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise OutputError(f"{path}: a picture must be (Y, X, 3) uint8, not {rgb.shape} {rgb.dtype}; convert it first.")
    with atomic_path(path, overwrite=overwrite) as partial:
        Image.fromarray(np.ascontiguousarray(rgb)).save(partial, format="PNG")


def write_outlines(path: str | Path, labels: npt.ArrayLike, context: ExportContext | None = None) -> None:
    """Write the image with the outlines of the objects, one pixel wide, as PNG; of a stack, the middle plane.

    Parameters
    ----------
    path : str or Path
    labels : (..., Y, X) integer array
    context : ExportContext, optional
        Its image is shown.

    Raises
    ------
    ImageError
        If these are no labels, or not those of the image.
    OutputError
        If there is no image, or the file exists or cannot be written.
    """
    context = context or ExportContext()
    if context.image is None:
        raise OutputError(f"{path}: outlines are drawn on the image, which is not there; name it with --image.")
    array = check_labels(labels)
    planes = array.reshape(-1, *array.shape[-2:])
    images = context.image.reshape(-1, *context.image.shape[-3:])
    if len(planes) != len(images):
        raise OutputError(f"{path}: the image has {len(images)} planes, the labels have {len(planes)}; give its own.")
    middle = len(planes) // 2
    write_picture(path, outlines(images[middle], planes[middle]), overwrite=context.overwrite)


@dataclass(frozen=True, kw_only=True)
class Export:
    """A way to hand labels to another program.

    Attributes
    ----------
    title : str
        For a person to choose by.
    ending : str
        What follows the image's name in the name of the file.
    write : callable
        Takes the path, the labels, (..., Y, X), and the :class:`ExportContext`.
    keeps_planes : bool
        Whether all planes of a stack go into it, each known by its place; else the middle one alone.
    needs_image : bool
        Whether the image has to be in the context.
    """

    title: str
    ending: str
    write: Callable[[Path, npt.ArrayLike, ExportContext], None]
    keeps_planes: bool = True
    needs_image: bool = False


EXPORTS: Mapping[str, Export] = MappingProxyType(
    {
        "roi": Export(title="ImageJ ROIs", ending="_rois.zip", write=write_rois),
        "geojson": Export(title="GeoJSON for QuPath", ending=".geojson", write=write_geojson),
        "coco": Export(title="COCO JSON", ending="_coco.json", write=write_coco),
        "outlines": Export(
            title="outlines as PNG", ending="_outlines.png", write=write_outlines, keeps_planes=False, needs_image=True
        ),
        "zarr": Export(title="OME-Zarr labels", ending="_labels.ome.zarr", write=write_ngff_labels),
    }
)
"""Every way, by the name that the command line uses."""
