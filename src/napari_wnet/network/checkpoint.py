"""Model files and training checkpoints: one safetensors file each, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from napari_wnet.errors import ModelError
from napari_wnet.network.container import Container, damaged, open_container, parse_object, write_container
from napari_wnet.network.header import FORMAT_VERSION, ModelHeader
from napari_wnet.network.wnet import WNet
from napari_wnet.params import WNetConfig

__all__ = ["Model", "ModelHeader", "load_state", "read_header", "read_model", "save_model", "save_state"]

MODEL_KEY = "napari_wnet"
STATE_KEY = "napari_wnet_training"
HALF_ERROR = 1e-3
"""Largest rounding error, relative to a tensor's largest weight, at which it is stored in 16 bits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A network ready to predict, and what its file says of it.

    Attributes
    ----------
    network : WNet
        On the CPU, float32, in evaluation mode.
    header : ModelHeader
        The file's header.
    sha256 : str
        Of the file.
    path : Path
        Where it was read from.
    """

    network: WNet = field(repr=False)
    header: ModelHeader
    sha256: str
    path: Path

    @property
    def name(self) -> str:
        """The model's name, or its file's where it has none."""
        return self.header.name or self.path.stem


def save_model(
    path: str | Path, network: WNet, header: ModelHeader, *, half: bool = True, overwrite: bool = False
) -> str:
    """Write a model file in one step and return its SHA-256.

    Parameters
    ----------
    path : str or Path
        Ends in ``.safetensors`` by custom.
    network : WNet
        Its configuration must be the header's.
    header : ModelHeader
        What the file says of itself.
    half : bool
        Store convolution weights in 16 bits: half the size. Vectors (biases, statistics) stay in 32 bits.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    ModelError
        If the header describes another network or a weight is not finite.
    OutputError
        If the file exists or cannot be written.
    """
    if header.config != network.config:
        raise ModelError("The header describes another network than the one to be saved.")
    state = network.state_dict()
    check_finite(state, "The network to be saved")
    stored = {name: halved(tensor) if half else tensor for name, tensor in state.items()}
    return write_container(Path(path), stored, {MODEL_KEY: header.to_json()}, overwrite=overwrite)


def read_header(path: str | Path) -> ModelHeader:
    """Return what a model file says of itself, without reading its weights.

    Raises
    ------
    ModelError
        If it is not a model file of a format this version reads.
    """
    with open_container(Path(path)) as container:
        return _header(container)


def read_model(path: str | Path) -> Model:
    """Read a model file; nothing in it is executed, and nothing is allocated that the file does not hold.

    Raises
    ------
    ModelError
        If the file is missing, a pickle, damaged, from a newer format, or its tensors are not those of the network
        it describes; the message names the remedy.
    """
    path = Path(path)
    with open_container(path) as container:
        header = _header(container)
        network = _skeleton(header.config)
        expected = network.state_dict()
        check_layout(container, expected)
        tensors, sha256 = container.load()
    state = {name: tensors[name].to(like.dtype) for name, like in expected.items()}
    check_finite(state, str(path))
    network.load_state_dict(state, assign=True)
    return Model(network=network.eval(), header=header, sha256=sha256, path=path)


def save_state(path: str | Path, tensors: Mapping[str, Tensor], info: Mapping[str, Any]) -> None:
    """Write a training checkpoint over the last one; if that fails the last one is still there.

    Parameters
    ----------
    path : str or Path
        The file.
    tensors : mapping of str to Tensor
        Any names and types, on any device; they come back on the CPU.
    info : mapping
        JSON values, NaN and infinities included.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    text = json.dumps({"format_version": FORMAT_VERSION, "info": dict(info)})
    write_container(Path(path), tensors, {STATE_KEY: text}, overwrite=True)


def load_state(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the info of a training checkpoint.

    Raises
    ------
    ModelError
        If the file is missing, damaged, no checkpoint, or from a newer format.
    """
    with open_container(Path(path)) as container:
        info = _state_info(container)
        tensors, _ = container.load()
    return tensors, info


def load_state_info(path: str | Path) -> dict[str, Any]:
    """Return the info of a training checkpoint, without reading its tensors.

    Raises
    ------
    ModelError
        As :func:`load_state`.
    """
    with open_container(Path(path)) as container:
        return _state_info(container)


def _state_info(container: Container) -> dict[str, Any]:
    path = container.path
    if STATE_KEY not in container.metadata:
        raise ModelError(f"{path} is no training checkpoint; start the training without --resume.")
    stored = parse_object(container.metadata[STATE_KEY], path, constants=True)
    info = stored.get("info")
    if stored.get("format_version") != FORMAT_VERSION or not isinstance(info, dict):
        raise ModelError(f"{path} was made by another version of napari-wnet; resume with that version or start anew.")
    return info


def _header(container: Container) -> ModelHeader:
    if MODEL_KEY in container.metadata:
        return ModelHeader.from_json(container.metadata[MODEL_KEY], container.path)
    if STATE_KEY in container.metadata:
        raise ModelError(
            f"{container.path} is a training checkpoint, not a model; go on with 'napari-wnet train --resume', "
            "or take the model file beside it."
        )
    raise ModelError(f"{container.path} is a safetensors file, but not a napari-wnet model; choose another file.")


class _Unfilled(TorchFunctionMode):
    """Leave random initialisation out; on the meta device it costs seconds of imports for nothing."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return args[0] if func is Tensor.normal_ else func(*args, **(kwargs or {}))


def _skeleton(config: WNetConfig) -> WNet:
    """Return the network with shapes only: no memory, and no change to the caller's random numbers."""
    with torch.device("meta"), _Unfilled():
        return WNet(config)


def check_layout(container: Container, expected: Mapping[str, Tensor]) -> None:
    missing = [name for name in expected if name not in container.infos]
    unexpected = [name for name in container.infos if name not in expected]
    for what, names in (("lacks", missing), ("has besides the network's", unexpected)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise damaged(container.path, f"it {what} the tensor {names[0][:80]!r}{more}")
    for name, tensor in expected.items():
        shape = container.infos[name].shape
        if shape != tuple(tensor.shape):
            raise damaged(container.path, f"{name} has shape {shape}, its network needs {tuple(tensor.shape)}")


def check_finite(state: Mapping[str, Tensor], what: str) -> None:
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(
                f"{what} holds NaN or infinite weights ({name}), so it cannot predict; its training diverged or the "
                "file is damaged. Use an earlier copy of the model."
            )


def halved(tensor: Tensor) -> Tensor:
    """Return the tensor in 16 bits if it is a weight that fits: statistics and outliers need the range of 32."""
    if tensor.ndim < 2 or tensor.dtype != torch.float32:
        return tensor
    half = tensor.half()
    close = (half.float() - tensor).abs().max() <= HALF_ERROR * tensor.abs().max()
    return half if close else tensor
