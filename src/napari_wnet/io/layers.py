"""How napari saves a labels layer for other programs: the writers that the manifest names. No napari is needed here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_wnet.io.export_context import ExportContext
from napari_wnet.io.exports import EXPORTS
from napari_wnet.io.tiff import MICROMETRES, PixelSize


def save_rois(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Save a labels layer as ImageJ ROIs."""
    return _save("roi", path, data, attributes)


def save_geojson(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Save a labels layer as GeoJSON for QuPath."""
    return _save("geojson", path, data, attributes)


def save_coco(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Save a labels layer as COCO JSON."""
    return _save("coco", path, data, attributes)


def save_zarr(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Save a labels layer as OME-Zarr labels."""
    return _save("zarr", path, data, attributes)


def layer_context(data: Any, attributes: Mapping[str, Any]) -> ExportContext:
    """Return what is known of a labels layer from its name, axes and scale.

    Parameters
    ----------
    data : array_like
        As napari hands it over.
    attributes : mapping
        Of the layer, as napari hands them over.
    """
    n_axes = np.ndim(data) - 2
    names = [str(name) for name in attributes.get("axis_labels", ())]
    # napari numbers the axes that nobody named; the exports name those themselves.
    lead = "".join(name.upper() if len(name) == 1 else "Q" for name in names[-n_axes - 2 : -2]) if n_axes else ""
    return ExportContext(
        name=str(attributes.get("name") or "labels"),
        lead=lead,
        pixel_size=_pixel_size(attributes),
        overwrite=True,  # the dialog has asked
    )


def _save(name: str, path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    # A multiscale layer comes as the list of its levels, the full one first.
    full = data[0] if isinstance(data, list | tuple) or type(data).__name__ == "MultiScaleData" else data
    labels = np.asarray(full)
    EXPORTS[name].write(Path(path), labels, layer_context(labels, attributes))
    return [path]


def _pixel_size(attributes: Mapping[str, Any]) -> PixelSize | None:
    scale, units = list(attributes.get("scale", ())), list(attributes.get("units", ()) or ())
    if len(scale) < 2 or len(units) < 2:
        return None
    factors = [MICROMETRES.get(str(unit).lower()) for unit in units[-2:]]
    if factors[0] is None or factors[1] is None:
        return None
    return float(scale[-2]) * factors[0], float(scale[-1]) * factors[1]
