"""COCO's JSON: what trainers of other networks, annotation tools and pycocotools read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import write_text
from napari_wnet.core.contours import Part, bounds, outline_parts
from napari_wnet.core.labels import LabelArray
from napari_wnet.io.export_context import ExportContext, LabelPlane, label_planes

CATEGORY_ID = 1
Labelled = tuple[npt.ArrayLike, ExportContext]


def write_coco(path: str | Path, labels: npt.ArrayLike, context: ExportContext | None = None) -> None:
    """Write the objects of one image: see :func:`write_coco_set`."""
    context = context or ExportContext()
    write_coco_set(path, [(labels, context)], overwrite=context.overwrite)


def write_coco_set(path: str | Path, labelled: Iterable[Labelled], *, overwrite: bool = False) -> None:
    """Write the objects of many images into one file.

    Each plane of a stack is an image of its own, with its place in the stack under ``plane``. An object is a list of
    polygons, or, where it has a hole, which polygons cannot say, a run-length code. Its number in the labels is kept
    under ``label``.

    Parameters
    ----------
    path : str or Path
    labelled : iterable of (labels, ExportContext)
        Taken one by one, so that a long list need not fit into memory; the category is that of the first.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    ImageError
        If some are no labels.
    OutputError
        If the file exists or cannot be written.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    category = None
    for labels, context in labelled:
        category = category or context.category
        for plane in label_planes(labels, context.lead):
            images.append(_image(plane, context.name, len(images) + 1))
            for label, parts in outline_parts(plane.labels).items():
                annotation = _annotation(plane.labels, label, parts)
                annotations.append({"id": len(annotations) + 1, "image_id": len(images), **annotation})
    dataset = {
        "info": {"description": "Labels exported by napari-wnet", "version": "1.0"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": CATEGORY_ID, "name": category or ExportContext().category, "supercategory": ""}],
    }
    text = json.dumps(dataset, ensure_ascii=False, separators=(",", ":"))
    write_text(path, text + "\n", overwrite=overwrite)


def _image(plane: LabelPlane, name: str, number: int) -> dict[str, Any]:
    height, width = plane.labels.shape
    found = {"id": number, "file_name": name, "width": width, "height": height}
    return {**found, "plane": {axis.lower(): index for axis, index in plane.place.items()}} if plane.place else found


def _annotation(labels: LabelArray, label: int, parts: Sequence[Part]) -> dict[str, Any]:
    left, top, right, bottom = bounds(parts)
    holes = any(part.holes for part in parts)
    return {
        "category_id": CATEGORY_ID,
        "label": label,
        "segmentation": _runs(labels, label, parts) if holes else [part.outer.ravel().tolist() for part in parts],
        "bbox": [left, top, right - left, bottom - top],
        "area": sum(part.area for part in parts),
        "iscrowd": 0,
    }


def _runs(labels: LabelArray, label: int, parts: Sequence[Part]) -> dict[str, Any]:
    """Return an object as lengths of runs of outside and inside, in turn, down one column after the other."""
    left, top, right, bottom = bounds(parts)
    height, width = labels.shape
    columns, rows = np.nonzero(np.transpose(labels[top:bottom, left:right]) == label)
    pixels = (columns + left) * height + rows + top
    breaks = np.flatnonzero(np.diff(pixels) > 1)
    starts, stops = pixels[np.r_[0, breaks + 1]], pixels[np.r_[breaks, -1]] + 1
    ends = np.stack([starts, stops], axis=1).ravel()
    counts = np.diff(ends, prepend=0, append=height * width)
    # The code may end with the last run inside; an empty one after it would mean the same.
    return {"size": [height, width], "counts": counts.tolist()}
