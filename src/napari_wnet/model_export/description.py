"""What a package for bioimage.io says, in the words of its model format 0.5."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any

from napari_wnet.model_export.normalisation import preprocessing
from napari_wnet.model_export.publication import Publication
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.onnx_file import INPUT, OPSET, output_names
from napari_wnet.network.wnet import n_parameters, receptive_radius
from napari_wnet.params import WNetConfig

FORMAT_VERSION = "0.5.4"
"""The lowest that says all that is said here: later readers read it, and so do those of older programs."""
PAPER = (
    "Wu, Chen, Merhof: Improving Pixel Embedding Learning through Intermediate Distance Regression Supervision for "
    "Instance Segmentation. ECCV 2020 Workshops."
)
PAPER_DOI = "10.48550/arXiv.2007.06660"
TAGS = ("instance-segmentation", "segmentation", "w-net", "unet", "pixel-embedding", "2d", "napari")
MEANINGS = {
    "distance": "Distance to the object's boundary: 1 at each object's innermost pixel, 0 outside.",
    "embedding": "A unit vector for each pixel; within an object they point alike, across neighbours apart.",
    "foreground": "Probability that a pixel belongs to any object.",
}

Values = dict[str, Any]


def package_name(model: Model) -> str:
    """Return a name that the format allows: letters, digits and little else."""
    return "napari-wnet " + re.sub(r"[^A-Za-z0-9_+() -]", "-", model.name)[:100]


def describe(model: Model, publication: Publication, files: Mapping[str, str], attachments: tuple[str, ...]) -> Values:
    """Return what ``bioimageio.yaml`` says.

    Parameters
    ----------
    model : Model
    publication : Publication
        Complete: see :meth:`Publication.of`.
    files : mapping of str to str
        SHA-256 of each file in the package that is named below.
    attachments : tuple of str
        Names of further files.
    """
    header, config = model.header, model.header.config

    made = {"timestamp": when} if (when := _timestamp(header.provenance.get("date"))) else {}
    return {
        "format_version": FORMAT_VERSION,
        "type": "model",
        "name": package_name(model),
        "description": (header.description or f"W-Net for instance segmentation: {model.name}")[:500],
        "authors": [{"name": name} for name in publication.authors],
        "cite": [{"text": PAPER, "doi": PAPER_DOI}],
        "license": publication.licence,
        "tags": [*TAGS, re.sub(r"[^a-z0-9]+", "-", model.name.lower())],
        "documentation": "README.md",
        "covers": ["cover.png"],
        "attachments": [_file(name, files) for name in attachments],
        **made,
        "inputs": [_input(model) | _tensors(INPUT, files)],
        "outputs": [_output(name, config) | _tensors(name, files) for name in output_names(config)],
        "weights": {"onnx": {**_file("weights.onnx", files), "opset_version": OPSET}},
        "config": {"napari_wnet": facts(model)},
    }


def facts(model: Model) -> Values:
    """Return what a program needs to know that makes objects of the maps."""
    header, config = model.header, model.header.config
    return {
        "model": model.name,
        "model_sha256": model.sha256,
        "clustering": header.params.clustering.to_dict(),
        "normalize": header.params.normalize.to_dict(),
        "object_diameter_px": round(header.diameter, 1),
        "pooling_factor": config.pooling_factor,
        "receptive_radius_px": receptive_radius(config),
        "n_parameters": n_parameters(model.network),
    }


def channel_names(model: Model) -> list[str]:
    """Return a name for each channel of the input."""
    n_channels = model.header.config.in_channels
    return list(model.header.channels) or [f"channel{number}" for number in range(1, n_channels + 1)]


def sample_name(tensor: str) -> str:
    """Return the name of the file that shows the input or an output."""
    return f"sample_{tensor}.tif" if tensor == INPUT else f"sample_{tensor}.png"


def _file(name: str, files: Mapping[str, str]) -> Values:
    return {"source": name, "sha256": files[name]}


def _tensors(name: str, files: Mapping[str, str]) -> Values:
    return {"test_tensor": _file(f"test_{name}.npy", files), "sample_tensor": _file(sample_name(name), files)}


def _input(model: Model) -> Values:
    factor = model.header.config.pooling_factor
    return {
        "id": INPUT,
        "description": "Raw intensities of any range.",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": channel_names(model)},
            *({"type": "space", "id": axis, "size": {"min": factor, "step": factor}} for axis in "yx"),
        ],
        "data": {"type": "float32"},
        "preprocessing": preprocessing(model.header.params.normalize),
    }


def _output(name: str, config: WNetConfig) -> Values:
    channels = [f"embedding{n}" for n in range(1, config.embedding_dim + 1)] if name == "embedding" else [name]
    return {
        "id": name,
        "description": MEANINGS[name],
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": channels},
            *({"type": "space", "id": axis, "size": {"tensor_id": INPUT, "axis_id": axis}} for axis in "yx"),
        ],
        "data": {"type": "float32"} | ({} if name == "embedding" else {"range": [0.0, 1.0]}),
    }


def _timestamp(date: Any) -> str:
    """Return when a model was made, so that its package does not change from day to day; empty where it is not said."""
    try:
        day = datetime.datetime.fromisoformat(str(date))
    except ValueError:
        return ""
    return day.replace(tzinfo=day.tzinfo or datetime.UTC).isoformat()
