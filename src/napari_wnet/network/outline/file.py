"""Files of outline networks: safetensors with a card, distrusted when read, as model files are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from napari_wnet.errors import ModelError, ParamsError
from napari_wnet.network.checkpoint import check_finite, check_layout, halved
from napari_wnet.network.container import damaged, open_container, parse_object, write_container
from napari_wnet.network.header import UPGRADE, plain, printable
from napari_wnet.network.outline.net import OutlineConfig, OutlineNet

OUTLINE_KEY = "napari_wnet_outline"
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class OutlineModel:
    """An outline network ready to use, and what its file says of it.

    Attributes
    ----------
    network : OutlineNet
        On the CPU, float32, in evaluation mode.
    card : mapping
        Description, licence, provenance and scores.
    sha256 : str
        Of the file.
    """

    network: OutlineNet = field(repr=False)
    card: Mapping[str, Any]
    sha256: str


def save_outline(path: str | Path, network: OutlineNet, card: Mapping[str, Any], *, overwrite: bool = False) -> str:
    """Write an outline network in one step and return the file's SHA-256.

    Raises
    ------
    ModelError
        If a weight is not finite.
    OutputError
        If the file exists or cannot be written.
    """
    state = network.state_dict()
    check_finite(state, "The network to be saved")
    header = {"format_version": FORMAT_VERSION, "config": network.config.to_dict(), "card": plain(card)}
    stored = {name: halved(tensor) for name, tensor in state.items()}
    return write_container(Path(path), stored, {OUTLINE_KEY: json.dumps(header)}, overwrite=overwrite)


def read_outline(path: str | Path) -> OutlineModel:
    """Read an outline network; nothing in the file is executed.

    Raises
    ------
    ModelError
        If the file is missing, damaged, from a newer format, or something else.
    """
    path = Path(path)
    with open_container(path) as container:
        if OUTLINE_KEY not in container.metadata:
            raise ModelError(f"{path} holds no outline network; choose a file made by 'napari-wnet train-outline'.")
        header = parse_object(container.metadata[OUTLINE_KEY], path)
        if header.get("format_version") != FORMAT_VERSION:
            raise ModelError(f"{path} was made by a later version of napari-wnet. {UPGRADE}")
        try:
            config = OutlineConfig.from_dict(header.get("config", {}))
        except ParamsError as error:
            raise damaged(path, f"its network makes no sense ({error})") from error
        with torch.device("meta"):
            network = OutlineNet(config)
        expected = network.state_dict()
        check_layout(container, expected)
        tensors, sha256 = container.load()
    state = {name: tensors[name].to(like.dtype) for name, like in expected.items()}
    check_finite(state, str(path))
    network.load_state_dict(state, assign=True)
    card = header.get("card")
    return OutlineModel(network=network.eval(), card=printable(card if isinstance(card, dict) else {}), sha256=sha256)
