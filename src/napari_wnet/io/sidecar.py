"""The JSON file beside each result: everything that is needed to make the same labels again."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import write_text
from napari_wnet.core.labels import present_labels
from napari_wnet.errors import ImageError, ParamsError
from napari_wnet.json_values import read_json, value_of
from napari_wnet.params import SegmentParams

Value = TypeVar("Value")

FORMAT = "napari-wnet result"
FORMAT_VERSION = 1
"""Grows when an older program would misread the file; additions alone do not change it."""
MOST_THREADS, LONGEST_NAME = 1024, 255
PACKAGES = (
    "napari-wnet",
    "torch",
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "bioimage-cpp",
    "tifffile",
    "pillow",
)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """How a result was made, beside the parameters.

    Attributes
    ----------
    input_path : str
        The image file, as the user gave it.
    input_sha256 : str
        Of that file, where it is known already; it is read again otherwise.
    model_name, model_sha256, model_path : str
        The model, the hash of its file, and where that was read; empty: not known.
    shape, dtype : tuple of int, str
        Of the array in the file.
    file_axes : str or None
        What the file says of its axes.
    axes, channels : str or None, tuple of int or None
        What the user said of them (``--axes``, ``--channels``); None: nothing.
    lead : str
        Letters of the leading axes, whose planes were segmented one by one.
    plane : tuple of int or None
        Position along `lead` where only one plane was segmented; None: all.
    foreground_path : str or None
        The user's foreground mask.
    pixel_size, unit : (float, float) or None, str
        Height and width of a pixel, where known.
    device, threads, precision : str, int, str
        What computed: ``"cpu"``, the thread count, ``"float32"`` or ``"bfloat16"``.
    diameter_estimated : bool
        Whether the diameter among the parameters, or that there is none, was decided on by looking at the image.
    outputs : mapping of str to str
        Kind (``"labels"``, ``"distmap"``, ...) to the name of each file written, all in the sidecar's folder.
    notes : tuple of str
        What the user was told.
    """

    input_path: str
    model_name: str
    model_sha256: str
    shape: tuple[int, ...]
    dtype: str
    input_sha256: str = ""
    model_path: str = ""
    file_axes: str | None = None
    axes: str | None = None
    channels: tuple[int, ...] | None = None
    lead: str = ""
    plane: tuple[int, ...] | None = None
    foreground_path: str | None = None
    pixel_size: tuple[float, float] | None = None
    unit: str = "pixel"
    device: str = "cpu"
    threads: int = 1
    precision: str = "float32"
    diameter_estimated: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def sidecar_info(record: RunRecord, params: SegmentParams, labels: npt.NDArray[Any]) -> dict[str, Any]:
    """Gather what a sidecar holds; the input and the foreground file are read for their hashes.

    Parameters
    ----------
    record : RunRecord
    params : SegmentParams
    labels : (..., Y, X) integer array
        The result: its hash tells whether a replay came out the same, whatever the files are packed with.

    Raises
    ------
    ImageError
        If the input or the foreground file has gone.
    """
    foreground = record.foreground_path
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "input": {
            **_file_info(record.input_path, record.input_sha256),
            "shape": list(record.shape),
            "dtype": record.dtype,
            "file_axes": record.file_axes,
            "axes": record.axes,
            "channels": None if record.channels is None else list(record.channels),
            "lead": record.lead,
            "plane": None if record.plane is None else list(record.plane),
            "pixel_size": None if record.pixel_size is None else list(record.pixel_size),
            "unit": record.unit,
        },
        "foreground": None if foreground is None else _file_info(foreground),
        "model": {"name": record.model_name, "sha256": record.model_sha256, "path": record.model_path},
        "params": params.to_dict(),
        "run": {
            "device": record.device,
            "threads": record.threads,
            "precision": record.precision,
            "diameter_estimated": record.diameter_estimated,
        },
        "result": {
            "objects": count_objects(labels),
            "labels_sha256": labels_sha256(labels),
            "files": dict(record.outputs),
        },
        "versions": versions(),
        "notes": list(record.notes),
    }


def _file_info(path: str, sha256: str = "") -> dict[str, str]:
    # The path as given is what the user knows; the absolute one finds the file again from another folder.
    return {"path": path, "absolute_path": str(Path(path).resolve()), "sha256": sha256 or file_sha256(path)}


def record_from(info: Mapping[str, Any]) -> tuple[RunRecord, SegmentParams]:
    """Return what a sidecar was made from; the opposite of :func:`sidecar_info`.

    Raises
    ------
    ParamsError
        If something needed is missing or does not fit; whoever reads on can rely on the kind of each value.
    """
    try:
        source, model, run = (value_of(info, part, dict) for part in ("input", "model", "run"))
        foreground, result = _optional(info, "foreground", dict), value_of(info, "result", dict)
        for file in (source, foreground or {}):
            _check_file_info(file)
        record = RunRecord(
            input_path=_optional(source, "path", str) or "",
            model_name=value_of(model, "name", str),
            model_sha256=value_of(model, "sha256", str),
            model_path=_text(model.get("path", ""), "path"),
            shape=_integers(source["shape"], "shape") or (),
            dtype=value_of(source, "dtype", str),
            file_axes=_optional(source, "file_axes", str),
            axes=_optional(source, "axes", str),
            channels=_integers(source["channels"], "channels"),
            lead=value_of(source, "lead", str),
            plane=_integers(source["plane"], "plane"),
            foreground_path=None if foreground is None else foreground["path"],
            pixel_size=_sizes(source["pixel_size"]),
            unit=value_of(source, "unit", str),
            device=value_of(run, "device", str),
            threads=_n_threads(run),
            precision=value_of(run, "precision", str),
            diameter_estimated=bool(run.get("diameter_estimated", False)),
            outputs=file_names(value_of(result, "files", dict)),
            notes=tuple(_text(note, "notes") for note in value_of(info, "notes", list)),
        )
        value_of(result, "labels_sha256", str)
        return record, SegmentParams.from_dict(info["params"])
    except ParamsError as error:
        raise ParamsError(f"The sidecar's parameters are not usable: {error} Segment the image again.") from error
    except (KeyError, TypeError, IndexError, ValueError, OverflowError) as error:
        raise ParamsError(f"The sidecar lacks or misstates {error}; segment the image again to make one.") from error


def _optional(info: Mapping[str, Any], name: str, kind: type[Value]) -> Value | None:
    return None if info[name] is None else value_of(info, name, kind)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(what)
    return value


def _check_file_info(file: Mapping[str, Any]) -> None:
    for name in {"path", "absolute_path", "sha256"} & set(file):
        if file[name] is not None:
            _text(file[name], name)
    if file and not {"path", "absolute_path", "sha256"} <= set(file):
        raise KeyError("path, absolute_path and sha256")
    if file.get("path") is None and file.get("absolute_path") is not None:
        raise ValueError("path")


def _integers(value: Any, what: str) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(number) is int and number >= 0 for number in value):
        raise ValueError(what)
    return tuple(value)


def _sizes(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    height, width = (float(size) for size in value)
    if not (0 < height < math.inf and 0 < width < math.inf):
        raise ValueError("pixel_size")
    return height, width


def _n_threads(run: Mapping[str, Any]) -> int:
    n_threads = value_of(run, "threads", int)
    if not 1 <= n_threads <= MOST_THREADS:
        raise ValueError("threads")
    return n_threads


def file_names(files: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of a result, if all of them are in the sidecar's folder: nothing is followed out of it.

    Raises
    ------
    ValueError
    """
    for kind, name in files.items():
        if _text(name, kind) in ("", ".", "..") or {"/", "\\"} & set(name) or len(name) > LONGEST_NAME:
            raise ValueError(f"the file of '{kind[:80]}'")
    return dict(files)


