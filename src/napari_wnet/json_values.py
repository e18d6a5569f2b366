"""JSON that others wrote: whatever is wrong with it is a ValueError, however deep it is nested."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

MOST_BYTES = 64 * 2**20
Value = TypeVar("Value")
Pairs = Callable[[list[tuple[str, Any]]], dict[str, Any]]


def parse_json(text: str | bytes, *, constants: bool = False, pairs: Pairs | None = None) -> Any:
    """Return what a JSON text says.

    Parameters
    ----------
    text : str or bytes
        Bytes are UTF-8.
    constants : bool
        Accept NaN and infinity, which JSON proper does not know.
    pairs : callable, optional
        Makes the mappings, from their keys and values.

    Raises
    ------
    ValueError
        If it is no JSON, or nested more deeply than Python follows.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        return json.loads(decoded, object_pairs_hook=pairs, parse_constant=None if constants else _refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path) -> Any:
    """Return what a JSON file says.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        As :func:`parse_json`, and if it is much larger than anything this program keeps as JSON.
    """
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES // 2**20} MB")
    return parse_json(text)


def differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    """Return the names of what differs between two JSON values, such as ``params.clustering.angle``."""
    if not (isinstance(found, dict) and isinstance(wanted, dict)):
        return [] if found == wanted else [name or "everything"]
    return [
        line
        for key in sorted({*found, *wanted})
        for line in differences(found.get(key), wanted.get(key), f"{name}.{key}" if name else key)
    ]


def value_of(info: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    """Return a value of a mapping, if it is of the kind that it should be.

    Raises
    ------
    KeyError
        If there is none of this name.
    ValueError
        If it is of another kind; true and false are no numbers.
    """
    value = info[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(name)
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
