"""Making a result of blocks again from its sidecar."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path

from napari_wnet.batch.replay import Replay, differences, known_model, source_path
from napari_wnet.io.sidecar import read_sidecar, record_from
from napari_wnet.network.device import threads
from napari_wnet.reports import Progress
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
    path, model = source_path(info["input"], sidecar), known_model(record)
    with tempfile.TemporaryDirectory(dir=sidecar.parent, prefix=".replay-") as spare, threads(record.threads):
        result = yield from segment_zarr_steps(
            path,
            (Path(spare) if out is None else out) / Path(record.outputs["labels"]).name,
            model,
            params,
            block=int(info["blocks"]["size"]),
            device=device or record.device,
            axes=record.axes,
            channels=None if record.channels is None else ",".join(map(str, record.channels)),
            plane=",".join(f"{axis}={at}" for axis, at in zip(record.lead, record.plane or (), strict=True)) or None,
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
