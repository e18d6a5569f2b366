"""Command-line flags from the declared parameters, and parameters from the flags given."""

from __future__ import annotations

import argparse
import functools
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar

from napari_wnet.fields import FieldInfo, Params

P = TypeVar("P", bound=Params)


def add_flags(parser: argparse.ArgumentParser, params: type[Params] | Params, *, but: tuple[str, ...] = ()) -> None:
    """Give a parser one flag for each field, nested ones included; a flag that is not given leaves no trace.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    params : Params or its class
    but : tuple of str
        Paths to leave out, such as ``"augment"`` or ``"tiles__size"``.
    """
    group = parser.add_argument_group("parameters (by default the model's own, or those shown)")
    for path, info in _leaves(params, ()):
        if path in but or path.split("__")[0] in but:
            continue
        help_text = str(info.options.get("tooltip") or info.options.get("label") or path)
        if info.default is not None and info.default != "":
            help_text += f" (default {_shown(info.default)})"
        group.add_argument(
            flag_name(path, info),
            dest=path,
            default=argparse.SUPPRESS,
            help=help_text.replace("%", "%%"),
            **_reading(info),
        )


def flag_name(path: str, info: FieldInfo) -> str:
    """Return the flag of a field: as declared under ``flag``, else its own name."""
    return "--" + str(info.options.get("flag", path.rsplit("__", 1)[-1])).replace("_", "-")


def apply_flags(params: P, given: Mapping[str, Any]) -> P:
    """Return the parameters with the flags that were given; other entries of `given` are left alone.

    Raises
    ------
    ParamsError
        If a value is out of its range.
    """
    paths = {path for path, _ in _leaves(params, ())}
    return params.replace(**{path: value for path, value in given.items() if path in paths})


def changes(params: Params, default: Params) -> dict[str, Any]:
    """Return what :meth:`Params.replace` of the one value of a parameter class needs to make the other of it."""
    found: dict[str, Any] = {}
    for path, _ in _leaves(type(params), ()):
        value: Any = params
        usual: Any = default
        for name in path.split("__"):
            value, usual = getattr(value, name), getattr(usual, name)
        if value != usual:
            found[path] = value
    return found


def changed_flags(params: Params, default: Params) -> list[str]:
    """Return the flags, with their values as separate words, that turn one value of a parameter class into another."""
    words: list[str] = []
    infos = dict(_leaves(type(params), ()))
    for path, value in changes(params, default).items():
        info = infos[path]
        flag = flag_name(path, info)
        if info.kind is bool:
            words.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            words += [flag, *_shown(value, info).split()]
    return words


def _leaves(params: type[Params] | Params, above: tuple[str, ...]) -> Iterator[tuple[str, FieldInfo]]:
    for info in params.fields():
        path = (*above, info.name)
        if info.nested:
            yield from _leaves(info.kind, path)
        else:
            yield "__".join(path), info


def _reading(info: FieldInfo) -> dict[str, Any]:
    if info.kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if typing.get_origin(info.kind) is Literal:
        return {"choices": typing.get_args(info.kind)}
    if typing.get_origin(info.kind) is tuple:
        item = typing.get_args(info.kind)[0]
        return {"nargs": "+", "type": item, "metavar": info.name.upper()}
    # Plain text, so that the range check and its message are those of the parameters.
    metavar = info.name.upper()
    if info.options.get("words"):
        return {"type": functools.partial(_number_or_word, tuple(info.options["words"])), "metavar": metavar}
    return {"type": _number if info.kind in (int, float) else info.kind, "metavar": metavar}


def _number(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _number_or_word(words: tuple[str, ...], text: str) -> float | int | str:
    if text in words:
        return text
    try:
        return _number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no number, nor {' or '.join(words)}") from error


def _shown(value: Any, info: FieldInfo | None = None) -> str:
    words = {} if info is None else info.options.get("words", {})
    named = next((word for word, number in words.items() if number == value), None)
    return named or (" ".join(map(str, value)) if isinstance(value, tuple) else str(value))
