"""What is written beside the labels of a slide: the table and the sidecar, so that they can be made again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_wnet.io.sidecar import FORMAT, FORMAT_VERSION, file_sha256, versions
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.device import choose_device, fast_dtype
from napari_wnet.slide.foreground import SlideForeground
from napari_wnet.slide.job import SlideJob
from napari_wnet.slide.source import SlideSource
from napari_wnet.slide.store import open_array

STRIP_BYTES = 64 * 2**20
ENDINGS = (".zarr", ".ome", "_labels")


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where the results of a slide go.

    Attributes
    ----------
    labels : Path
        OME-Zarr folder.
    table, sidecar, polygons : Path
        Beside it; the last, GeoJSON, if it is asked for.
    work : Path
        Folder of temporary data, hidden, beside it as well.
    lock : Path
        File that says that a run is going on, hidden too.
    """

    labels: Path
    table: Path
    sidecar: Path
    polygons: Path
    work: Path
    lock: Path

    @classmethod
    def beside(cls, labels: Path) -> Outputs:
        """Return what goes with a labels folder: ``NAME.csv`` and ``NAME.json`` with ``NAME_labels.ome.zarr``."""
        stem = labels.name
        for ending in ENDINGS:
            stem = stem.removesuffix(ending)
        folder = labels.parent
        return cls(
            labels=labels,
            table=folder / f"{stem}.csv",
            sidecar=folder / f"{stem}.json",
            polygons=folder / f"{stem}.geojson",
            work=folder / f".{stem}.partial",
            lock=folder / f".{stem}.lock",
        )


def labels_sha256(path: Path, shape: tuple[int, int]) -> str:
    """Return the hash of :func:`napari_wnet.io.sidecar.labels_sha256` for labels in a folder, read strip by strip."""
    level = open_array(path / "0")
    digest = hashlib.sha256(f"{shape}".encode())
    step = max(1, STRIP_BYTES // (4 * shape[1]))
    step = step // level.chunks[0] * level.chunks[0] or step
    for start in range(0, shape[0], step):
        digest.update(np.ascontiguousarray(level[start : start + step], "<i4").data)
    return digest.hexdigest()


def source_sha256(source: SlideSource) -> str | None:
    """Return a hash of a file, or of the files of a zarr folder; None for an array."""
    if source.path is None:
        return None
    return file_sha256(source.path)


def input_info(source: SlideSource) -> dict[str, Any]:
    """Return what the sidecar says of the slide, without reading its pixels."""
    return {
        "path": None if source.path is None else str(source.path),
        "absolute_path": None if source.path is None else str(source.path.resolve()),
        "shape": list(source.array.shape),
        "dtype": str(source.array.dtype),
        "file_axes": source.axes,
        "axes": source.axes,
        "channels": list(source.channels) or None,
        "lead": "".join(source.plane),
        "plane": list(source.plane.values()) or None,
        "pixel_size": None if source.pixel_size is None else list(source.pixel_size),
        "unit": "pixel" if source.pixel_size is None else "um",
    }


def foreground_info(foreground: SlideForeground | None) -> dict[str, Any] | None:
    """Return what the sidecar says of the user's mask."""
    if foreground is None:
        return None
    path = foreground.path
    return {
        "path": None if path is None else str(path),
        "absolute_path": None if path is None else str(path.resolve()),
        "sha256": source_sha256(foreground.source),
    }


def slide_info(
    job: SlideJob, model: Model, files: Mapping[str, Path], result: tuple[int, str], notes: Sequence[str]
) -> Mapping[str, Any]:
    """Gather what the sidecar of a slide holds, in the words of :func:`napari_wnet.io.sidecar.sidecar_info`."""
    source, device = job.source, choose_device(job.device)
    n_objects, sha256 = result
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "input": {**input_info(source), "sha256": source_sha256(source)},
        "foreground": foreground_info(job.foreground),
        "model": {"name": model.name, "sha256": model.sha256, "path": str(model.path.resolve())},
        "params": job.params.to_dict(),
        "blocks": {"size": job.block, "step": list(job.grid.step), "halo": job.halo},
        "run": {
            "device": str(device),
            "threads": torch.get_num_threads(),
            "precision": str(fast_dtype(device)).removeprefix("torch."),
            "diameter_estimated": job.estimated,
        },
        "result": {
            "objects": n_objects,
            "labels_sha256": sha256,
            "files": {kind: path.name for kind, path in files.items()},
        },
        "versions": versions(),
        "notes": list(notes),
    }


def facts(job: SlideJob, model: Model) -> dict[str, Any]:
    """Return everything that decides what the labels are, to tell whether an interrupted run is this one."""
    return {
        "input": job.source.facts(),
        "foreground": None if job.foreground is None else job.foreground.source.facts(),
        "model": model.sha256,
        "params": job.params.to_dict(),
        "blocks": {"step": list(job.grid.step), "tile": job.grid.tile, "halo": job.halo},
        "precision": str(fast_dtype(choose_device(job.device))).removeprefix("torch."),
        "version": versions()["napari-wnet"],
    }


def bytes_needed(shape: tuple[int, int], embedding_dim: int) -> int:
    """Return an estimate of the room on the disk that a run takes while it lasts.

    Distances take two bytes a pixel, embeddings two for each dimension where objects are, labels of all stages three.
    """
    return int(shape[0] * shape[1] * (2 + embedding_dim + 3))
