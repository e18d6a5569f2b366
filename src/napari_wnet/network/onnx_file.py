"""A network as an ONNX file, by which programs that know neither torch nor this package compute its maps."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_wnet.errors import ModelError, OutputError
from napari_wnet.network.inference import fused
from napari_wnet.network.wnet import DISTANCE_SCALE, WNet
from napari_wnet.params import WNetConfig

OPSET = 18
"""What torch's exporter writes without converting; every runtime since 2023 reads it."""
IR_VERSION = 10
"""Of the file's own layout: onnx would write its newest, which last year's runtimes refuse."""
INPUT = "image"
AXES = ("batch", "height", "width")
"""Names of the axes of any length; the second axis, of channels, has its own."""
TOLERANCE = 1e-3
"""Largest difference between a file's maps and the network's own that is taken for rounding."""
NEEDED = ("onnx", "onnxscript", "onnxruntime")

Arrays = dict[str, npt.NDArray[np.float32]]


class MapsNetwork(nn.Module):
    """A network that returns the maps as they are used: distance 0..1, unit vectors, probabilities."""

    def __init__(self, network: WNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return what :func:`output_names` names, each (B, channels, Y, X)."""
        output = self.network(image)
        maps = ((output.distance / DISTANCE_SCALE).clamp(max=1), output.embedding)
        return maps if output.foreground is None else (*maps, output.foreground.sigmoid())


def output_names(config: WNetConfig) -> tuple[str, ...]:
    """Return the names of the outputs in their order."""
    return ("distance", "embedding", "foreground") if config.foreground_head else ("distance", "embedding")


def check_exporter() -> None:
    """Refuse to begin where a package is missing that writes or checks ONNX files.

    Raises
    ------
    OutputError
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise OutputError(
            f"This export needs {', '.join(missing)}, not installed here: run 'pip install \"napari-wnet[export]\"', "
            "or export as safetensors."
        )


def to_onnx(network: WNet, metadata: Mapping[str, str]) -> bytes:
    """Return a network as the bytes of an ONNX file; the same network and metadata give the same bytes.

    The input ``image``, (batch, channels, height, width) float32, is normalised as in training; height and width are
    multiples of the pooling factor. The outputs are those of :func:`output_names`. Batch normalisations are folded
    into the convolutions, and all is in 32 bits.

    Parameters
    ----------
    network : WNet
    metadata : mapping of str to str
        What the file says of itself.

    Raises
    ------
    OutputError
        If a package is missing.
    ModelError
        If torch cannot translate the network.
    """
    check_exporter()
    config = network.config
    factor = config.pooling_factor
    # Two images of two by three cells: where a length is one, the exporter would take it for fixed.
    example = torch.zeros(2, config.in_channels, 2 * factor, 3 * factor)
    lengths = {
        0: torch.export.Dim.DYNAMIC,
        2: factor * torch.export.Dim("rows", min=1),
        3: factor * torch.export.Dim("columns", min=1),
    }
    module = MapsNetwork(fused(network).to(memory_format=torch.contiguous_format)).eval()  # type: ignore[call-overload]
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                module,
                (example,),
                input_names=[INPUT],
                output_names=list(output_names(config)),
                dynamic_shapes={INPUT: lengths},
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        # The exporter has a dozen kinds of errors, and says in some hundred lines how to report them.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"torch {torch.__version__} cannot translate this network to ONNX ({reason[0][:200]}). Install the "
            "versions of torch, onnx and onnxscript that napari-wnet's constraints.txt names, or export as safetensors."
        ) from error
    assert program is not None
    return _finished(program.model_proto, metadata)


def run_onnx(data: bytes, image: npt.NDArray[np.float32]) -> Arrays:
    """Return the maps that a file gives for normalised images, (B, C, Y, X), by their names."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {INPUT: image}), strict=True))


def run_network(network: WNet, image: npt.NDArray[np.float32]) -> Arrays:
    """Return the maps that a network itself gives for normalised images, (B, C, Y, X), in 32 bits throughout."""
    with torch.inference_mode():
        maps = MapsNetwork(network).eval()(torch.from_numpy(image))
    return {name: own.numpy() for name, own in zip(output_names(network.config), maps, strict=True)}


def difference(one: Arrays, other: Arrays) -> float:
    """Return the largest difference between maps of the same names; NaN where one of them is."""
    return float(np.max([np.abs(one[name] - other[name]).max() for name in one]))


def check_onnx(data: bytes, network: WNet) -> float:
    """Return the largest difference between a file's maps and the network's own, for several sizes.

    Raises
    ------
    ModelError
        If it is no rounding any more.
    """
    factor, channels = network.config.pooling_factor, network.config.in_channels
    rng = np.random.default_rng(0)
    differences = []
    for batch, height, width in ((1, 1, 1), (2, 5, 3)):
        image = rng.random((batch, channels, height * factor, width * factor), np.float32)
        differences.append(difference(run_network(network, image), run_onnx(data, image)))
    largest = float(np.max(differences))
    if not largest <= TOLERANCE:  # also where it is no number
        raise ModelError(
            f"The ONNX file's maps differ from the network's own by up to {largest:.2g}, so it was not kept. Install "
            "the versions of torch, onnx and onnxruntime that napari-wnet's constraints.txt names."
        )
    return largest


def _finished(proto: Any, metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a model that says what it is, and nothing of the machine that it was made on."""
    import napari_wnet

    proto.producer_name, proto.producer_version = "napari-wnet", napari_wnet.__version__
    proto.ir_version = min(proto.ir_version, IR_VERSION)
    graph = proto.graph
    graph.name = "wnet"
    # Where in whose files each node comes from; and shapes within, which a runtime finds by itself.
    for part in (proto, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]
    for tensor in (*graph.input, *graph.output):
        batch, _, height, width = tensor.type.tensor_type.shape.dim
        for length, name in zip((batch, height, width), AXES, strict=True):
            length.dim_param = name
    for key, value in metadata.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    data: bytes = proto.SerializeToString(deterministic=True)
    return data


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter tells its developers from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
