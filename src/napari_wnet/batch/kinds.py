"""What a batch can write for an image, by the names that people use for it; quick to import, for ``--help``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "labels": "labels",
        "distmap": "distance map",
        "embedding": "embedding",
        "pca": "embedding in colours",
        "overlay": "coloured outlines, PNG",
        "roi": "ImageJ ROIs",
        "geojson": "GeoJSON for QuPath",
        "coco": "COCO JSON",
        "outlines": "thin outlines, PNG",
        "zarr": "OME-Zarr labels",
    }
)
"""Names, and what a person reads. Labels are always written, with a table and a sidecar."""
ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "labels": "_labels.tif",
        "distmap": "_distmap.tif",
        "embedding": "_embedding.tif",
        "pca": "_pca.png",
        "overlay": "_overlay.png",
        "roi": "_rois.zip",
        "geojson": ".geojson",
        "coco": "_coco.json",
        "outlines": "_outlines.png",
        "zarr": "_labels.ome.zarr",
        "table": ".csv",
        "sidecar": ".json",
    }
)
"""What follows an image's name in the names of its results."""
