"""Making a result of blocks again from its sidecar."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from napari_wnet.batch.replay import Replay, differences, known_model
from napari_wnet.batch.slides import check_place
from napari_wnet.errors import ParamsError
from napari_wnet.io.sidecar import RunRecord, read_sidecar, record_from
from napari_wnet.io.sources import source_path
from napari_wnet.json_values import value_of
from napari_wnet.network.device import threads
from napari_wnet.reports import Progress
from napari_wnet.slide.record import Outputs
from napari_wnet.slide.run import segment_zarr_steps


def replay_slide_steps(
    sidecar: Path, out: Path | None = None, *, device: str | None = None, overwrite: bool = False
) -> Generator[Progress, None, Replay]:
    """Do what :func:`napari_wnet.batch.replay.replay_steps` does for a slide, block by block.

    Parameters
    ----------
    sidecar : Path
        One that has ``blocks``.
    out : Path, optional
        Folder for the copy; by default it is made beside the sidecar and deleted again.
    device : str, optional
    overwrite : bool

    Yields
    ------
    Progress

    Returns
    -------
    Replay

    Raises
    ------
    WNetError
        As :func:`napari_wnet.batch.replay.replay_steps`.
    """
    info = read_sidecar(sidecar)
    record, params = record_from(info)
    name, block, plane = _labels_name(record, sidecar), _block(info, sidecar), _plane(record, sidecar)
    path, model = source_path(info["input"], sidecar), known_model(record)
    if out is not None:
        check_place(out / name, geojson="geojson" in record.outputs)
    with tempfile.TemporaryDirectory(dir=sidecar.parent, prefix=".replay-") as spare, threads(record.threads):
        result = yield from segment_zarr_steps(
            path,
            (Path(spare) if out is None else out) / name,
            model,
            params,
            block=block,
            device=device or record.device,
            axes=record.axes,
            channels=None if record.channels is None else ",".join(map(str, record.channels)),
            plane=plane,
            foreground=None if info["foreground"] is None else source_path(info["foreground"], sidecar),
            geojson=out is not None and "geojson" in record.outputs,
            overwrite=overwrite,
            estimated=record.diameter_estimated,
        )
        again = read_sidecar(result.sidecar)["result"]["labels_sha256"]
    return Replay(
        n_objects=result.n_objects,
        identical=again == info["result"]["labels_sha256"],
        n_different=None,
        differences=tuple(differences(record, info, device or record.device)),
        result=None,
    )


def _labels_name(record: RunRecord, sidecar: Path) -> str:
    """Return what the labels are called; never so that a copy would take the place of something else's files."""
    name = record.outputs.get("labels", "")
    if not name or Outputs.beside(sidecar.with_name(name)).sidecar.name != sidecar.name:
        raise ParamsError(f"{sidecar.name} was renamed, its results were not; give it its name back.")
    return name


def _plane(record: RunRecord, sidecar: Path) -> str | None:
    """Return which plane of several was segmented, as the user writes it."""
    places = record.plane or ()
    if len(places) != len(record.lead):
        raise ParamsError(f"{sidecar} misstates the plane; segment the image again to make one.")
    return ",".join(f"{axis}={at}" for axis, at in zip(record.lead, places, strict=True)) or None


def _block(info: Mapping[str, Any], sidecar: Path) -> int:
    try:
        return value_of(value_of(info, "blocks", dict), "size", int)
    except (KeyError, ValueError) as error:
        raise ParamsError(f"{sidecar} lacks or misstates {error}; segment the image again to make one.") from error
