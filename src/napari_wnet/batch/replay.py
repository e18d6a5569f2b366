"""Making a result again from its sidecar, and telling whether it came out the same."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_wnet.batch.inputs import Item
from napari_wnet.batch.job import BatchJob, FileResult
from napari_wnet.batch.kinds import KINDS
from napari_wnet.batch.outputs import output_paths, refuse_results, tidy
from napari_wnet.batch.reading import read
from napari_wnet.batch.writing import PlaneResult, label_plane, store
from napari_wnet.errors import ModelError, WNetError
from napari_wnet.io.images import read_labels
from napari_wnet.io.sidecar import RunRecord, labels_sha256, read_sidecar, record_from, versions
from napari_wnet.io.sources import source_path
from napari_wnet.network.checkpoint import Model, read_model
from napari_wnet.network.device import choose_device, fast_dtype, threads, usable_threads
from napari_wnet.network.registry import list_models, load_model
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import Progress


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What came of making a result again.

    Attributes
    ----------
    n_objects : int
    identical : bool
        Whether all labels are those of the first time, numbers included; corrections by hand came after that.
    n_different : int or None
        Pixels that differ, where the first labels are still beside the sidecar, uncorrected.
    differences : tuple of str
        What is not as it was the first time and may be why: another processor, other versions.
    result : FileResult or None
        What was written, if anything was.
    edited : bool
        Whether the labels beside the sidecar have been corrected by hand since.
    """

    n_objects: int
    identical: bool
    n_different: int | None
    differences: tuple[str, ...]
    result: FileResult | None
    edited: bool = False


def replay_steps(
    sidecar: Path, out: Path | None = None, *, device: str | None = None, overwrite: bool = False
) -> Generator[Progress, None, Replay]:
    """Make a result again: the same image, model, parameters and thread count.

    Parameters
    ----------
    sidecar : Path
        The .json file beside a result.
    out : Path, optional
        Folder for the copy; by default nothing is written.
    device : str, optional
        By default the one of the first time.
    overwrite : bool
        Whether an earlier copy may be replaced.

    Yields
    ------
    Progress

    Returns
    -------
    Replay

    Raises
    ------
    ParamsError
        If the sidecar cannot be read.
    ImageError, ModelError
        If the image, the foreground or the model is not there any more, or is another now.
    WNetError
        As when the image was segmented.
    """
    info = read_sidecar(sidecar)
    record, params = record_from(info)
    path = source_path(info["input"], sidecar)
    job = BatchJob(
        model=known_model(record),
        params=params,
        out=sidecar.parent if out is None else out,
        save=tuple(kind for kind in KINDS if kind in {"labels", *record.outputs}),
        device=device or record.device,
        foreground=None if info["foreground"] is None else source_path(info["foreground"], sidecar),
        axes=record.axes,
        channels=None if record.channels is None else ",".join(map(str, record.channels)),
        overwrite=overwrite,
    )
    if out is not None:
        tidy(out, sidecar.stem)  # what a replay that was killed has left
        refuse_results(output_paths(out, sidecar.stem, job.save), overwrite=overwrite)
    loaded = replace(read(job, Item(path=path, stem=sidecar.stem)), estimated=record.diameter_estimated)
    planes: list[PlaneResult] = []
    with threads(record.threads):
        for index, image in enumerate(loaded.images):
            maps = yield from predict_steps(image, job.model, params, device=job.device)
            planes.append(label_plane(job, loaded, index, maps))
        result = None if out is None else store(job, loaded, planes)
    labels = np.stack([plane.labels for plane in planes])
    labels = labels.reshape(*loaded.planes.array.shape[:-3], *labels.shape[-2:])
    edited = bool(info["result"].get("edited"))
    first = _first_labels(job, sidecar, record, edited)
    return Replay(
        n_objects=int(sum(plane.labels.max(initial=0) for plane in planes)),
        identical=labels_sha256(labels) == info["result"]["labels_sha256"],
        n_different=None if first is None or first.shape != labels.shape else int(np.count_nonzero(first != labels)),
        differences=tuple(differences(record, info, job.device)),
        edited=edited,
        result=result,
    )


def known_model(record: RunRecord) -> Model:
    """Return the model of the first time, whichever place it has now.

    Raises
    ------
    ModelError
        If it is nowhere.
    """
    with contextlib.suppress(WNetError):
        if record.model_path and Path(record.model_path).is_file():
            model = read_model(Path(record.model_path))
            if model.sha256 == record.model_sha256:
                return model
    renamed = next((entry.name for entry in list_models() if entry.sha256 == record.model_sha256), record.model_name)
    model = load_model(renamed)
    if model.sha256 != record.model_sha256:
        raise ModelError(
            f"The model '{record.model_name}' is another now (SHA-256 {model.sha256[:12]}..., not "
            f"{record.model_sha256[:12]}...); put the former file back, or segment the image anew."
        )
    return model


def _first_labels(
    job: BatchJob, sidecar: Path, record: RunRecord, edited: bool
) -> np.ndarray[Any, np.dtype[np.int32]] | None:
    path = output_paths(sidecar.parent, sidecar.stem, job.save)["labels"]
    if edited:
        return None
    with contextlib.suppress(WNetError):  # gone, or mended by hand into something else
        if record.outputs.get("labels") == path.name:
            return read_labels(path)
    return None


def differences(record: RunRecord, info: Mapping[str, Any], device: str) -> Iterator[str]:
    """Yield what is not as it was the first time, and may be why labels differ."""
    precision = str(fast_dtype(choose_device(device))).removeprefix("torch.")
    n_threads = usable_threads(record.threads)
    for what, before, now in (
        ("device", record.device, device),
        ("precision", record.precision, precision),
        ("threads", record.threads, n_threads),
    ):
        if before != now:
            yield f"{what}: {before} then, {now} now"
    told = info.get("versions")
    then = told if isinstance(told, dict) else {}
    for name, version in versions().items():
        if then.get(name) != version:
            yield f"{name}: {then.get(name, 'not known')} then, {version} now"
