"""What an earlier run has made of a slide: all that is asked for, or all but the polygons."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_wnet.errors import ParamsError
from napari_wnet.io.export_context import ExportContext
from napari_wnet.io.sidecar import read_sidecar, same_params, write_sidecar
from napari_wnet.network.checkpoint import Model
from napari_wnet.reports import Progress
from napari_wnet.slide.job import SlideJob
from napari_wnet.slide.polygons import write_geojson_steps
from napari_wnet.slide.record import Outputs, foreground_info, input_info, source_sha256
from napari_wnet.slide.store import open_array

READ = ("axes", "channels", "lead", "plane")
"""What the sidecar says of how the slide is read."""


@dataclass(frozen=True, kw_only=True)
class SlideResult:
    """What a slide has become.

    Attributes
    ----------
    labels : Path
        OME-Zarr folder with the labels in several resolutions.
    table, sidecar : Path
        Measurements of each object, and how all this was made.
    polygons : Path or None
        GeoJSON, if that was asked for.
    n_objects : int
    notes : tuple of str
        What the user should know.
    was_there : bool
        Whether an earlier run had made all this.
    """

    labels: Path
    table: Path
    sidecar: Path
    n_objects: int
    notes: tuple[str, ...] = ()
    polygons: Path | None = None
    was_there: bool = False


def earlier_result(job: SlideJob, model: Model, outputs: Outputs) -> SlideResult | None:
    """Return what an earlier run has made of the slide, if all of it is there and would come out the same."""
    there = all(path.exists() for path in (outputs.labels, outputs.table, outputs.sidecar))
    if not there or outputs.work.is_dir():
        return None
    with contextlib.suppress(ParamsError, KeyError, TypeError, ValueError):  # somebody else's
        info = read_sidecar(outputs.sidecar)
        same = _settings(info) == _wanted(job, model) and same_params(info["params"], job.params)
        if same and source_sha256(job.source) == (info["input"]["sha256"] or object()):
            return SlideResult(
                labels=outputs.labels,
                table=outputs.table,
                sidecar=outputs.sidecar,
                n_objects=int(info["result"]["objects"]),
                notes=("Finished before.",),
                was_there=True,
            )
    return None


def _settings(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a sidecar says of what decides the labels, but for parameters and the slide's pixels."""
    return {
        "model": info["model"]["sha256"],
        "blocks": (info["blocks"]["step"], info["blocks"]["halo"]),
        "read": [info["input"][name] for name in READ],
        "foreground": _mask_sha256(info["foreground"]),
    }


def _wanted(job: SlideJob, model: Model) -> dict[str, Any]:
    read = input_info(job.source)
    return {
        "model": model.sha256,
        "blocks": (list(job.grid.step), job.halo),
        "read": [read[name] for name in READ],
        "foreground": _mask_sha256(foreground_info(job.foreground)),
    }


def _mask_sha256(foreground: Mapping[str, Any] | None) -> object:
    """Return what tells masks apart; that of an array is known to be no other one's."""
    return None if foreground is None else foreground["sha256"] or object()


def with_polygons(earlier: SlideResult, outputs: Outputs) -> Generator[Progress, None, SlideResult]:
    """Add the polygons to what an earlier run has made without them."""
    info = read_sidecar(outputs.sidecar)
    if "geojson" not in info["result"]["files"] or not outputs.polygons.exists():
        yield from write_geojson_steps(outputs.polygons, open_array(outputs.labels / "0"), ExportContext())
        info["result"]["files"]["geojson"] = outputs.polygons.name
        write_sidecar(outputs.sidecar, info, overwrite=True)
    return replace(earlier, polygons=outputs.polygons)
