"""GeoJSON as QuPath reads it: a polygon for each object, in pixels, with its plane."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import write_text
from napari_wnet.core.contours import Part, outline_parts
from napari_wnet.errors import OutputError
from napari_wnet.io.export_context import ExportContext, LabelPlane, label_planes

ALL_CHANNELS = -1
HEAD, TAIL = '{"type":"FeatureCollection","features":[', "]}\n"


def write_geojson(path: str | Path, labels: npt.ArrayLike, context: ExportContext | None = None) -> None:
    """Write the objects as a collection of polygons.

    Parameters
    ----------
    path : str or Path
    labels : (..., Y, X) integer array
        Up to two axes before Y and X, time and depth.
    context : ExportContext, optional
        Its category becomes the objects' class in QuPath.

    Raises
    ------
    ImageError
        If these are no labels.
    OutputError
        If the file exists or cannot be written, or the labels have other axes than time and depth.
    """
    context = context or ExportContext()
    features = [text for plane in label_planes(labels, context.lead) for _, text in plane_features(plane, context)]
    write_text(path, HEAD + ",".join(features) + TAIL, overwrite=context.overwrite)


def plane_features(
    plane: LabelPlane, context: ExportContext, corner: tuple[int, int] = (0, 0)
) -> list[tuple[int, str]]:
    """Return the objects of a plane by label, each as the text of a GeoJSON feature.

    Parameters
    ----------
    plane : LabelPlane
    context : ExportContext
    corner : (int, int)
        Row and column of the plane's first pixel in the image, if it is a window of one.

    Raises
    ------
    OutputError
        If the plane lies along other axes than time and depth.
    """
    other = set(plane.place) - set("TZ")
    if other:
        raise OutputError(
            f"GeoJSON for QuPath has no place for the axis {', '.join(sorted(other))}; export such stacks as COCO, or "
            "name the axes T and Z with --axes."
        )
    where = {"c": ALL_CHANNELS, "z": plane.place.get("Z", 0), "t": plane.place.get("T", 0)} if plane.place else None
    properties = {"objectType": context.object_type, "classification": {"name": context.category}}
    found = []
    for label, parts in outline_parts(plane.labels).items():
        geometry = _geometry(parts, corner)
        if where is not None:
            geometry["plane"] = where
        feature = {"type": "Feature", "geometry": geometry, "properties": {**properties, "name": str(label)}}
        found.append((label, json.dumps(feature, ensure_ascii=False, separators=(",", ":"))))
    return found


def _geometry(parts: Sequence[Part], corner: tuple[int, int]) -> dict[str, Any]:
    moved = np.array(corner[::-1], np.int64)  # (x, y)
    polygons = [[_closed(ring + moved) for ring in (part.outer, *part.holes)] for part in parts]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _closed(ring: npt.NDArray[np.int64]) -> list[list[int]]:
    points: list[list[int]] = ring.tolist()
    return [*points, points[0]]
