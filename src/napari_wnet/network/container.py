"""Tensors and a JSON text in one safetensors file: written whole or not at all, and distrusted when read.

Nothing here can run code from a file, and nothing is allocated on the word of a header alone: every size that
a file claims is compared with the bytes that are really there first.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from napari_wnet.atomic import write_bytes
from napari_wnet.errors import ModelError, OutputError
from napari_wnet.json_values import parse_json

MAX_HEADER_BYTES = 4 * 2**20
"""A network has a few hundred tensors, a hundred bytes of header each: more than this is no model."""
MAX_FILE_BYTES = 2**30
MAX_DIMENSIONS = 8

_ITEM_SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "F16": 2, "BF16": 2, "I16": 2, "I32": 4, "F32": 4, "I64": 8, "F64": 8}


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """What a file's header says of one tensor."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Container:
    """An open safetensors file whose header has been read and checked against the file's size."""

    path: Path
    file: BinaryIO
    size: int
    metadata: Mapping[str, str]
    infos: Mapping[str, TensorInfo]

    def load(self) -> tuple[dict[str, Tensor], str]:
        """Return the tensors and the SHA-256 of the very bytes they were read from.

        Raises
        ------
        ModelError
            If the tensors' positions in the file contradict one another.
        """
        self.file.seek(0)
        data = self.file.read(self.size)
        try:
            tensors = safetensors.torch.load(data)
        except SafetensorError as error:
            raise damaged(self.path, f"its tensors cannot be read ({error})") from error
        return tensors, hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def open_container(path: Path) -> Iterator[Container]:
    """Open a safetensors file and check its header; no tensor is read yet.

    Raises
    ------
    ModelError
        If the file does not exist, cannot be read, is a pickle, is damaged, or claims more than it holds.
    """
    try:
        if not path.is_file():  # before opening: a pipe would block
            what = "is not a file" if path.exists() else "does not exist"
            raise ModelError(f"{path} {what}; give a .safetensors model file.")
        with path.open("rb") as file:
            yield _read_front(path, file)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error


def write_container(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], *, overwrite: bool = False
) -> str:
    """Write tensors and metadata to ``path`` in one step and return the file's SHA-256.

    A crash, a full disk or Ctrl-C leaves whatever was there before.

    Raises
    ------
    OutputError
        If the file exists and may not be replaced, or cannot be written.
    """
    # Copies, because safetensors refuses tensors that share memory, as an averaged and a trained network may.
    owned = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    data = safetensors.torch.save(owned, dict(metadata))
    if int.from_bytes(data[:8], "little") > MAX_HEADER_BYTES or len(data) > MAX_FILE_BYTES:
        raise OutputError(f"{path} would be too large to be read again; shorten its description and provenance.")
    write_bytes(path, data, overwrite=overwrite)
    return hashlib.sha256(data).hexdigest()


def parse_object(text: str | bytes, path: Path, *, constants: bool = False) -> dict[str, Any]:
    """Parse a JSON object from a file that may be hostile.

    Parameters
    ----------
    text : str or bytes
        The JSON.
    path : Path
        Where it came from, for the message.
    constants : bool
        Accept NaN and infinity, which JSON proper does not know.

    Raises
    ------
    ModelError
        If it is no JSON object, has a key twice, or is nested too deeply.
    """
    try:
        value = parse_json(text, constants=constants, pairs=_unique)
    except ValueError as error:
        raise damaged(path, "its header is not valid JSON") from error
    if not isinstance(value, dict):
        raise damaged(path, "its header is not a JSON object")
    return value


def damaged(path: Path, why: str) -> ModelError:
    """Return the error for a file that is not what it should be."""
    return ModelError(f"{path} is damaged or no model file: {why}. Copy or download it again.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key appears twice")
    return values


def header_length(start: bytes, path: Path) -> int:
    """Return how long the header is of a file that begins with these 8 bytes.

    Raises
    ------
    ModelError
        If no safetensors file begins so.
    """
    _refuse_pickle(path, start)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > MAX_HEADER_BYTES:
        raise damaged(path, "it does not begin like a safetensors file")
    return length


def _read_front(path: Path, file: BinaryIO) -> Container:
    size = os.fstat(file.fileno()).st_size
    length = header_length(file.read(8), path)
    if size > MAX_FILE_BYTES:
        raise damaged(path, f"it is larger than {MAX_FILE_BYTES // 2**20} MB")
    if 8 + length > size:
        raise damaged(path, "it ends within its header, so it was cut short")
    entries = parse_object(file.read(length), path)
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise damaged(path, "its metadata is not text")
    infos = {name: _tensor_info(path, name, entry) for name, entry in entries.items()}
    claimed = sum(_ITEM_SIZES[info.dtype] * math.prod(info.shape) for info in infos.values())
    if claimed != size - 8 - length:
        cut = claimed > size - 8 - length
        raise damaged(path, "it was cut short" if cut else "it holds more bytes than its header names")
    return Container(path=path, file=file, size=size, metadata=metadata, infos=infos)


def _refuse_pickle(path: Path, start: bytes) -> None:
    if int.from_bytes(start, "little") <= MAX_HEADER_BYTES:  # a header's length may begin with a pickle's mark
        return
    zipped = start.startswith(b"PK\x03\x04")
    if zipped or start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        raise ModelError(
            f"{path} is a {'zip archive, as torch.save writes' if zipped else 'Python pickle'}; such a file can run "
            "code when it is opened, so it is not read. Ask for the model as .safetensors, or load it where you trust "
            "it and save it with napari_wnet.network.checkpoint.save_model."
        )


def _tensor_info(path: Path, name: str, entry: Any) -> TensorInfo:
    dtype, shape = (entry.get("dtype"), entry.get("shape")) if isinstance(entry, dict) else (None, None)
    sound = (
        isinstance(dtype, str)
        and dtype in _ITEM_SIZES
        and isinstance(shape, list)
        and len(shape) <= MAX_DIMENSIONS
        and all(type(n) is int and 0 <= n <= MAX_FILE_BYTES for n in shape)
    )
    if not sound:
        raise damaged(path, f"the type or shape of its tensor {name[:80]!r} makes no sense")
    return TensorInfo(dtype=str(dtype), shape=tuple(shape or ()))
