"""A package for bioimage.io: one zip file with the network, what it says of itself, and an example."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from napari_wnet.model_export.description import describe, sample_name
from napari_wnet.model_export.example import Example
from napari_wnet.model_export.publication import Publication
from napari_wnet.model_export.readme import LICENCE_FILE, readme
from napari_wnet.network.checkpoint import Model
from napari_wnet.sample_data import sample_path

DESCRIPTION = "bioimageio.yaml"
DATE = (1980, 1, 1, 0, 0, 0)
"""The first that zip files know: the day they are packed would make each a different file."""


def package_files(model: Model, publication: Publication, onnx: bytes, example: Example) -> dict[str, bytes]:
    """Return what a package holds: its files' names and contents.

    Parameters
    ----------
    model : Model
    publication : Publication
        Complete: see :meth:`Publication.of`.
    onnx : bytes
        See :func:`napari_wnet.network.onnx_file.to_onnx`.
    example : Example
    """
    files = {
        "weights.onnx": onnx,
        "test_image.npy": _npy(example.batch),
        **{f"test_{name}.npy": _npy(array) for name, array in example.maps.items()},
        **{sample_name(name): data for name, data in example.samples().items()},
        "cover.png": example.cover(),
        "README.md": readme(model, publication, example).encode(),
    }
    attachments = {LICENCE_FILE: _licence(example.sample)} if example.sample else {}
    files |= attachments
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    told = describe(model, publication, hashes, tuple(attachments))
    return {DESCRIPTION: yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=120).encode(), **files}


def write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a zip file: the same bytes wherever and whenever it is done."""
    # Not compressed: weights and maps hardly shrink, and compressors differ from one version to the next.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system = 3  # else the system that this runs on
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)


def _npy(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _licence(sample: str) -> bytes:
    path = sample_path(sample)
    return path.with_name(f"LICENSE-{path.stem}.txt").read_bytes()