def same_params(found: Any, params: SegmentParams) -> bool:
    """Tell whether parameters of a sidecar are these; what an earlier version did not know has its default."""
    try:
        return SegmentParams.from_dict(found) == params
    except ParamsError:
        return False


def write_sidecar(path: str | Path, info: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Write a sidecar as JSON: UTF-8, indented, keys sorted, so that two of them compare line by line.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    text = json.dumps(_plain(info), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n", overwrite=overwrite)


def read_sidecar(path: str | Path) -> dict[str, Any]:
    """Read a sidecar.

    Raises
    ------
    ParamsError
        If it cannot be read, is no sidecar, or was made by a newer version.
    """
    path = Path(path)
    try:
        info = read_json(path)
    except OSError as error:
        raise ParamsError(f"{path} cannot be read ({error.strerror}); name the .json file beside a result.") from error
    except ValueError as error:
        raise ParamsError(f"{path} is not JSON ({error}); name the .json file beside a result.") from error
    version = info.get("format_version") if isinstance(info, dict) and info.get("format") == FORMAT else None
    if type(version) is not int:
        raise ParamsError(f"{path} is not a {FORMAT} file; name the .json file beside a result.")
    if version > FORMAT_VERSION:
        raise ParamsError(
            f"{path} was made by a newer napari-wnet (format {version}, this one reads up to {FORMAT_VERSION}); "
            "run 'pip install --upgrade napari-wnet'."
        )
    return dict(info)


def file_sha256(path: str | Path) -> str:
    """Return a file's SHA-256 in hexadecimal; of a folder, such as zarr's, that of all names and files in it.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file())
        inside = path.resolve()
        # What a link leads to elsewhere is never read as part of the image, so only where it leads counts.
        lines = [
            f"{file_sha256(file) if file.resolve().is_relative_to(inside) else file.resolve()} {name}\n"
            for name, file in files
        ]
        return hashlib.sha256("".join(lines).encode(errors="surrogatepass")).hexdigest()
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror}); put it back and run again.") from error


def labels_sha256(labels: npt.NDArray[Any]) -> str:
    """Return a hash of the shape and the values of labels, the same for every integer type and memory layout."""
    head = f"{labels.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(labels, "<i4").tobytes()).hexdigest()


def count_objects(labels: npt.NDArray[Any]) -> int:
    """Return how many objects labels hold, those of each plane of a stack counted apart."""
    planes = labels.reshape(-1, math.prod(labels.shape[-2:]))
    return sum(int(np.count_nonzero(present_labels(plane)[0])) for plane in planes)


def versions() -> dict[str, str]:
    """Return the versions of what computes, without importing it."""
    return dict(_versions())


@functools.cache  # reading the metadata of the packages takes longer than writing the labels of a small image
def _versions() -> Mapping[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _plain(value: Any) -> Any:
    """Turn what is not JSON's own (NumPy numbers, paths, tuples) into what is."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value) if isinstance(value, Path) else value
