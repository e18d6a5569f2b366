"""What a model file says about itself: the network's shape, how to use it, where it comes from.

Compatibility, kept for good: a file written today loads in every later version. So the header spells out every
field of the network's configuration, and a field added to :class:`~napari_wnet.params.WNetConfig` later must have
a default that means what networks did before. In the other direction a file from a later version of the *same* format
may hold keys unknown here: those of the header are kept in ``extra``, unknown recommendations are ignored with a
note, and an unknown part of the network's configuration is refused. A later *format* is refused as a whole.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_wnet.errors import ModelError, ParamsError
from napari_wnet.fields import Params
from napari_wnet.network.container import damaged, parse_object
from napari_wnet.params import SegmentParams, WNetConfig

FORMAT_VERSION = 1
UPGRADE = "Upgrade with 'pip install --upgrade napari-wnet'."


@dataclass(frozen=True, kw_only=True)
class ModelHeader:
    """A model's description of itself, stored as JSON in its file.

    Attributes
    ----------
    name : str
        Short name, as in a chooser.
    config : WNetConfig
        The network's shape.
    params : SegmentParams
        Recommended parameters, with the normalisation used in training.
    description, licence : str
        For people to read; the licence of the weights, as an SPDX name where there is one.
    channels : tuple of str
        Names of the input channels in order; empty: not named.
    diameter : float
        Typical diameter of an object in px of the network's input; 0: unknown.
    provenance, scores : mapping
        Data, split, steps, seed, code version, date, hardware; measured scores. JSON values.
    format_version : int
        Of the file the header was read from; files are always written in the current format.
    extra : mapping
        Keys this version does not know, kept when the model is saved again.
    notes : tuple of str
        What was ignored on reading, in words for the user; not stored.
    """

    name: str
    config: WNetConfig
    params: SegmentParams = field(default_factory=SegmentParams)
    description: str = ""
    channels: tuple[str, ...] = ()
    diameter: float = 0.0
    licence: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION
    extra: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n_channels = self.config.in_channels
        if self.channels and len(self.channels) != n_channels:
            raise ModelError(f"The model names {len(self.channels)} channels, but its network reads {n_channels}.")
        if not math.isfinite(self.diameter) or self.diameter < 0:
            raise ModelError(f"The model's object diameter is {self.diameter}; it must be 0 or more.")

    def to_json(self) -> str:
        """Return the header as JSON text; values that JSON does not know become null or text."""
        stored = {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "description": self.description,
            "config": self.config.to_dict(),
            "params": self.params.to_dict(),
            "channels": self.channels,
            "diameter": self.diameter,
            "licence": self.licence,
            "provenance": self.provenance,
            "scores": self.scores,
        }
        return json.dumps(plain({**self.extra, **stored}), allow_nan=False)

    @classmethod
    def from_json(cls, text: str, path: Path) -> ModelHeader:
        """Read a header; ``path`` says in messages which file it came from.

        Raises
        ------
        ModelError
            If it is damaged, from a newer format, or describes a network that cannot be built here.
        """
        values = parse_object(text, path)
        _check_version(values.pop("format_version", None), path)
        try:
            values = {key: printable(value) for key, value in values.items()}
            config = _config(values.pop("config", None))
            notes: list[str] = []
            params = _params(values.pop("params", {}), notes)
            return cls(config=config, params=params, notes=tuple(notes), **_described(values))
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        except (OverflowError, RecursionError) as error:  # a number of a thousand digits, a list within a list within
            raise damaged(path, "its header makes no sense") from error


def _check_version(version: Any, path: Path) -> None:
    if type(version) is not int or version < 1:
        raise damaged(path, "it does not say which format it has")
    if version > FORMAT_VERSION:
        raise ModelError(
            f"{path} was made by a newer napari-wnet (model format {version}; this version reads up to "
            f"{FORMAT_VERSION}). {UPGRADE}"
        )


def _config(values: Any) -> WNetConfig:
    if not isinstance(values, dict) or not values:
        raise ModelError("The file does not describe its network; it is damaged. Copy or download it again.")
    unknown = sorted(set(values) - {info.name for info in WNetConfig.fields()})
    if unknown:
        raise ModelError(f"The network needs '{unknown[0]}', which this version does not know. {UPGRADE}")
    try:
        return WNetConfig.from_dict(values)
    except ParamsError as error:
        raise ModelError(f"The network cannot be built here: {error} {UPGRADE}") from error


def _params(values: Any, notes: list[str]) -> SegmentParams:
    """Read recommended parameters: what does not fit is left at its default, except how the image is normalised."""
    if not isinstance(values, dict):
        raise ModelError("The recommended parameters are damaged. Copy or download the file again.")
    params = SegmentParams()
    for info in SegmentParams.fields():
        group = values.get(info.name, {})
        if not isinstance(group, dict):
            raise ModelError(f"The recommended '{info.name}' are damaged. Copy or download the file again.")
        default = getattr(params, info.name)
        params = params.replace(**{info.name: _group(default, group, notes, required=info.name == "normalize")})
    notes.extend(_ignored(name) for name in sorted(set(values) - {info.name for info in SegmentParams.fields()}))
    return params


def _group(params: Params, values: Mapping[str, Any], notes: list[str], *, required: bool) -> Params:
    known = {info.name for info in type(params).fields()}
    for name, value in values.items():
        if name not in known:
            notes.append(_ignored(name))
            continue
        try:
            params = params.replace(**{name: value})
        except ParamsError as error:
            if required:  # the network would see images unlike those it was trained on
                raise ModelError(f"The images cannot be normalised as in training: {error} {UPGRADE}") from error
            notes.append(f"The model's recommended {name} is not used: {error}")
    return params


def _ignored(name: str) -> str:
    return f"The model recommends '{name}', which this version does not know; it is ignored. {UPGRADE}"


def _described(values: dict[str, Any]) -> dict[str, Any]:
    """Check the descriptive part of a header and put unknown keys under ``extra``."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "name": str,
        "description": str,
        "licence": str,
        "channels": list,
        "diameter": (int, float),
        "provenance": dict,
        "scores": dict,
    }
    known = {key: values.pop(key) for key in kinds if key in values}
    for key, value in known.items():
        if not isinstance(value, kinds[key]):
            raise ModelError(f"The header's '{key}' is damaged. Copy or download the file again.")
    known["diameter"] = float(known.get("diameter", 0.0))
    known["channels"] = tuple(map(str, known.get("channels", ())))
    return {"name": "", **known, "extra": values}


def printable(value: Any) -> Any:
    """Drop control characters, which could steer a terminal that shows them."""
    if isinstance(value, str):
        return "".join(char for char in value if char.isprintable() or char == "\n")
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    return value


def plain(value: Any) -> Any:
    """Return what JSON can hold: a score that is not a number must not cost a training run its model."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # a numpy or torch number or array
        return plain(value.tolist())
    return str(value)
